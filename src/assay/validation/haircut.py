"""The haircut of a Sharpe ratio for the number of trials (Harvey and Liu, Backtesting, 2015).

A Sharpe ratio is a t ratio, SR sqrt(T), and so a p value; the p value is adjusted for the other tests and turned back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError
from assay.lazy import lazy

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import special
else:
    special = lazy("scipy.special")


@dataclass(frozen=True, slots=True)
class AdjustedP:
    """p values adjusted for many tests, shape (n,) each, in the order given.

    Attributes
    ----------
    bonferroni, holm : float64
        Control the probability of one false discovery or more.
    bhy : float64
        Benjamini, Hochberg and Yekutieli (2001): controls the share of false ones among the discoveries, under any
        dependence.
    """

    bonferroni: NDArray[np.float64]
    holm: NDArray[np.float64]
    bhy: NDArray[np.float64]


def adjust_p_values(p: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> AdjustedP:
    """Adjust p values for the number of tests.

    Parameters
    ----------
    p : float64, shape (n,)
    weights : float64, shape (n,), optional
        How many tests of that p value each stands for (a thinned sample of a search); 1 where not given.

    Returns
    -------
    AdjustedP
        With M tests, p_(i) ascending and c = 1 + 1/2 + ... + 1/M: Bonferroni min(M p_i, 1); Holm
        max over j <= i of min((M - j + 1) p_(j), 1); BHY min over j >= i of min(M c p_(j) / j, 1).
    """
    weight = np.ones(len(p)) if weights is None else weights
    order = np.argsort(p, kind="stable")
    ascending, ranks = p[order], np.cumsum(weight[order])
    total = float(weight.sum())
    holm, bhy = np.empty(len(p)), np.empty(len(p))
    holm[order] = np.minimum(np.maximum.accumulate((total - ranks + weight[order]) * ascending), 1.0)
    steps = total * harmonic(total) * ascending / ranks
    bhy[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return AdjustedP(np.minimum(total * p, 1.0), holm, bhy)


def harmonic(n: float) -> float:
    """Return 1 + 1/2 + ... + 1/n, also between whole numbers."""
    return float(special.digamma(n + 1.0)) + float(np.euler_gamma)


@dataclass(frozen=True, slots=True)
class Haircut:
    """A Sharpe ratio before and after its p value was adjusted for the trials; per period like the one given.

    Attributes
    ----------
    p_value : float
        Of the single test, two-sided.
    p_bonferroni, p_holm, p_bhy : float
    bonferroni, holm, bhy : float
        The Sharpe ratio whose single test has the adjusted p value; 0 where that is 1.
    """

    p_value: float
    p_bonferroni: float
    p_holm: float
    p_bhy: float
    bonferroni: float
    holm: float
    bhy: float


def haircut_sharpe(sharpe: float, n: int, trials: float, others: NDArray[np.float64] | None = None) -> Haircut:
    """Cut a Sharpe ratio for the number of trials it is the best of.

    Parameters
    ----------
    sharpe : float
        Per period. NaN results where it is not above 0: there is nothing to cut.
    n : int
        Periods; the t ratio has n - 1 degrees of freedom.
    trials : float
        All tests, this one included.
    others : float64, shape (m,), optional
        Per-period Sharpe ratios over the same periods of an even sample of the other trials; each stands for
        (trials - 1) / m of them. Unknown ones count as p = 1: Holm is then Bonferroni, and BHY is larger.

    Raises
    ------
    InputError
        When `trials` is below 1.
    """
    if not trials >= 1:
        raise InputError("trials", "must be 1 or more", trials)
    if not (sharpe > 0 and n > 1):
        return Haircut(*(math.nan,) * 7)
    known = np.ones(1) if others is None or not len(others) else p_value_of(others, n)
    own = p_value_of(np.array([sharpe]), n)
    weights = np.concatenate((np.ones(1), np.full(len(known), (trials - 1.0) / len(known))))
    adjusted = adjust_p_values(np.concatenate((own, known)), weights)
    p = [float(column[0]) for column in (own, adjusted.bonferroni, adjusted.holm, adjusted.bhy)]
    return Haircut(*p, *(sharpe_of(value, n) for value in p[1:]))


def p_value_of(sharpe: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the two-sided p value of per-period Sharpe ratios over n periods; 1 where one is not above 0."""
    t = np.asarray(sharpe) * math.sqrt(n)
    return np.where(t > 0, np.minimum(2.0 * special.stdtr(n - 1.0, -t), 1.0), 1.0)


def sharpe_of(p: float, n: int) -> float:
    """Return the per-period Sharpe ratio whose two-sided p value over n periods is `p`; 0 where `p` is 1."""
    return float(-special.stdtrit(n - 1.0, p / 2.0)) / math.sqrt(n) + 0.0 if p < 1 else 0.0
