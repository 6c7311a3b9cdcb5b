"""The score that a search maximises: a measure, made careful about few trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.engine.objectives import has_no_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFUSED = -5.0
MIN_TRADES = 10
FULL_TRADES = 30
PRIOR_TRADES = 100
"""Trades that weigh as much as what is believed before any trade is seen: that a trade has no edge.

With a normal prior of the mean of a trade, of variance s^2/100 where s^2 is the variance of a trade, the expected mean
of the next trades is n/(n + 100) times the mean of those seen, and the expected Sharpe ratio of the next days the same
share of the Sharpe ratio seen. Without it the best of many combinations is nearly always one with few trades.
"""
MAX_RATIO = 1e6
"""A ratio counts at most so much. What has no loss counts `NO_LOSS`: above it from 11 trades on."""

ALIASES = {"net_profit": "net_profit_pct", "sharpe": "sharpe_ratio"}


def penalised(measure: NDArray[np.float64], trades: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a measure is worth, seen in so many trades.

    Parameters
    ----------
    measure, trades : float64, shape (n,)
        The measure is what `assay.engine.objectives.Objective.worth` says.

    Returns
    -------
    float64, shape (n,)
        b = w S + (1 - w)(-5) with w = min(1, (trades - 10)/20) and S within 1e6, or 1e9 and more for a run without a
        loss; and b trades/(trades + 100) where b is positive; -5 below 10 trades and where S is NaN; always finite.
    """
    weight = np.clip((trades - MIN_TRADES) / (FULL_TRADES - MIN_TRADES), 0.0, 1.0)
    bounded = np.clip(np.where(np.isnan(measure), REFUSED, measure), -MAX_RATIO, MAX_RATIO)
    bounded = np.where(has_no_loss(measure), measure, bounded)
    blended = weight * bounded + (1.0 - weight) * REFUSED
    expected = np.where(blended > 0.0, blended * (trades / (trades + PRIOR_TRADES)), blended)
    score: NDArray[np.float64] = np.where((trades < MIN_TRADES) | np.isnan(measure), REFUSED, expected)
    return score


def refused(measure: NDArray[np.float64], trades: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points cannot win: fewer than 10 trades, or an undefined measure."""
    result: NDArray[np.bool_] = (trades < MIN_TRADES) | np.isnan(measure)
    return result


def best(score: NDArray[np.float64], out: NDArray[np.bool_]) -> int | None:
    """Index of the highest positive score, the lowest index among equals; None when there is none."""
    if not len(score):
        return None
    allowed = np.where(out, -np.inf, score)
    index = int(np.argmax(allowed))
    return index if allowed[index] > 0 else None
