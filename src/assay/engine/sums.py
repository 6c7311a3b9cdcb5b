"""Measures that follow from the running sums of a run alone: of one run, or of many at once.

`*_pct` is percent points, every other rate a fraction; NaN is 'undefined'.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import layout
from assay.rounding import ROUNDING, rounded_squares

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
        over the root mean square of the losses; calmar_ratio = annualised return / |drawdown|. NaN where what is
        divided by is 0 or no more than rounding makes of 0 (see `assay.rounding`).
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
    squared = s[..., layout.SUM_RETURNS_SQUARED]
    about_mean = squared - s[..., layout.SUM_RETURNS] * mean
    varies = (about_mean > rounded_squares(days, squared)) & (days > 1)
    return np.where(varies, mean / np.sqrt(about_mean / (days - 1)) * math.sqrt(year), np.nan)


def _sortino(s: NDArray[np.float64], year: float) -> NDArray[np.float64]:
    days, down = s[..., layout.SUM_DAYS], s[..., layout.SUM_LOSSES_SQUARED]
    lost = down > rounded_losses(s, "sortino_ratio")
    return np.where(lost, s[..., layout.SUM_RETURNS] / days / np.sqrt(down / days) * math.sqrt(year), np.nan)


def _growth(s: NDArray[np.float64], year: float) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.maximum(s[..., layout.SUM_EQUITY], 0.0) ** (year / s[..., layout.SUM_DAYS]) - 1.0
    return result


def _calmar(s: NDArray[np.float64], year: float) -> NDArray[np.float64]:
    fall = s[..., layout.SUM_DRAWDOWN]
    return np.where(fall > rounded_losses(s, "calmar_ratio"), _growth(s, year) / fall, np.nan)


def _profit_factor(s: NDArray[np.float64], _: float) -> NDArray[np.float64]:
    losses = s[..., layout.SUM_LOSSES]
    return np.where(losses > rounded_losses(s, "profit_factor"), s[..., layout.SUM_GAINS] / losses, np.nan)


LOSSES = {
    "profit_factor": layout.SUM_LOSSES,
    "sortino_ratio": layout.SUM_LOSSES_SQUARED,
    "calmar_ratio": layout.SUM_DRAWDOWN,
}
"""The measures that are a ratio to what was lost, and the sum in which that stands."""


def rounded_losses(sums: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return the most that rounding alone may leave in the sum of `LOSSES` that a measure is divided by.

    Parameters
    ----------
    sums : float64, shape (..., 11)
    name : str
        One of `LOSSES`.

    Returns
    -------
    float64, shape (...)
        Nothing cancels in these sums: one `ROUNDING` a trade, its square a day, one for a fall.
    """
    if name == "profit_factor":
        return sums[..., layout.SUM_TRADES] * ROUNDING
    if name == "sortino_ratio":
        return sums[..., layout.SUM_DAYS] * ROUNDING**2
    return np.full(sums.shape[:-1], ROUNDING)


def without_loss(sums: NDArray[np.float64], name: str) -> NDArray[np.bool_]:
    """Return which runs made money and lost nothing, so that a ratio to their losses is undefined.

    Parameters
    ----------
    sums : float64, shape (..., 11)
    name : str
        One of `LOSSES`, which says what counts as a loss: a trade, a day, a fall at a bar's close.
    """
    profit = sums[..., layout.SUM_EQUITY] - 1.0
    made = profit > sums[..., layout.SUM_TRADES] * ROUNDING
    return np.asarray(made & (sums[..., LOSSES[name]] <= rounded_losses(sums, name)), dtype=np.bool_)


_FORMULAS: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.float64]]] = {
    "total_trades": lambda s, _: s[..., layout.SUM_TRADES],
    "win_rate": lambda s, _: _rate(s[..., layout.SUM_WINS], s[..., layout.SUM_TRADES]),
    "net_profit_pct": lambda s, _: 100.0 * (s[..., layout.SUM_EQUITY] - 1.0),
    "profit_factor": _profit_factor,
    "max_drawdown_pct": lambda s, _: -100.0 * s[..., layout.SUM_DRAWDOWN],
    "sharpe_ratio": _sharpe,
    "sortino_ratio": _sortino,
    "calmar_ratio": _calmar,
    "annual_return_pct": lambda s, year: 100.0 * _growth(s, year),
    "expectancy_pct": lambda s, _: 100.0 * _rate(s[..., layout.SUM_NET], s[..., layout.SUM_TRADES]),
}
