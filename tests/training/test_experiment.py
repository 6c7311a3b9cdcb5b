from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Costs, Execution, Side, Sizing
from assay.errors import InputError, InsufficientDataError
from assay.search import SearchPlan, parse_space
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import PERMUTATIONS, Experiment
from assay.validation import SplitPlan
from validation.toys import HOURLY, Spike, market

if TYPE_CHECKING:
    from assay.market import Bars

SPIKE = Spike()
BARS = market(1, 40)
TESTS = Path(__file__).parents[1]


def experiment(**fields: Any) -> Experiment:
    usual: dict[str, Any] = {"strategy": SPIKE}
    return Experiment(**(usual | fields))


def with_value(bars: Bars, column: str, row: int, value: float) -> Bars:
    values = getattr(bars, column).copy()
    values[row] = value
    return replace(bars, **{column: values})


def test_the_digest_is_the_same_in_every_process() -> None:
    digest = experiment().digest(BARS)
    assert len(digest) == 64
    code = (
        "from validation.toys import Spike, market; from assay.training import Experiment;"
        "print(Experiment(strategy=Spike()).digest(market(1, 40)))"
    )
    for seed in ("0", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(TESTS)}
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, timeout=60
        )
        assert run.stdout.strip() == digest


CHANGES: list[dict[str, Any]] = [
    {"space": parse_space({"hold": [3]}, Spike.parameters)},
    {"space": parse_space({"hold": [3]}, Spike.parameters), "procedure": "fixed"},
    {"strategy": LiquiditySweep()},
    {"space": parse_space({"hold": [3, 6, 9]}, Spike.parameters)},
    {"space": parse_space({"hold": [6, 3]}, Spike.parameters)},
    {"method": "random"},
    {"method": "random", "budget": 501},
    {"method": "tpe"},
    {"method": "cmaes"},
    {"method": "gp"},
    {"method": "gp", "budget": 201},
    {"objective": "net_profit"},
    {"objective": "calmar_ratio"},
    {"execution": Execution(Side.LONG)},
    {"execution": Execution(Side.SHORT)},
    {"plan": SplitPlan("rolling")},
    {"plan": SplitPlan(train_days=61.0)},
    {"plan": SplitPlan(test_days=31.0)},
    {"plan": SplitPlan(gap_days=1.0)},
    {"plan": SplitPlan(train_ratio=0.6)},
    {"plan": SplitPlan(holdout=0.25)},
    {"execution": Execution(costs=Costs(fee=0.002))},
    {"execution": Execution(costs=Costs(slippage=0.001))},
    {"execution": Execution(costs=Costs(tick=0.01))},
    {"execution": Execution(costs=Costs(commission=0.1))},
    {"execution": Execution(sizing=Sizing("notional"))},
    {"execution": Execution(sizing=Sizing(risk_fraction=0.02))},
    {"execution": Execution(sizing=Sizing(leverage_cap=2.0))},
    {"permutations": 39},
    {"seed": 43},
    {"start_ms": 1},
    {"stop_ms": 1},
    {"allow_bad_data": True},
    {"execution": Execution(min_stop_costs=2.0)},
]


def test_every_field_changes_the_digest() -> None:
    digests = [experiment(**change).digest(BARS) for change in ({}, *CHANGES)]
    assert len(set(digests)) == len(digests)
    named = {name for change in CHANGES for name in change}
    assert named == set(Experiment.__dataclass_fields__)


def test_every_bar_changes_the_digest() -> None:
    last = len(BARS) - 1
    others = [
        with_value(BARS, column, row, float(getattr(BARS, column)[row]) * (1 + 1e-15) + 1e-14)
        for column in ("open", "high", "low", "close", "volume")
        for row in (0, last)
    ]
    others += [replace(BARS, time=BARS.time + 3_600_000), BARS.head(last), replace(BARS, has_volume=False)]
    digests = {experiment().digest(b) for b in (BARS, *others)}
    assert len(digests) == len(others) + 1


@pytest.mark.parametrize(
    "change",
    [{"exchange": "other"}, {"symbol": "ETH/USDT"}, {"kind": "future"}, {"tick": 0.01}],
)
def test_the_market_changes_the_digest(change: dict[str, Any]) -> None:
    # kind decides the days of a year, tick the slippage and the rounding of stops
    assert experiment().digest(replace(BARS, market=replace(HOURLY, **change))) != experiment().digest(BARS)


def test_what_says_the_same_has_the_same_digest() -> None:
    same: list[dict[str, Any]] = [
        {"method": "grid"},
        {"budget": 99},  # a grid has none
        {"space": parse_space({n: list(v) for n, v in SPIKE.default_grid.items()}, Spike.parameters)},
        {"strategy": Spike()},
        {"objective": "sharpe"},
    ]
    assert {experiment(**change).digest(BARS) for change in same} == {experiment().digest(BARS)}
    assert experiment(objective="net_profit").digest(BARS) == experiment(objective="net_profit_pct").digest(BARS)


@pytest.mark.parametrize(
    ("fields", "field", "hint"),
    [
        ({"objective": "sharp_ratio"}, "objective", "Did you mean 'sharpe_ratio'?"),
        ({"objective": "profit_facto"}, "objective", "Did you mean 'profit_factor'?"),
        ({"objective": "win_rate"}, "objective", ""),
        ({"method": "gird"}, "method", "Did you mean 'grid'?"),
        ({"method": "cma"}, "method", "Did you mean 'cmaes'?"),
        ({"permutations": -1}, "permutations", ""),
        ({"seed": -1}, "seed", ""),
        ({"budget": 0}, "budget", ""),
    ],
)
def test_refusals_name_field_and_near_name(fields: dict[str, Any], field: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        experiment(**fields)
    assert caught.value.field == field
    assert hint in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("method", "usual"), [("random", 500), ("tpe", 200), ("cmaes", 200), ("gp", 200)])
def test_the_usual_budget_is_the_same_experiment(method: str, usual: int) -> None:
    assert experiment(method=method).search.budget == usual
    assert experiment(method=method).digest(BARS) == experiment(method=method, budget=usual).digest(BARS)


def test_a_method_that_learns_is_compared_on_the_grid() -> None:
    assert experiment().compared == experiment().search
    assert experiment(method="random", budget=9).compared == experiment(method="random", budget=9).search
    for method in ("tpe", "cmaes", "gp"):
        assert experiment(method=method, budget=9).compared == SearchPlan(experiment().grid_space)
    wide = parse_space(
        {"volume": (1.0, 9.0), "target": (0.1, 99.0), "stop": (0.001, 0.5), "hold": (1, 48), "memory": (5, 60)},
        Spike.parameters,
    )
    assert wide.size == 5 * 5 * 5 * 48 * 56
    compared = experiment(method="gp", space=wide).compared
    assert compared.method == "grid"
    assert 200_000 < compared.size <= 250_000


def test_levels_of_evidence() -> None:
    assert PERMUTATIONS == {"quick": 39, "standard": 199, "thorough": 999}
    assert experiment().permutations == 199


def test_auto_is_the_default_grid() -> None:
    assert experiment().grid_space.values == SPIKE.default_grid
    assert experiment().search_method == "grid"
    assert Experiment(strategy=LiquiditySweep()).grid_space.size == 18_432


def test_holding_and_warmup_are_the_largest_of_the_space() -> None:
    assert experiment().holding_bars == 6
    assert experiment(space=parse_space({"hold": (3, 20)}, Spike.parameters)).holding_bars == 20
    assert experiment().evaluator(BARS).warmup == 40
    assert experiment(space=parse_space({"memory": (5, 60, 5)}, Spike.parameters)).evaluator(BARS).warmup == 60
    # 200 bars of levels with the 2 before their first swing, 3 to reclaim and a delay of 5
    assert Experiment(strategy=LiquiditySweep()).evaluator(BARS).warmup == 200 + 2 + 3 + 4


def test_the_markets_tick_enters_the_costs() -> None:
    ticked = replace(BARS, market=replace(HOURLY, tick=0.25))
    assert experiment().evaluator(ticked).money.costs.tick == 0.25
    assert experiment().evaluator(BARS).money.costs.tick == 0.0


def test_bounds_of_the_span() -> None:
    evaluator = experiment().evaluator(BARS)
    assert experiment().bounds(BARS, evaluator.warmup) == (40, len(BARS))
    t = BARS.time
    assert experiment(start_ms=int(t[100]), stop_ms=int(t[500])).bounds(BARS, 40) == (100, 500)
    assert experiment(start_ms=int(t[100]) + 1).bounds(BARS, 40) == (101, len(BARS))
    assert experiment(start_ms=int(t[3])).bounds(BARS, 40) == (40, len(BARS))
    assert experiment(stop_ms=int(t[-1]) + 10**12).bounds(BARS, 40) == (40, len(BARS))
    for nothing in ({"start_ms": int(t[-1])}, {"stop_ms": int(t[30])}, {"stop_ms": 0}):
        with pytest.raises(InsufficientDataError):
            experiment(**nothing).bounds(BARS, 40)
    assert np.array_equal(BARS.time, t)
