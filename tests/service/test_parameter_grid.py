"""Values as people write them in a table, and how many combinations they make."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.service.parameter_grid import (
    changed_grid,
    default_texts,
    grid_size,
    parse_values,
    text_of_values,
    texts_of_grid,
    value_count,
)
from assay.sources.user_strategy import load_strategy
from assay.strategies import STRATEGIES

NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))
RANGES = st.fixed_dictionaries({"low": NUMBERS, "high": NUMBERS}, optional={"step": NUMBERS})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.001, 0.002", [0.001, 0.002]),
        (" 3 ", [3]),
        ("1.5 to 4 step 0.5", {"low": 1.5, "high": 4, "step": 0.5}),
        ("1 TO 5", {"low": 1, "high": 5}),
        ("0.1%, 20bps", ["0.1%", "20bps"]),
        ("0.1% to 1%", {"low": "0.1%", "high": "1%"}),
        ("true, False", [True, False]),
        ("close, wick", ["close", "wick"]),
    ],
)
def test_a_text_says_values(text: str, values: Any) -> None:
    assert parse_values(text) == values
    assert [type(one) for one in parse_values(text)] == [type(one) for one in values]


@pytest.mark.parametrize("text", ["", "  ", "1,,2", ",", "1,"])
def test_a_text_without_a_value_says_what_is_asked(text: str) -> None:
    with pytest.raises(InputError, match=r"commas between them, or a range such as 1\.5 to 4 step 0\.5"):
        parse_values(text)


@given(st.one_of(st.lists(NUMBERS, min_size=1, max_size=6), RANGES))
def test_a_text_that_was_made_of_values_says_them(values: Any) -> None:
    assert parse_values(text_of_values(values)) == values


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_table_of_every_strategy_is_its_own_grid(name: str) -> None:
    strategy = load_strategy(name)
    texts = default_texts(strategy)
    assert list(texts) == [parameter.name for parameter in strategy.parameters]
    assert changed_grid(strategy, texts) is None, "nothing was changed"
    sizes = [len(values) for values in strategy.default_grid.values()]
    assert grid_size(strategy, None) == math.prod(sizes)
    assert math.prod(value_count(strategy, key, text) for key, text in texts.items()) == math.prod(sizes)


def test_a_changed_value_makes_the_whole_grid() -> None:
    strategy = load_strategy("LIQUIDITY_SWEEP")
    texts = default_texts(strategy) | {"risk_reward_ratio": "1.5 to 4 step 0.5", "pierce_depth": "0.1%"}
    grid = changed_grid(strategy, texts)
    assert grid is not None
    assert grid["risk_reward_ratio"] == {"low": 1.5, "high": 4, "step": 0.5}
    before = {key: len(values) for key, values in strategy.default_grid.items()}
    others = math.prod(n for key, n in before.items() if key not in ("risk_reward_ratio", "pierce_depth"))
    assert grid_size(strategy, grid) == others * 6 * 1
    assert texts_of_grid(strategy, grid) == texts, "a saved form shows what was written"


def test_a_grid_that_names_a_part_leaves_the_rest_at_its_default() -> None:
    strategy = load_strategy("LIQUIDITY_SWEEP")
    texts = texts_of_grid(strategy, {"pierce_depth": [0.001, 0.002]})
    defaults = {parameter.name: str(parameter.default) for parameter in strategy.parameters}
    assert texts == defaults | {"pierce_depth": "0.001, 0.002"}
    assert grid_size(strategy, changed_grid(strategy, texts)) == 2


def test_what_is_wrong_is_said_by_the_name_of_its_parameter() -> None:
    strategy = load_strategy("LIQUIDITY_SWEEP")
    with pytest.raises(InputError) as raised:
        changed_grid(strategy, {"pierce_depth": "0.1,"})
    assert raised.value.field == "pierce_depth"
    with pytest.raises(InputError, match="must lie in"):
        value_count(strategy, "pierce_depth", "0.9")
    with pytest.raises(InputError, match="must be a number"):
        value_count(strategy, "pierce_depth", "deep")
