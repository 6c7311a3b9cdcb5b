"""The test of the leak checks themselves: every planted leak is caught by the checks that have to see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import InsufficientDataError
from assay.leaks.findings import NotRun
from assay.leaks.inspect import inspect_strategy
from assay.leaks.planted import PLANTED, Planted

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def self_test(bars: Bars) -> Iterator[Planting]:
    """Look at every planted leak, and at the honest strategy without one.

    Parameters
    ----------
    bars : Bars
        Some thousand, of any market.

    Raises
    ------
    InsufficientDataError
        When a check that has to see a leak cannot be run on so few bars.
    """
    kinds: tuple[type[Planted], ...] = (Planted, *PLANTED)
    for kind in kinds:
        story = " ".join((kind.__doc__ or "").split("\n\n", maxsplit=1)[0].split())
        report = inspect_strategy(kind(), bars, effort=EFFORT)
        for answer in report.checks:
            if answer.check.name in kind.caught_by and isinstance(answer.outcome, NotRun):
                rule = f"are too few to plant leaks in ({answer.check.name} {answer.outcome.reason})"
                raise InsufficientDataError("bars", rule, len(bars))
        yield Planting(kind.name, story, kind.caught_by, report)
