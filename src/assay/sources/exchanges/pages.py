"""Pages of candles as frozen values, and what is missing in them. Nothing here knows a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from assay.market.ohlcv import OhlcvColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from assay.market import Market

Spans = tuple[tuple[int, int], ...]
"""Half-open spans [start, stop) in milliseconds UTC, in order and apart."""

FindingKind = Literal["conflict", "not_served", "behind"]

_SENTENCES: dict[FindingKind, str] = {
    "conflict": "{n} bars came more than once with different values; those with the most volume were kept",
    "not_served": "{n} bars lie further back than the exchange serves and were not fetched",
    "behind": "{n} newest bars did not come; the exchange may be behind, so they are asked for again next time",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in what an exchange answered.

    Attributes
    ----------
    kind : str
        ``conflict`` (a bar twice with different values), ``not_served`` (the exchange does not go that far back) or
        ``behind`` (bars that traded all the time stop short of now).
    start_ms, stop_ms : int
        Span [start, stop) in which it lies, milliseconds UTC.
    count : int
        Bars concerned.
    """

    kind: FindingKind
    start_ms: int
    stop_ms: int
    count: int

    def __str__(self) -> str:
        span = f"{np.datetime64(self.start_ms, 'ms')}Z to {np.datetime64(self.stop_ms, 'ms')}Z"
        return f"{_SENTENCES[self.kind].format(n=f'{self.count:,}')} ({span})"


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """Finished candles of one span of time; all arrays have shape (n,) and are read-only.

    Whatever the exchange has in [start_ms, stop_ms) is here: a stamp of the grid that is not in `time` is absent at
    the exchange. What went wrong stands in `findings`. After storing a page, go on from `stop_ms`.

    Attributes
    ----------
    start_ms, stop_ms : int
        Span that was answered, on the grid of the timeframe; empty when nothing of it is served.
    time : int64
        Open of each candle, milliseconds UTC, strictly increasing.
    open, high, low, close, volume : float64
        Finite; prices positive, high not below low, volume not negative.
    findings : tuple of Finding
    """

    start_ms: int
    stop_ms: int
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.time)

    @property
    def columns(self) -> OhlcvColumns:
        """The candles alone."""
        return OhlcvColumns.of(vars(self))

    def __repr__(self) -> str:
        span = f"{np.datetime64(self.start_ms, 'ms')} to {np.datetime64(self.stop_ms, 'ms')}"
        return f"Page({len(self):,} candles, {span}, {len(self.findings)} findings)"


@dataclass(frozen=True, eq=False)
class Fetched:
    """What was asked for, what was answered, and which bars the exchange does not have.

    Attributes
    ----------
    market : Market
    asked, answered : tuple of (start, stop)
        Spans in milliseconds UTC, merged.
    missing : int64, shape (n,)
        Stamps that were answered without a candle: gaps of the exchange, not of the fetch.
    findings : tuple of Finding
    """

    market: Market
    asked: Spans
    answered: Spans
    missing: NDArray[np.int64]
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, market: Market, start_ms: int, stop_ms: int, pages: Iterable[Page]) -> Fetched:
        """Sum up the pages of [start_ms, stop_ms); they may come from several attempts, in any order."""
        step = market.timeframe.ms
        spans: list[tuple[int, int]] = []
        found: list[Finding] = []
        missing = [np.empty(0, dtype=np.int64)]
        for page in pages:
            spans.append((page.start_ms, page.stop_ms))
            found += page.findings
            missing.append(np.setdiff1d(np.arange(page.start_ms, page.stop_ms, step, dtype=np.int64), page.time))
        asked = merged([(-(-start_ms // step) * step, -(-stop_ms // step) * step)])
        return cls(market, asked, merged(spans), np.unique(np.concatenate(missing)), tuple(found))

    @property
    def unanswered(self) -> Spans:
        """Gaps of the fetch: spans that were asked for and never answered."""
        left: list[tuple[int, int]] = []
        for start, stop in self.asked:
            cursor = start
            for begin, end in self.answered:
                if end > cursor and begin < stop:
                    left.append((cursor, begin))
                    cursor = end
            left.append((cursor, stop))
        return merged(left)


def merged(spans: Sequence[tuple[int, int]]) -> Spans:
    """Return spans in order, with touching ones joined and empty ones left out."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if start >= stop:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return tuple(joined)


def columns(rows: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    """Return candles as an array of shape (n, 6): time, open, high, low, close, volume; NaN where there is none."""
    return np.array([row[:6] for row in rows], dtype=np.float64).reshape(-1, 6)


def tidy(candles: NDArray[np.float64], step: int, start: int, stop: int, findings: Iterable[Finding] = ()) -> Page:
    """Make a page of raw candles.

    Parameters
    ----------
    candles : float64, shape (n, 6)
        As `columns` gives them, in any order, with any repetition; those of the span are usable
        (`assay.sources.exchanges.answers.check`).
    step : int
        Milliseconds of the timeframe.
    start, stop : int
        Span that the candles answer; what lies outside is left out without a word.
    findings : iterable of Finding
        What was found before.
    """
    found = list(findings)
    time = candles[:, 0]
    candles = candles[(time >= start) & (time < stop)]
    # The fuller of two versions of a candle was seen later; the other columns only make the choice certain.
    candles = candles[np.lexsort((*candles[:, 1:5].T, -candles[:, 5], candles[:, 0]))]
    again = np.diff(candles[:, 0], prepend=-1.0) == 0
    differs = np.zeros(len(candles), dtype=np.bool_)
    differs[1:] = again[1:] & (candles[1:] != candles[:-1]).any(axis=1)
    if differs.any():
        found.append(_finding("conflict", np.unique(candles[differs, 0]), step))
    kept = candles[~again]
    opened, high, low, close, volume = (np.ascontiguousarray(column) for column in kept[:, 1:].T)
    return Page(start, stop, kept[:, 0].astype(np.int64), opened, high, low, close, volume, tuple(found))


def _finding(kind: Any, stamps: NDArray[np.float64], step: int) -> Finding:
    return Finding(kind, int(stamps.min()), int(stamps.max()) + step, len(stamps))
