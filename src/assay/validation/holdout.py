"""The sealed holdout: one door, and a record of who went through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.market import Bars


@dataclass(eq=False)
class Holdout:
    """Bars whose last part is behind a door.

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
        """All bars before the door; nothing behind it can be reached from them."""
        return self._bars.head(self.start)

    def open(self, reason: str) -> Bars:
        """Return all bars and record why."""
        self.openings.append(reason)
        return self._bars
