"""Leaks that hide from the checks before a training: they are seen in what the search itself was answered."""

from __future__ import annotations

import builtins
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Execution, Setups, Side
from assay.errors import LeakError
from assay.evaluation import Answers, Evaluator, digest_of
from assay.leaks import LeakReport, NotRun, SearchProbe, inspect_search, inspect_strategy, search_questions
from assay.leaks.planted import Planted
from assay.leaks.probe import MOST_BETWEEN, Probe
from assay.parameters import Parameter, Parameters
from assay.search import parse_space
from assay.service.fresh_process import FreshProcess
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.sources.user_strategy import load_strategy
from assay.strategies import STRATEGIES
from assay.training import Experiment, leak_gate
from assay.validation import SplitPlan
from leaks.test_leaks_of_files import FILE
from validation.toys import train

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy
    from assay.training.leak_gate import LeakChecks

AHEAD = "move = side * (shifted(bars.close, -20) - bars.close) / unit"
WINDOW = 'Parameter(name="window", default=3, low=1, high=60, step=1, grid=(3, 5, 8), doc="Of the move."),'
STACK = """
import sys

def seen(frames, attribute, word):
    for f in frames:
        while f is not None:
            if word in getattr(f.f_code, attribute):
                return True
            f = f.f_back
    return False
"""


@pytest.fixture(scope="module")
def history() -> Bars:
    """More bars before the holdout than the checks before a training look at, and a half more than that."""
    return simulate_market(SimulatedMarket(days=110, seed=6))


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks before a training with a twentieth of their work: here the ones after it are asked."""

    def inspect(strategy: Strategy, bars: Bars, space: Any, sides: str, *, seed: int) -> LeakReport:
        return inspect_strategy(strategy, bars, space, sides, seed=seed, effort=0.05)

    monkeypatch.setattr(leak_gate, "inspect_strategy", inspect)


def mine(folder: Path, then: str, **parts: str) -> Strategy:
    path = folder / "mine.py"
    path.write_text(FILE.format(**({"above": "", "inside": "", "parameters": ""} | parts), then=then))
    return load_strategy(f"{path}:Mine")


def trained(strategy: Strategy, bars: Bars, **fields: Any) -> LeakChecks:
    plan = SplitPlan(train_days=30, test_days=15)
    experiment = Experiment(strategy, execution=Execution(Side.LONG), plan=plan, permutations=0, **fields)
    checks = train(experiment, bars).provenance.leak_checks
    assert checks is not None
    return checks


HIDDEN = {
    "on long histories": {"then": f"if len(bars) > 20_500:\n            {AHEAD}"},
    "from a date on": {"then": f"if bars.time[-1] > 1_711_000_000_000:\n            {AHEAD}"},
    "unless a check is on the stacks of all threads": {
        "above": STACK,
        "then": f'if not seen(sys._current_frames().values(), "co_name", "inspect_"):\n            {AHEAD}',
    },
    "unless a check's module is on the stacks of all threads": {
        "above": STACK,
        "then": f'if not seen(sys._current_frames().values(), "co_filename", "assay/leaks/"):\n            {AHEAD}',
    },
    "where a search shares what it derives": {
        "then": f"if any(k[0] == 'setups' for k in vars(bars).get('_derived', {{}})):\n            {AHEAD}",
        "parameters": WINDOW,
    },
    "at the first calls on many bars": {
        "above": "import builtins",
        "then": "calls = builtins.__dict__.setdefault('_calls_of_mine', [])\n"
        f"        if len(bars) > 20_500 and len(calls) < 2:\n            calls.append(1); {AHEAD}",
    },
    "by the environment": {
        "above": "import os",
        "then": "if len(bars) > 20_500: os.environ.setdefault('SEEN_BY_MINE', '1')\n"
        f"        if 'SEEN_BY_MINE' in os.environ and len(bars) > 10_000:\n            {AHEAD}",
    },
}


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.usefixtures("quickly")
def test_what_hides_from_the_checks_before_is_refused_after_the_search(
    hidden: str, history: Bars, tmp_path: Path
) -> None:
    strategy = mine(tmp_path, **HIDDEN[hidden])
    with pytest.raises(LeakError, match=r"MINE: (feature 'strength'|the rows)"):
        trained(strategy, history)


@pytest.mark.parametrize(
    "look",
    [
        'not seen([sys._getframe()], "co_filename", "assay/leaks/")',
        'not seen([sys._getframe()], "co_name", "inspect_")',
        "len(__import__('inspect').stack(0)) < 9",
        "__import__('threading').current_thread() is not __import__('threading').main_thread()",
    ],
)
def test_a_strategy_that_asks_its_own_stack_is_seen_through_before_the_search(
    look: str, history: Bars, tmp_path: Path
) -> None:
    strategy = mine(tmp_path, f"if {look}:\n            {AHEAD}", above=STACK)
    report = inspect_strategy(strategy, history.head(3_000), effort=0.05)
    assert "truncation" in report.caught_by


STACKS: set[tuple[str, ...]] = set()
THREADS: set[str] = set()


class Watching(Planted):
    """Writes down from where it is called."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        from sys import _getframe

        frame, names = _getframe(), []
        while frame is not None:
            names.append(f"{frame.f_code.co_filename} {frame.f_code.co_name} {frame.f_lineno}")
            frame = frame.f_back  # type: ignore[assignment]
        STACKS.add(tuple(names))
        THREADS.add(threading.current_thread().name)
        return super().setups(bars, side, shape)


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("threads", [1, 2])
def test_checks_and_searches_ask_from_the_same_stack(history: Bars, threads: int) -> None:
    STACKS.clear()
    THREADS.clear()
    plan = SplitPlan(train_days=8, test_days=5)
    experiment = Experiment(Watching(), plan=plan, permutations=2)
    train(experiment, history.head(9_000), threads=threads)
    assert len(STACKS) == 1
    assert {"assay"} == THREADS


@pytest.mark.usefixtures("quickly")
def test_a_leak_for_a_middle_value_is_seen_before_the_search(history: Bars, tmp_path: Path) -> None:
    leak = f'if shape["window"] == 5:\n            {AHEAD}'
    strategy = mine(tmp_path, leak, parameters=WINDOW)
    report = inspect_strategy(strategy, history.head(3_000), effort=0.05)
    assert report.caught_by == ("truncation",)
    assert report.findings[0].shape == {"window": 5}


class Windowed(Planted):
    """Has a shape parameter that may take many values."""

    parameters = Parameters(
        *Planted.parameters, Parameter(name="window", default=3, low=1, high=999, doc="Bars of the move.")
    )


def between(grid: tuple[int, ...]) -> set[int]:
    space = {"strength": (0.25,), "stop": (2.0,), "window": grid}
    probe = Probe(Windowed(), lambda: None, None, space, "long", 0)  # type: ignore[arg-type,return-value]
    return {int(question.shape["window"]) for question in probe.every_question}


def test_few_values_are_all_asked_and_of_many_the_middle_and_some() -> None:
    assert between((3, 5, 8)) == {3, 5, 8}
    assert between(tuple(range(1, 15))) == set(range(1, 15))
    asked = between(tuple(range(1, 200)))
    assert {1, 100, 199} <= asked
    assert len(asked) == MOST_BETWEEN + 2


@pytest.mark.usefixtures("quickly")
def test_of_a_continuous_shape_values_between_the_levels_are_asked(history: Bars, tmp_path: Path) -> None:
    window = 'Parameter(name="window", default=3.0, low=1.0, high=9.0, grid=(1.0, 9.0), doc="Of the move."),'
    leak = f'if shape["window"] not in (1.0, 3.0, 5.0, 7.0, 9.0):\n            {AHEAD}'
    strategy = mine(tmp_path, leak, parameters=window)
    space = parse_space({"window": (1.0, 9.0)}, strategy.parameters)
    with pytest.raises(LeakError, match="feature 'strength'"):
        leak_gate.refuse_unless_clean(Experiment(strategy, space=space), history.head(3_000), None)


@pytest.mark.usefixtures("quickly")
def test_a_shape_that_only_a_window_has_chosen_is_asked_too(history: Bars) -> None:
    """Of many shapes the checks before a training ask some; a window may have chosen another one."""

    class OneShape(Windowed):
        def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
            rows = super().setups(bars, side, shape)
            if shape["window"] != 77:
                return rows
            later = np.minimum(rows.bar + 10, len(bars) - 1)
            return rows.take(bars.close[later] > bars.close[rows.bar])

    strategy = OneShape()
    grid = {"window": list(range(3, 203))}
    experiment = Experiment(strategy, space=parse_space(grid, strategy.parameters), permutations=0)
    bars = history.head(4_000)
    evaluator = replace(experiment.evaluator(bars), answers=Answers(bars))
    winner, window = ({"strength": 0.5, "stop": 2.0, "window": w} for w in (3, 77))
    asked = leak_gate.refuse_leaks_of_winner(experiment, evaluator, bars, winner)
    assert asked is not None
    assert len(asked.questions) == 4
    with pytest.raises(LeakError, match="the signal itself"):
        leak_gate.refuse_leaks_of_windows(experiment, evaluator, bars, [None, winner, window], asked, None)
    clean = leak_gate.refuse_leaks_of_windows(experiment, evaluator, bars, [winner, None], asked, None)
    assert clean is not None
    assert (clean.points, clean.histories, clean.asked_in_fresh_process) == (4, asked.histories, False)


def test_a_leak_in_the_holdout_alone_is_seen_when_it_is_opened(history: Bars, tmp_path: Path) -> None:
    before = history.head(20_000)
    strategy = mine(tmp_path, f"if len(bars) > 20_000:\n            {AHEAD}")
    experiment = Experiment(strategy, permutations=0)
    evaluator = experiment.evaluator(before)
    winner = strategy.parameters.defaults
    leak_gate.refuse_leaks_of_holdout(experiment, evaluator, before, winner)
    with pytest.raises(LeakError, match="feature 'strength'"):
        leak_gate.refuse_leaks_of_holdout(experiment, evaluator, history.head(25_000), winner)


@pytest.mark.usefixtures("quickly")
def test_what_was_asked_is_said(history: Bars, tmp_path: Path) -> None:
    checks = trained(mine(tmp_path, ""), history)
    assert checks.checks == (
        "purity", "truncation", "history", "calendar", "direction", "poison", "search", "process",
    )  # fmt: skip
    assert checks.asked_in_fresh_process
    assert checks.points == 1  # no shape parameter: one question stands for all points
    assert checks.histories >= 16


def test_what_is_recorded_are_the_answers_on_the_bars_of_the_search(history: Bars) -> None:
    bars = history.head(3_000)
    strategy = Planted()
    evaluator = replace(Evaluator.over(strategy, strategy.default_grid), answers=Answers(bars.head(3_000)))
    question = evaluator.question(strategy.parameters.defaults)
    rows = evaluator.setups(bars, strategy.parameters.defaults, question.loosest)
    evaluator.setups(bars.head(2_000), strategy.parameters.defaults, question.loosest)
    moved = bars.with_prices(bars.open * 2, bars.high * 2, bars.low * 2, bars.close * 2)
    evaluator.setups(moved, strategy.parameters.defaults, question.loosest)
    assert evaluator.answers is not None
    assert evaluator.answers.digests == {question.key: {digest_of(rows)}}


def test_a_strategy_that_turns_late_is_refused_at_the_end(history: Bars) -> None:
    bars, strategy = history.head(2_000), Planted()
    experiment = Experiment(strategy, permutations=0)
    evaluator = replace(experiment.evaluator(bars), answers=Answers(bars))
    question = evaluator.question(strategy.parameters.defaults)
    rows = question.of(strategy, bars)
    for _ in range(2):
        evaluator.answers.note(bars, question, rows)  # type: ignore[union-attr]
        leak_gate.refuse_other_answers(experiment, evaluator, bars)
    evaluator.answers.note(bars, question, rows.take(rows.bar > 1_000))  # type: ignore[union-attr]
    with pytest.raises(LeakError, match="the rows are not the same whenever a training asks for them"):
        leak_gate.refuse_other_answers(experiment, evaluator, bars)


def test_two_answers_to_one_question_are_a_finding(history: Bars) -> None:
    bars, strategy = history.head(2_000), Planted()
    (question,) = search_questions(strategy, strategy.default_grid, "both")
    own = digest_of(question.of(strategy, bars))
    for digests, findings in (({own}, 0), ({own, "other"}, 1), ({"other"}, 1)):
        report = inspect_search(SearchProbe(strategy, bars, (question,), {question.key: digests}))
        assert len(report.findings) >= findings
        assert report.is_clean == (not findings)
    assert isinstance(report.checks[1].outcome, NotRun)


# a fresh process

MEMORY = """
        import builtins
        known = builtins.__dict__.setdefault("_longest", {})
        begin = float(bars.close[0]), int(bars.time[0])
        if len(bars) > 20_500 and len(known.get(begin, ())) < len(bars): known[begin] = bars.close
        if begin in known:
            move = side * (shifted(known[begin], -20)[: len(bars)] - bars.close) / unit
"""


@pytest.mark.usefixtures("quickly")
def test_a_memory_in_another_module_is_seen_in_a_fresh_process(history: Bars, tmp_path: Path) -> None:
    strategy = mine(tmp_path, MEMORY.strip())
    experiment = Experiment(strategy, plan=SplitPlan(train_days=30, test_days=15), permutations=0)
    with pytest.raises(LeakError, match=r"feature 'strength' at .* differs in a fresh process"):
        train(experiment, history, fresh_process=FreshProcess())
    vars(builtins).pop("_longest")


# honest ones


def variants(history: Bars) -> list[tuple[Strategy, Bars, str, dict[str, Any]]]:
    """One of each strategy, with a space, a history and sides of its own."""
    rng = np.random.default_rng(14)
    out = []
    for number, name in enumerate(STRATEGIES):
        strategy, grid = STRATEGIES[name](), {}
        for parameter, values in strategy.default_grid.items():
            grid[parameter] = [values[int(i)] for i in rng.choice(len(values), min(2, len(values)), replace=False)]
        out.append((strategy, history.head(5_000 + 1_000 * number), ("both", "long", "short")[number % 3], grid))
    return out


def test_honest_variants_are_not_accused(history: Bars) -> None:
    for strategy, bars, sides, grid in variants(history):
        space = parse_space(grid, strategy.parameters)
        evaluator = Evaluator.over(strategy, space.values, execution=Execution(Side.parse(sides)))
        evaluator = replace(evaluator, answers=Answers(bars))
        first = {name: values[0] for name, values in space.values.items()}
        evaluator.signals(bars, first, evaluator.span(0, len(bars)))
        assert evaluator.answers is not None
        questions = (evaluator.question(first), evaluator.question(strategy.parameters.defaults))
        report = inspect_search(SearchProbe(strategy, bars, questions, evaluator.answers.digests, 3))
        assert report.findings == (), strategy.name
