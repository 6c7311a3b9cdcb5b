"""The permutation test that repeats the whole search on bars that cannot hold an edge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.compiled import compiled
from assay.threads import ordered_map

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from assay.market import Bars

MOST_EXCEEDANCES = 10
"""Sequential stopping: after so many null searches as good as the real one, luck is shown."""


@compiled
def _mirror(open_, high, low, close, absent, flip, out):
    n = len(close)
    last_close = close[0]
    last = close[0]
    for i in range(n):
        if absent[i]:
            for c in range(4):
                out[c, i] = last
            last_close = close[i]
            continue
        o = open_[i]
        # the gap from the close before is kept; the bar's own moves are mirrored about its open
        start = o if i == 0 else last * (o / last_close)
        if flip[i] and max(high[i], close[i]) < 2.0 * o:
            out[1, i] = start * (2.0 - low[i] / o)
            out[2, i] = start * (2.0 - high[i] / o)
            out[3, i] = start * (2.0 - close[i] / o)
        else:
            out[1, i] = start * (high[i] / o)
            out[2, i] = start * (low[i] / o)
            out[3, i] = start * (close[i] / o)
        out[0, i] = start
        last = out[3, i]
        last_close = close[i]


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
    _mirror(bars.open, bars.high, bars.low, bars.close, bars.absent, flip, out)
    high = np.maximum(out[1], np.maximum(out[0], out[3]))
    low = np.minimum(out[2], np.minimum(out[0], out[3]))
    return bars.with_prices(out[0], high, low, out[3])


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
        The real search's best penalised objective.
    maxima : float64, shape (done,)
        The null searches' best.
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
    method: str = "mirror"

    @classmethod
    def not_run(cls) -> PermutationTest:
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
        )


def permutation_test(
    bars: Bars,
    search: Callable[[Bars], float],
    statistic: float,
    *,
    permutations: int,
    seed: int,
    threads: int = 1,
    on_done: Callable[[int, int], bool] | None = None,
) -> PermutationTest:
    """Repeat a whole search on mirrored bars.

    Parameters
    ----------
    bars : Bars
        The bars that the real search saw, and no others.
    search : callable
        From bars to the best penalised objective; called from several threads.
    statistic : float
        The same number on the real bars.
    permutations : int
        How many to run at most.
    on_done : callable, optional
        Called with (done, exceedances) in order; returning True stops the test for want of time.
    """
    if permutations < 1:
        return PermutationTest.not_run()
    maxima: list[float] = []
    exceedances = 0
    out_of_time = False
    for value in ordered_map(lambda i: search(mirror(bars, seed, i)), range(permutations), threads):
        maxima.append(value)
        exceedances += value >= statistic
        out_of_time = bool(on_done is not None and on_done(len(maxima), exceedances))
        if exceedances >= MOST_EXCEEDANCES or out_of_time:
            break
    done = len(maxima)
    early = exceedances >= MOST_EXCEEDANCES and done < permutations
    return PermutationTest(
        p_value=(1 + exceedances) / (1 + done),
        asked=permutations,
        done=done,
        exceedances=exceedances,
        stopped_early=early,
        stopped_by_budget=out_of_time and not early and done < permutations,
        statistic=statistic,
        maxima=np.array(maxima),
    )
