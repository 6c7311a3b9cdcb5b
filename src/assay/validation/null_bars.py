"""Bars without an edge: the direction of every bar drawn anew, or moves that have changed places.

Permutation b is the same market for everybody: what happens to a bar is a function of b and of the moment at which the
bar opens, and of nothing else. The experiments of a campaign, longer spans, renamed files and other markets share it,
so that their null statistics may be compared one by one.

Permuted prices stay on the grid of the market's prices (`assay.market.price_grid`) and lead to its last close: the
market's own drift is no edge, and a pattern of exact prices is as frequent as it was.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003  (the type of NULLS, which is read at run time)
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.market.calendar import HOUR_MS
from assay.market.price_grid import price_grid
from assay.validation.null_kernels import build_bars, counted_random, drift_to, mirror_moves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars

TRAILING_BARS = 20
"""Bars whose mean range and volume are the yardstick of a `scaled` permutation."""


def mirror(bars: Bars, index: int) -> Bars:
    """Return bars whose moves are mirrored about each bar's open with probability 1/2.

    High and low swap; the gap before a bar, volume, time, masks and the path of volatility stay, and so does the drift:
    the last close is that of the bars, within a tick. The null is 'no direction but the market's own, same costs'. A
    bar whose high is at least twice its open cannot be mirrored (its price would turn negative) and stays.

    Parameters
    ----------
    bars : Bars
    index : int
        Of the permutation. Its sign of a bar is a function of this number and of the bar's stamp.
    """
    moves = np.empty((4, len(bars)))
    mirror_moves(bars.open, bars.high, bars.low, bars.close, bars.absent, random_bits(bars, index), moves)
    return _built(bars, moves)


def random_bits(bars: Bars, index: int) -> NDArray[np.uint64]:
    """Return 64 random bits for each bar, shape (n,), the same for every market with a bar at that moment."""
    bits = np.empty(len(bars), dtype=np.uint64)
    counted_random(index, bars.time, bits)
    return bits


def _built(bars: Bars, moves: NDArray[np.float64], volume: NDArray[np.float64] | None = None) -> Bars:
    """Return bars that follow moves (shape (4, n)) on the grid of prices to the last close."""
    grid = price_grid(bars)
    first, last = float(bars.open[0]), float(bars.close[-1])
    first_units = np.rint(first * grid.unit) if grid.exists else first
    drift = drift_to(moves, bars.absent, first, last)
    out = np.empty((4, len(bars)))
    build_bars(moves, bars.absent, grid.step, float(first_units), drift, out)
    if grid.exists:
        out /= grid.unit
    return bars.with_prices(out[0], out[1], out[2], out[3], volume)


@dataclass(frozen=True, eq=False)
class _Moves:
    """The moves of every bar, and of those that may change places in units of what is usual there.

    Attributes
    ----------
    moves : float64, shape (4, n)
        Log of open over the close before, and of high, low and close over the open.
    rows : int64, shape (k,)
        Bars that may change places, ordered by hour of the day.
    starts : int64, shape (25,)
        Where each hour begins in `rows`.
    unit_moves, unit_volume : float64, shape (4, k) and (k,)
        Over the mean log range and the mean volume of the `TRAILING_BARS` bars before.
    range_, volume : float64, shape (k,)
        Those means, scaled so that changing places keeps the mean over all bars.
    """

    moves: NDArray[np.float64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    unit_moves: NDArray[np.float64]
    unit_volume: NDArray[np.float64]
    range_: NDArray[np.float64]
    volume: NDArray[np.float64]

    @classmethod
    def of(cls, bars: Bars) -> _Moves:
        before = np.concatenate((bars.open[:1], bars.close[:-1]))
        moves = np.log(np.stack([bars.open / before, *(p / bars.open for p in (bars.high, bars.low, bars.close))]))
        true_range = np.maximum(moves[1] + moves[0], 0.0) - np.minimum(moves[2] + moves[0], 0.0)
        usual_range = _trailing_mean(true_range, bars.valid)
        usual_volume = _trailing_mean(bars.volume, bars.valid) if bars.has_volume else np.ones(len(bars))
        movable = np.flatnonzero(bars.valid & (usual_range > 0.0) & (usual_volume > 0.0))
        hour = bars.time[movable] // HOUR_MS % 24
        order = np.argsort(hour, kind="stable")
        rows = movable[order]
        range_, volume = usual_range[rows], usual_volume[rows]
        return cls(
            moves,
            rows,
            np.searchsorted(hour[order], np.arange(25)),
            moves[:, rows] / range_,
            bars.volume[rows] / volume,
            range_ * _fair(true_range[rows], range_),
            volume * _fair(bars.volume[rows], volume),
        )


def _trailing_mean(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over the `TRAILING_BARS` known values before each row; NaN with fewer."""
    rows = np.flatnonzero(known)
    out = np.full(len(values), np.nan)
    if len(rows) > TRAILING_BARS:
        means = np.lib.stride_tricks.sliding_window_view(values[rows], TRAILING_BARS).mean(axis=1)
        out[rows[TRAILING_BARS:]] = means[:-1]
    return out


def _fair(values: NDArray[np.float64], usual: NDArray[np.float64]) -> float:
    """What makes up for the growth of the mean when value over usual and usual no longer stand together."""
    grown = float(np.mean(values / usual) * np.mean(usual)) if len(values) else 0.0
    return float(np.mean(values)) / grown if grown > 0.0 else 1.0


def scaled(bars: Bars, index: int) -> Bars:
    """Return bars whose moves and volumes have changed places within their hour of the day.

    Each valid bar's moves (the gap before it, its high, low and close) are divided by the mean range of the 20 valid
    bars before it and its volume by their mean volume; bars of one hour of the day change places; then both are
    multiplied by what is usual at the destination. The path of volatility and volume, the daily rhythm, the drift and
    the shape of single bars stay, what followed on what does not. Bars that are not valid, or without 20 before them,
    stay. Unscaled bars must not be shuffled: with costs, trades that need large moves then meet them at the wrong
    places.

    Parameters
    ----------
    bars : Bars
    index : int
        Of the permutation; the places are a function of this number and of the bars' stamps.
    """
    moves, volume = scaled_moves(bars, index)
    return _built(bars, moves, volume)


def scaled_moves(bars: Bars, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what `scaled` builds bars of.

    Returns
    -------
    moves : float64, shape (4, n)
        Gap as a fraction of the close before; high, low and close as fractions of the open.
    volume : float64, shape (n,)
    """
    own = bars.derived("scaled moves", lambda: _Moves.of(bars))
    bits = random_bits(bars, index)[own.rows]
    source = np.arange(len(own.rows))
    for begin, end in zip(own.starts[:-1], own.starts[1:], strict=True):
        source[begin:end] = begin + np.argsort(bits[begin:end], kind="stable")
    moves, volume = own.moves.copy(), bars.volume.copy()
    moves[:, own.rows] = own.unit_moves[:, source] * own.range_
    if bars.has_volume:
        volume[own.rows] = own.unit_volume[source] * own.volume
    return np.expm1(moves), volume


NULLS: dict[str, Callable[[Bars, int], Bars]] = {"mirror": mirror, "scaled": scaled}
"""Ways to take the edge out of bars and leave the rest; the first is the gate."""
