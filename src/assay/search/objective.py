"""The score that a search maximises: a measure, made careful about few trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFUSED = -5.0
LEAST_TRADES = 10
FULL_TRADES = 30
_MOST = 1e6

ALIASES = {"net_profit": "net_profit_pct", "sharpe": "sharpe_ratio"}


def penalised(measure: NDArray[np.float64], trades: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blend a measure with a refusal where trades are few.

    Parameters
    ----------
    measure, trades : float64, shape (n,)

    Returns
    -------
    float64, shape (n,)
        w S + (1 - w)(-5) with w = min(1, (trades - 10)/20); -5 below 10 trades and where S is NaN;
        always finite.
    """
    weight = np.clip((trades - LEAST_TRADES) / (FULL_TRADES - LEAST_TRADES), 0.0, 1.0)
    bounded = np.clip(np.where(np.isnan(measure), REFUSED, measure), -_MOST, _MOST)
    score: NDArray[np.float64] = np.where(
        (trades < LEAST_TRADES) | np.isnan(measure), REFUSED, weight * bounded + (1.0 - weight) * REFUSED
    )
    return score


def refused(measure: NDArray[np.float64], trades: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points cannot win: fewer than 10 trades, or an undefined measure."""
    result: NDArray[np.bool_] = (trades < LEAST_TRADES) | np.isnan(measure)
    return result


def best(score: NDArray[np.float64], out: NDArray[np.bool_]) -> int | None:
    """Index of the highest positive score, the lowest index among equals; None when there is none."""
    if not len(score):
        return None
    allowed = np.where(out, -np.inf, score)
    index = int(np.argmax(allowed))
    return index if allowed[index] > 0 else None
