"""The permutation test that repeats the whole search on bars that cannot hold an edge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.threads import ordered_map
from assay.validation.null_bars import NULLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from assay.market import Bars

MAX_EXCEEDANCES = 10
"""Sequential stopping: after so many null searches as good as the real one, chance explains it."""


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
    for value, measure in ordered_map(lambda i: search(null(bars, i)), range(permutations), threads):
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
