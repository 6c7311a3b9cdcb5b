"""The terms of execution: one value, checked where it is made, that comes back from its plain terms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine import Bracket, Costs, Execution, Side, Sizing
from assay.errors import InputError
from assay.market import Market, Timeframe

MARKET = Market("binance", "BTC/USDT", Timeframe.parse("5m"), tick=0.5)

fractions = st.floats(0.0, 0.49)
executions = st.builds(
    Execution,
    st.sampled_from(Side),
    st.builds(Costs, fractions, fractions, st.floats(0.0, 10.0), st.floats(0.0, 10.0), st.just(True)),
    st.builds(Sizing, st.sampled_from(["risk", "notional"]), st.floats(0.001, 1.0), st.floats(0.1, 100.0)),
    st.floats(0.0, 50.0),
)


@given(executions)
def test_terms_come_back(execution: Execution) -> None:
    assert Execution.from_terms(execution.terms()) == execution


def test_the_keys_of_terms_are_those_of_stored_documents() -> None:
    assert Execution().terms() == {
        "sides": "both",
        "costs": {"fee": 0.001, "slippage": 0.0005, "tick": 0.0, "commission": 0.0},
        "sizing": {"method": "risk", "risk_fraction": 0.01, "leverage_cap": 1.0},
        "min_stop_costs": 0.0,
    }


def test_terms_without_a_later_key_stand_for_its_default() -> None:
    terms = Execution(Side.LONG).terms()
    del terms["min_stop_costs"]
    assert Execution.from_terms(terms) == Execution(Side.LONG)


@pytest.mark.parametrize(
    ("fields", "field", "hint"),
    [
        ({"sides": "lng"}, "side", "Did you mean 'long'?"),
        ({"min_stop_costs": -0.5}, "min_stop_costs", ""),
        ({"min_stop_costs": float("nan")}, "min_stop_costs", ""),
    ],
)
def test_refusals_name_field_and_near_name(fields: dict[str, Any], field: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        Execution(**fields)
    assert caught.value.field == field
    assert hint in str(caught.value)


def test_a_side_knows_its_signs() -> None:
    assert [side.signs for side in Side] == [(1, -1), (1,), (-1,)]
    assert Execution("short").sides is Side.SHORT  # type: ignore[arg-type]  # a text will do


def test_the_market_brings_its_tick_and_the_bracket_its_floor() -> None:
    assert Execution().on(MARKET).costs.tick == 0.5
    bracket = Bracket(stop=1.0)
    assert Execution().applied_to(bracket) is bracket
    assert Execution(min_stop_costs=3.0).applied_to(bracket).min_stop_costs == 3.0
