"""A leak is refused by its name, a lucky month is not believed, a real edge is, at once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.engine import Costs, Execution, Setups, Side
from assay.errors import LeakError
from assay.training import Experiment
from assay.validation import SplitPlan
from validation.toys import Spike, market, train

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars
    from assay.parameters import Value

TERMS = Execution(Side.LONG, Costs(fee=0.0003, slippage=0.0001))
PLAN = SplitPlan(train_days=40, test_days=20)
DAYS, PER_DAY = 230, 24


def experiment(strategy: Spike | None = None) -> Experiment:
    return Experiment(strategy or Spike(), execution=TERMS, plan=PLAN, permutations=79)


class Knowing(Spike):
    """Takes only the bursts after which the price rises: the close of three bars later decides."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        rows = super().setups(bars, side, shape)
        later = np.minimum(rows.bar + 3, len(bars) - 1)
        risen = bars.close[later] > bars.close[rows.bar]
        return rows.take(risen | (rows.bar > len(bars) - 4))


def test_a_leak_is_refused_by_its_name() -> None:
    with pytest.raises(LeakError, match="SPIKE: the signal itself at") as caught:
        train(experiment(Knowing()), market(5, DAYS))
    assert math.isnan(caught.value.found)


def lucky(seed: int, month: int) -> Bars:
    """A market without an edge but for one month, in which every burst was followed by a large rise."""
    quiet, busy = market(seed, DAYS), market(seed, DAYS, edge=0.03)
    there = (np.arange(len(quiet)) // (30 * PER_DAY)) == month
    move = np.where(there, busy.close / busy.open, quiet.close / quiet.open)
    close = np.asarray(100.0 * np.cumprod(move), dtype=np.float64)
    open_ = close / move
    high = open_ * np.where(there, busy.high / busy.open, quiet.high / quiet.open)
    low = open_ * np.where(there, busy.low / busy.open, quiet.low / quiet.open)
    return quiet.with_prices(open_, np.maximum(high, np.maximum(open_, close)), np.minimum(low, close), close)


@pytest.mark.parametrize("seed", [9, 10])
def test_what_was_fitted_to_a_lucky_month_is_not_promoted(seed: int) -> None:
    found = train(experiment(), lucky(seed, 0))
    assert found.search.result.best is not None
    assert found.search.in_sample["sharpe_ratio"] > 2
    assert found.tests.permutation.p_value <= 2 / 80  # no luck, but of the past
    assert found.stage == "PAPER"
    assert found.verdict.why_not_promoted.startswith("out-of-sample net profit above 0 %")


@pytest.mark.parametrize(("seed", "month"), [(9, 2), (9, 4), (10, 2), (10, 4)])
def test_a_lucky_month_among_the_test_days_makes_nothing_mature(seed: int, month: int) -> None:
    found = train(experiment(), lucky(seed, month))
    assert found.metrics["sharpe_ratio"] > 3
    assert found.stage != "MATURE"
    assert found.holdout_openings == 0
    kept = {change.name: change.holds for change in found.tests.fragility}
    assert not kept["best 30 days removed"]
    why = found.verdict.why_not_promoted
    assert "best 30 days removed" in why or why.startswith("alpha over the market")  # the month's own rise


def test_a_real_edge_is_believed_on_the_first_run() -> None:
    found = train(experiment(), market(5, DAYS, edge=0.012))
    assert found.stage == "MATURE"
    assert found.verdict.why_not_promoted == ""
    again = train(replace(experiment(), seed=7), market(6, DAYS, edge=0.012))
    assert again.stage == "MATURE"
