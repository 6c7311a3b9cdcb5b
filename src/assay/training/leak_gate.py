"""The gates around a search: a user's strategy goes through the leak checks, before it and after it.

Before it once per version of its code, on the first 20,000 bars. After it, always, with the parameters that it found,
on all bars that it saw, against what the strategy answered in it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from assay._version import __version__
from assay.compiled import result_digest
from assay.leaks import (
    CHECKS,
    INSPECTION_VERSION,
    PROCESS,
    SEARCH,
    NotRun,
    SearchProbe,
    inspect_search,
    inspect_strategy,
    refuse_leaks,
)
from assay.search.samplers import random
from assay.search.space import Range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.evaluation import Evaluator, FreshProcess, SetupsQuestion
    from assay.market import Bars
    from assay.parameters import Value
    from assay.training.experiment import Experiment

RANDOM_POINTS = 3
"""Points of the space that are asked after the search beside the winner."""
WINDOWS = 6
"""Most shapes of the windows' winners that are asked after the walk-forward."""


class CleanPasses(Protocol):
    """Where it is remembered which strategies were found clean; handed in, since a training knows no files."""

    def holds(self, key: str) -> bool:
        """Whether what the key stands for was found clean before."""

    def keep(self, key: str, facts: Mapping[str, Any]) -> None:
        """Remember a clean pass, with what was looked at."""


def refuse_unless_clean(experiment: Experiment, bars: Bars, passes: CleanPasses | None) -> None:
    """Look for leaks in a strategy that does not ship; those that ship are tested for them.

    A pass is remembered when every check could be run and found nothing. It stands for the strategy's file and what was
    asked of it, not for the bars: the same strategy on another market is not inspected again. A strategy without a
    file (of a notebook, of a script) is inspected every time: what it is made of cannot be known.

    Raises
    ------
    LeakError
        Naming the first finding.
    """
    if experiment.strategy.identity() is None:
        return
    facts = _identity(experiment)
    if facts["source"] is None:
        passes = None
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    if passes is not None and passes.holds(key):
        return
    space = _asked_values(experiment)
    report = inspect_strategy(experiment.strategy, bars, space, experiment.execution.sides, seed=experiment.seed)
    refuse_leaks(report)
    if passes is not None and report.is_complete:
        passes.keep(key, {**facts, "market": str(bars.market), "bars": report.bars})


def _asked_values(experiment: Experiment) -> dict[str, tuple[Value, ...]]:
    """Return the values that the checks are told: of a continuous shape some at random between the grid's levels."""
    values = dict(experiment.grid_space.values)
    rng = np.random.default_rng(np.random.SeedSequence([experiment.seed, 0x1EA4, 600]))
    for name, dimension in experiment.grid_space.dimensions:
        if isinstance(dimension, Range) and dimension.step is None and name in experiment.strategy.shape_names:
            drawn = rng.uniform(dimension.low, dimension.high, RANDOM_POINTS).tolist()
            values[name] = (values[name][0], *values[name][1:-1], *drawn, values[name][-1])
    return values


def _identity(experiment: Experiment) -> dict[str, Any]:
    """Return everything that a clean pass stands for."""
    strategy, values = experiment.strategy, experiment.grid_space.values
    ends = {
        name: [given[0], given[-1]]
        for name, given in values.items()
        if strategy.parameters[name].is_number and name not in strategy.shape_names
    }
    return {
        "strategy": strategy.name,
        "class": type(strategy).__qualname__,
        "source": strategy.source_digest,
        "code": [__version__, result_digest()],
        "laboratory": INSPECTION_VERSION,
        "asked": {name: list(given) for name, given in values.items()} | ends,  # of thresholds the ends
        "sides": experiment.execution.sides,
    }


@dataclass(frozen=True, slots=True)
class LeakChecks:
    """What a user's strategy was asked around its search, and passed.

    Attributes
    ----------
    checks : tuple of str
        Names of the checks: those before the search, which an earlier training may have asked, and those after it.
    version : int
        Of the checks.
    points : int
        Sets of parameters that were asked after the search, on all bars that it saw.
    histories : int
        Shortened histories on which they were asked.
    not_in_fresh_process : str
        Why the strategy was not asked in a fresh process; "" when it was.
    """

    checks: tuple[str, ...]
    version: int
    points: int
    histories: int
    not_in_fresh_process: str

    @property
    def asked_in_fresh_process(self) -> bool:
        """Whether the strategy gave the same answers in a process that had asked it nothing before."""
        return not self.not_in_fresh_process


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """What was asked after a search.

    Attributes
    ----------
    questions : tuple of SetupsQuestion
        The winner's first.
    histories : int
    """

    questions: tuple[SetupsQuestion, ...]
    histories: int


def refuse_leaks_of_winner(
    experiment: Experiment, evaluator: Evaluator, bars: Bars, winner: Mapping[str, Value] | None
) -> AskedAgain | None:
    """Ask for the winner's shape and for three random points again, on all bars that the search saw.

    Strategies that ship are not asked (None): the suite does it.

    Parameters
    ----------
    evaluator : Evaluator
        Of the search, with what it recorded.
    bars : Bars
        Those before the holdout.
    winner : mapping or None
        None where the search found no candidate: the defaults are asked.

    Raises
    ------
    LeakError
        Naming the first finding.
    """
    strategy = experiment.strategy
    if strategy.identity() is None:
        return None
    drawn = random(experiment.grid_space, RANDOM_POINTS, experiment.seed)
    others = [drawn.at(i) for i in range(len(drawn))]
    points = [winner or strategy.parameters.defaults, *(p for p in others if strategy.constraint(p) is None)]
    questions = _distinct(evaluator.question(point) for point in points)
    return AskedAgain(questions, _refuse(experiment, evaluator, bars, questions))


def refuse_leaks_of_windows(
    experiment: Experiment,
    evaluator: Evaluator,
    bars: Bars,
    winners: Iterable[Mapping[str, Value] | None],
    asked: AskedAgain | None,
    fresh_process: FreshProcess | None,
) -> LeakChecks | None:
    """Ask for the shapes of the windows' winners that were not asked yet, then in a fresh process.

    A shape that no window's winner has cannot inflate the stitched run. The fresh process is asked for the winner's
    shape and for those of the windows, four at most.

    Returns
    -------
    LeakChecks or None
        What was asked in all; None for a strategy that ships.
    """
    if asked is None:
        return None
    known = {question.key for question in asked.questions}
    chosen = _distinct(evaluator.question(values) for values in winners if values is not None)
    new = tuple(question for question in chosen if question.key not in known)[:WINDOWS]
    histories = asked.histories + _refuse(experiment, evaluator, bars, new)
    first = asked.questions[0]
    of_windows = (first, *(question for question in chosen if question.key != first.key))
    probe = SearchProbe(experiment.strategy, bars, of_windows, {}, experiment.seed, fresh_process)
    report = inspect_search(probe, (PROCESS,))
    refuse_leaks(report)
    outcome = report.checks[0].outcome
    names = (*(check.name for check in CHECKS), SEARCH.name)
    why = outcome.reason if isinstance(outcome, NotRun) else ""
    return LeakChecks(
        checks=names if why else (*names, PROCESS.name),
        version=INSPECTION_VERSION,
        points=len(asked.questions) + len(new),
        histories=histories,
        not_in_fresh_process=why,
    )


def refuse_leaks_of_holdout(
    experiment: Experiment, evaluator: Evaluator, opened: Bars, winner: Mapping[str, Value]
) -> None:
    """Ask for the winner's shape on the bars with the holdout: a strategy that is honest before it may not be in it."""
    if experiment.strategy.identity() is not None:
        probe = SearchProbe(experiment.strategy, opened, (evaluator.question(winner),), {}, experiment.seed)
        refuse_leaks(inspect_search(probe, (SEARCH,)))


def refuse_other_answers(experiment: Experiment, evaluator: Evaluator, bars: Bars) -> None:
    """Refuse a strategy that has answered one question in two ways by now: the last look, when all work is done."""
    _refuse(experiment, evaluator, bars, ())


def _refuse(experiment: Experiment, evaluator: Evaluator, bars: Bars, questions: tuple[SetupsQuestion, ...]) -> int:
    """Ask questions on shortened histories; return on how many."""
    recorded = evaluator.answers.digests if evaluator.answers is not None else {}
    report = inspect_search(SearchProbe(experiment.strategy, bars, questions, recorded, experiment.seed), (SEARCH,))
    refuse_leaks(report)
    return sum(answer.outcome.asked for answer in report.checks if not isinstance(answer.outcome, NotRun))


def _distinct(questions: Iterable[SetupsQuestion]) -> tuple[SetupsQuestion, ...]:
    return tuple({question.key: question for question in questions}.values())
