"""Optimizers: what a search returns, and that it is the best there is."""

from __future__ import annotations

import io
import math
import sys
import warnings
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay import (
    BacktestEngine,
    Bars,
    BayesianOptimizer,
    Costs,
    GridSearchOptimizer,
    NoCandidateWarning,
    ParameterOptimizer,
    RandomSearchOptimizer,
    errors,
)
from assay.frames import optimizers

if TYPE_CHECKING:
    import pandas as pd

FREE = BacktestEngine("LIQUIDITY_SWEEP", costs=Costs(0.0, 0.0))
SPACE: dict[str, list[Any]] = {
    "pierce_depth": [0.001, 0.002],
    "reversal_candles": [1, 2, 3],
    "risk_reward_ratio": [1.5, 3.0],
}


def test_a_grid_finds_the_best_of_all_backtests(bars: Bars) -> None:
    def score(values: dict[str, Any]) -> float:
        metrics = FREE.run_backtest(bars, values).metrics
        n = metrics["sample_size"]
        weight = min(1.0, (n - 10) / 20)
        blended = weight * metrics["sharpe_ratio"] - 5 * (1 - weight)
        return blended * n / (n + 100) if blended > 0 else blended

    points = [dict(zip(SPACE, values, strict=True)) for values in product(*SPACE.values())]
    best = max(points, key=score)
    result = GridSearchOptimizer().optimize(FREE, bars, parameter_space=SPACE)
    assert {name: result.parameters[name] for name in SPACE} == best
    assert result.score == pytest.approx(score(best))
    assert result.n_combinations == 12
    assert result.candidate_found
    assert result.metrics == FREE.run_backtest(bars, best).metrics


def test_a_result_unpacks_and_is_a_mapping(bars: Bars) -> None:
    result = GridSearchOptimizer().optimize(FREE, bars, parameter_space=SPACE)
    parameters, score = result
    names = ["parameters", "score", "metrics", "n_combinations", "candidate_found"]
    assert parameters is result["parameters"] is result.parameters
    assert score == result["score"] == result.score
    assert list(result.keys()) == list(dict(result)) == list({**result}) == names
    assert [k for k, _ in result.items()] == names
    assert list(result.values())[1] == score
    assert len(result) == 5
    assert "metrics" in result
    assert "strategy" not in result
    with pytest.raises(KeyError):
        result["sharpe_ratio"]


def test_tuples_of_floats_take_five_levels(bars: Bars) -> None:
    space = {"pierce_depth": (0.001, 0.005), "reversal_candles": (1, 3), "risk_reward_ratio": (1.5, 3.0, 0.5)}
    assert GridSearchOptimizer().optimize(FREE, bars, parameter_space=space).n_combinations == 5 * 3 * 4


def test_the_default_space_is_the_strategys_grid(bars: Bars) -> None:
    found = GridSearchOptimizer().optimize(FREE, bars)
    assert found.n_combinations == math.prod(len(v) for v in FREE.strategy().default_grid.values())


def test_random_points_follow_from_the_seed(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(seed: int) -> dict[str, Any]:
        space = {"pierce_depth": (0.001, 0.005), "risk_reward_ratio": (1.5, 4.0)}
        found = RandomSearchOptimizer(n_samples=40).optimize(FREE, bars, parameter_space=space, seed=seed)
        return found.parameters | {"score": found.score}

    first = search(42)
    monkeypatch.setattr(optimizers, "cores", lambda: 1)
    assert search(42) == first
    assert search(43) != first


@pytest.mark.parametrize("method", ["gp", "tpe", "cmaes"])
def test_learned_points_follow_from_the_seed(bars: Bars, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    space = {"pierce_depth": (0.001, 0.005), "risk_reward_ratio": (1.5, 4.0), "reversal_candles": [1, 2, 3]}

    def search(seed: int) -> dict[str, Any]:
        optimizer = BayesianOptimizer(n_iterations=30, method=method)
        found = optimizer.optimize(FREE, bars, parameter_space=space, seed=seed)
        assert found.metrics == FREE.run_backtest(bars, found).metrics
        return found.parameters | {"score": found.score}

    first = search(42)
    monkeypatch.setattr(optimizers, "cores", lambda: 1)
    assert search(42) == first
    assert search(43) != first
    assert 0.001 <= first["pierce_depth"] <= 0.005
    drawn = RandomSearchOptimizer(n_samples=30).optimize(FREE, bars, parameter_space=space)
    assert first["score"] > drawn.score - 0.2


def test_an_unknown_method_is_refused_when_it_is_named() -> None:
    with pytest.raises(errors.InputError, match=r"method: must be one of gp, tpe, cmaes.*Did you mean 'gp'"):
        BayesianOptimizer(method="gpr")


def test_the_budget_has_two_names(bars: Bars) -> None:
    random, grid = RandomSearchOptimizer(), GridSearchOptimizer()
    assert random.n_samples == 500
    budgets: list[dict[str, Any]] = [{"n_calls": 5}, {"n_iterations": 5}, {"n_calls": 5, "n_iterations": 5}]
    for budget in budgets:
        assert random.optimize(FREE, bars, parameter_space=SPACE, **budget).n_combinations == 5
    bayesian = BayesianOptimizer()
    assert (bayesian.n_iterations, bayesian.method) == (200, "gp")
    for budget in budgets:
        assert bayesian.optimize(FREE, bars, parameter_space=SPACE, **budget).n_combinations == 5
    assert bayesian.optimize(FREE, bars, parameter_space=SPACE).n_combinations == 12
    with pytest.raises(errors.InputError, match="n_calls: differs from n_iterations"):
        random.optimize(FREE, bars, parameter_space=SPACE, n_calls=5, n_iterations=6)
    assert grid.optimize(FREE, bars, parameter_space=SPACE, n_calls=12).n_combinations == 12
    with pytest.raises(errors.InputError, match="a grid runs all of its 12 combinations"):
        grid.optimize(FREE, bars, parameter_space=SPACE, n_calls=11)


def test_costs_are_the_engines(bars: Bars) -> None:
    costly = BacktestEngine("LIQUIDITY_SWEEP", costs=Costs(0.002, 0.001))
    with pytest.warns(NoCandidateWarning):
        charged = GridSearchOptimizer().optimize(costly, bars, parameter_space=SPACE)
    assert charged.score < GridSearchOptimizer().optimize(FREE, bars, parameter_space=SPACE).score
    assert charged.metrics == costly.run_backtest(bars, charged).metrics


@pytest.mark.parametrize("depth", [[0.0002, 0.001], [0.04, 0.05]], ids=["losing", "never trading"])
def test_without_a_positive_point_the_result_says_so(bars: Bars, depth: list[float]) -> None:
    engine = BacktestEngine("LIQUIDITY_SWEEP", costs=Costs.of("1%", 0.0))
    with pytest.warns(NoCandidateWarning, match="none of 2 combinations") as caught:
        result = GridSearchOptimizer().optimize(engine, bars, parameter_space={"pierce_depth": depth})
    assert caught[0].filename == __file__
    assert not result.candidate_found
    sharpe = [engine.run_backtest(bars, {"pierce_depth": d}).metrics["sharpe_ratio"] for d in depth]
    assert result.parameters["pierce_depth"] == depth[0 if math.isnan(sharpe[0]) else int(np.argmax(sharpe))]
    assert math.isfinite(result.score)
    assert isinstance(result.metrics["sharpe_ratio"], float)


def test_a_candidate_comes_without_a_warning(bars: Bars) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert GridSearchOptimizer().optimize(FREE, bars, parameter_space=SPACE).candidate_found


@pytest.mark.parametrize("objective", ["net_profit", "net_profit_pct", "calmar_ratio", "profit_factor"])
def test_objectives(bars: Bars, objective: str) -> None:
    name = "net_profit_pct" if objective == "net_profit" else objective
    result = GridSearchOptimizer().optimize(FREE, bars, parameter_space=SPACE, objective=objective)
    assert result.metrics["sample_size"] >= 30
    # a profit factor is good from 1 on: it is counted from there, so that no loser is a candidate
    offset = 1.0 if name == "profit_factor" else 0.0
    n = result.metrics["sample_size"]
    assert result.score == pytest.approx((result.metrics[name] - offset) * n / (n + 100))


def test_wrong_input_is_named(bars: Bars, data: pd.DataFrame) -> None:
    grid = GridSearchOptimizer()
    with pytest.raises(errors.InputError, match=r"objective.*Did you mean 'sharpe_ratio'"):
        grid.optimize(FREE, bars, parameter_space=SPACE, objective="sharp_ratio")
    with pytest.raises(errors.ParameterError, match="pierce_depth: must lie in"):
        grid.optimize(FREE, bars, parameter_space={"pierce_depth": [0.5]})
    with pytest.raises(errors.ParameterError, match="order-book"):
        grid.optimize(FREE, bars, parameter_space={"min_stop_density_score": [1.0]})
    with pytest.raises(errors.StrategyError, match="must be given"):
        grid.optimize(BacktestEngine(), data, parameter_space=SPACE)
    with pytest.raises(errors.InputError, match="parameter_space: must be a mapping"):
        grid.optimize(FREE, bars, None, "net_profit")


def test_the_base_is_abstract() -> None:
    assert issubclass(GridSearchOptimizer, ParameterOptimizer)
    with pytest.raises(TypeError, match="abstract"):
        ParameterOptimizer()  # type: ignore[abstract]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("optimizer", "title"),
    [
        (GridSearchOptimizer(), "Grid Search"),
        (RandomSearchOptimizer(9), "Random Search"),
        (BayesianOptimizer(9), "Bayesian Search"),
    ],
)
def test_a_bar_is_shown_on_terminals_only(
    bars: Bars,
    optimizer: ParameterOptimizer,
    title: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    optimizer.optimize(FREE, bars, parameter_space=SPACE)
    assert capfd.readouterr() == ("", "")
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    optimizer.optimize(FREE, bars, parameter_space=SPACE)
    assert title in screen.getvalue()
    assert capfd.readouterr().out == ""
