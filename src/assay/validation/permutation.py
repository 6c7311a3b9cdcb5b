"""The permutation test that repeats the whole search on bars that cannot hold an edge."""

from __future__ import annotations

import math
from collections.abc import Callable  # noqa: TC003  (the type of NULLS, which is read at run time)
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.market.calendar import HOUR_MS
from assay.threads import ordered_map
from assay.validation.resampling_kernels import mirror_paths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars

MAX_EXCEEDANCES = 10
"""Sequential stopping: after so many null searches as good as the real one, chance explains it."""

TRAILING_BARS = 20
"""Bars whose mean range and volume are the yardstick of a `scaled` permutation."""


def mirror(bars: Bars, seed: int, index: int) -> Bars:
    """Return bars whose simple returns are mirrored about each bar's open with probability 1/2.

    High and low swap; volume, time, masks and the path of volatility stay, and no drift is added back:
    the null is 'no direction, same costs'. A bar whose high is at least twice its open cannot be
    mirrored (its price would turn negative) and stays.

    Parameters
    ----------
    bars : Bars
    seed, index : int
        Permutation `index` of the test with this seed; a pure function of both.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0x317, index])))
    flip = rng.integers(0, 2, len(bars), dtype=np.int8).astype(np.bool_)
    out = np.empty((4, len(bars)))
    mirror_paths(bars.open, bars.high, bars.low, bars.close, bars.absent, flip, out)
    high = np.maximum(out[1], np.maximum(out[0], out[3]))
    low = np.minimum(out[2], np.minimum(out[0], out[3]))
    return bars.with_prices(out[0], high, low, out[3])


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


def scaled(bars: Bars, seed: int, index: int) -> Bars:
    """Return bars whose moves and volumes have changed places within their hour of the day.

    Each valid bar's moves (the gap before it, its high, low and close) are divided by the mean range of the 20 valid
    bars before it and its volume by their mean volume; bars of one hour of the day change places; then both are
    multiplied by what is usual at the destination. The path of volatility and volume, the daily rhythm and the shape
    of single bars stay, what followed on what does not. Bars that are not valid, or without 20 before them, stay.
    Unscaled bars must not be shuffled: with costs, trades that need large moves then meet them at the wrong places.

    Parameters
    ----------
    bars : Bars
    seed, index : int
        Permutation `index` of the test with this seed; a pure function of both.
    """
    own = bars.derived("scaled moves", lambda: _Moves.of(bars))
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0x5CA1ED, index])))
    source = np.arange(len(own.rows))
    for begin, end in zip(own.starts[:-1], own.starts[1:], strict=True):
        rng.shuffle(source[begin:end])
    moves, volume = own.moves.copy(), bars.volume.copy()
    moves[:, own.rows] = own.unit_moves[:, source] * own.range_
    if bars.has_volume:
        volume[own.rows] = own.unit_volume[source] * own.volume
    gap, high, low, close = moves
    start = np.log(bars.open[0]) + np.cumsum(gap) + np.concatenate(([0.0], np.cumsum(close)[:-1]))
    open_, high, low, close = (np.exp(start + move) for move in (0.0, high, low, close))
    # exp need not be monotone in its last bit
    high, low = np.maximum(high, np.maximum(open_, close)), np.minimum(low, np.minimum(open_, close))
    return bars.with_prices(open_, high, low, close, volume)


NULLS: dict[str, Callable[[Bars, int, int], Bars]] = {"mirror": mirror, "scaled": scaled}
"""Ways to take the edge out of bars and leave the rest; the first is the gate."""


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """The answer to 'how often does a search without an edge find as much?'.

    Attributes
    ----------
    p_value : float
        (1 + exceedances) / (1 + done); NaN when nothing was run.
    asked, done, exceedances : int
    stopped_early : bool
        Sequential stopping at 10 exceedances.
    stopped_by_budget : bool
        Time ran out before the test could decide; blocks promotion.
    statistic : float
        The real search's best score.
    maxima : float64, shape (done,)
        The null searches' best.
    measures : float64, shape (done,)
        The plain objective of their winners; 0 where nothing was traded.
    method : str
    """

    p_value: float
    asked: int
    done: int
    exceedances: int
    stopped_early: bool
    stopped_by_budget: bool
    statistic: float
    maxima: NDArray[np.float64]
    measures: NDArray[np.float64]
    method: str

    @classmethod
    def not_run(cls, method: str = "mirror") -> PermutationTest:
        """Return the empty answer: p is unknown."""
        return cls(
            math.nan,
            0,
            0,
            0,
            stopped_early=False,
            stopped_by_budget=False,
            statistic=math.nan,
            maxima=np.zeros(0),
            measures=np.zeros(0),
            method=method,
        )


def permutation_test(
    bars: Bars,
    search: Callable[[Bars], tuple[float, float]],
    statistic: float,
    *,
    permutations: int,
    seed: int,
    method: str = "mirror",
    threads: int = 1,
    on_done: Callable[[int, int], bool] | None = None,
) -> PermutationTest:
    """Repeat a whole search on bars without an edge.

    Parameters
    ----------
    bars : Bars
        The bars that the real search saw, and no others.
    search : callable
        From bars to the best score and its plain objective; called from several threads.
    statistic : float
        The best score on the real bars.
    permutations : int
        How many to run at most.
    method : {"mirror", "scaled"}
    on_done : callable, optional
        Called with (done, exceedances) in order; returning True stops the test for want of time.
    """
    if permutations < 1:
        return PermutationTest.not_run(method)
    null = NULLS[method]
    maxima: list[float] = []
    measures: list[float] = []
    exceedances = 0
    out_of_time = False
    for value, measure in ordered_map(lambda i: search(null(bars, seed, i)), range(permutations), threads):
        maxima.append(value)
        measures.append(0.0 if math.isnan(measure) else measure)
        exceedances += value >= statistic
        out_of_time = bool(on_done is not None and on_done(len(maxima), exceedances))
        if exceedances >= MAX_EXCEEDANCES or out_of_time:
            break
    done = len(maxima)
    early = exceedances >= MAX_EXCEEDANCES and done < permutations
    return PermutationTest(
        p_value=(1 + exceedances) / (1 + done),
        asked=permutations,
        done=done,
        exceedances=exceedances,
        stopped_early=early,
        stopped_by_budget=out_of_time and not early and done < permutations,
        statistic=statistic,
        maxima=np.array(maxima),
        measures=np.array(measures),
        method=method,
    )
