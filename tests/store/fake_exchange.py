"""An exchange in memory: it serves a series page by page, and fails when it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import InputError
from assay.market import Market, Timeframe, canonical_symbol
from assay.sources.exchanges import Finding, Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from assay.store.bars import Span

STEP = 300_000
NOW = 1_700_006_400_000 + 640_000
"""The clock, 2023-11-15 00:10:40 UTC: 40 s after a bar has opened."""
OPEN = NOW // STEP * STEP
"""Opening of the bar that is not over."""


def columns(start: int, stop: int, absent: frozenset[int] = frozenset(), step: int = STEP) -> dict[str, NDArray[Any]]:
    """The one true series in a span, without the bars whose number is absent."""
    time = np.arange(-(-start // step) * step, stop, step)
    time = time[~np.isin(time // step, list(absent))]
    wave = time // step * 2_654_435_761 % 1000
    return {
        "time": time, "open": 100.0 + wave % 7, "high": 120.0 + wave % 11, "low": 80.0 + wave % 5,
        "close": 100.0 + wave % 13, "volume": 1.0 + wave % 17,
    }  # fmt: skip


@dataclass
class FakeExchange:
    """`Source` with a listing of one quote currency.

    `faults` are raised one after the other, each instead of the page whose turn it is; None lets one page pass.
    """

    page_bars: int = 1000
    absent: frozenset[int] = frozenset()
    faults: list[BaseException | None] = field(default_factory=list)
    served_from: int = 0
    findings: tuple[Finding, ...] = ()
    bases: tuple[str, ...] = ("BTC", "ETH", *(f"A{i}" for i in range(1000)))
    name: str = "binance"
    asked: list[Span] = field(default_factory=list)
    """Spans of the pages that were given."""
    closed: bool = False
    away: BaseException | None = None
    """Raised before anything else."""

    def market(self, symbol: str, timeframe: Timeframe | str) -> Market:
        if self.away is not None:
            raise self.away
        known = canonical_symbol(symbol).replace("XBT/", "BTC/")
        if known.split("/")[0] not in self.bases:
            raise InputError("symbol", f"must be a spot market of {self.name}", symbol, "Did you mean BTC/USDT?")
        length = Timeframe.parse(timeframe) if isinstance(timeframe, str) else timeframe
        return Market(self.name, known, length, tick=0.01)

    def pages(self, market: Market, start_ms: int, stop_ms: int) -> Iterator[Page]:
        step = market.timeframe.ms
        start, stop = -(-start_ms // step) * step, min(stop_ms, NOW // step * step)
        while start < stop:
            if self.faults and (fault := self.faults.pop(0)) is not None:
                raise fault
            end = min(stop, start + self.page_bars * step)
            begin = min(max(start, self.served_from), end)
            found = columns(begin, end, self.absent, step)
            cut = (Finding("not_served", start, begin, (begin - start) // step),) if begin > start else ()
            self.asked.append((begin, end))
            yield Page(begin, end, **found, findings=(*self.findings, *cut))
            start = end

    def close(self) -> None:
        self.closed = True
