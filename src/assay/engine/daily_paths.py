"""What days of equity say: returns of months and years, the deepest falls, and one path beside another.

A path is a worth at the end of each day, from 1 before the first: of a run, or of the market held over the same days.
All of it follows from such a path alone, so that pages and files show the same numbers; NaN is 'undefined'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import layout
from assay.engine.sums import from_sums
from assay.engine.trades import daily_returns
from assay.rounding import ROUNDING

if TYPE_CHECKING:
    from numpy.typing import NDArray

MONTHS = 12
MAX_FALLS = 10


@dataclass(frozen=True, slots=True)
class YearReturns:
    """What a calendar year brought.

    Attributes
    ----------
    year : int
    months_pct : tuple of float
        Of the twelve months, percent points; NaN where the path has no day of it.
    in_part : tuple of bool
        Which of the months the path covers only in part.
    return_pct : float
        Of the days of the year that the path has; the months compound to it, and the years to the whole.
    """

    year: int
    months_pct: tuple[float, ...]
    in_part: tuple[bool, ...]
    return_pct: float


def _compounded(worth: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the percent gained in each of consecutive stretches from the position of its last day; 0 after ruin."""
    return 100.0 * daily_returns(worth[ends])


def calendar_returns(first_day: int, worth: NDArray[np.float64]) -> tuple[YearReturns, ...]:
    """Return what each calendar year and each of its months brought.

    Parameters
    ----------
    first_day : int
        Ordinal of the first day, since 1970-01-01.
    worth : float64, shape (days,)
    """
    if not len(worth):
        return ()
    days = (first_day + np.arange(len(worth))).astype("datetime64[D]")
    months = days.astype("datetime64[M]").astype(np.int64)
    last = np.flatnonzero(np.diff(months, append=months[-1] + 1))
    gained = dict(zip(months[last].tolist(), _compounded(worth, last).tolist(), strict=True))
    counted = dict(zip(months[last].tolist(), np.diff(last, prepend=-1).tolist(), strict=True))
    years = months // MONTHS
    ends = np.flatnonzero(np.diff(years, append=years[-1] + 1))
    return tuple(
        YearReturns(
            year=1970 + year,
            months_pct=tuple(gained.get(MONTHS * year + i, math.nan) for i in range(MONTHS)),
            in_part=tuple(0 < counted.get(MONTHS * year + i, 0) < _length(MONTHS * year + i) for i in range(MONTHS)),
            return_pct=total,
        )
        for year, total in zip(years[ends].tolist(), _compounded(worth, ends).tolist(), strict=True)
    )


def _length(month: int) -> int:
    """Return the days of a month, counted from January 1970."""
    begin, end = np.array([month, month + 1]).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return int(end - begin)


@dataclass(frozen=True, slots=True)
class Fall:
    """A stretch of days below an earlier high, counted on day ends.

    Attributes
    ----------
    depth_pct : float
        From the high to the lowest day end, percent points, negative.
    begin, bottom : str
        The first day below the high, and the lowest (ISO dates).
    recovery : str or None
        The first day at the high or above it again; None where that did not happen.
    days : int
        Days below the high; the most of all falls is the measure `drawdown_duration`.
    """

    depth_pct: float
    begin: str
    bottom: str
    recovery: str | None
    days: int


def worst_falls(first_day: int, worth: NDArray[np.float64], count: int = MAX_FALLS) -> tuple[Fall, ...]:
    """Return the deepest drawdowns of day ends, the deepest first; the earlier first where two are as deep.

    Parameters
    ----------
    first_day : int
        Ordinal of the first day, since 1970-01-01.
    worth : float64, shape (days,)
    """
    high = np.maximum.accumulate(np.maximum(worth, 1.0))
    below = worth < high
    edges = np.flatnonzero(np.diff(below.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    found = []
    for begin, end in edges.tolist():
        bottom = begin + int(np.argmin(worth[begin:end]))
        depth = float(worth[bottom] / high[bottom]) - 1.0
        if depth < -ROUNDING:
            recovery = None if end == len(worth) else _date(first_day + end)
            days = _date(first_day + begin), _date(first_day + bottom)
            found.append(Fall(100.0 * depth, *days, recovery, end - begin))
    return tuple(sorted(found, key=lambda fall: fall.depth_pct)[:count])


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))


@dataclass(frozen=True, slots=True)
class PathMeasures:
    """A path in numbers, percent points but for the ratio; a drawdown is that of day ends.

    Attributes
    ----------
    net_profit_pct, annual_return_pct : float
    sharpe_ratio : float
    max_drawdown_pct : float
    best_day_pct, worst_day_pct : float
    rising_days : float
        Share of the days on which it rose.
    """

    net_profit_pct: float
    annual_return_pct: float
    sharpe_ratio: float
    max_drawdown_pct: float
    best_day_pct: float
    worst_day_pct: float
    rising_days: float


def path_measures(worth: NDArray[np.float64], days_per_year: int) -> PathMeasures:
    """Return a path in numbers, by the formulas of the measures of a run.

    Parameters
    ----------
    worth : float64, shape (days,)
        One day at least.
    """
    returns = daily_returns(worth)
    high = np.maximum.accumulate(np.maximum(worth, 1.0))
    sums = np.zeros(layout.SUM_FIELDS)
    sums[layout.SUM_EQUITY] = worth[-1]
    sums[layout.SUM_DAYS] = len(worth)
    sums[layout.SUM_RETURNS] = returns.sum()
    sums[layout.SUM_RETURNS_SQUARED] = (returns * returns).sum()
    sums[layout.SUM_DRAWDOWN] = (1.0 - worth / high).max()

    def measured(name: str) -> float:
        return float(from_sums(sums, name, days_per_year))

    return PathMeasures(
        net_profit_pct=measured("net_profit_pct"),
        annual_return_pct=measured("annual_return_pct"),
        sharpe_ratio=measured("sharpe_ratio"),
        max_drawdown_pct=measured("max_drawdown_pct"),
        best_day_pct=100.0 * float(returns.max()),
        worst_day_pct=100.0 * float(returns.min()),
        rising_days=float(np.mean(returns > 0)),
    )
