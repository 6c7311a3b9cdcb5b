"""How sure a Sharpe ratio is (Bailey and Lopez de Prado, The Sharpe Ratio Efficient Frontier, 2012)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from assay.rounding import deviation

if TYPE_CHECKING:
    from numpy.typing import NDArray

EULER_GAMMA = 0.5772156649015329

CONVENTION = "sample-variance form of 2012, plain kurtosis (normal = 3), per-period Sharpe ratio"


_quantile = NormalDist().inv_cdf


def normal_cdf(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def moments(returns: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return (Sharpe ratio per period with sample std, skewness, plain kurtosis) of returns, shape (n,).

    Skewness and kurtosis are the moment ratios with divisor n. NaN when the returns do not vary.
    """
    spread = float(deviation(returns))
    if math.isnan(spread):
        return math.nan, math.nan, math.nan
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    return (
        float(returns.mean()) / spread,
        float(np.mean(centred**3)) / variance**1.5,
        float(np.mean(centred**4)) / variance**2,
    )


def sharpe_deviation(sharpe: float, n: int, skewness: float = 0.0, kurtosis: float = 3.0) -> float:
    """Standard deviation of an estimated per-period Sharpe ratio over n periods.

    sqrt((1 - g3 SR + (g4 - 1)/4 SR^2) / (n - 1)).
    """
    inside = _spread(sharpe, skewness, kurtosis)
    return math.sqrt(inside / (n - 1)) if inside > 0 and n > 1 else math.nan


def _spread(sharpe: float, skewness: float, kurtosis: float) -> float:
    return 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2


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


def mean_above_zero_p(returns: NDArray[np.float64]) -> float:
    """Return the one-sided p that the mean of independent returns, shape (n,), is not above 0, by the normal law.

    NaN with fewer than two returns or where they do not vary.
    """
    spread = float(deviation(returns))
    if math.isnan(spread):
        return math.nan
    return 1.0 - normal_cdf(float(returns.mean()) / (spread / math.sqrt(len(returns))))


def minimum_track_record(
    sharpe: float, skewness: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Periods after which a per-period Sharpe ratio is above a benchmark with a confidence (MinTRL).

    1 + (1 - g3 SR + (g4 - 1)/4 SR^2) (z / (SR - SR*))^2, z the normal quantile of the confidence (2012, equation 11).
    With so many periods `probabilistic_sharpe` is the confidence. NaN where SR is not above SR*: no length would do.
    """
    if not sharpe > benchmark:
        return math.nan
    inside = _spread(sharpe, skewness, kurtosis)
    return 1.0 + inside * (_quantile(confidence) / (sharpe - benchmark)) ** 2 if inside > 0 else math.nan


def expected_maximum(n: float) -> float:
    """Expected highest of n independent standard normal draws: what the best of n trials shows without any edge.

    (1 - g) z(1 - 1/n) + g z(1 - 1/(n e)), z the normal quantile, g = 0.5772 (Bailey and Lopez de Prado, The Deflated
    Sharpe Ratio, 2014). 0 for one trial.
    """
    if n <= 1:
        return 0.0
    # by the lower tail: 1 - 1/n would be 1 from n = 1e16 on
    return -(1.0 - EULER_GAMMA) * _quantile(1.0 / n) - EULER_GAMMA * _quantile(1.0 / (n * math.e))


def implied_trials(maxima: NDArray[np.float64], variance: float) -> float:
    """Return the number of independent trials whose expected maximum is the mean of searches without an edge.

    Combinations of one grid are alike, so that N of them are worth far fewer independent trials. The permutation test
    has measured what the best of them shows by chance; this is the N that explains it.

    Parameters
    ----------
    maxima : float64, shape (permutations,)
        Highest Sharpe ratio of each search on permuted bars.
    variance : float
        Variance of the Sharpe ratio over the combinations, in the same unit squared.

    Returns
    -------
    float
        N >= 1, not rounded: sqrt(variance) x `expected_maximum` of it is the mean of the maxima; 1 where that mean is
        not above 0. NaN without maxima, without variance, or where more than 1e300 trials would be needed.
    """
    mean = float(maxima.mean()) if len(maxima) else math.nan
    if not (variance > 0 and math.isfinite(mean)):
        return math.nan
    wanted = mean / math.sqrt(variance)
    if wanted <= 0:
        return 1.0
    low, high = 0.0, 300.0 * math.log(10.0)
    if expected_maximum(math.exp(high)) < wanted:
        return math.nan
    for _ in range(100):
        middle = (low + high) / 2.0
        low, high = (middle, high) if expected_maximum(math.exp(middle)) < wanted else (low, middle)
    return math.exp(high)


@dataclass(frozen=True, slots=True)
class DeflatedSharpe:
    """What is left of a Sharpe ratio when it is known to be the best of many.

    Attributes
    ----------
    probability : float
        That the true Sharpe ratio exceeds `threshold`: the deflated Sharpe ratio; NaN where undefined.
    threshold : float
        SR0, per period: what the best of `trials` shows without any edge.
    trials : float
    """

    probability: float
    threshold: float
    trials: float


def deflated_sharpe(
    sharpe: float, n: int, trials: float, variance: float, skewness: float = 0.0, kurtosis: float = 3.0
) -> DeflatedSharpe:
    """Probability that the true Sharpe ratio exceeds what the best of so many trials shows by chance.

    SR0 = sqrt(V) x `expected_maximum`(N), then `probabilistic_sharpe` against SR0 (Bailey and Lopez de Prado, The
    Deflated Sharpe Ratio, 2014).

    Parameters
    ----------
    sharpe : float
        Per period, as everything here.
    n : int
        Periods of the returns.
    trials : float
        N; one trial is not deflated: SR0 = 0.
    variance : float
        V, of the Sharpe ratio over all trials; not needed for one trial.
    skewness, kurtosis : float
        Of the returns; kurtosis is plain.
    """
    if math.isnan(trials) or (trials > 1 and not variance >= 0):
        return DeflatedSharpe(math.nan, math.nan, trials)
    threshold = math.sqrt(variance) * expected_maximum(trials) if trials > 1 else 0.0
    return DeflatedSharpe(probabilistic_sharpe(sharpe, n, skewness, kurtosis, threshold), threshold, trials)


def minimum_backtest_length(trials: float, target: float = 1.0) -> float:
    """Years below which the best of so many trials without an edge is expected to show an annual Sharpe ratio (MinBTL).

    (`expected_maximum`(N) / target)^2 (Bailey, Borwein, Lopez de Prado and Zhu, Pseudo-Mathematics and Financial
    Charlatanism, 2014, theorem 1).

    Parameters
    ----------
    trials : float
    target : float
        Annual Sharpe ratio, above 0; NaN otherwise.
    """
    return (expected_maximum(trials) / target) ** 2 if target > 0 else math.nan
