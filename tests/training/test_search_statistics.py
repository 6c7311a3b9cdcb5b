"""What the Sharpe statistics are asked about."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.engine import Costs, Execution, Side
from assay.search import SearchResult, run_search
from assay.training import Experiment
from assay.training.search_statistics import statistics_of_search
from assay.validation import PermutationTest
from assay.validation.sharpe import deflated_sharpe, moments
from validation.toys import PER_DAY, Spike, market

if TYPE_CHECKING:
    from assay.evaluation import Evaluator

BARS = market(31, 90, edge=0.012)
EXPERIMENT = Experiment(Spike(), execution=Execution(Side.LONG, costs=Costs(fee=0.0003, slippage=0.0001)))
NOTHING = PermutationTest.not_run()


def searched(evaluator: Evaluator, stop: int) -> SearchResult:
    span = evaluator.span(40, stop)
    return run_search(EXPERIMENT.search, lambda c: evaluator.score(BARS, span, c))


def test_runs_that_end_on_other_days_are_compared_on_the_same() -> None:
    """A trade that is open at the last signal may close on the next day: its run is a day longer."""
    evaluator = EXPERIMENT.evaluator(BARS)
    lengths = {}
    for stop in range(50 * PER_DAY, 86 * PER_DAY, PER_DAY):
        found = searched(evaluator, stop)
        runs = [evaluator.replay(BARS, found.tried.at(i), evaluator.span(40, stop)) for i in range(found.combinations)]
        lengths[stop] = {len(run.daily_returns) for run in runs}
    stop = next(stop for stop, days in lengths.items() if len(days) > 1)
    found = searched(evaluator, stop)
    said = statistics_of_search(EXPERIMENT, evaluator, BARS, evaluator.span(40, stop), found, NOTHING)
    assert said is not None
    days = max(lengths[stop])
    assert f"there are {days / 365:.2f}" in said["minimum_backtest_length"].meaning


def test_the_deflated_sharpe_ratio_by_hand() -> None:
    evaluator = EXPERIMENT.evaluator(BARS)
    stop = 80 * PER_DAY
    span = evaluator.span(40, stop)
    found = searched(evaluator, stop)
    assert found.best is not None
    sharpes = []
    for i in range(found.combinations):
        returns = evaluator.replay(BARS, found.tried.at(i), span).daily_returns
        if returns.std() > 0:
            sharpes.append(returns.mean() / returns.std(ddof=1))
    returns = evaluator.replay(BARS, found.best, span).daily_returns
    ratio, skewness, kurtosis = moments(returns)
    variance = float(np.var(sharpes, ddof=1))
    expected = deflated_sharpe(ratio, len(returns), found.combinations, variance, skewness, kurtosis)
    said = statistics_of_search(EXPERIMENT, evaluator, BARS, span, found, NOTHING)
    assert said is not None
    assert said["deflated_sharpe"].value == pytest.approx(expected.probability, rel=1e-6)
    assert math.isnan(said["deflated_sharpe_implied"].value)  # no permuted search was measured


def test_without_a_winner_nobody_is_asked() -> None:
    evaluator = EXPERIMENT.evaluator(BARS)
    found = replace(searched(evaluator, 80 * PER_DAY), best=None)
    assert statistics_of_search(EXPERIMENT, evaluator, BARS, evaluator.span(40, 80 * PER_DAY), found, NOTHING) is None
