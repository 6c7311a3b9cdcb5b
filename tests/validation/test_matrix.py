"""The walk-forward under other window lengths: every cell is the walk-forward of that plan."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Bracket, Costs, Money, Setups
from assay.errors import InsufficientDataError
from assay.validation import Matrix, SplitPlan, make_splits, walk_forward, walk_forward_matrix
from assay.validation import walkforward as module
from validation.toys import Spike, changed_from, grid_of, market, trial_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy

COSTS = Money(Costs(fee=0.0005, slippage=0.0002))
START, HOLDING = 40, 6
TRAIN, TEST = (20.0, 30.0, 45.0), (5.0, 10.0, 25.0)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return market(11, 100, edge=0.006)


def matrix_of(bars: Bars, plan: SplitPlan, strategy: Strategy | None = None, **options: Any) -> Matrix:
    strategy = strategy or Spike()
    splits = make_splits(plan, START, len(bars), 24.0, HOLDING)
    usual: dict[str, Any] = {"holding_bars": HOLDING, "train_days": TRAIN, "test_days": TEST}
    before = bars.head(splits.holdout_start)
    evaluator = trial_of(money=COSTS, strategy=strategy)
    return walk_forward_matrix(evaluator, before, grid_of(strategy), plan, (START, len(bars)), **(usual | options))


def cell(bars: Bars, plan: SplitPlan, strategy: Strategy | None = None, *, bounded: bool = True) -> tuple[float, ...]:
    """Sharpe ratio, net profit and windows of a walk-forward of its own; unknown where it would be scaled."""
    strategy = strategy or Spike()
    try:
        splits = make_splits(plan, START, len(bars), 24.0, HOLDING)
    except InsufficientDataError:
        return math.nan, math.nan, 0
    if any("too short" in note for note in splits.notes):
        return math.nan, math.nan, 0
    before, evaluator = bars.head(splits.holdout_start), trial_of(money=COSTS, strategy=strategy)
    walk = walk_forward(evaluator, before, grid_of(strategy), splits, bounded=bounded)
    return walk.measures["sharpe_ratio"], walk.measures["net_profit_pct"], len(splits.windows)


def assert_cells(found: Matrix, bars: Bars, plan: SplitPlan, **options: Any) -> None:
    for i, train in enumerate(found.train_days):
        for j, test in enumerate(found.test_days):
            expected = cell(bars, replace(plan, train_days=train, test_days=test), **options)
            got = found.sharpe[i, j], found.net_profit_pct[i, j], found.windows[i, j]
            assert np.array_equal(got, expected, equal_nan=True), (train, test)


@pytest.mark.parametrize("mode", ["anchored", "rolling"])
@pytest.mark.parametrize("terms", [{"holdout": 0.0}, {"gap_days": 2.0}])
def test_every_cell_is_the_walk_forward_of_its_plan(bars: Bars, mode: Any, terms: dict[str, float]) -> None:
    plan = SplitPlan(mode, train_days=26.0, test_days=12.0, **terms)
    found = matrix_of(bars, plan)
    # the plan's own lengths are among them, and in order
    assert found.train_days == (20.0, 26.0, 30.0, 45.0)
    assert found.test_days == (5.0, 10.0, 12.0, 25.0)
    assert_cells(found, bars, plan)
    known = found.windows > 0
    assert np.array_equal(known, ~np.isnan(found.net_profit_pct))
    assert known.any()
    assert not known.all()
    assert len(set(found.net_profit_pct[known].tolist())) > 4


def test_a_hole_at_the_end_of_a_gap_and_unbounded_trades(bars: Bars) -> None:
    class Unbounded(Spike):
        bracket = Bracket(stop="stop", target="target")

    plan = SplitPlan(train_days=30.0, test_days=10.0, holdout=0.0)
    volume = bars.volume.copy()
    volume[START + 30 * 24 + HOLDING - 1] = 0.0  # the bar before the first test
    holed = replace(bars, volume=volume, tradable=bars.tradable & (volume > 0), valid=bars.valid & (volume > 0))
    assert_cells(matrix_of(holed, plan), holed, plan)
    told = matrix_of(bars, plan, Unbounded(), bounded=False)
    assert_cells(told, bars, plan, strategy=Unbounded(), bounded=False)
    # each search is shown the bars before its test and no more: the tests of both plans begin after 20 + 5k days
    shown: set[int] = set()

    class Nosy(Unbounded):
        def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
            shown.add(len(bars))
            return super().setups(bars, side, shape)

    few = matrix_of(bars, plan, Nosy(), bounded=False, train_days=(20.0,), test_days=(5.0,))
    assert few.windows.tolist() == [[15, 7], [13, 6]]
    assert shown == {len(bars), *(START + HOLDING + 24 * (20 + 5 * k) for k in range(15))}
    assert np.array_equal(told.sharpe[:2, :2], few.sharpe)


def test_windows_in_common_are_searched_once_and_counted(bars: Bars) -> None:
    seen: list[tuple[int, int]] = []
    plan = SplitPlan(train_days=30.0, test_days=10.0, holdout=0.0)
    found = matrix_of(bars, plan, train_days=(20.0,), test_days=(20.0,), on_window=lambda *s: seen.append(s))
    # 98.3 days: trains of 20, 30, .. 80 days serve all four cells (7, 3; 6, 3 windows)
    assert found.windows.tolist() == [[7, 3], [6, 3]]
    assert seen == [(n, 7) for n in range(1, 8)]


def test_memory_and_threads_change_nothing(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = SplitPlan("rolling", train_days=30.0, test_days=10.0)
    one = matrix_of(bars, plan)
    monkeypatch.setattr(module, "MAX_SCORES", 60)  # two windows of 24 points at a time
    other = matrix_of(bars, plan, threads=2)
    monkeypatch.setattr(module, "MAX_SCORES", 5)  # one at a time
    third = matrix_of(bars, plan)
    for name in ("sharpe", "net_profit_pct", "windows"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes() == getattr(third, name).tobytes()


def test_what_lies_behind_the_door_changes_nothing(bars: Bars) -> None:
    plan = SplitPlan(train_days=30.0, test_days=10.0)
    door = make_splits(plan, START, len(bars), 24.0, HOLDING).holdout_start
    one, other = matrix_of(bars, plan), matrix_of(changed_from(bars, door), plan)
    assert one.net_profit_pct.tobytes() == other.net_profit_pct.tobytes()


def test_too_short_for_any_cell(bars: Bars) -> None:
    found = matrix_of(bars.head(24 * 50), SplitPlan(train_days=60.0, test_days=30.0), train_days=(40.0,), test_days=())
    assert found.as_dict()["windows"] is found.windows
    assert not found.windows.any()
    assert np.isnan(found.sharpe).all()
