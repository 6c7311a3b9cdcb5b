"""Is the best of many better than nothing? SPA and StepM, by the arch library.

Hansen, A Test for Superior Predictive Ability (2005); Romano and Wolf, Stepwise Multiple Testing as Formalized Data
Snooping (2005).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError
from assay.lazy import lazy
from assay.rounding import deviation

if TYPE_CHECKING:
    from arch import bootstrap
    from numpy.typing import NDArray
else:
    bootstrap = lazy("arch.bootstrap")  # a second of import

BLOCK_DAYS = 5
REPETITIONS = 2000
SIZE = 0.05
MIN_PERIODS = 10


@dataclass(frozen=True, slots=True)
class SuperiorAbility:
    """What SPA and StepM say of a set of strategies.

    Attributes
    ----------
    lower, consistent, upper : float
        p values that no strategy is better than the benchmark, by how the poor ones are treated; `consistent` is the
        one to quote. Shares of the bootstrap, so 0 means below 1 / repetitions. NaN when unknown.
    superior : tuple of int
        Columns that StepM finds better than the benchmark, with at most `size` probability of one mistake or more.
    """

    lower: float
    consistent: float
    upper: float
    superior: tuple[int, ...]


def superior_ability(
    returns: NDArray[np.float64],
    *,
    seed: int,
    block: int = BLOCK_DAYS,
    repetitions: int = REPETITIONS,
    size: float = SIZE,
) -> SuperiorAbility:
    """Test whether any column earns more than a benchmark of zero, with the search among columns counted in.

    Losses are -returns, the benchmark loses nothing; stationary bootstrap. The library compares means as they are: a
    column of large returns outweighs others. Divide by `scale_of` first to compare Sharpe ratios.

    Parameters
    ----------
    returns : float64, shape (T, N)
    seed : int
    block : int
        Mean length of a block, periods.
    repetitions : int
        Of the bootstrap.
    size : float
        Family-wise error rate of StepM.

    Returns
    -------
    SuperiorAbility
        Unknown (NaN) below 10 periods or without columns.

    Raises
    ------
    InputError
        When a return is not finite.
    """
    if not np.isfinite(returns).all():
        raise InputError("returns", "must be finite", "NaN or infinity")
    if len(returns) < MIN_PERIODS or not returns.shape[1]:
        return SuperiorAbility(math.nan, math.nan, math.nan, ())
    spa = bootstrap.SPA(np.zeros(len(returns)), -returns, block_size=block, reps=repetitions, seed=seed)
    spa.compute()
    p = spa.pvalues
    return SuperiorAbility(float(p["lower"]), float(p["consistent"]), float(p["upper"]), _step(spa, size))


def _step(spa: bootstrap.SPA, size: float) -> tuple[int, ...]:
    """Remove what is superior and test the rest again, on the same bootstrap, until nothing more is found.

    The library's own StepM runs a second bootstrap, and fails where the last column falls in a later step.
    """
    left = np.ones(spa.k, dtype=np.bool_)
    while left.any():
        spa.subset(left)
        spa.compute()
        better = spa.better_models(size)
        if not len(better):
            break
        left[better] = False
    return tuple(np.flatnonzero(~left).tolist())


def scale_of(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sample std of each column, shape (N,); 1 where it does not vary."""
    return np.nan_to_num(deviation(returns), nan=1.0)
