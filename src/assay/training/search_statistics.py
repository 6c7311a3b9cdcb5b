"""What the Sharpe statistics are asked about: the winner of a search and an evenly thinned sample of what it tried."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from assay.rounding import deviation
from assay.validation import sharpe_statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Span
    from assay.evaluation.evaluator import Evaluator
    from assay.market import Bars
    from assay.parameters import Value
    from assay.search import SearchResult
    from assay.training.experiment import Experiment
    from assay.validation import PermutationTest, SharpeStatistics

SAMPLE = 200
"""Combinations at most whose daily returns are compared."""


def statistics_of_search(
    experiment: Experiment,
    evaluator: Evaluator,
    bars: Bars,
    span: Span,
    found: SearchResult,
    permutation: PermutationTest,
) -> SharpeStatistics | None:
    """Ask the Sharpe statistics about a search; None without a winner.

    Parameters
    ----------
    bars, span
        The days that the search saw.
    """
    if found.best is None:
        return None

    def daily(values: dict[str, Value]) -> NDArray[np.float64]:
        return evaluator.replay(bars, values, span).daily_returns

    points = np.unique(np.linspace(0, found.combinations - 1, SAMPLE).astype(np.int64))
    winner, *sampled = _aligned([daily(found.best), *(daily(found.tried.at(int(i))) for i in points)])
    sample = np.stack(sampled, axis=1)
    year = bars.market.days_per_year
    by_sharpe = experiment.objective == "sharpe_ratio"
    return sharpe_statistics(
        winner,
        sample,
        sharpe_variance=found.variance / year if by_sharpe else _variance(sample),
        trials=found.combinations,
        maxima=permutation.measures if by_sharpe else np.zeros(0),
        days_per_year=year,
        seed=experiment.seed,
    )


def _aligned(runs: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Give all the same days: a run ends on the day of its last exit, which may come after the last signal's."""
    days = max(len(run) for run in runs)
    return [np.pad(run, (0, days - len(run))) for run in runs]


def _variance(returns: NDArray[np.float64]) -> float:
    """Variance of the per-day Sharpe ratio over the columns that vary."""
    spread = deviation(returns)
    moving = ~np.isnan(spread)
    if moving.sum() < 2:
        return math.nan
    return float(np.var(returns.mean(axis=0)[moving] / spread[moving], ddof=1))
