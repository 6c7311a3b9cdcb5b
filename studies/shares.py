"""Shares with exact intervals, and whether a sequential permutation p is uniform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest, kstest

from assay.validation.permutation import MAX_EXCEEDANCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson 1934)."""
    interval = binomtest(hits, n).proportion_ci(level, method="exact")
    return float(interval.low), float(interval.high)


def shown_share(hits: int, n: int) -> str:
    """Percent with the 95 % interval; a dash where nothing was counted."""
    if not n:
        return "-"
    low, high = clopper_pearson(hits, n)
    return f"{100 * hits / n:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def randomised_p(exceedances: int, done: int, draw: float) -> float:
    """Return a p that is exactly uniform where the null holds, from a test that stops at 10 exceedances.

    The latent p of a market without an edge is uniform, and given it every permutation exceeds with that
    probability. A test of N permutations therefore ends with b < 10 exceedances with probability 1/(N + 1) each, and
    stops at permutation n with probability 10/n - 10/(n + 1) (the sequential design of Besag and Clifford 1991).
    The p lies at `draw`, uniform in [0, 1), within the stretch of its outcome: the reported
    (1 + b)/(1 + n) is its upper end where the test did not stop, and above it where it did.
    """
    if exceedances < MAX_EXCEEDANCES:
        return (exceedances + draw) / (done + 1)
    least, most = MAX_EXCEEDANCES / (done + 1), MAX_EXCEEDANCES / done
    return least + draw * (most - least)


def uniformity(exceedances: Sequence[int], done: Sequence[int], seeds: Sequence[int]) -> tuple[float, float]:
    """Return (largest distance, p) of the Kolmogorov-Smirnov test of randomised p against the uniform law."""
    draws = [np.random.default_rng(seed).random() for seed in seeds]
    values = [randomised_p(b, n, u) for b, n, u in zip(exceedances, done, draws, strict=True)]
    found = kstest(values, "uniform")
    return float(found.statistic), float(found.pvalue)


def reported_p(exceedances: Sequence[int], done: Sequence[int]) -> NDArray[np.float64]:
    """Return (1 + b)/(1 + n), shape (markets,)."""
    return (1.0 + np.array(exceedances)) / (1.0 + np.array(done))


def lower_limit(hits: int, n: int, level: float) -> float:
    """Exact one-sided lower limit of a share: it lies above the true share with a probability of `level` at most."""
    interval = binomtest(hits, n, alternative="greater").proportion_ci(1.0 - level, method="exact")
    return float(interval.low)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm 1979), in their order; NaN stays and does not count."""
    order = sorted((i for i, p in enumerate(values) if p == p), key=values.__getitem__)
    adjusted, largest = list(values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[i]))
        adjusted[i] = largest
    return adjusted
