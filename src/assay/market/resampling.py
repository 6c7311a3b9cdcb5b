"""Coarser bars from finer ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError
from assay.market.bars import Bars
from assay.market.calendar import MONDAY_MS, WEEK_MS
from assay.market.market import Timeframe
from assay.market.ohlcv import OhlcvColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray

LADDER = tuple(Timeframe.parse(text) for text in ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "1w"))
"""Timeframes that bars are made coarser to for a chart."""


def resample(bars: Bars, timeframe: Timeframe) -> Bars:
    """Return bars of a coarser timeframe, equal to those a market would have recorded itself.

    Weeks begin on Monday.

    Absent bars contribute nothing; a coarse bar without any recorded bar is absent. A first or last
    bar that the data covers only in part is cut, since its own market would show other prices.

    Parameters
    ----------
    bars : Bars
        The finer bars.
    timeframe : Timeframe
        A multiple of the bars' own timeframe.
    """
    step, coarse = bars.market.timeframe.ms, timeframe.ms
    if coarse % step or coarse < step:
        raise InputError("timeframe", f"must be a multiple of {bars.market.timeframe}", str(timeframe))
    origin = _origin(coarse)
    begin = -(-(int(bars.time[0]) - origin) // coarse) * coarse + origin
    end = (int(bars.time[-1]) + step - origin) // coarse * coarse + origin
    keep = np.flatnonzero((bars.time >= begin) & (bars.time < end) & ~bars.absent)
    if not len(keep):
        raise InputError("timeframe", "the bars must cover at least one whole coarser bar", str(timeframe))
    made = coarse_columns(bars, keep, timeframe)
    return Bars.from_columns(
        replace(bars.market, timeframe=timeframe),
        time=made.time,
        open=made.open,
        high=made.high,
        low=made.low,
        close=made.close,
        volume=made.volume if bars.has_volume else None,
    )


def _origin(coarse_ms: int) -> int:
    return MONDAY_MS if coarse_ms % WEEK_MS == 0 else 0


def coarse_columns(bars: Bars, rows: NDArray[np.int64], timeframe: Timeframe) -> OhlcvColumns:
    """Return the candles that some bars make together, also where the first or the last is not whole.

    Parameters
    ----------
    bars : Bars
    rows : int64, shape (n,)
        Recorded bars in order, one at least.
    timeframe : Timeframe
        A multiple of the bars' own timeframe.
    """
    coarse = timeframe.ms
    origin = _origin(coarse)
    bucket = (bars.time[rows] - origin) // coarse
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    last = np.append(first[1:], len(rows)) - 1
    return OhlcvColumns(
        time=bucket[first] * coarse + origin,
        open=bars.open[rows][first],
        high=np.maximum.reduceat(bars.high[rows], first),
        low=np.minimum.reduceat(bars.low[rows], first),
        close=bars.close[rows][last],
        volume=np.add.reduceat(bars.volume[rows], first) if bars.has_volume else np.full(len(first), np.nan),
    )


def coarser(bars: Bars, max_bars: int) -> Bars:
    """Return bars of the first coarser timeframe of `LADDER` of which there are few enough; of the coarsest if none is.

    The bars themselves where the span is shorter than one such bar.
    """
    first, end = bars.span_ms
    for timeframe in LADDER:
        if timeframe <= bars.market.timeframe or timeframe.ms % bars.market.timeframe.ms:
            continue
        if (end - first) // timeframe.ms <= max_bars or timeframe == LADDER[-1]:
            try:
                return resample(bars, timeframe)
            except InputError:  # the span is shorter than one such bar
                break
    return bars
