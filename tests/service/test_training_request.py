"""A training as a validated value: plain values and back, and an error that names what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine import OBJECTIVES, Costs, Execution, Sizing
from assay.engine.execution import ExecutionTerms
from assay.errors import InputError
from assay.market import Bars, Market, Timeframe
from assay.search import SAMPLERS
from assay.service.request import ProofTerms, SearchTerms, TrainingRequest
from assay.service.spans import SpanTerms
from assay.strategies import find_strategy
from assay.training import PERMUTATIONS, Experiment
from assay.validation import SplitPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = 3_600_000
T0 = 1_704_067_200_000  # 2024-01-01T00:00Z
DAYS = 20

whole = st.integers(0, 10**9)
values = st.one_of(
    st.floats(-10, 10),
    st.lists(st.floats(-10, 10), min_size=1, max_size=3),
    st.fixed_dictionaries({"low": st.floats(0, 1), "high": st.floats(1, 2)}, optional={"step": st.floats(0.1, 1)}),
)
spaces = st.dictionaries(st.text(min_size=1, max_size=8), values, max_size=3)
moments = st.one_of(st.none(), st.integers(1, 2 * 10**12), st.sampled_from(["2024-01-05", "2024-01-06T12:30"]))
searches = st.builds(
    SearchTerms,
    space=st.none() | spaces,
    fixed=spaces,
    method=st.sampled_from(["auto", *SAMPLERS]),
    samples=st.none() | st.integers(1, 10_000),
    objective=st.sampled_from([*OBJECTIVES, "net_profit"]),
    seed=whole,
)
proofs = st.builds(
    ProofTerms,
    evidence=st.sampled_from(list(PERMUTATIONS)),
    permutations=st.none() | whole,
    validation=st.sampled_from(["anchored", "rolling", "split"]),
    train_days=st.floats(1, 500),
    test_days=st.floats(5, 100),
    gap_days=st.floats(0, 30),
)
costs = st.floats(0, 0.0099) | st.sampled_from(["10bps", "0.1%", "40 %"])
executions = st.builds(
    ExecutionTerms,
    side=st.sampled_from(["both", "long", "short"]),
    fee=costs,
    slippage=costs,
    sizing=st.sampled_from(["risk", "notional"]),
    min_stop_costs=st.floats(0, 10),
)
spans = st.one_of(
    st.builds(SpanTerms, days=st.none() | st.floats(0.1, 1000), start=moments),
    st.builds(SpanTerms, days=st.none() | st.floats(0.1, 1000), stop=moments),
    st.builds(SpanTerms, start=st.just("2024-01-02"), stop=st.just(T0 + 30 * 24 * HOUR)),
)
requests = st.builds(
    TrainingRequest,
    strategy=st.sampled_from(["LIQUIDITY_SWEEP", "mine.py:Mine"]),
    search=searches,
    proof=proofs,
    execution=executions,
    span=spans,
    allow_bad_data=st.booleans(),
)


@given(requests)
def test_a_request_comes_back_from_its_plain_values(request: TrainingRequest) -> None:
    plain = json.loads(json.dumps(request.to_dict(), allow_nan=False))
    again = TrainingRequest.from_dict(plain)
    assert again == request
    assert again.to_dict() == plain


def test_what_is_not_given_is_at_its_default() -> None:
    assert TrainingRequest.from_dict({"strategy": "S"}) == TrainingRequest(strategy="S")


def test_a_range_of_numbers_keeps_its_meaning() -> None:
    parameters = find_strategy("LIQUIDITY_SWEEP")()
    name = next(p.name for p in parameters.parameters if p.low is not None and not p.is_integer)
    low, high = (float(v) for v in parameters.parameters[name].bounds)
    request = TrainingRequest(strategy="LIQUIDITY_SWEEP", search=SearchTerms(space={name: (low, high)}))
    again = TrainingRequest.from_dict(json.loads(json.dumps(request.to_dict())))
    assert again.search.space_of(parameters) == request.search.space_of(parameters)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"strategy": ""}, "strategy", "name of a strategy"),
    ({"strategy": 3}, "strategy", "name of a strategy"),
    ({"space": [1]}, "space", "mapping"),
    ({"fixed": None}, "fixed", "mapping"),
    ({"method": "grit"}, "method", "Did you mean 'grid'?"),
    ({"method": None}, "method", "must be one of"),
    ({"samples": 0}, "samples", "at least 1"),
    ({"samples": 2.5}, "samples", "whole number"),
    ({"objective": "sharpe_ratoi"}, "objective", "Did you mean 'sharpe_ratio'?"),
    ({"objective": ["sharpe_ratio"]}, "objective", "must be one of"),
    ({"seed": -1}, "seed", "not be negative"),
    ({"seed": True}, "seed", "whole number"),
    ({"evidence": "standart"}, "evidence", "Did you mean 'standard'?"),
    ({"permutations": -1}, "permutations", "not be negative"),
    ({"permutations": "many"}, "permutations", "whole number"),
    ({"validation": "random"}, "validation", "must be one of"),
    ({"train_days": 0}, "train_days", "positive"),
    ({"train_days": "60"}, "train_days", "number"),
    ({"test_days": 1}, "test_days", "at least 5"),
    ({"gap_days": -1}, "gap_days", "not be negative"),
    ({"train_ratio": 0.95}, "train_ratio", "[0.1, 0.9]"),
    ({"train_ratio": "most"}, "train_ratio", "must be a number"),
    ({"side": "up"}, "side", "must be one of"),
    ({"fee": 0.5}, "fee", "fraction"),
    ({"fee": None}, "fee", "number"),
    ({"fee": 0.1}, "fee", "taken only with its unit: 10%"),
    ({"fee": "0.1"}, "fee", "taken only with its unit: 10%"),
    ({"fee": "inf"}, "fee", "number"),
    ({"slippage": float("inf")}, "slippage", "finite"),
    ({"slippage": -0.1}, "slippage", "fraction"),
    ({"sizing": "kelly"}, "sizing", "risk"),
    ({"min_stop_costs": -1}, "min_stop_costs", "not be negative"),
    ({"days": 0}, "days", "positive"),
    ({"days": "ten"}, "days", "number"),
    ({"start": "yesterday"}, "start", "ISO"),
    ({"stop": 1.5}, "stop", "milliseconds"),
    ({"start": "2024-01-05", "stop": "2024-01-04"}, "start and stop", "in order"),
    ({"days": 1, "start": "2024-01-04", "stop": "2024-01-05"}, "days", "combined"),
    ({"allow_bad_data": 1}, "allow_bad_data", "true or false"),
    ({"sample": 5}, "sample", "Did you mean 'samples'?"),
]


@pytest.mark.parametrize(("terms", "field", "words"), WRONG, ids=str)
def test_what_is_wrong_is_named(terms: Mapping[str, Any], field: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        TrainingRequest.from_dict({"strategy": "S"} | dict(terms))
    assert caught.value.field == field
    assert words in str(caught.value)


def test_every_term_has_a_wrong_value_above() -> None:
    assert set(TrainingRequest(strategy="S").to_dict()) <= {name for terms, _, _ in WRONG for name in terms}


@pytest.mark.parametrize("given", [{}, [("strategy", "S")], None])
def test_what_is_no_request_is_refused(given: Any) -> None:
    with pytest.raises(InputError):
        TrainingRequest.from_dict(given)


@pytest.fixture(scope="module")
def hourly() -> Bars:
    """Some days of hourly bars of a market whose tick is known."""
    n = 24 * DAYS
    price = np.full(n, 10.0)
    market = Market("test", "A/B", Timeframe(HOUR), tick=0.01)
    return Bars.from_columns(market, T0 + HOUR * np.arange(n), price, price + 1, price - 1, price, price)


def test_a_request_is_an_experiment_on_bars(hourly: Bars) -> None:
    strategy = find_strategy("LIQUIDITY_SWEEP")()
    terms = {
        "strategy": "LIQUIDITY_SWEEP", "method": "random", "samples": 7, "objective": "net_profit", "seed": 3,
        "evidence": "quick", "validation": "rolling", "train_days": 4, "test_days": 5, "gap_days": 1, "side": "long",
        "fee": 0.002, "slippage": 0.0, "sizing": "notional", "min_stop_costs": 2, "allow_bad_data": True,
        "start": "2024-01-03", "days": 10,
    }  # fmt: skip
    assert TrainingRequest.from_dict(terms).experiment(strategy, hourly) == Experiment(
        strategy,
        method="random",
        budget=7,
        objective="net_profit_pct",
        execution=Execution("long", Costs(0.002, 0.0, 0.01), Sizing("notional"), 2.0),  # type: ignore[arg-type]
        plan=SplitPlan("rolling", 4, 5, 1),
        permutations=PERMUTATIONS["quick"],
        seed=3,
        start_ms=T0 + 2 * 24 * HOUR,
        stop_ms=T0 + 12 * 24 * HOUR,
        allow_bad_data=True,
    )


def test_the_whole_of_the_bars_has_no_bounds(hourly: Bars) -> None:
    experiment = TrainingRequest(strategy="LIQUIDITY_SWEEP").experiment(find_strategy("LIQUIDITY_SWEEP")(), hourly)
    assert (experiment.start_ms, experiment.stop_ms) == (None, None)


def test_what_does_not_fit_the_bars_is_named(hourly: Bars) -> None:
    request = TrainingRequest.from_dict({"strategy": "LIQUIDITY_SWEEP", "days": DAYS + 1})
    with pytest.raises(InputError, match="days: must be positive and at most what the data holds"):
        request.experiment(find_strategy("LIQUIDITY_SWEEP")(), hourly)


def test_fixed_values_take_the_place_of_the_space(hourly: Bars) -> None:
    strategy = find_strategy("LIQUIDITY_SWEEP")()
    name, value = next((n, v) for n, v in strategy.parameters.defaults.items() if len(strategy.default_grid[n]) > 1)
    request = TrainingRequest(strategy="LIQUIDITY_SWEEP", search=SearchTerms(fixed={name: value}))
    assert request.experiment(strategy, hourly).grid_space.values[name] == (value,)
