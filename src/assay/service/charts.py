"""Bars for charts: of any span and timeframe, made coarser where there are too many to draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.market import coarser, resample
from assay.store.bars import present

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Market
    from assay.market.ohlcv import OhlcvColumns
    from assay.store import BarStore


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
        bars = coarser(bars, max_points)
    there = ~bars.absent
    return ChartBars(replace(market, timeframe=bars.market.timeframe), source, present(bars), bars.valid[there])
