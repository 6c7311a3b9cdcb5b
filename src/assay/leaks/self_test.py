"""The test of the leak checks themselves: every planted leak is caught by the checks that have to see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import InsufficientDataError
from assay.evaluation import Answers
from assay.leaks.findings import NotRun
from assay.leaks.inspect import inspect_strategy
from assay.leaks.planted import PLANTED, Planted
from assay.leaks.search_answers import PROCESS, SearchProbe, inspect_fully, search_questions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.evaluation import FreshProcess
    from assay.leaks.report import LeakReport
    from assay.market import Bars


EFFORT = 0.1
"""Planted leaks are large: a tenth of the work finds them."""


@dataclass(frozen=True, slots=True)
class Planting:
    """A planted leak and what the leak checks say of it.

    Attributes
    ----------
    name : str
    story : str
        How it happens in practice, one sentence.
    wanted : tuple of str
        The checks that have to see it; none for the honest twin.
    report : LeakReport
    """

    name: str
    story: str
    wanted: tuple[str, ...]
    report: LeakReport

    @property
    def passes(self) -> bool:
        """Whether the checks that have to see it do; the honest twin must pass all of them."""
        caught = self.report.caught_by
        return set(self.wanted) <= set(caught) and bool(caught) == bool(self.wanted)


def self_test(bars: Bars, fresh_process: FreshProcess | None = None) -> Iterator[Planting]:
    """Look at every planted leak, and at the honest strategy without one.

    Parameters
    ----------
    bars : Bars
        Some thousand, of any market.
    fresh_process : FreshProcess, optional
        Without it the leak that only a fresh process can show is still caught by another check.

    Raises
    ------
    InsufficientDataError
        When a check that has to see a leak cannot be run on so few bars.
    """
    kinds: tuple[type[Planted], ...] = (Planted, *PLANTED)
    for kind in kinds:
        story = " ".join((kind.__doc__ or "").split("\n\n", maxsplit=1)[0].split())
        report = _looked_at(kind, bars, fresh_process)
        for answer in report.checks:
            if answer.check.name in kind.caught_by and isinstance(answer.outcome, NotRun):
                rule = f"are too few to plant leaks in ({answer.check.name} {answer.outcome.reason})"
                raise InsufficientDataError("bars", rule, len(bars))
        wanted = kind.caught_by if fresh_process is not None else tuple(n for n in kind.caught_by if n != PROCESS.name)
        yield Planting(kind.name, story, wanted, report)


def _looked_at(kind: type[Planted], bars: Bars, fresh_process: FreshProcess | None) -> LeakReport:
    """Ask a planted leak as a training does: checks, a search over its shapes that is recorded, checks."""
    strategy = kind.planted(bars)
    report = inspect_strategy(strategy, bars.head(kind.looked_at(bars)), effort=EFFORT)
    questions = search_questions(strategy, strategy.default_grid, "both")
    answers = Answers(bars)
    for question in questions:
        answers.note(bars, question, question.of(strategy, bars))
    # a process takes seconds: it is started where it has to see the leak, and for the honest twin
    asked = fresh_process if PROCESS.name in kind.caught_by or not kind.caught_by else None
    return inspect_fully(report, SearchProbe(strategy, bars, questions, answers.digests, 0, asked))
