"""The sealed holdout: one way to open it, and a record of who did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.engine import Run
    from assay.market import Bars


@dataclass(eq=False)
class Holdout:
    """Bars whose last part is sealed.

    Attributes
    ----------
    start : int
        First sealed bar.
    openings : list of str
        The reason of every opening.
    """

    _bars: Bars = field(repr=False)
    start: int
    openings: list[str] = field(default_factory=list)

    @property
    def before(self) -> Bars:
        """All bars before the sealed ones; nothing of those can be reached from them."""
        return self._bars.head(self.start)

    def open(self, reason: str) -> Bars:
        """Return all bars and record why."""
        self.openings.append(reason)
        return self._bars


@dataclass(frozen=True, eq=False)
class OpenedHoldout:
    """What the holdout showed when it was opened.

    Attributes
    ----------
    run : Run
        The winner on the sealed days.
    measures : dict of str to float
    reason : str
        Why it was opened.
    """

    run: Run
    measures: dict[str, float]
    reason: str
