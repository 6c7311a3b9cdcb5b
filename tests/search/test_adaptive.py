"""Samplers that learn: that they do, that they are pure, and that nothing makes them stumble."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
import threadpoolctl

from assay.search import ADAPTIVE, Range, SearchPlan, Space, random, run_search
from assay.search.adaptive import History, propose

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from assay.engine import Combinations
    from assay.parameters import Value

    Objective = Callable[[dict[str, Any]], float]

MIXED = Space(
    (
        ("free", Range(0.25, 0.75)),
        ("stepped", Range(0.1, 0.5, 0.1)),
        ("whole", Range(3.0, 30.0, 1.0, integer=True)),
        ("listed", (50, 5, 500)),
        ("kind", ("fast", "slow", "none")),
        ("still", (7,)),
        ("flag", (True, False)),
        ("one", Range(2.0, 2.0)),
    )
)


def mixed(p: dict[str, Any]) -> float:
    bonus = {"fast": 0.0, "slow": 1.0, "none": -1.0}[p["kind"]] + (0.5 if p["flag"] else 0.0)
    return float(bonus - 8 * (p["free"] - 0.6) ** 2 - abs(p["whole"] - 12) / 10 - abs(p["stepped"] - 0.3))


@cache  # pure functions of what they are given: the same question is asked by several tests
def asked(space: Space, method: str, seed: int, n: int, objective: Objective) -> list[dict[str, Value]]:
    """The first n points, batch by batch."""
    points: list[dict[str, Value]] = []
    while len(points) < n:
        batch = propose(space, method, history_of(points, objective), seed)
        if not batch:
            break
        points += batch[: n - len(points)]
    return points


def history_of(points: list[dict[str, Value]], objective: Objective) -> History:
    return History(tuple(points), np.array([objective(p) for p in points]))


def evaluate_by(objective: Objective) -> Callable[[Combinations], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    def evaluate(c: Combinations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # so many trades that nothing is doubted
        return np.array([objective(c.at(i)) for i in range(len(c))]), np.full(len(c), 1e12)

    return evaluate


# --- they learn: test functions of the literature, whose optima are printed there

BRANIN = Space((("x", Range(-5.0, 10.0)), ("y", Range(0.0, 15.0))))
BRANIN_TOP = -0.397887


def branin(p: dict[str, Any]) -> float:
    x, y = p["x"], p["y"]
    bowl = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(-(bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10))


HARTMANN = Space(tuple((f"x{i}", Range(0.0, 1.0)) for i in range(6)))
HARTMANN_TOP = 3.32237
_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(p: dict[str, Any]) -> float:
    x = np.array([p[f"x{i}"] for i in range(6)])
    return float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-(_A * (x - _P) ** 2).sum(axis=1)))


def on_a_plateau(p: dict[str, Any]) -> float:
    """Most of the space is refused, as where a strategy hardly trades."""
    value = hartmann(p)
    return value if value > 0.5 else -5.0


def above_an_abyss(p: dict[str, Any]) -> float:
    """Bad points are bad without measure, as a ratio is whose denominator vanishes."""
    value = hartmann(p)
    return value if value > 0.1 else -1e5


def best_of(space: Space, method: str, n: int, objective: Objective, seeds: range) -> list[float]:
    plans = [SearchPlan(space, method, n, seed) for seed in seeds]
    return [run_search(plan, evaluate_by(objective)).score for plan in plans]


def test_the_test_functions_are_those_printed() -> None:
    assert branin({"x": math.pi, "y": 2.275}) == pytest.approx(BRANIN_TOP, abs=1e-6)
    top = dict(zip(HARTMANN.values, (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573), strict=True))
    assert hartmann(top) == pytest.approx(HARTMANN_TOP, abs=1e-5)


def test_a_gaussian_process_finds_the_optimum_of_branin_in_60_calls() -> None:
    assert min(best_of(BRANIN, "gp", 60, lambda p: 1 + branin(p), range(3))) > 1 + BRANIN_TOP - 0.02


@pytest.mark.parametrize(
    ("method", "calls", "objective"),
    [
        ("gp", 60, hartmann),
        ("gp", 60, on_a_plateau),
        ("gp", 60, above_an_abyss),
        ("tpe", 120, on_a_plateau),
        ("cmaes", 200, on_a_plateau),
        ("cmaes", 200, above_an_abyss),
    ],
)
def test_all_beat_chance_in_six_dimensions(method: str, calls: int, objective: Objective) -> None:
    chance = np.median(best_of(HARTMANN, "random", calls, objective, range(15)))
    learned = np.median(best_of(HARTMANN, method, calls, objective, range(3)))
    assert learned > 2.8
    # at least half of what chance leaves
    assert HARTMANN_TOP - learned < 0.5 * (HARTMANN_TOP - chance)


@pytest.mark.parametrize(("method", "calls"), [("gp", 50), ("tpe", 80), ("cmaes", 150)])
def test_levels_and_choices_are_learned_too(method: str, calls: int) -> None:
    chance = np.median(best_of(MIXED, "random", calls, mixed, range(15)))
    found = [run_search(SearchPlan(MIXED, method, calls, seed), evaluate_by(mixed)) for seed in range(3)]
    assert np.median([f.score for f in found]) > chance + 0.05  # of a range of about 5, the optimum being 1.5
    assert sum(f.best is not None and f.best["kind"] == "slow" for f in found) >= 2


# --- they are pure


@pytest.mark.parametrize("method", ADAPTIVE)
def test_a_search_taken_up_anywhere_is_the_uninterrupted_one(method: str) -> None:
    whole = asked(MIXED, method, 5, 60, mixed)
    for cut in (0, 1, 7, 11, 12, 13, 19, 20, 21, 27, 33, 40, 41, 52, 59):
        onward = propose(MIXED, method, history_of(whole[:cut], mixed), 5)
        assert onward[: 60 - cut] == whole[cut : cut + len(onward)], cut
    assert asked(MIXED, method, 6, 60, mixed) != whole


@pytest.mark.parametrize("method", ADAPTIVE)
def test_a_larger_budget_goes_on_where_a_smaller_one_ended(method: str) -> None:
    small, large = (run_search(SearchPlan(MIXED, method, n, 3), evaluate_by(mixed)) for n in (23, 40))
    assert [large.tried.at(i) for i in range(23)] == [small.tried.at(i) for i in range(23)]
    assert large.scores[:23].tolist() == small.scores.tolist()


@pytest.mark.parametrize("method", ADAPTIVE)
def test_scores_decide_what_is_asked_next(method: str) -> None:
    first = propose(MIXED, method, History(), 5)
    here, there = (propose(MIXED, method, history_of(first, f), 5) for f in (mixed, lambda p: -mixed(p)))
    assert here != there


CODE = """
import sys
sys.path[:0] = sys.argv[1:]
from search.test_adaptive import *
print([asked(MIXED, m, 5, 60, mixed) for m in ADAPTIVE], end="")
"""


def test_another_process_with_more_threads_asks_the_same() -> None:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    tests = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120  (a path for another interpreter)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE, tests],
        capture_output=True, text=True, check=True, env=os.environ | threads | {"PYTHONHASHSEED": "77"}, timeout=120,
    )  # fmt: skip
    assert run.stdout == str([asked(MIXED, m, 5, 60, mixed) for m in ADAPTIVE])
    assert run.stderr == ""


def test_nothing_is_said_and_no_global_state_is_touched(capfd: pytest.CaptureFixture[str]) -> None:
    np.random.seed(1)
    before = str(np.random.get_state())
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    threads = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    for method in ADAPTIVE:
        asked(MIXED, method, 5, 40, mixed)
    assert capfd.readouterr() == ("", "")
    assert str(np.random.get_state()) == before
    assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    assert [pool["num_threads"] for pool in threadpoolctl.threadpool_info()] == threads
    optuna.logging.set_verbosity(optuna.logging.INFO)


def test_a_space_and_a_grid_load_none_of_it() -> None:
    code = (
        "import sys; from assay.search import Range, SearchPlan, Space, grid;"
        "SearchPlan(Space((('a', Range(0.0, 1.0)),)), 'gp').size;"
        "print([m for m in ('sklearn', 'optuna', 'cmaes') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


# --- what they ask for


@pytest.mark.parametrize("method", ADAPTIVE)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_point_is_new_and_inside_and_of_the_right_type(method: str, seed: int) -> None:
    points = asked(MIXED, method, seed, 70, mixed)
    assert len({tuple(p.values()) for p in points}) == len(points) == 70
    for p in points:
        assert list(p) == list(MIXED.values)
        free = p["free"]
        assert isinstance(free, float)
        assert 0.25 <= free <= 0.75
        for name, values in MIXED.values.items():
            if name != "free":
                assert any(p[name] == v and type(p[name]) is type(v) for v in values)
    for name in ("stepped", "listed", "kind", "flag"):  # no level is out of reach
        assert {p[name] for p in points} == set(MIXED.values[name])


@pytest.mark.parametrize("method", ADAPTIVE)
def test_a_space_is_exhausted_without_repeats(method: str) -> None:
    space = Space((("a", (1, 2, 3, 4, 5)), ("b", ("x", "y", "z")), ("c", (0.5, 0.1))))
    points = asked(space, method, 4, 99, lambda p: float(p["a"]))
    assert sorted(map(str, points)) == sorted(
        str({"a": a, "b": b, "c": c}) for a in (1, 2, 3, 4, 5) for b in "xyz" for c in (0.5, 0.1)
    )
    assert propose(space, method, history_of(points, lambda _: 0.0), 4) == []


@pytest.mark.parametrize("method", ADAPTIVE)
def test_one_axis_and_none(method: str) -> None:
    line = Space((("x", Range(0.0, 1.0)), ("still", (3,))))
    found = run_search(SearchPlan(line, method, 40, 1), evaluate_by(lambda p: 1 - (p["x"] - 0.3) ** 2))
    assert found.best is not None
    assert found.best["x"] == pytest.approx(0.3, abs=0.03)
    assert found.best["still"] == 3
    point = run_search(SearchPlan(Space((("still", (3,)),)), method, 40), evaluate_by(lambda _: 1.0))
    assert (point.best, point.combinations) == ({"still": 3}, 1)


# --- what they are told


@pytest.mark.parametrize("method", ADAPTIVE)
@pytest.mark.parametrize(
    "objective",
    [
        lambda _: 0.0,
        lambda _: -5.0,
        lambda _: math.nan,
        lambda p: math.nan if p["free"] < 0.5 else math.inf,
        lambda p: 1e6 if p["whole"] == 4 else -5.0,
        lambda p: 1e-12 * p["free"],
    ],
    ids=["constant", "refused", "nan", "infinite", "needle", "tiny"],
)
def test_no_scores_make_them_stumble(method: str, objective: Objective) -> None:
    found = run_search(SearchPlan(MIXED, method, 50, 2), evaluate_by(objective))
    assert found.combinations == len(found.tried) == len(found.scores) == 50
    assert np.isfinite(found.scores).all()
    assert len({tuple(found.tried.at(i).values()) for i in range(50)}) == 50


def test_long_histories_are_learned_from_in_part() -> None:
    points = [random(HARTMANN, 1500, 8).at(i) for i in range(1500)]
    history = history_of(points, hartmann)
    batch = propose(HARTMANN, "gp", history, 1)
    assert np.mean([hartmann(p) for p in batch]) > np.quantile(history.scores, 0.9)


@pytest.mark.parametrize("method", ADAPTIVE)
def test_a_result_keeps_what_was_tried(method: str) -> None:
    found = run_search(SearchPlan(MIXED, method, 30, 9), evaluate_by(mixed))
    assert found.scores.tolist() == pytest.approx([mixed(found.tried.at(i)) for i in range(30)])
    winner = int(np.argmax(found.scores))
    assert found.best == found.tried.at(winner)
    assert (found.score, found.combinations) == (found.scores[winner], 30)
