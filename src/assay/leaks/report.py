"""What a check of the laboratory says: findings, what was compared, or why it could not be run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.leaks.probe import Probe
    from assay.parameters import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a strategy says and could not know, or says differently when asked again.

    Attributes
    ----------
    what : str
        "feature 'x'", "level 'stop_unit'", "the signal itself", "the mean trade".
    why : str
        What is wrong with it, as the end of a sentence about `what`.
    time_ms : int or None
        Open of the signal bar, milliseconds UTC; None where it is about no single bar.
    expected, found : float
        The value as it has to be, and as it is; NaN where there is none.
    side : int
        +1, -1, or 0 for both.
    shape : mapping
        The parameters that were asked for.
    """

    what: str
    why: str
    time_ms: int | None = None
    expected: float = math.nan
    found: float = math.nan
    side: int = 0
    shape: Mapping[str, Value] = field(default_factory=dict)

    @property
    def moment(self) -> str:
        """Open of the signal bar to the minute, UTC; empty where it is about no single bar."""
        return "" if self.time_ms is None else str(np.datetime64(self.time_ms, "ms"))[:16]

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        known = not (math.isnan(self.expected) and math.isnan(self.found))
        values = f" ({self.expected:.6g} expected, {self.found:.6g} found)" if known else ""
        return f"{self.what}{self.moment and f' at {self.moment}'} {self.why}{values}"


@dataclass(frozen=True, slots=True)
class Looked:
    """What one check saw.

    Attributes
    ----------
    compared : str
        What was compared, in numbers ("128 cuts, 1,204,331 rows").
    findings : tuple of Finding
    """

    compared: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class NotRun:
    """Why a check could say nothing."""

    reason: str


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
        Pure function from a `Probe` to `Looked`, or to `NotRun` where the bars do not allow an answer.
    """

    name: str
    about: str
    way_out: str
    look: Callable[[Probe], Looked | NotRun]


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
    """What the laboratory says of a strategy.

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
