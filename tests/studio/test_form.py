"""The form without a browser: what is loaded is what it says, and every error finds its field."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from nicegui import Client, core
from nicegui.page import page

from assay.errors import InputError
from assay.service.training_choices import TIER_1, TrainingChoices
from assay.service.training_plan import TrainingPlan
from assay.sources.user_strategy import load_strategy
from assay.studio.training.form import TrainingForm

if TYPE_CHECKING:
    from collections.abc import Callable

CHOICES = TrainingChoices(
    strategies=[
        {"name": "LIQUIDITY_SWEEP", "summary": "Sweeps."},
        {"name": "FAILED_BREAKDOWN", "summary": "Breakdowns."},
    ],
    pairs=(*TIER_1, *(f"COIN{number}/USDT" for number in range(50))),
    exchanges=("binance", "kraken", "simulated"),
    timeframes=("5m", "1h"),
    stored=frozenset({("simulated", "BTC/USDT", "5m")}),
    first=("simulated", "BTC/USDT", "5m"),
)
MARKETS = {"pairs": ["BTC/USDT"], "exchanges": ["binance"], "timeframes": ["5m"]}
TERMS = {"strategies": ["LIQUIDITY_SWEEP"]} | MARKETS
GRID = {"pierce_depth": [0.001], "risk_reward_ratio": {"low": 1.5, "high": 4, "step": 0.5}}


def with_form(work: Callable[[TrainingForm], Any]) -> Any:
    """Do something with a form that nobody looks at."""

    async def run() -> Any:
        core.loop = asyncio.get_running_loop()
        with Client(page("/form")) as client:
            found = work(TrainingForm(CHOICES, lambda: None, lambda: None))
        client.delete()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"strategies": ["FAILED_BREAKDOWN", "LIQUIDITY_SWEEP"], "pairs": ["COIN49/USDT"], "timeframes": ["1h", "4h"]},
        {"optimization_method": "random", "optimization_params": {"n_samples": 7}, "seed": 43},
        {"optimization_method": "bayesian", "optimization_params": {"n_iterations": 9}},
        {"optimization_method": "grid", "objective": "sharpe_ratio", "side": "both", "evidence": "standard"},
        {"optimization_method": "cmaes", "optimization_params": {"n_iterations": 9, "parameter_grid": GRID}},
        {"validation_method": "rolling", "validation_params": {"train_period_days": 75, "gap_period_days": 7}},
        {"validation_method": "train_test_split", "validation_params": {"train_ratio": 0.8}},
        {"historical_period_months": 7.5, "parallel_workers": 3, "max_runtime": 60, "fetch": False},
        {"fee": "0.1%", "slippage": 0.0002, "min_stop_costs": 2, "sizing": "notional", "allow_bad_data": True},
        {"days": 90, "fixed": {"pierce_depth": 0.002}, "permutations": 5, "priority": 3},
        {"historical_period_months": 12, "parallel_workers": 1, "fetch": True, "allow_bad_data": False},
    ],
)
def test_what_is_loaded_is_what_the_form_says(more: dict[str, Any]) -> None:
    terms = TERMS | more
    if len(terms["strategies"]) > 1:  # in the order of the list
        terms["strategies"] = ["LIQUIDITY_SWEEP", "FAILED_BREAKDOWN"]

    def load(form: TrainingForm) -> dict[str, Any]:
        form.load({"optimization_method": "random", "fee": "1%", "days": 3, "evidence": "quick"} | TERMS)
        form.load(terms)
        one = load_strategy(terms["strategies"][0]) if len(terms["strategies"]) == 1 else None
        form.show_strategy(one, terms.get("optimization_params", {}).get("parameter_grid"))
        return form.terms

    said = with_form(load)
    if (grid := said.get("optimization_params", {}).get("parameter_grid")) is not None:
        assert {name: grid[name] for name in GRID} == GRID  # the others stand at their default
        assert {name: values for name, values in grid.items() if len(values) > 1 and name not in GRID} == {}
        said["optimization_params"]["parameter_grid"] = GRID
    assert said == terms
    assert TrainingPlan.from_dict(said).requests == TrainingPlan.from_dict(terms).requests


def test_numbers_of_another_method_are_kept_and_not_said() -> None:
    def switch(form: TrainingForm) -> list[Any]:
        form.load(TERMS | {"optimization_method": "random", "optimization_params": {"n_samples": 7}})
        said = [form.terms]
        for name in ("grid", "random"):
            form._method.select.set_value(name)
            said.append(form.terms)
        return said

    random, grid, again = with_form(switch)
    assert "optimization_params" not in grid
    assert again == random


@pytest.mark.parametrize(
    "wrong",
    [
        {"pairs": []},
        {"strategies": []},
        {"exchanges": 5},
        {"seed": "x"},
        {"optimization_method": "best"},
        {"optimization_method": "random", "optimization_params": {"n_samples": 0}},
        {"validation_params": {"train_period_days": -3}},
        {"validation_params": {"test_period_days": "long"}},
        {"validation_method": "train_test_split", "validation_params": {"train_ratio": 2}},
        {"historical_period_months": 0},
        {"fee": "dear"},
        {"slippage": -1},
        {"objective": "luck"},
        {"evidence": "none"},
        {"parallel_workers": 0},
        {"max_runtime": -1},
    ],
    ids=str,
)
def test_every_error_of_a_plan_is_said_at_its_field(wrong: dict[str, Any]) -> None:
    def mark(form: TrainingForm) -> tuple[bool, str]:
        form.load(TERMS | wrong)
        with pytest.raises(InputError) as raised:
            TrainingPlan.from_dict(form.terms)
        found = form.mark(raised.value)
        said = [field._problem.text for field in form._fields if field._problem is not None and field._problem.text]
        assert form.mark(None)
        assert not [field for field in form._fields if field._problem is not None and field._problem.text]
        return found, "".join(said)

    is_at_field, said = with_form(mark)
    assert is_at_field
    assert said


def test_a_wrong_value_of_a_parameter_is_said_in_its_row() -> None:
    def mark(form: TrainingForm) -> tuple[bool, Any]:
        form.load(TERMS)
        strategy = load_strategy("LIQUIDITY_SWEEP")
        form.show_strategy(strategy, {"pierce_depth": [0.9]})
        with pytest.raises(InputError) as raised:
            TrainingPlan.from_dict(form.terms).requests[0].search.space_of(strategy)
        return form.mark(raised.value), form.grid._inputs["pierce_depth"].props["error-message"]

    is_at_field, words = with_form(mark)
    assert is_at_field
    assert "must lie in" in words


def test_buttons_tick_all_none_and_the_first_tier() -> None:
    def tick(form: TrainingForm) -> list[Any]:
        pairs = next(field for field in form._fields if field.path == ("pairs",))
        found = []
        for values in (TIER_1, ()):
            pairs.tick(values)  # type: ignore[attr-defined]
            found.append(form.terms["pairs"])
        return found

    assert with_form(tick) == [list(TIER_1), []]
