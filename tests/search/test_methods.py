"""The table of samplers: a record is all that a method needs, and a name without one is refused everywhere."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay import BayesianOptimizer, Experiment, find_strategy
from assay.errors import AssayError, ParameterError
from assay.search import BUDGETS, SAMPLERS, Range, Sampler, SearchPlan, Space, find_sampler, run_search
from assay.search.adaptive import History, propose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Combinations
    from assay.search.axes import Axes, Point

SPACE = Space((("x", Range(0.0, 1.0)), ("n", tuple(range(1, 9)))))


def measured(points: Combinations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Best at x = 1 and n = 8; a thousand trades each."""
    values = [points.at(i) for i in range(len(points))]
    return np.array([float(v["x"]) + float(v["n"]) for v in values]), np.full(len(values), 1000.0)


@pytest.fixture
def climbing(monkeypatch: pytest.MonkeyPatch) -> str:
    """A method that learns, from a module of its own: it climbs from the best point that it knows."""
    module = ModuleType("a_sampler_that_climbs")

    def climb(axes: Axes, known: list[Point], scores: NDArray[np.float64], start: int, seed: int) -> list[Point]:
        del start
        x, n = known[int(np.argmax(scores))]
        higher = ((1.0 + float(x)) / 2.0, min(int(n) + 1, 8))
        return axes.unknown([higher], set(known), 1, np.random.default_rng(seed))

    module.propose = climb  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(SAMPLERS, "climb", Sampler(about="points uphill", budget=40, module=module.__name__))
    return "climb"


def test_a_record_is_all_that_a_method_needs(climbing: str) -> None:
    plan = SearchPlan(SPACE, climbing)
    assert (plan.budget, plan.size, plan.ahead) == (40, 40, None)
    result = run_search(plan, measured)
    assert result.combinations == 40
    assert result.best is not None
    assert result.measure > 9.0 - 1e-6
    assert run_search(SearchPlan(SPACE, "random", 40), measured).measure < 9.0 - 1e-6
    strategy = find_strategy("LIQUIDITY_SWEEP")()
    assert Experiment(strategy=strategy, method=climbing).search.budget == 40
    assert BayesianOptimizer(method=climbing).method == climbing


def test_a_method_that_knows_its_points_needs_a_record_too(monkeypatch: pytest.MonkeyPatch) -> None:
    again = Sampler(about="the same points, drawn by another seed", budget=7, points=SAMPLERS["random"].points)
    monkeypatch.setitem(SAMPLERS, "again", again)
    assert run_search(SearchPlan(SPACE, "again"), measured).combinations == 7


def test_an_unknown_method_is_refused_everywhere() -> None:
    strategy = find_strategy("LIQUIDITY_SWEEP")()
    unknown = r"method: must be one of .*Did you mean 'cmaes'"
    for refuse in (
        lambda: find_sampler("cmae"),
        lambda: SearchPlan(SPACE, "cmae"),
        lambda: propose(SPACE, "cmae", History(), 1),
        lambda: Experiment(strategy=strategy, method="cmae"),
        lambda: BayesianOptimizer(method="cmae"),
    ):
        with pytest.raises(AssayError, match=unknown):
            refuse()


def test_every_sampler_that_learns_has_its_module() -> None:
    for name, sampler in SAMPLERS.items():
        if sampler.learns:
            assert callable(sampler.propose), name
            assert BUDGETS[name] == sampler.budget
        else:
            with pytest.raises(TypeError, match="does not learn"):
                _ = sampler.propose
    with pytest.raises(ParameterError):
        find_sampler("")


def test_a_record_is_of_one_kind() -> None:
    for wrong in ({}, {"points": SAMPLERS["grid"].points, "module": "assay.search.parzen", "budget": 5}):
        with pytest.raises(ValueError, match="either points or a module"):
            Sampler(about="both or neither", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a budget"):
        Sampler(about="never ends", module="assay.search.parzen")
