"""The way through a span of time, one answer after the other, believing no more than the answers show.

An answer is cut off at the exchange's limit, which may be lower than is known here; some exchanges then leave out the
newest candles, some the oldest. So an absent candle at either end of an answer is asked for again, and one that did
not come is believed absent only when that is proven (`assay.sources.exchanges.absence`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from assay.errors import AnswerError
from assay.market.calendar import DAY_MS
from assay.sources.exchanges.absence import Evidence, Prover
from assay.sources.exchanges.answers import TimeframeError
from assay.sources.exchanges.pages import Finding, Page, tidy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.sources.exchanges.paging_rules import PagingRules

    Candles = NDArray[np.float64]

MOST_PARTS = 8
"""Bars between more doubted spans than this are left for a later try with them."""


class Fetch(Protocol):
    """One request for the candles of [start, stop), milliseconds UTC, each of so many milliseconds."""

    def __call__(self, start: int, stop: int, timeframe_ms: int) -> Candles:
        """Return the raw candles of the answer, float64 of shape (n, 6); AnswerError where they cannot be right."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a way through time may believe anything.

    Attributes
    ----------
    newest : int
        End of the newest finished bar.
    settled : int
        What is absent from here on may still come, and is not asked for again.
    """

    newest: int
    settled: int


@dataclass(eq=False)
class Part:
    """What was answered from one stamp on.

    Attributes
    ----------
    served, stop : int
        The exchange serves from here; the answers end here.
    findings : list of Finding
    """

    served: int
    stop: int
    findings: list[Finding] = field(default_factory=list)


class Paginator:
    """One way through a span of time; remembers what the exchange has shown of itself.

    Parameters
    ----------
    fetch : callable
        Asks the exchange.
    rules : PagingRules
        How the exchange pages.
    timeframe_ms : int
    limits : Limits
    coarser : tuple of int
        Longer timeframes that it offers, in ms.
    """

    def __init__(
        self, fetch: Fetch, rules: PagingRules, timeframe_ms: int, limits: Limits, coarser: tuple[int, ...]
    ) -> None:
        self.fetch, self.rules, self.step, self.limits = fetch, rules, timeframe_ms, limits
        self.has_days = DAY_MS in coarser
        evidence = Evidence(timeframe_ms, bounded=rules.bounded, width=rules.candles)
        self.prover = Prover(fetch, evidence, limits.newest, coarser)
        self.most = 0
        """Candles of the longest answer so far: a shorter one was not cut off by the exchange's limit."""
        self.begun = False
        """Candles have come: from here on what is absent is a gap, not out of reach."""
        self.doubts: list[tuple[int, int]] = []
        """Spans that are in no page, because their absence was not proven."""

    def pages(self, cursor: int, stop: int) -> tuple[list[Page], int]:
        """Ask for what follows `cursor`; return pages of what was proven, and where to go on."""
        evidence, prover = self.prover.evidence, self.prover
        evidence.forget(cursor - 3 * self.rules.candles * self.step)
        part = self._walk(cursor, stop)
        end = max(part.served, part.stop)
        doubts = prover.prove(part.served, min(end, self.limits.settled))
        if len(doubts) > MOST_PARTS:
            doubts = [(doubts[0][0], doubts[-1][1])]
        behind = [span for span in doubts if evidence.stops_short(span[0])]
        part.findings += [Finding("behind", a, b, (b - a) // self.step) for a, b in behind]
        self.doubts += [span for span in doubts if span not in behind]
        candles = evidence.candles()
        edges = [part.served, *(edge for span in doubts for edge in span), end]
        spans = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
        pages = [tidy(candles, self.step, a, b) for a, b in spans or [(end, end)]]
        self.begun = self.begun or any(map(len, pages))
        pages[0] = replace(pages[0], findings=(*part.findings, *pages[0].findings))
        return pages, end

    def _walk(self, cursor: int, stop: int) -> Part:
        """Ask from `cursor` on until candles come; years before a listing are crossed by daily candles."""
        part, at = Part(cursor, cursor), cursor
        while part.stop < stop:
            wanted = stop if self.rules.only_newest else min(stop, at + self.rules.candles * self.step)
            candles, part.stop, cut = self._ask_soundly(at, wanted)
            if not self.rules.only_newest:
                candles, cut = self._fill_head(candles, at, part.stop, cut=cut)
            inside = _inside(candles, at, part.stop)
            if not self.begun and not self.rules.bounded:
                self._mind_what_is_served(part, len(candles), cursor, stop)
            if len(inside):
                if cut or part.stop < stop:
                    # The exchange may hold more in this span than fits into its answer, and a hole is judged whole.
                    part.stop = min(part.stop, int(inside.max()) // self.step * self.step + self.step)
                return part
            if part.served > cursor:
                return part
            at = part.stop = self._next_day_with_candles(part.stop, stop)
        return part

    def _ask_soundly(self, start: int, stop: int) -> tuple[Candles, int, bool]:
        """Ask; after an answer that cannot be right ask for the first half of it, so that what is sound is kept.

        Returns
        -------
        tuple
            The candles, the end of the span that they answer, and whether the answer may have been cut off.
        """
        again = False
        while True:
            begin = start - self.step if again and stop - start <= self.step else start
            try:
                candles, cut = self._ask(begin, stop)
            except AnswerError as error:
                if isinstance(error, TimeframeError) or (again and stop - start <= self.step):
                    raise
                again = True
                stop = start + max(1, (stop - start) // self.step // 2) * self.step
            else:
                return candles, stop, cut

    def _ask(self, start: int, stop: int) -> tuple[Candles, bool]:
        """Return the candles of one answer, and whether it may have been cut off."""
        everything = self.fetch(start, stop, self.step)
        self.prover.evidence.add(start, stop, everything)
        candles = everything[everything[:, 0] >= start]
        self.most = max(self.most, len(candles))
        return candles, len(candles) > 0 and len(candles) >= min(self.most, (stop - start) // self.step)

    def _fill_head(self, candles: Candles, cursor: int, end: int, *, cut: bool) -> tuple[Candles, bool]:
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

    def _mind_what_is_served(self, part: Part, rows: int, cursor: int, stop: int) -> None:
        """Note from which stamp on the exchange serves at all, where its first candles begin later than asked for."""
        evidence, width = self.prover.evidence, self.rules.candles
        first = evidence.hole(cursor - 1).behind
        if first is None or first // self.step * self.step <= cursor:
            return
        newest_only = self.rules.only_newest and rows >= width - 1  # one may be missing, the candle that is open
        back = first - (width - width // 8) * self.step
        if back < cursor and not newest_only:
            # It may be a gap: then candles from before it come with the first ones.
            self._ask(back, min(back + width * self.step, self.limits.newest))
            if len(evidence.known) and evidence.known[0] < cursor:
                return
        part.served = min(first // self.step * self.step, stop)
        part.findings.append(Finding("not_served", cursor, part.served, (part.served - cursor) // self.step))

    def _next_day_with_candles(self, cursor: int, stop: int) -> int:
        """Return where the bars go on after an empty answer: years before a listing are crossed by daily candles."""
        if self.step >= DAY_MS or not self.has_days:
            return cursor
        days = self.prover.longer(DAY_MS)
        while stop - cursor > DAY_MS:
            day = cursor // DAY_MS * DAY_MS
            last = min(days.newest, day + self.rules.candles * DAY_MS)
            if (day, last) not in days.evidence.answers:
                try:
                    days.evidence.add(day, last, self.fetch(day, last, DAY_MS))
                except AnswerError:  # such as days that begin at another hour
                    self.has_days = False
                    return cursor
            known = days.evidence.known[(days.evidence.known >= day) & (days.evidence.known < last)]
            if len(known):
                return min(stop, max(cursor, int(known[0])))
            cursor = min(stop, last)
        return cursor


def _inside(candles: Candles, start: int, stop: int) -> Candles:
    stamps: Candles = candles[:, 0]
    return stamps[(stamps >= start) & (stamps < stop)]


def without_unsettled(page: Page, settled: int, step: int) -> Page:
    """Take the newest absent bars out of the span answered: the exchange may be a minute late."""
    there = int(page.time[-1]) + step if len(page) else page.start_ms
    stop = min(page.stop_ms, max(there, settled))
    return replace(page, stop_ms=stop)
