"""What a check sees: findings, what was compared, or why it could not be run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    asked : int
        How many shortened histories it asked on, where it counts them.
    """

    compared: str
    findings: tuple[Finding, ...] = ()
    asked: int = 0


@dataclass(frozen=True, slots=True)
class NotRun:
    """Why a check could say nothing."""

    reason: str
