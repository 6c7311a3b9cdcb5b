"""Measures of risk and of the time around a trade, each a pure function of arrays.

Losses are positive: a value at risk of .02 is a day that costs 2 % of the equity. NaN is 'undefined'.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from assay.market.calendar import MINUTE_MS
from assay.rounding import deviation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine.trades import Trades
    from assay.market import Bars

TAIL = 0.05
MIN_DAYS_OF_TAIL = 20
"""Fewer days hold no worst twentieth."""

MONTH_DAYS = 30
RESAMPLES = 2000
BOOTSTRAP_SEED = 20260101
MIN_TRADES_OF_CLUSTERS = 30


def value_at_risk(returns: NDArray[np.float64]) -> float:
    """Return the loss that 5 % of the days exceed: minus the 5 % quantile (linear), shape (days,)."""
    if len(returns) < MIN_DAYS_OF_TAIL:
        return math.nan
    return -float(np.quantile(returns, TAIL)) + 0.0


def expected_shortfall(returns: NDArray[np.float64]) -> float:
    """Return the mean loss of the worst 5 % of the days, shape (days,).

    The day at the edge counts with the part of it that belongs to the 5 % (Acerbi and Tasche, On the coherence of
    expected shortfall, 2002, definition 2.6): a mean over all days at the quantile would be diluted by days without a
    trade, which are all equal.
    """
    n = len(returns)
    if n < MIN_DAYS_OF_TAIL:
        return math.nan
    worst = np.sort(returns)
    mass = TAIL * n
    whole = int(mass)
    tail = float(worst[:whole].sum()) + (mass - whole) * float(worst[whole])
    return -tail / mass + 0.0


@cache
def _draws() -> NDArray[np.float64]:
    """Uniform numbers of the bootstrap, shape (`RESAMPLES`, `MONTH_DAYS`): the same for every run."""
    return np.random.default_rng(BOOTSTRAP_SEED).random((RESAMPLES, MONTH_DAYS))


def monte_carlo_value_at_risk(returns: NDArray[np.float64], draws: NDArray[np.float64] | None = None) -> float:
    """Return the loss of 30 days that 5 % of the resampled months exceed.

    Parameters
    ----------
    returns : float64, shape (days,)
    draws : float64, shape (resamples, horizon), optional
        Uniform in [0, 1): each picks a day, with replacement; seeded where not given.
    """
    if len(returns) < MONTH_DAYS:
        return math.nan
    drawn = _draws() if draws is None else draws
    months = np.prod(1.0 + returns[(drawn * len(returns)).astype(np.int64)], axis=1) - 1.0
    return -float(np.quantile(months, TAIL)) + 0.0


def dispersion(counts: NDArray[np.float64]) -> float:
    """Return sample variance over mean of counts, shape (n,): 1 for events at random, more where they cluster.

    The index of dispersion (Cox and Lewis, The Statistical Analysis of Series of Events, 1966).
    """
    mean = float(counts.mean()) if len(counts) > 1 else 0.0
    return float(counts.var(ddof=1)) / mean if mean > 0 else math.nan


def clustering(entry_day: NDArray[np.int64], first_day: int, days: int) -> float:
    """Return the index of dispersion of entries a day; NaN below 30 trades."""
    if len(entry_day) < MIN_TRADES_OF_CLUSTERS:
        return math.nan
    return dispersion(np.bincount(entry_day - first_day, minlength=days).astype(np.float64))


def sharpe(returns: NDArray[np.float64], days_per_year: int) -> float:
    """Return the annual Sharpe ratio of daily returns, shape (days,): mean over deviation; NaN without any."""
    if len(returns) < 2:
        return math.nan
    return float(returns.mean()) / float(deviation(returns)) * math.sqrt(days_per_year)


def rolling_sharpe(returns: NDArray[np.float64], window: int, days_per_year: int) -> NDArray[np.float64]:
    """Return on each day the annual Sharpe ratio of the `window` days that end with it, shape (days,).

    NaN before there are so many. The last value of 30 days is the measure `rolling_30d_sharpe`.
    """
    found = np.full(len(returns), math.nan)
    for stop in range(window, len(returns) + 1):
        found[stop - 1] = sharpe(returns[stop - window : stop], days_per_year)
    return found


def last_month_sharpe(returns: NDArray[np.float64], days_per_year: int) -> float:
    """Return the annual Sharpe ratio of the last 30 days; NaN where there are fewer or they do not vary."""
    if len(returns) < MONTH_DAYS:
        return math.nan
    return sharpe(returns[-MONTH_DAYS:], days_per_year)


def kelly_fraction(win_rate: float, average_win: float, average_loss: float) -> float:
    """Return max(0, W - (1 - W) / (average win / |average loss|)): the share of the capital to risk on a trade.

    Kelly, A New Interpretation of Information Rate (1956), for a bet of two outcomes. NaN where a part is unknown.
    """
    if not (average_win > 0 and average_loss < 0):
        return math.nan
    return max(0.0, win_rate - (1.0 - win_rate) * -average_loss / average_win)


def drift_bps(trades: Trades, bars: Bars, minutes: int) -> float:
    """Return the mean move in favour of a trade, from the open of its fill bar to the price `minutes` later.

    In basis points of that open, without slippage. NaN without trades, and where the bars are coarser than that or
    no whole number of them makes it.
    """
    step = bars.market.timeframe.ms
    ahead = minutes * MINUTE_MS // step
    if not ahead or ahead * step != minutes * MINUTE_MS:
        return math.nan
    at = trades.entry_bar + ahead - 1
    known = at < len(bars)
    if not known.any():
        return math.nan
    opened = bars.open[trades.entry_bar[known]]
    return float(np.mean(trades.side[known] * (bars.close[at[known]] - opened) / opened)) * 1e4
