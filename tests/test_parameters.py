from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from assay.errors import InputError, ParameterError, near_name
from assay.parameters import Parameter, Parameters
from assay.strategies import STRATEGIES
from assay.strategies.liquidity_sweep import BENCHMARK_GRID, LiquiditySweep

DEPTH = Parameter(name="depth", default=0.5, low=0.1, high=1.0, hard_low=0.0, hard_high=5.0, doc="Depth.")
COUNT = Parameter(name="count", default=3, low=1, high=9, step=1, doc="Count.")
KIND = Parameter(name="kind", default="fast", choices=("fast", "slow"), doc="Kind.")
FLAG = Parameter(name="flag", default=False, choices=(False, True), doc="Flag.")
STEPPED = Parameter(name="bars", default=20, choices=(10, 20, 50), doc="Bars.")


def some() -> Parameters:
    return Parameters(DEPTH, COUNT, KIND, aliases={"deepness": "depth"}, refused={"spread": "needs quotes"})


def test_type_follows_the_default() -> None:
    assert (DEPTH.is_number, DEPTH.is_integer) == (True, False)
    assert (COUNT.is_number, COUNT.is_integer) == (True, True)
    assert (KIND.is_number, KIND.is_integer) == (False, False)
    assert (FLAG.is_number, FLAG.is_integer) == (False, False)


@pytest.mark.parametrize("given", [2, 2.0, np.float64(2.0), np.int64(2), np.float32(2.0)])
def test_a_value_takes_the_parameters_type(given: Any) -> None:
    assert type(DEPTH.check(given)) is float
    assert type(COUNT.check(given)) is int
    assert DEPTH.check(given) == COUNT.check(given) == 2


def test_hard_bounds_are_not_the_search_range() -> None:
    assert DEPTH.bounds == (0.0, 5.0)
    assert DEPTH.check(0.0) == 0.0
    assert DEPTH.check(5.0) == 5.0
    assert COUNT.bounds == (1.0, 9.0)
    assert STEPPED.bounds == (10.0, 50.0)
    assert STEPPED.check(33) == 33
    assert KIND.bounds == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("parameter", "value", "rule"),
    [
        (DEPTH, -1e-12, "must lie in [0, 5]"),
        (DEPTH, 5.0000001, "must lie in [0, 5]"),
        (DEPTH, math.nan, "finite"),
        (DEPTH, -math.inf, "finite"),
        (DEPTH, True, "must be a number"),
        (DEPTH, "0.5", "must be a number"),
        (DEPTH, None, "must be a number"),
        (COUNT, 2.5, "whole number"),
        (COUNT, 0, "must lie in [1, 9]"),
        (COUNT, 10, "must lie in [1, 9]"),
        (KIND, "medium", "must be one of ['fast', 'slow']"),
        (KIND, 1, "must be one of"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_rule_and_value(parameter: Parameter, value: Any, rule: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(rule)) as caught:
        parameter.check(value)
    assert caught.value.field == parameter.name
    assert caught.value.value is value or caught.value.value == value
    assert caught.value.exit_code == 2


def test_names_keep_their_order_and_defaults() -> None:
    assert some().names == ("depth", "count", "kind")
    assert some().defaults == {"depth": 0.5, "count": 3, "kind": "fast"}
    assert len(some()) == 3
    assert [p.name for p in some()] == ["depth", "count", "kind"]


def test_aliases_lead_to_the_declared_name() -> None:
    assert some().resolve("deepness") == "depth"
    assert some()["deepness"] is DEPTH
    assert some().complete({"deepness": 1})["depth"] == 1.0


def test_a_name_given_twice_under_an_alias_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"given twice \(also as 'depth'\)"):
        some().complete({"depth": 1.0, "deepness": 2.0})


def test_an_unknown_name_is_told_its_near_one() -> None:
    with pytest.raises(ParameterError, match=r"dept: is not a parameter. Did you mean 'depth'\?"):
        some().resolve("dept")
    with pytest.raises(ParameterError, match="Known: count, depth, kind"):
        some().resolve("zzzzzz")


def test_a_refused_name_is_told_its_reason() -> None:
    with pytest.raises(ParameterError, match="spread: needs quotes"):
        some().complete({"spread": 1.0})


def test_a_name_may_be_declared_once() -> None:
    with pytest.raises(ParameterError, match="once"):
        Parameters(DEPTH, DEPTH)


def test_near_name() -> None:
    assert near_name("pierce_dept", ["pierce_depth", "other"]) == "Did you mean 'pierce_depth'?"
    assert near_name("q", ["b", "a"]) == "Known: a, b"
    assert issubclass(ParameterError, InputError)


def test_names_of_the_documents_are_understood_or_refused_with_a_reason() -> None:
    known = LiquiditySweep.parameters
    assert known.resolve("rejection_candles") == "reversal_candles"
    assert known.resolve("stop_distance") == "atr_multiplier_sl"
    assert known.resolve("target_multiple") == "risk_reward_ratio"
    with pytest.raises(ParameterError, match="order-book"):
        known.resolve("min_stop_density_score")
    with pytest.raises(ParameterError, match="quotes"):
        known.resolve("max_spread_tolerance")


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_default_grid_is_small_and_contains_the_defaults(name: str) -> None:
    strategy = STRATEGIES[name]()
    strategy.check()
    grid = strategy.default_grid
    assert tuple(grid) == strategy.parameters.names
    assert math.prod(len(values) for values in grid.values()) <= 25_000
    for parameter in strategy.parameters:
        assert parameter.default in grid[parameter.name]
        assert len(set(grid[parameter.name])) == len(grid[parameter.name])
        assert [type(parameter.check(v)) for v in grid[parameter.name]] == [type(parameter.default)] * len(
            grid[parameter.name]
        )
        assert parameter.doc


def test_the_two_grids_of_the_plan() -> None:
    default = LiquiditySweep().default_grid
    assert math.prod(len(v) for v in default.values()) == 4 * 4 * 3 * 2 * 2 * 3 * 4 * 4 * 2 == 18_432
    # 6 x 8 x 5 x 7 x 5 x 4 x 6
    assert math.prod(len(v) for v in BENCHMARK_GRID.values()) == 201_600
    for name, values in BENCHMARK_GRID.items():
        for value in values:
            LiquiditySweep.parameters[name].check(value)
