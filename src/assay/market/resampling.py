"""Coarser bars from finer ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError
from assay.market.bars import Bars
from assay.market.calendar import MONDAY_MS, WEEK_MS

if TYPE_CHECKING:
    from assay.market.market import Timeframe


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
    origin = MONDAY_MS if coarse % WEEK_MS == 0 else 0
    begin = -(-(int(bars.time[0]) - origin) // coarse) * coarse + origin
    end = (int(bars.time[-1]) + step - origin) // coarse * coarse + origin
    keep = np.flatnonzero((bars.time >= begin) & (bars.time < end) & ~bars.absent)
    if not len(keep):
        raise InputError("timeframe", "the bars must cover at least one whole coarser bar", str(timeframe))
    bucket = (bars.time[keep] - origin) // coarse
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    last = np.append(first[1:], len(keep)) - 1
    volume = np.add.reduceat(bars.volume[keep], first) if bars.has_volume else None
    return Bars.from_columns(
        replace(bars.market, timeframe=timeframe),
        time=bucket[first] * coarse + origin,
        open=bars.open[keep][first],
        high=np.maximum.reduceat(bars.high[keep], first),
        low=np.minimum.reduceat(bars.low[keep], first),
        close=bars.close[keep][last],
        volume=volume,
    )
