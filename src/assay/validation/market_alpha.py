"""What a run earns beside its market: alpha, beta, and the market held at the same exposure.

A long run in a rising market earns without any skill. Daily returns of the run are regressed on those of the market;
the standard error is that of Newey and West (1987) with Bartlett weights, which allows for returns that depend on those
of the days before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.rounding import ROUNDING, deviation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Run
    from assay.market import Bars

LAGS = 5
"""Days over which returns may depend on each other."""

MIN_DAYS = 60
"""With fewer days alpha is unknown."""


@dataclass(frozen=True, slots=True)
class MarketAlpha:
    """A run beside its market.

    Attributes
    ----------
    days : int
    long_bars, short_bars : int
        Bars in a trade of each side.
    exposure : float
        Mean position, +1 long and -1 short, over all bars of the run; trades count by bars, not by size.
    alpha_pct : float
        Annual return that the market does not explain, percent points; NaN where unknown, as are beta and t.
    beta : float
    t : float
        Alpha over its standard error.
    market_pct : float
        Net return of the market over the same days, percent points.
    same_exposure_pct : float
        Of holding `exposure` of the capital in the market every day, without costs.
    """

    days: int
    long_bars: int
    short_bars: int
    exposure: float
    alpha_pct: float
    beta: float
    t: float
    market_pct: float
    same_exposure_pct: float

    @property
    def lean(self) -> float:
        """|long - short| over bars in a trade: 1 where all lie on one side; NaN without a trade."""
        held = self.long_bars + self.short_bars
        return abs(self.long_bars - self.short_bars) / held if held else math.nan


def market_alpha(run: Run, bars: Bars) -> MarketAlpha:
    """Return a run beside its market.

    Parameters
    ----------
    run : Run
    bars : Bars
        Those that it was replayed on.
    """
    market = market_returns(run, bars)
    year = bars.market.days_per_year
    held = {side: int(run.trades.bars_held[run.trades.side == side].sum()) for side in (1, -1)}
    exposure = (held[1] - held[-1]) / run.bars
    alpha, beta, t = regression(run.daily_returns, market) if len(market) >= MIN_DAYS else (math.nan,) * 3
    return MarketAlpha(
        days=len(market),
        long_bars=held[1],
        short_bars=held[-1],
        exposure=exposure,
        alpha_pct=100.0 * year * alpha,
        beta=beta,
        t=t,
        market_pct=100.0 * float(np.prod(1.0 + market) - 1.0) if len(market) else math.nan,
        same_exposure_pct=100.0 * float(np.prod(1.0 + exposure * market) - 1.0) if len(market) else math.nan,
    )


def market_returns(run: Run, bars: Bars) -> NDArray[np.float64]:
    """Return the market's return on each day of a run, shape (days,): its last trade over that of the day before."""
    days = run.first_day + np.arange(len(run.equity))
    last = np.searchsorted(bars.day, days, side="right") - 1
    before = int(np.searchsorted(bars.day, run.first_day)) - 1
    marks = bars.mark[np.concatenate(([max(before, 0)], last))]
    returns: NDArray[np.float64] = marks[1:] / marks[:-1] - 1.0
    return returns


def regression(returns: NDArray[np.float64], market: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return alpha a day, beta and the t of alpha (Newey-West, 5 lags).

    Parameters
    ----------
    returns, market : float64, shape (days,)

    Returns
    -------
    alpha, beta, t : float
        NaN where the market or what it leaves unexplained does not vary.
    """
    n = len(returns)
    design = np.stack([np.ones(n), market], axis=1)
    moments = design.T @ design
    centred = market - market.mean()
    # beyond rounding itself, as much as the inverse of a nearly singular matrix loses
    if math.isnan(deviation(market)) or float(centred @ centred) <= 1e-12 * float(market @ market):
        return math.nan, math.nan, math.nan
    inverse = np.linalg.inv(moments)
    alpha, beta = inverse @ design.T @ returns
    residual = returns - design @ np.array([alpha, beta])
    if float(residual @ residual) <= max(1e-18 * float(returns @ returns), n * ROUNDING**2):
        return float(alpha), float(beta), math.nan
    scores = design * residual[:, None]
    spread = scores.T @ scores
    for lag in range(1, min(LAGS, n - 1) + 1):
        cross = scores[lag:].T @ scores[:-lag]
        spread += (1.0 - lag / (LAGS + 1.0)) * (cross + cross.T)
    variance = float((inverse @ spread @ inverse)[0, 0])
    return float(alpha), float(beta), float(alpha) / math.sqrt(variance) if variance > 0.0 else math.nan
