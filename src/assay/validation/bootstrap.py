"""Percentile intervals of a run's measures by resampling its days and its trades.

Politis and Romano, The Stationary Bootstrap (1994); Efron and Tibshirani, An Introduction to the Bootstrap (1993).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import layout
from assay.engine.sums import from_sums
from assay.errors import InputError
from assay.validation.resampling_kernels import sums_of_days, sums_of_trades

if TYPE_CHECKING:
    from numpy.typing import NDArray

OF_DAYS = (
    "sharpe_ratio",
    "sortino_ratio",
    "net_profit_pct",
    "annual_return_pct",
    "max_drawdown_pct",
    "calmar_ratio",
)
OF_TRADES = ("win_rate", "expectancy_pct", "profit_factor")

RESAMPLES = 2000
BLOCK_DAYS = 5
CONFIDENCE = 0.95
MIN = 10
"""Fewer days or trades are not resampled."""

MAX_UNDEFINED = 0.05


@dataclass(frozen=True, slots=True)
class Interval:
    """A measure and where it might as well have been.

    Attributes
    ----------
    value : float
        Of the days or trades as they were.
    low, high : float
        Percentile interval; NaN where the measure is unknown in more than 5 % of the resamples.
    """

    value: float
    low: float
    high: float


def intervals_of_days(
    returns: NDArray[np.float64],
    days_per_year: int,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    block: float = BLOCK_DAYS,
    confidence: float = CONFIDENCE,
) -> dict[str, Interval]:
    """Return intervals of the measures of daily returns by the stationary block bootstrap.

    The measures are the engine's. The drawdown is that of day ends, the only values that days hold: with bars finer
    than a day the engine's, at bar closes, may be deeper.

    Parameters
    ----------
    returns : float64, shape (days,)
    days_per_year : int
    seed : int
    resamples : int
    block : float
        Mean length of a block in days, 1 or more.
    confidence : float
        Of the central interval.

    Returns
    -------
    dict of str to Interval
        By the names of `OF_DAYS`.

    Raises
    ------
    InputError
        When an argument is outside its range or a return is not finite.
    """
    _check(returns, resamples, confidence)
    if not block >= 1:
        raise InputError("block", "must be 1 day or more", block)
    n = len(returns)
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, max(n, 1), (resamples, n))
    renewed = rng.random((resamples, n)) < 1.0 / block
    data = np.ascontiguousarray(returns, np.float64)
    as_it_was, resampled = _sums(1), _sums(resamples)
    sums_of_days(data, np.zeros((1, n), np.int64), np.zeros((1, n), np.bool_), as_it_was)
    sums_of_days(data, starts, renewed, resampled)
    return _intervals(OF_DAYS, n, as_it_was, resampled, days_per_year, confidence)


def intervals_of_trades(
    net_return: NDArray[np.float64],
    size: NDArray[np.float64],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> dict[str, Interval]:
    """Return intervals of the measures of trades by drawing trades with replacement.

    Parameters
    ----------
    net_return, size : float64, shape (trades,)
        On notional after costs, and the share of the equity moved.
    seed, resamples, confidence
        As in `intervals_of_days`.

    Returns
    -------
    dict of str to Interval
        By the names of `OF_TRADES`.

    Raises
    ------
    InputError
        When an argument is outside its range or a return is not finite.
    """
    _check(net_return, resamples, confidence)
    n = len(net_return)
    net, weighted = np.ascontiguousarray(net_return, np.float64), np.ascontiguousarray(size * net_return, np.float64)
    picks = np.random.default_rng(seed).integers(0, max(n, 1), (resamples, n))
    as_it_was, resampled = _sums(1), _sums(resamples)
    sums_of_trades(net, weighted, np.arange(n, dtype=np.int64)[None], as_it_was)
    sums_of_trades(net, weighted, picks, resampled)
    return _intervals(OF_TRADES, n, as_it_was, resampled, 1, confidence)


def _sums(rows: int) -> NDArray[np.float64]:
    return np.zeros((rows, layout.SUM_FIELDS))


def _check(returns: NDArray[np.float64], resamples: int, confidence: float) -> None:
    if not np.isfinite(returns).all():
        raise InputError("returns", "must be finite", "NaN or infinity")
    if resamples < 1:
        raise InputError("resamples", "must be 1 or more", resamples)
    if not 0 < confidence < 1:
        raise InputError("confidence", "must be between 0 and 1", confidence)


def _intervals(
    names: tuple[str, ...],
    n: int,
    as_it_was: NDArray[np.float64],
    resampled: NDArray[np.float64],
    days_per_year: int,
    confidence: float,
) -> dict[str, Interval]:
    tail = (1.0 - confidence) / 2.0
    result = {}
    for name in names:
        value = float(from_sums(as_it_was[0], name, days_per_year)) if n else math.nan
        many = from_sums(resampled, name, days_per_year)
        known = many[np.isfinite(many)]
        enough = n >= MIN and math.isfinite(value) and len(known) >= (1.0 - MAX_UNDEFINED) * len(many)
        low, high = np.quantile(known, (tail, 1.0 - tail)) if enough else (math.nan, math.nan)
        result[name] = Interval(value, float(low), float(high))
    return result
