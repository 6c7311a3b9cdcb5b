"""The leak checks and what they say of a strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.leaks.findings import Finding, Looked, NotRun

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Check:
    """One way of asking whether a strategy knows what it cannot know.

    Attributes
    ----------
    name : str
    about : str
        What has to hold, in one sentence.
    way_out : str
        What to do about a finding, in one sentence.
    look : callable
        Function from a `Probe` (of checks after a search: a `SearchProbe`) to `Looked`, or to `NotRun` where the bars
        do not allow an answer.
    """

    name: str
    about: str
    way_out: str
    look: Callable[[Any], Looked | NotRun]


@dataclass(frozen=True, slots=True)
class Answer:
    """A check and what it saw."""

    check: Check
    outcome: Looked | NotRun

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of the check; none where it was not run."""
        return self.outcome.findings if isinstance(self.outcome, Looked) else ()

    @property
    def result(self) -> str:
        """Return pass, LEAK or not run."""
        if isinstance(self.outcome, NotRun):
            return "not run"
        return "LEAK" if self.findings else "pass"


@dataclass(frozen=True, slots=True)
class LeakReport:
    """What the leak checks say of a strategy.

    Attributes
    ----------
    strategy : str
    bars : int
        How many were looked at.
    checks : tuple of Answer
        In the order of `CHECKS`.
    """

    strategy: str
    bars: int
    checks: tuple[Answer, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all checks."""
        return tuple(f for answer in self.checks for f in answer.findings)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found; checks that were not run find nothing."""
        return not self.findings

    @property
    def is_complete(self) -> bool:
        """Whether every check could be run."""
        return all(isinstance(answer.outcome, Looked) for answer in self.checks)

    @property
    def caught_by(self) -> tuple[str, ...]:
        """Names of the checks that found something."""
        return tuple(answer.check.name for answer in self.checks if answer.findings)
