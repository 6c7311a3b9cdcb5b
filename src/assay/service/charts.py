"""Bars for charts: of any span and timeframe, made coarser where there are too many to draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError
from assay.market import Timeframe, resample
from assay.store.bars import present

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars, Market
    from assay.market.ohlcv import OhlcvColumns
    from assay.store import BarStore

LADDER = tuple(Timeframe.parse(text) for text in ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "1w"))
"""Timeframes that bars are made coarser to."""


@dataclass(frozen=True, eq=False)
class ChartBars:
    """Bars to be drawn.

    Attributes
    ----------
    market : Market
        With the timeframe that they have.
    source : Market
        The stored market of which they were made.
    columns : OhlcvColumns
        Recorded bars alone, shape (n,) each; volume is NaN where none is recorded.
    valid : bool array, shape (n,)
        Which of them may signal.
    """

    market: Market
    source: Market
    columns: OhlcvColumns
    valid: NDArray[np.bool_]


def source_of(store: BarStore, market: Market) -> Market:
    """Return the stored market of whose bars another timeframe is made: the coarsest that fits, itself if it is stored.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    fitting = store.finer(market)
    if not fitting:
        store.state(market)  # which says what is stored
    return fitting[0] if fitting else market


def chart_bars(
    store: BarStore,
    market: Market,
    source: Market,
    start_ms: int | None = None,
    stop_ms: int | None = None,
    *,
    max_points: int,
) -> ChartBars:
    """Return the bars of [start, stop), of the least coarse timeframe of which there are no more than `max_points`.

    Parameters
    ----------
    source : Market
        As `source_of` gave it.

    Raises
    ------
    NotFoundError
        When nothing is stored in this span.
    InputError
        When the span does not cover a single bar of the timeframe.
    """
    bars = store.read(source, start_ms, stop_ms)
    if market.timeframe != source.timeframe:
        bars = resample(bars, market.timeframe)
    if int(np.count_nonzero(~bars.absent)) > max_points:
        bars = _coarser(bars, max_points)
    there = ~bars.absent
    return ChartBars(replace(market, timeframe=bars.market.timeframe), source, present(bars), bars.valid[there])


def _coarser(bars: Bars, max_points: int) -> Bars:
    """Return bars of the first coarser timeframe of which there are few enough; of the coarsest if there is none."""
    first, end = bars.span_ms
    for timeframe in LADDER:
        if timeframe <= bars.market.timeframe or timeframe.ms % bars.market.timeframe.ms:
            continue
        if (end - first) // timeframe.ms <= max_points or timeframe == LADDER[-1]:
            try:
                return resample(bars, timeframe)
            except InputError:  # the span is shorter than one such bar
                break
    return bars
