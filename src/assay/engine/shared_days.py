"""Several runs on the days that they share: each from 1, how alike they are, and what they are together.

A path is the worth at the end of each of consecutive days, from 1 before the first. Nothing here says what will be: the
weights of a portfolio at equal risk are set on the very days on which it is shown. NaN is 'undefined'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine.daily_paths import path_measures
from assay.engine.trades import daily_returns
from assay.rounding import deviation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MIN_SHARED_DAYS = 20
"""On fewer days a correlation is chance: it is unknown."""


@dataclass(frozen=True, eq=False)
class DailyPath:
    """A worth by day.

    Attributes
    ----------
    first_day : int
        Ordinal of the first day, since 1970-01-01.
    worth : float64, shape (days,)
        At the end of each day, from 1 before the first.
    """

    first_day: int
    worth: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SharedMeasures:
    """A path in numbers; drawdowns are those of day ends.

    Attributes
    ----------
    net_profit_pct : float
        Percent points, as are volatility and drawdown.
    volatility_pct : float
        Sample standard deviation of the daily returns, made annual.
    sharpe_ratio : float
        Annual, by the formula of the measure.
    max_drawdown_pct : float
        Never positive.
    """

    net_profit_pct: float
    volatility_pct: float
    sharpe_ratio: float
    max_drawdown_pct: float


@dataclass(frozen=True, eq=False)
class EqualRisk:
    """A portfolio in which every member has a weight of one over its daily volatility; weights are restored every day.

    Attributes
    ----------
    weights : float64, shape (members,)
        They sum to 1.
    worth, drawdown_pct : float64, shape (days,)
    measures : SharedMeasures
    """

    weights: NDArray[np.float64]
    worth: NDArray[np.float64]
    drawdown_pct: NDArray[np.float64]
    measures: SharedMeasures


@dataclass(frozen=True, eq=False)
class SharedDays:
    """Paths on the days that all of them have.

    Attributes
    ----------
    first_day : int
        Ordinal of the first of these days.
    worth, drawdown_pct : float64, shape (days, members)
        From 1 before the first of these days; percent points below the highest day end so far.
    measures : tuple of SharedMeasures
    correlation : float64, shape (members, members)
        Of the daily returns (Pearson); NaN below `MIN_SHARED_DAYS` days, and where one does not vary.
    equal_risk : EqualRisk or None
        None below `MIN_SHARED_DAYS` days, and where a member does not vary.
    """

    first_day: int
    worth: NDArray[np.float64]
    drawdown_pct: NDArray[np.float64]
    measures: tuple[SharedMeasures, ...]
    correlation: NDArray[np.float64]
    equal_risk: EqualRisk | None

    @property
    def days(self) -> int:
        """How many days all of them have."""
        return len(self.worth)


def shared_days(paths: Sequence[DailyPath], days_per_year: int) -> SharedDays | None:
    """Return some paths on the days that all of them have; None where there is no such day.

    Parameters
    ----------
    paths : sequence of DailyPath
        One at least.
    days_per_year : int
        Trading days of a year, as the markets' calendar says it.
    """
    start = max(path.first_day for path in paths)
    stop = min(path.first_day + len(path.worth) for path in paths)
    if start >= stop:
        return None
    returns = np.column_stack(
        [daily_returns(path.worth)[start - path.first_day : stop - path.first_day] for path in paths]
    )
    worth = _worth(returns)
    known = len(returns) >= MIN_SHARED_DAYS
    spread = deviation(returns) if known else np.full(len(paths), math.nan)
    return SharedDays(
        first_day=start,
        worth=worth,
        drawdown_pct=drawdown_pct(worth),
        measures=tuple(_measures(worth[:, i], days_per_year) for i in range(len(paths))),
        correlation=_correlation(returns, spread),
        equal_risk=None if np.isnan(spread).any() else _equal_risk(returns, spread, days_per_year),
    )


def drawdown_pct(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each day end lies below the highest so far, percent points, shape as given; the start is 1."""
    peak = np.maximum.accumulate(np.maximum(worth, 1.0), axis=0)
    return np.asarray(100.0 * (worth / peak - 1.0), dtype=np.float64)


def _worth(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cumprod(1.0 + returns, axis=0), dtype=np.float64)


def _correlation(returns: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of columns from their sample deviations; exactly 1 of a column with itself."""
    about_mean = returns - returns.mean(axis=0)
    joint = about_mean.T @ about_mean / max(len(returns) - 1, 1)
    found = np.clip(joint / np.outer(spread, spread), -1.0, 1.0)
    np.fill_diagonal(found, np.where(np.isnan(spread), math.nan, 1.0))
    return np.asarray(found, dtype=np.float64)


def _equal_risk(returns: NDArray[np.float64], spread: NDArray[np.float64], days_per_year: int) -> EqualRisk:
    weights = (1.0 / spread) / np.sum(1.0 / spread)
    together = np.asarray(returns @ weights, dtype=np.float64)
    worth = _worth(together)
    return EqualRisk(weights, worth, drawdown_pct(worth), _measures(worth, days_per_year))


def _measures(worth: NDArray[np.float64], days_per_year: int) -> SharedMeasures:
    found = path_measures(worth, days_per_year)
    return SharedMeasures(
        net_profit_pct=found.net_profit_pct,
        volatility_pct=100.0 * float(deviation(daily_returns(worth))) * math.sqrt(days_per_year),
        sharpe_ratio=found.sharpe_ratio,
        max_drawdown_pct=found.max_drawdown_pct,
    )
