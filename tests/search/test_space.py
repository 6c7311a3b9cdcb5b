from __future__ import annotations

import math
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ParameterError
from assay.parameters import Parameter, Parameters
from assay.search import Range, SearchPlan, Space, parse_space
from assay.strategies.liquidity_sweep import BENCHMARK_GRID, LiquiditySweep

PARAMETERS = Parameters(
    Parameter(name="depth", default=0.5, low=0.1, high=1.0, hard_low=0.0, hard_high=5.0, doc="Depth."),
    Parameter(name="count", default=3, low=1, high=9, step=1, doc="Count."),
    Parameter(name="width", default=0.2, low=0.1, high=0.5, step=0.1, doc="Width."),
    Parameter(name="kind", default="fast", choices=("fast", "slow"), doc="Kind."),
    aliases={"deepness": "depth"},
    refused={"spread": "needs quotes"},
)


def axis(name: str, entry: Any) -> tuple[Any, ...]:
    return parse_space({name: entry}, PARAMETERS).values[name]


@pytest.mark.parametrize(
    ("name", "entry", "expected"),
    [
        ("depth", (0.1, 0.9), (0.1, 0.3, 0.5, 0.7, 0.9)),  # two floats: continuous, 5 levels in a grid
        ("count", (2, 6), (2, 3, 4, 5, 6)),  # two integers: every one
        ("count", (2, 9, 3), (2, 5, 8)),  # low, high, step
        ("depth", (0.1, 0.4, 0.1), (0.1, 0.2, 0.3, 0.4)),
        ("depth", (0.1, 0.45, 0.1), (0.1, 0.2, 0.3, 0.4)),  # the step decides, not the high end
        ("depth", [0.4, 0.1, 0.4], (0.4, 0.1)),  # a list is choices, in the user's order
        ("depth", np.array([0.4, 0.1]), (0.4, 0.1)),
        ("count", {7}, (7,)),
        ("depth", 2, (2.0,)),  # one value
        ("kind", "slow", ("slow",)),
        ("kind", ["slow", "fast"], ("slow", "fast")),
        ("depth", {"low": 0.0, "high": 1.0}, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("depth", {"low": 0.0, "high": 1.0, "step": 0.5}, (0.0, 0.5, 1.0)),
        ("width", {"low": 0.1, "high": 0.3}, (0.1, 0.2, 0.3)),  # a mapping takes the declared step
        ("count", {"low": 1, "high": 3}, (1, 2, 3)),
        ("count", {"low": 1, "high": 3, "step": None}, (1, 2, 3)),
        ("depth", (0.5, 0.5), (0.5, 0.5, 0.5, 0.5, 0.5)),
    ],
)
def test_conventions(name: str, entry: Any, expected: tuple[Any, ...]) -> None:
    values = axis(name, entry)
    assert values == pytest.approx(expected) if name in {"depth", "width"} else values == expected
    assert {type(v) for v in values} == {type(PARAMETERS[name].default)}


def test_steps_give_the_shortest_decimals() -> None:
    expected = tuple(float(f"0.{i:02d}") for i in range(5, 41))
    assert axis("depth", (0.05, 0.40, 0.01)) == expected
    assert axis("depth", (0.1, 0.9, 0.1)) == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert repr(axis("depth", (0.0, 0.3, 0.1))) == "(0.0, 0.1, 0.2, 0.3)"


@given(
    st.integers(0, 400).map(lambda i: i / 100),
    st.integers(1, 100).map(lambda i: i / 100),
    st.integers(0, 60),
)
def test_a_stepped_axis_stays_inside_and_holds_both_ends(low: float, step: float, count: int) -> None:
    high = float(f"{low + count * step:.12g}")
    levels = Range(low, high, step).levels
    assert len(levels) == count + 1
    assert (levels[0], levels[-1]) == (low, high)
    assert all(low <= v <= high for v in levels)
    assert all(len(repr(v)) <= 6 for v in levels)


def test_parameters_not_named_stay_at_their_default_in_declared_order() -> None:
    space = parse_space({"count": [1, 2]}, PARAMETERS)
    assert list(space.values) == ["depth", "count", "width", "kind"]
    assert space.values == {"depth": (0.5,), "count": (1, 2), "width": (0.2,), "kind": ("fast",)}
    assert space.size == 2
    assert space.searched == ("count",)


def test_fixed_values_override_the_space() -> None:
    space = parse_space({"depth": (0.1, 0.9)}, PARAMETERS, fixed={"deepness": 0.7})
    assert space.values["depth"] == (0.7,)


def test_a_range_may_leave_the_search_range_but_not_the_hard_bounds() -> None:
    assert axis("depth", (0.0, 5.0, 2.5)) == (0.0, 2.5, 5.0)
    for entry in ((0.0, 5.1), (-0.1, 1.0), [0.1, 6.0], 6.0, {"low": 0, "high": 6}):
        with pytest.raises(ParameterError, match=re.escape("must lie in [0, 5]")):
            axis("depth", entry)


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({"depht": 1.0}, "Did you mean 'depth'"),
        ({"spread": 1.0}, "spread: needs quotes"),
        ({"depth": (0.9, 0.1)}, "low must not exceed high"),
        ({"depth": (0.1, 0.9, 0.0)}, "step must be positive"),
        ({"depth": (0.1, 0.9, -0.1)}, "step must be positive"),
        ({"depth": (0.1, 0.9, math.nan)}, "step must be positive"),
        ({"depth": (0.1, 0.9, math.inf)}, "step must be positive"),
        ({"count": (1, 5, math.inf)}, "step must be positive"),
        ({"count": (1, 5, 1.5)}, "whole number"),
        ({"count": (1, 5.5)}, "whole number"),
        ({"depth": (0.1,)}, "a range is"),
        ({"depth": (0.1, 0.2, 0.3, 0.4)}, "a range is"),
        ({"kind": ("fast", "slow")}, "a range is"),
        ({"depth": []}, "at least one value"),
        ({"depth": {"low": 0.1}}, "needs low and high"),
        ({"depth": {"low": 0.1, "high": 0.2, "stepp": 0.1}}, "low, high and step"),
        ({"depth": 0.1, "deepness": 0.2}, "given twice"),
    ],
)
def test_refusals(entry: dict[str, Any], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        parse_space(entry, PARAMETERS)


def test_discreteness_and_highest() -> None:
    assert parse_space({"depth": [0.1, 0.4]}, PARAMETERS).is_discrete
    assert parse_space({"depth": (0.1, 0.4, 0.1)}, PARAMETERS).is_discrete
    assert not parse_space({"depth": (0.1, 0.4)}, PARAMETERS).is_discrete
    assert parse_space({"count": [2, 9, 4]}, PARAMETERS).highest("count") == 9


def test_canonical_tells_ranges_from_lists() -> None:
    space = parse_space({"depth": (0.1, 0.4), "count": [1, 2]}, PARAMETERS)
    assert space.canonical() == [
        ["depth", {"low": 0.1, "high": 0.4, "step": None}],
        ["count", [1, 2]],
        ["width", [0.2]],
        ["kind", ["fast"]],
    ]


def of(*lengths: int) -> Space:
    return Space(tuple((f"p{i}", tuple(range(n))) for i, n in enumerate(lengths)))


def test_a_space_that_is_small_enough_is_not_thinned() -> None:
    assert of(4, 5, 6).thinned(120) == of(4, 5, 6)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(1, 3000))
def test_thinning_is_even(lengths: list[int], most: int) -> None:
    space = of(*lengths)
    thin = space.thinned(most)
    assert thin.size <= most or thin.size == 1
    for name, whole in space.values.items():
        kept = thin.values[name]
        assert list(kept) == sorted(set(kept))
        if len(kept) > 1:
            assert (kept[0], kept[-1]) == (whole[0], whole[-1])
            # values are their own index here: steps of an even choice differ by 1 at most
            assert np.ptp(np.diff(np.array(kept, dtype=float))) <= 1
    if thin.size < space.size:  # no axis was cut below another that could still give one
        longest = max(len(v) for v in thin.values.values())
        cut = [len(thin.values[n]) for n in space.values if len(thin.values[n]) < len(space.values[n])]
        assert all(n >= longest - 1 for n in cut)


def test_the_benchmark_thinned_as_the_permutation_test_would() -> None:
    space = parse_space({n: list(v) for n, v in BENCHMARK_GRID.items()}, LiquiditySweep.parameters)
    assert space.size == 201_600
    assert space.thinned(250_000).size == 201_600
    assert 20_000 < space.thinned(50_000).size <= 50_000


def test_the_default_grid_as_a_space() -> None:
    strategy = LiquiditySweep()
    space = parse_space({n: list(v) for n, v in strategy.default_grid.items()}, strategy.parameters)
    assert space.size == 18_432
    assert all(default in space.values[name] for name, default in strategy.parameters.defaults.items())
    assert "min_distance_from_level" not in space.searched


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((0.0, 1.0, 1e-12), "here it has 1,000,000,000,001. Take a larger step, or leave it out"),
        ((0.0, 1.0, 5e-324), r"here it has 1\.8e\+308"),
        ({"low": 0.0, "high": 1.0, "step": 1e-4 / 1.01}, "here it has 10,101"),
        ([x / 1e5 for x in range(10_001)], "here it has 10,001. Give a range"),
        (10**400, "must be a finite number, got 1000"),
        ((0.0, float("inf")), "must be a finite number, got inf"),
        ((float("nan"), 1.0), "must be a finite number, got nan"),
        ((0.0, 1.0, float("inf")), "step must be positive"),
        ((0.0, 1.0, 10**400), "step must be positive"),
    ],
)
def test_a_range_is_counted_before_any_of_it_is_made(given: object, words: str) -> None:
    parameters = Parameters(Parameter(name="x", default=0.5, low=0.0, high=1.0, doc=""))
    tracemalloc.start()
    with pytest.raises(ParameterError, match=words):
        parse_space({"x": given}, parameters)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_a_range_wider_than_a_number() -> None:
    parameters = Parameters(Parameter(name="x", default=0.5, doc=""))
    with pytest.raises(ParameterError, match="too far apart"):
        parse_space({"x": (-1e308, 1e308)}, parameters)


def test_a_budget_that_no_memory_holds() -> None:
    parameters = Parameters(Parameter(name="x", default=0.5, low=0.0, high=1.0, doc=""))
    with pytest.raises(ParameterError, match="budget: must be at most 1,000,000"):
        SearchPlan(parse_space({"x": (0.0, 1.0)}, parameters), "random", 10**9)
