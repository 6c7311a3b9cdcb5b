"""How sure a Sharpe ratio is (Bailey and Lopez de Prado, The Sharpe Ratio Efficient Frontier, 2012)."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EULER_GAMMA = 0.5772156649015329

CONVENTION = "sample-variance form of 2012, plain kurtosis (normal = 3), per-period Sharpe ratio"


def normal_cdf(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def moments(returns: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return (Sharpe ratio per period with sample std, skewness, plain kurtosis) of returns, shape (n,).

    Skewness and kurtosis are the moment ratios with divisor n. NaN when the returns do not vary.
    """
    if len(returns) < 2 or not returns.std() > 0:
        return math.nan, math.nan, math.nan
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    return (
        float(returns.mean() / returns.std(ddof=1)),
        float(np.mean(centred**3)) / variance**1.5,
        float(np.mean(centred**4)) / variance**2,
    )


def sharpe_deviation(sharpe: float, n: int, skewness: float = 0.0, kurtosis: float = 3.0) -> float:
    """Standard deviation of an estimated per-period Sharpe ratio over n periods.

    sqrt((1 - g3 SR + (g4 - 1)/4 SR^2) / (n - 1)).
    """
    inside = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return math.sqrt(inside / (n - 1)) if inside > 0 and n > 1 else math.nan


def probabilistic_sharpe(
    sharpe: float, n: int, skewness: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float:
    """Probability that the true per-period Sharpe ratio exceeds a benchmark."""
    deviation = sharpe_deviation(sharpe, n, skewness, kurtosis)
    return normal_cdf((sharpe - benchmark) / deviation) if deviation > 0 else math.nan


def probabilistic_sharpe_of(returns: NDArray[np.float64], benchmark: float = 0.0) -> float:
    """Return `probabilistic_sharpe` of a series of returns, shape (n,)."""
    sharpe, skewness, kurtosis = moments(returns)
    return probabilistic_sharpe(sharpe, len(returns), skewness, kurtosis, benchmark)


def expected_maximum(n: int) -> float:
    """Expected highest of n independent standard normal draws: what the best of n trials shows without any edge.

    (1 - g) z(1 - 1/n) + g z(1 - 1/(n e)), z the normal quantile, g = 0.5772 (Bailey and Lopez de Prado, The Deflated
    Sharpe Ratio, 2014). 0 for one trial.
    """
    if n <= 1:
        return 0.0
    quantile = NormalDist().inv_cdf
    return (1.0 - EULER_GAMMA) * quantile(1.0 - 1.0 / n) + EULER_GAMMA * quantile(1.0 - 1.0 / (n * math.e))
