"""Candles that figures hold: some thousand over the whole span, and finer ones around the trades, in small numbers.

A candle is four whole numbers of a unit that is small beside a usual bar: its open from the close before (the first:
from 0), its close from its open, and how far its high and its low go beyond both. A bar that was not recorded has a
high of -1. So a year of five minutes fits into a page that is mailed, and what is drawn is as fine as a screen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.market.resampling import LADDER, coarse_columns, coarser

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Trades
    from assay.market import Bars, Timeframe
    from assay.market.ohlcv import OhlcvColumns

MAX_WHOLE = 3_000
"""Candles over the whole span."""

MAX_NEAR = 18_000
"""Candles around all trades together."""

MIN_NEAR, MAX_OF_A_TRADE = 12, 120
"""Candles around one trade: with fewer there is nothing to see, with more nothing more."""

MARGIN_BARS = 10
"""Least bars on either side of a trade."""

SHARE_OF_A_BAR = 20
"""So many units at least from the low to the high of the median bar."""

ABSENT = (0, 0, -1, 0)


def candles(bars: Bars, start: int, stop: int, trades: Trades) -> dict[str, Any]:
    """Return the candles of bars, and around the trades on them.

    Parameters
    ----------
    bars : Bars
        They hold nothing that the run may not have seen.
    start, stop : int
        The bars that are drawn, start <= t < stop.
    trades : Trades

    Returns
    -------
    dict
        ``unit``; ``own_ms``, the length of the bars; ``whole``, a block over the span; ``near``, a block around each of
        the newest trades, None where the whole is as fine; ``first_near``, the first trade that has one. A block has
        ``start_ms``, ``step_ms`` and ``moves``, four numbers a candle.
    """
    part = bars.between(start, stop)
    unit = _unit(part)
    whole = part if len(part) <= MAX_WHOLE else coarser(part, MAX_WHOLE)
    t, there = trades, np.flatnonzero(~whole.absent)
    first = max(0, len(t) - MAX_NEAR // MIN_NEAR)
    room = min(MAX_OF_A_TRADE, MAX_NEAR // max(len(t) - first, 1))
    near = [
        _near(bars, entry, last, room, whole.market.timeframe, unit)
        for entry, last in zip(t.entry_bar[first:].tolist(), t.exit_bar[first:].tolist(), strict=True)
    ]
    return {
        "unit": unit,
        "own_ms": bars.market.timeframe.ms,
        "whole": _block(coarse_columns(whole, there, whole.market.timeframe), whole.market.timeframe.ms, unit),
        "first_near": first,
        "near": near,
    }


def _unit(bars: Bars) -> float:
    """Return a power of ten in which the prices of bars are whole numbers, near enough to be drawn."""
    recorded = bars.valid if bars.valid.any() else ~bars.absent
    usual = float(np.median(bars.high[recorded] - bars.low[recorded]))
    return float(10.0 ** math.floor(math.log10((usual or float(np.median(bars.close))) / SHARE_OF_A_BAR)))


def _near(bars: Bars, entry: int, last: int, room: int, whole: Timeframe, unit: float) -> dict[str, Any] | None:
    """Return the candles around one trade, of the finest timeframe of which there are few enough."""
    margin = max(MARGIN_BARS, (last - entry) // 4)
    begin, end = max(0, entry - margin), min(len(bars), last + margin + 1)
    own = bars.market.timeframe
    steps = [own, *(step for step in LADDER if step > own and step.ms % own.ms == 0)]
    fitting = next((step for step in steps if (end - begin) * own.ms // step.ms <= room), steps[-1])
    if fitting >= whole:
        return None
    begin = bars.index_at(bars.moment(begin) // fitting.ms * fitting.ms)  # whole candles
    end = bars.index_at(-(-bars.moment(end) // fitting.ms) * fitting.ms)
    rows = begin + np.flatnonzero(~bars.absent[begin:end])
    return _block(coarse_columns(bars, rows, fitting), fitting.ms, unit)


def _block(columns: OhlcvColumns, step_ms: int, unit: float) -> dict[str, Any]:
    """Return candles as moves in units, on the grid of their timeframe."""
    begin = int(columns.time[0])
    at = (columns.time - begin) // step_ms
    opens, highs, lows, closes = (_units(columns[name], unit) for name in ("open", "high", "low", "close"))
    moves = np.tile(np.array(ABSENT, dtype=np.int64), (int(at[-1]) + 1, 1))
    before = np.concatenate(([0], closes[:-1]))
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    beyond = np.maximum(highs - top, 0), np.maximum(bottom - lows, 0)
    moves[at] = np.stack([opens - before, closes - opens, *beyond], axis=1)
    return {"start_ms": begin, "step_ms": step_ms, "moves": moves.ravel().tolist()}


def _units(prices: NDArray[np.float64], unit: float) -> NDArray[np.int64]:
    return np.rint(prices / unit).astype(np.int64)
