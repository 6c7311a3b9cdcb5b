"""Measures that follow from the running sums of a run alone: of one run, or of many at once.

`*_pct` is percent points, every other rate a fraction; NaN is 'undefined'.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TABLE = (
    "total_trades",
    "win_rate",
    "net_profit_pct",
    "profit_factor",
    "max_drawdown_pct",
    "sharpe_ratio",
)
"""Columns of a sweep's table."""


def from_sums(sums: NDArray[np.float64], name: str, days_per_year: int) -> NDArray[np.float64]:
    """Compute one measure of many runs.

    Parameters
    ----------
    sums : float64, shape (..., 11)
        The columns of `layout.SUMS`.
    name : str
        One of `TABLE`, of the objectives, or annual_return_pct.
    days_per_year : int
        365 around the clock, 252 for futures.

    Returns
    -------
    float64, shape (...)
        sharpe_ratio = mean / sample std of daily returns x sqrt(days per year); sortino_ratio the same
        over the root mean square of the losses; calmar_ratio = annualised return / |drawdown|.
    """
    s = np.asarray(sums)
    with np.errstate(all="ignore"):
        result: NDArray[np.float64] = np.asarray(_FORMULAS[name](s, float(days_per_year)))
    return result


def _rate(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / whole, np.nan)


def _sharpe(s: NDArray[np.float64], year: float) -> NDArray[np.float64]:
    days = s[..., layout.SUM_DAYS]
    mean = s[..., layout.SUM_RETURNS] / days
    variance = (s[..., layout.SUM_RETURNS_SQUARED] - s[..., layout.SUM_RETURNS] * mean) / (days - 1)
    return np.where((variance > 0) & (days > 1), mean / np.sqrt(variance) * math.sqrt(year), np.nan)


def _sortino(s: NDArray[np.float64], year: float) -> NDArray[np.float64]:
    days, down = s[..., layout.SUM_DAYS], s[..., layout.SUM_LOSSES_SQUARED]
    return np.where(down > 0, s[..., layout.SUM_RETURNS] / days / np.sqrt(down / days) * math.sqrt(year), np.nan)


def _growth(s: NDArray[np.float64], year: float) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.maximum(s[..., layout.SUM_EQUITY], 0.0) ** (year / s[..., layout.SUM_DAYS]) - 1.0
    return result


def _calmar(s: NDArray[np.float64], year: float) -> NDArray[np.float64]:
    return np.where(s[..., layout.SUM_DRAWDOWN] > 0, _growth(s, year) / s[..., layout.SUM_DRAWDOWN], np.nan)


_FORMULAS: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.float64]]] = {
    "total_trades": lambda s, _: s[..., layout.SUM_TRADES],
    "win_rate": lambda s, _: _rate(s[..., layout.SUM_WINS], s[..., layout.SUM_TRADES]),
    "net_profit_pct": lambda s, _: 100.0 * (s[..., layout.SUM_EQUITY] - 1.0),
    "profit_factor": lambda s, _: _rate(s[..., layout.SUM_GAINS], s[..., layout.SUM_LOSSES]),
    "max_drawdown_pct": lambda s, _: -100.0 * s[..., layout.SUM_DRAWDOWN],
    "sharpe_ratio": _sharpe,
    "sortino_ratio": _sortino,
    "calmar_ratio": _calmar,
    "annual_return_pct": lambda s, year: 100.0 * _growth(s, year),
    "expectancy_pct": lambda s, _: 100.0 * _rate(s[..., layout.SUM_NET], s[..., layout.SUM_TRADES]),
}
