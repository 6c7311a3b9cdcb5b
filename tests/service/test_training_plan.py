"""The plan's TrainingConfig: both spellings, the markets that it names, and what is wrong with it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.service.training_plan import TrainingPlan

CONFIG: dict[str, Any] = {
    "strategy": "LIQUIDITY_SWEEP_V3",
    "pairs": ["BTC/USDT", "ETHUSDT", "SOL-USDT"],
    "exchanges": ["binance", "kraken"],
    "timeframes": ["5m", "1h"],
    "optimizationMethod": "random",
    "optimizationParams": {"nSamples": 100},
    "validationMethod": "walk_forward",
    "validationParams": {"trainPeriodDays": 90, "testPeriodDays": 30, "gapPeriodDays": 7},
    "historicalPeriodMonths": 12,
    "maxRuntime": 3600,
    "parallelWorkers": 2,
}
"""As the requirement writes it."""


def snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {re.sub(r"([A-Z])", lambda m: "_" + m[1].lower(), name): snake(v) for name, v in value.items()}
    return value


def test_the_requirement_s_config_is_read() -> None:
    plan = TrainingPlan.from_dict(CONFIG)
    assert [str(market) for market in plan.markets[:3]] == [
        "BTC/USDT 5m on binance", "BTC/USDT 1h on binance", "ETH/USDT 5m on binance",
    ]  # fmt: skip
    assert len(plan.markets) == 12
    (request,) = plan.requests
    search, proof = request.search, request.proof
    assert (request.strategy, search.method, search.samples) == ("LIQUIDITY_SWEEP_V3", "random", 100)
    assert (proof.validation, proof.train_days, proof.test_days, proof.gap_days) == ("anchored", 90, 30, 7)
    assert (plan.most_days, plan.max_runtime_s, plan.workers, plan.priority, plan.fetch) == (365, 3600, 2, 0, True)


def test_both_spellings_are_the_same_plan() -> None:
    camel, written = TrainingPlan.from_dict(CONFIG), snake(CONFIG)
    assert "optimization_params" in written
    assert TrainingPlan.from_dict(written) == camel
    assert TrainingPlan.from_dict(camel.given) == camel


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({"optimizationMethod": "bayesian", "optimizationParams": {"nIterations": 50}}, ("gp", 50, "anchored")),
        ({"optimizationMethod": "grid", "optimizationParams": None}, ("grid", None, "anchored")),
        ({"validationMethod": "train_test_split", "validationParams": {"trainRatio": 0.6}}, ("random", 100, "split")),
        ({"validationMethod": "rolling"}, ("random", 100, "rolling")),
    ],
)
def test_methods_are_those_of_the_requirement(changes: dict[str, Any], terms: tuple[Any, ...]) -> None:
    (request,) = TrainingPlan.from_dict(CONFIG | changes).requests
    assert (request.search.method, request.search.samples, request.proof.validation) == terms


def test_several_strategies_and_terms_of_a_training_stand_beside_it() -> None:
    config = {name: value for name, value in CONFIG.items() if name != "strategy"}
    more = {"strategies": ["LIQUIDITY_SWEEP", "SUPPLY_SHOCK"], "fee": "0.1%", "minStopCosts": 2.0, "evidence": "quick"}
    plan = TrainingPlan.from_dict(config | more | {"seed": 7}, lambda name: f"folder/{name}.py:X")
    assert [r.strategy for r in plan.requests] == ["folder/LIQUIDITY_SWEEP.py:X", "folder/SUPPLY_SHOCK.py:X"]
    request = plan.requests[1]
    assert (request.execution.fee, request.execution.min_stop_costs) == ("0.1%", 2.0)
    assert (request.proof.repeats, request.search.seed) == (39, 7)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"strategy": None}, "strategy", "must be given"),
    ({"strategies": ["A"]}, "strategy", "one of strategy"),
    ({"strategy": 5}, "strategy", "must be the name"),
    ({"pairs": []}, "pairs", "one at least"),
    ({"pairs": "BTC/USDT"}, "pairs", "list of names"),
    ({"exchanges": None}, "exchanges", "must be given"),
    ({"timeframes": ["5 minutes or so"]}, "timeframe", "5 minutes or so"),
    ({"pair": ["BTC/USDT"]}, "pair", "Did you mean 'pairs'?"),
    ({"optimization_method": "grid"}, "optimization_method", "given twice"),
    ({"optimizationMethod": "genetic"}, "optimizationMethod", "must be one of auto, grid"),
    ({"optimizationParams": {"nSample": 5}}, "optimizationParams.nSample", "Did you mean"),
    ({"optimizationParams": {"nIterations": 5}}, "optimizationParams.nIterations", "belongs to"),
    ({"optimizationParams": [5]}, "optimizationParams", "an object"),
    ({"optimizationParams": {"nSamples": 0}}, "optimizationParams.nSamples", "at least 1"),
    ({"validationMethod": "none"}, "validationMethod", "must be one of walk_forward"),
    ({"validationParams": {"trainRatio": 0.7}}, "validationParams.trainRatio", "belongs to"),
    ({"historicalPeriodMonths": 0}, "historicalPeriodMonths", "positive"),
    ({"historicalPeriodMonths": "12"}, "historicalPeriodMonths", "number"),
    ({"days": 30}, "historicalPeriodMonths", "combined with days"),
    ({"maxRuntime": -1}, "maxRuntime", "positive"),
    ({"maxRuntime": 1e12}, "maxRuntime", "seconds"),
    ({"parallelWorkers": 0}, "parallelWorkers", "from 1"),
    ({"parallelWorkers": 1.5}, "parallelWorkers", "whole"),
    ({"priority": True}, "priority", "whole"),
    ({"fetch": "yes"}, "fetch", "true or false"),
    ({"pairs": [f"A{i}/USDT" for i in range(300)]}, "pairs", "at most 1000"),
    ({"timeframes": ["5m", "2h"]}, "timeframes", "must be one of 1m, 5m, 15m, 1h, 4h, 1d to be stored"),
    ({"fee": 0.5}, "fee", "fraction"),
]


@pytest.mark.parametrize(("changes", "field", "words"), WRONG, ids=str)
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        TrainingPlan.from_dict(CONFIG | changes)
    assert caught.value.field == field
    assert words in str(caught.value)


def test_markets_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand names in each of three lists are a few kilobytes, and would be a thousand million markets."""
    monkeypatch.setattr("assay.service.training_plan.named_market", lambda *_: pytest.fail("a market was made"))
    names = [f"X{i}" for i in range(1_000)]
    with pytest.raises(InputError, match="at most 1000 trainings, got 1000000000"):
        TrainingPlan.from_dict(CONFIG | {"exchanges": names, "pairs": names, "timeframes": names})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted({*CONFIG, "fixed", "seed", "start", "side", "fee", "permutations"})), JSON)
def test_any_value_is_a_plan_or_a_named_fault(name: str, value: Any) -> None:
    with suppress(InputError):
        plan = TrainingPlan.from_dict(CONFIG | {name: value})
        assert plan.markets
        assert plan.requests


def test_changes_take_the_place_of_what_they_exclude() -> None:
    before = dict(TrainingPlan.from_dict(CONFIG).given)
    changed = TrainingPlan.changed(before, {"optimizationMethod": "grid", "days": 30, "strategies": ["A", "B"]})
    assert {"optimization_params", "historical_period_months", "strategy"} & changed.keys() == set()
    assert TrainingPlan.from_dict(changed).requests[0].span.days == 30
    assert TrainingPlan.changed(before, {"maxRuntime": None, "seed": 7}) == {
        name: value for name, value in before.items() if name != "max_runtime"
    } | {"seed": 7}
    with pytest.raises(InputError, match="is not known here"):
        TrainingPlan.changed(before, {"day": 30})
