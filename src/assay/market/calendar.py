"""`Calendar`: what belongs to a market's time: its grid of stamps, its sessions and its trading days.

Equity, drawdown, limits, regime, bootstrap, windows and charts count trading days, and none of them knows how long one
is: they ask the calendar. Crypto trades round the clock and its day is that of UTC. CME futures, whose sessions begin
on the evening before, answer the same questions otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""The first Monday after 1970-01-01, which was a Thursday."""


def days_to_ms(days: float) -> int:
    """Return so many times 24 hours in milliseconds."""
    return round(days * DAY_MS)


def ms_to_days(length_ms: float) -> float:
    """Return a length in milliseconds in times of 24 hours."""
    return length_ms / DAY_MS


def grid_origin_ms(time_ms: NDArray[np.int64], step_ms: int) -> int:
    """Return a stamp of the grid on which bars of a length open, milliseconds.

    Bars of a day or less open at multiples of their length. Longer ones begin on the day on which their source begins
    them: weeks on Monday at most exchanges, on Thursday (a multiple of seven days since 1970) at some.

    Parameters
    ----------
    time_ms : int64, shape (n,)
        Stamps of the source; the most common day wins.
    step_ms : int
        Length of a bar.
    """
    if step_ms <= DAY_MS or not len(time_ms):
        return 0
    phases, counts = np.unique(time_ms % step_ms, return_counts=True)
    return int(phases[counts.argmax()]) // DAY_MS * DAY_MS


@dataclass(frozen=True, slots=True)
class Calendar:
    """A market that trades round the clock, in UTC days.

    Attributes
    ----------
    name : str
    days_per_year : int
        Days with trading in a year: daily measures are made annual by it.
    """

    name: str
    days_per_year: int

    def grid(self, first_ms: int, last_ms: int, step_ms: int) -> NDArray[np.int64]:
        """Return the stamps at which bars open, from the first to the last, milliseconds UTC."""
        return np.arange(first_ms, last_ms + 1, step_ms, dtype=np.int64)

    def session(self, time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the id of each stamp's session, shape (n,): the stretch of trading without a break."""
        return self.day(time_ms)

    def day(self, time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ordinal of each stamp's trading day, shape (n,): days since 1970-01-01."""
        return np.floor_divide(time_ms, DAY_MS)

    def day_start_ms(self, day: int) -> int:
        """Return the moment at which a trading day begins, milliseconds UTC."""
        return day * DAY_MS

    def day_starts_ms(self, first_day: int, days: int) -> NDArray[np.int64]:
        """Return the beginnings of so many trading days, milliseconds UTC, shape (days,)."""
        return (first_day + np.arange(days, dtype=np.int64)) * DAY_MS

    def whole_days(self, start_ms: int, stop_ms: int) -> tuple[int, int]:
        """Return the span of whole trading days that encloses a span of moments."""
        return start_ms // DAY_MS * DAY_MS, -(-stop_ms // DAY_MS) * DAY_MS

    def bars_per_day(self, step_ms: int) -> float:
        """Return how many bars of a length make a trading day."""
        return DAY_MS / step_ms


ROUND_THE_CLOCK = Calendar("round the clock, UTC days", 365)

_FUTURES = Calendar("futures", 252)
"""Stands in until the sessions of futures are built; `refuse_futures` keeps every training away from it."""


def calendar_of(kind: str) -> Calendar:
    """Return the calendar of a kind of market: spot and perpetual trade round the clock."""
    return _FUTURES if kind == "future" else ROUND_THE_CLOCK
