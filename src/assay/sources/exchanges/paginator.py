"""The way through a span of time, one answer after the other, believing no more than an answer shows.

An answer is cut off at the exchange's limit, which may be lower than is known here; some exchanges then leave out the
newest candles, some the oldest. So an absent candle at either end of an answer is believed to be absent only when a
longer answer has been seen, or when the exchange was asked again for just that part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from assay.market.calendar import DAY_MS
from assay.sources.exchanges.pages import Finding, Page, tidy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.sources.exchanges.paging_rules import PagingRules


class Fetch(Protocol):
    """One request for the candles of [start, stop), milliseconds UTC, each of so many milliseconds."""

    def __call__(self, start: int, stop: int, timeframe_ms: int) -> NDArray[np.float64]:
        """Return the raw candles of the answer, float64 of shape (n, 6)."""


class Paginator:
    """One way through a span of time; remembers what the exchange has shown of itself.

    Parameters
    ----------
    fetch : callable
        Asks the exchange.
    rules : PagingRules
        How the exchange pages.
    timeframe_ms : int
    has_days : bool
        Whether the exchange offers daily candles.
    """

    def __init__(self, fetch: Fetch, rules: PagingRules, timeframe_ms: int, *, has_days: bool) -> None:
        self.fetch, self.rules, self.step = fetch, rules, timeframe_ms
        self.has_days = has_days
        self.most = 0
        """Candles of the longest answer so far: a shorter one was not cut off by the exchange's limit."""
        self.begun = False
        """Candles have come: from here on what is absent is a gap, not out of reach."""

    def page(self, cursor: int, stop: int) -> Page:
        """Ask for what follows `cursor` and return what that answered."""
        end = stop if self.rules.only_newest else min(stop, cursor + self.rules.candles * self.step)
        candles, cut = self._ask(cursor, end)
        if not self.rules.only_newest:
            candles, cut = self._fill_head(candles, cursor, end, cut=cut)
        served = min(self._served_from(candles, cursor), stop)
        findings = [Finding("not_served", cursor, served, (served - cursor) // self.step)] if served > cursor else []
        inside = _inside(candles, served, end)
        if len(inside):
            self.begun = True
            if cut:
                # The exchange may hold more in this span than fits into its answer.
                end = min(end, int(inside.max()) // self.step * self.step + self.step)
        elif self.rules.bounded:
            end = self._next_day_with_candles(end, stop)
        return tidy(candles, self.step, served, max(served, end), findings)

    def _ask(self, start: int, stop: int) -> tuple[NDArray[np.float64], bool]:
        """Return the candles of one answer, and whether it may have been cut off."""
        candles = self.fetch(start, stop, self.step)
        self.most = max(self.most, len(candles))
        return candles, len(candles) > 0 and len(candles) >= min(self.most, (stop - start) // self.step)

    def _fill_head(
        self, candles: NDArray[np.float64], cursor: int, end: int, *, cut: bool
    ) -> tuple[NDArray[np.float64], bool]:
        """Ask again for the first bars, where an answer that begins late may be the newest part of more."""
        inside = _inside(candles, cursor, end)
        tail_cut, head_cut = cut, cut
        while head_cut and len(inside) and inside.min() - cursor >= self.step:
            first = int(inside.min()) // self.step * self.step
            more, head_cut = self._ask(cursor, first)
            inside = _inside(more, cursor, first)
            tail_cut = tail_cut and not len(inside)  # an exchange that leaves out the oldest gave all of the newest
            candles = np.concatenate([more, candles])
        return candles, tail_cut

    def _served_from(self, candles: NDArray[np.float64], cursor: int) -> int:
        """Return the stamp from which the exchange serves at all."""
        later = candles[candles[:, 0] >= cursor, 0]
        if self.rules.bounded or self.begun or not len(later):
            return cursor
        # Fewer than all that it ever serves: it had no more. One may be missing, the candle that is open.
        if self.rules.only_newest and len(candles) < self.rules.candles - 1:
            return cursor
        return int(later.min()) // self.step * self.step

    def _next_day_with_candles(self, cursor: int, stop: int) -> int:
        """Return where the bars go on after an empty answer: years before a listing are crossed by daily candles."""
        if self.step >= DAY_MS or not self.has_days:
            return cursor
        while stop - cursor > DAY_MS:
            day = cursor // DAY_MS * DAY_MS
            last = min(-(-stop // DAY_MS) * DAY_MS, day + self.rules.candles * DAY_MS)
            days = _inside(self.fetch(day, last, DAY_MS), day, last)
            if len(days):
                return min(stop, max(cursor, int(days.min())))
            cursor = min(stop, last)
        return cursor


def _inside(candles: NDArray[np.float64], start: int, stop: int) -> NDArray[np.float64]:
    stamps: NDArray[np.float64] = candles[:, 0]
    return stamps[(stamps >= start) & (stamps < stop)]


def without_unsettled(page: Page, settled: int, step: int) -> Page:
    """Take the newest absent bars out of the span answered: the exchange may be a minute late."""
    there = int(page.time[-1]) + step if len(page) else page.start_ms
    stop = min(page.stop_ms, max(there, settled))
    return replace(page, stop_ms=stop)
