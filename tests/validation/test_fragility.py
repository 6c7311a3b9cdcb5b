from __future__ import annotations

import math
from dataclasses import fields, replace
from itertools import starmap
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.engine import Costs, Execution, Money, measure, replay
from assay.search import Space
from assay.validation import (
    BarSplits,
    Fragility,
    SplitPlan,
    WalkForward,
    break_even,
    fragility,
    make_splits,
    walk_forward,
)
from assay.validation.walkforward import schedule, stitched
from validation.toys import Spike, grid_of, market, trial_of

if TYPE_CHECKING:
    from assay.market import Bars

MONEY = Money(Costs(fee=0.0005, slippage=0.0002))
SPACE = Space(tuple(Spike().default_grid.items()))


@pytest.fixture(scope="module")
def bars() -> Bars:
    return market(21, 100, edge=0.012)


@pytest.fixture(scope="module")
def splits(bars: Bars) -> BarSplits:
    return make_splits(SplitPlan(train_days=30, test_days=15, holdout=0.0), 40, len(bars), 24.0, 6)


@pytest.fixture(scope="module")
def walk(bars: Bars, splits: BarSplits) -> WalkForward:
    return walk_forward(trial_of(money=MONEY), bars, grid_of(Spike()), splits)


@pytest.fixture(scope="module")
def table(bars: Bars, splits: BarSplits, walk: WalkForward) -> dict[str, Fragility]:
    return {f.name: f for f in fragility(trial_of(money=MONEY), bars, walk, splits, SPACE)}


def test_what_is_asked(table: dict[str, Fragility]) -> None:
    assert {name: f.gate for name, f in table.items()} == {
        "costs x 1.5": True,
        "entry one bar late": True,
        "median neighbour": True,
        "ambiguous trades dropped": True,
        "best 30 days removed": True,
        "costs x 2": False,
        "best 5 % of trades removed": False,
    }


@pytest.mark.parametrize(("name", "factor"), [("costs x 1.5", 1.5), ("costs x 2", 2.0)])
def test_costs_are_those_of_a_fresh_run(
    table: dict[str, Fragility], bars: Bars, splits: BarSplits, walk: WalkForward, name: str, factor: float
) -> None:
    money = Money(Costs(fee=0.0005 * factor, slippage=0.0002 * factor))
    evaluator = trial_of(money=money)
    signals = schedule(evaluator, bars, splits.windows, [w.parameters for w in walk.windows])
    fresh = stitched(bars, signals, evaluator, splits)
    assert table[name].net_profit_pct == pytest.approx(measure(fresh, bars)["net_profit_pct"], rel=1e-12)
    assert table[name].net_profit_pct < walk.measures["net_profit_pct"]


def test_a_late_entry_is_a_replay_one_bar_late(
    table: dict[str, Fragility], bars: Bars, splits: BarSplits, walk: WalkForward
) -> None:
    evaluator = trial_of(money=MONEY)
    span = evaluator.span(splits.windows[0].test_start, splits.windows[-1].test_stop)
    late = replay(bars, walk.signals, MONEY, span, entry_delay=1)
    assert (late.trades.entry_bar == late.trades.signal_bar + 2).all()
    assert table["entry one bar late"].net_profit_pct == pytest.approx(
        100 * (np.prod(1 + late.trades.size * late.trades.net_return) - 1), rel=1e-12
    )


def test_the_median_neighbour_by_brute_force(
    table: dict[str, Fragility], bars: Bars, splits: BarSplits, walk: WalkForward
) -> None:
    evaluator = trial_of(money=MONEY)
    grid = Spike().default_grid
    profits = []
    for name in ("memory", "volume", "target", "hold"):
        for direction in (-1, 1):
            chosen = []
            moved = False
            for w in walk.windows:
                assert w.parameters is not None
                values = dict(w.parameters)
                at = grid[name].index(values[name]) + direction
                if 0 <= at < len(grid[name]):
                    values[name] = grid[name][at]
                    moved = True
                chosen.append(values)
            if moved:
                signals = schedule(evaluator, bars, splits.windows, list(chosen))
                profits.append(measure(stitched(bars, signals, evaluator, splits), bars)["net_profit_pct"])
    assert len(profits) > 3
    assert table["median neighbour"].net_profit_pct == pytest.approx(float(np.median(profits)), rel=1e-12)


def test_trades_that_are_left_out(table: dict[str, Fragility], walk: WalkForward) -> None:
    trades = walk.run.trades
    factors = list(starmap(lambda s, r: 1 + s * r, zip(trades.size.tolist(), trades.net_return.tolist(), strict=True)))
    clear = [f for f, a in zip(factors, trades.ambiguous.tolist(), strict=True) if not a]
    assert table["ambiguous trades dropped"].net_profit_pct == pytest.approx(100 * (math.prod(clear) - 1))
    drop = -(-len(factors) // 20)  # 5 %, rounded up
    assert drop >= 2
    rest = sorted(factors)[:-drop]
    assert table["best 5 % of trades removed"].net_profit_pct == pytest.approx(100 * (math.prod(rest) - 1))


def test_the_best_month_is_left_out(table: dict[str, Fragility], walk: WalkForward) -> None:
    factors = [1.0 + r for r in walk.run.daily_returns.tolist()]
    length = min(30, len(factors) // 4)
    left = [math.prod(factors[:i] + factors[i + length :]) for i in range(len(factors) - length + 1)]
    assert length == 15  # 62 days
    assert table["best 30 days removed"].net_profit_pct == pytest.approx(100 * (min(left) - 1), rel=1e-9)


def test_a_profit_of_one_month_is_fragile(bars: Bars, splits: BarSplits, walk: WalkForward) -> None:
    days = np.full(200, -0.001)
    days[40:65] = 0.02
    run = replace(walk.run, equity=np.cumprod(1 + days))
    assert run.daily_returns == pytest.approx(days)
    found = {f.name: f for f in fragility(trial_of(money=MONEY), bars, replace(walk, run=run), splits, SPACE)}
    assert found["best 30 days removed"].net_profit_pct == pytest.approx(100 * (0.999**170 - 1))
    assert not found["best 30 days removed"].holds


def test_ambiguous_trades_are_dropped(bars: Bars, splits: BarSplits, walk: WalkForward) -> None:
    marked = walk.run.trades.ambiguous.copy()
    marked[::3] = True
    trades = replace(walk.run.trades, ambiguous=marked)
    other = replace(walk, run=replace(walk.run, trades=trades))
    found = {f.name: f for f in fragility(trial_of(money=MONEY), bars, other, splits, SPACE)}
    kept = (1 + trades.size * trades.net_return)[~marked]
    assert found["ambiguous trades dropped"].net_profit_pct == pytest.approx(100 * (float(np.prod(kept)) - 1))


@pytest.mark.parametrize(("profit", "holds"), [(1e-9, True), (0.0, False), (-1.0, False), (math.nan, False)])
def test_only_a_profit_holds(profit: float, holds: bool) -> None:
    assert Fragility("x", profit, gate=True).holds is holds


def test_one_combination_chosen_beforehand_has_the_neighbours_of_the_default_grid(
    bars: Bars, splits: BarSplits, walk: WalkForward
) -> None:
    lone = Space(tuple((n, (v,)) for n, v in Spike.parameters.defaults.items()))
    found = {f.name: f for f in fragility(trial_of(money=MONEY), bars, walk, splits, lone)}
    grid = Space(tuple(Spike().default_grid.items()))
    on_the_grid = {f.name: f for f in fragility(trial_of(money=MONEY), bars, walk, splits, grid)}
    assert found["median neighbour"] == on_the_grid["median neighbour"]
    assert not math.isnan(found["median neighbour"].net_profit_pct)


# --- the costs that leave nothing


def test_break_even_by_a_fresh_run_at_those_costs(bars: Bars, splits: BarSplits, walk: WalkForward) -> None:
    found = break_even(trial_of(money=MONEY), bars, walk, splits)
    assert found > MONEY.costs.round_trip  # the schedule earns
    for cost, sign in ((found - 2e-5, 1), (found + 2e-5, -1)):
        evaluator = trial_of(execution=Execution(costs=Costs(fee=cost / 2, slippage=0.0)))
        signals = schedule(evaluator, bars, splits.windows, [w.parameters for w in walk.windows])
        assert sign * measure(stitched(bars, signals, evaluator, splits), bars)["net_profit_pct"] > 0


def test_break_even_at_its_ends(bars: Bars, splits: BarSplits, walk: WalkForward) -> None:
    evaluator = trial_of(money=MONEY)
    assert break_even(evaluator, bars, losing(walk), splits) == 0.0
    none = {f.name: getattr(walk.run.trades, f.name)[:0] for f in fields(walk.run.trades)}
    quiet = replace(walk, run=replace(walk.run, trades=replace(walk.run.trades, **none)))
    assert math.isnan(break_even(evaluator, bars, quiet, splits))


def losing(walk: WalkForward) -> WalkForward:
    """The same schedule from the other side: it sells what rises."""
    rows = walk.signals.rows
    mirrored = replace(rows, side=-rows.side)
    return replace(walk, signals=replace(walk.signals, rows=mirrored))
