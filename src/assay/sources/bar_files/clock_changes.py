"""Local times of a clock that is changed twice a year: found where nobody said so, and read where somebody did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import FileFormatError
from assay.market.calendar import HOUR_MS

if TYPE_CHECKING:
    from datetime import tzinfo

    from numpy.typing import NDArray

_SUNDAY = 3
"""Days since 1970-01-01, a Thursday, modulo 7."""

_DAYS_OF_MONTH = {3: (8, 14, 25, 31), 4: (1, 7), 9: (24, 30), 10: (1, 7, 25, 31), 11: (1, 7)}
"""Between which days of which months a clock is changed somewhere: America, Europe, Australia, New Zealand."""

_HINT = "Say --timezone Europe/Berlin, America/New_York ... , or --timezone UTC if it is right as it is"


def check_clock(ms: NDArray[np.int64], where: str) -> None:
    """Refuse times without a zone that are those of a clock which was set back or put forward.

    An hour that stands twice, or one that is missing among full days, in the small hours of a Sunday of the months in
    which clocks are changed: read as UTC, half a year of bars would be an hour off.

    Parameters
    ----------
    ms : int64, shape (n,)
        Stamps in milliseconds, in the order of the file.
    where : str
        What is read, for messages.

    Raises
    ------
    FileFormatError
        Naming the two moments.
    """
    steps = np.abs(np.diff(ms))
    if not len(steps) or not (steps > 0).any():
        return
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    step = int(lengths[counts.argmax()])
    if step > HOUR_MS or HOUR_MS % step:
        return
    stamps, times = np.unique(ms, return_counts=True)
    per_hour = HOUR_MS // step
    hours, inverse = np.unique(stamps // HOUR_MS, return_inverse=True)
    single = np.bincount(inverse)
    double = np.bincount(inverse, weights=times > 1)
    for hour in hours[(double >= 0.75 * per_hour) & _may_change(hours)]:
        near = (np.abs(hours - hour) <= 24) & (hours != hour)
        if not double[near].any() and _full(hours, single, int(hour), per_hour):
            at = _text(int(hour) * HOUR_MS)
            rows = np.flatnonzero(ms == stamps[np.searchsorted(stamps, int(hour) * HOUR_MS)])[:2]
            rule = f"has local times of a clock that was set back: rows {rows[0]} and {rows[-1]} both say {at}"
            raise FileFormatError(where, rule, hint=_HINT)
    missing = hours[:-1][np.diff(hours) == 2] + 1
    for hour in missing[_may_change(missing)]:
        before, after = (hours >= hour - 24) & (hours < hour), (hours > hour) & (hours <= hour + 24)
        full = before.sum() == 24 and after.sum() == 24 and (single[before | after] == per_hour).all()
        if full and _changes_everywhere(hours, int(hour)):
            last, following = _text(int(hour) * HOUR_MS - step), _text((int(hour) + 1) * HOUR_MS)
            rule = f"has local times of a clock that was put forward: {last} is followed by {following}"
            raise FileFormatError(where, rule, hint=_HINT)


def _may_change(hours: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark hours before four in the morning of the Sundays on which clocks are changed."""
    days = hours // 24
    first = days.astype("datetime64[D]").astype("datetime64[M]")
    month = first.astype(np.int64) % 12 + 1
    day = days - first.astype("datetime64[D]").astype(np.int64) + 1
    found = np.zeros(len(hours), dtype=np.bool_)
    for number, limits in _DAYS_OF_MONTH.items():
        for low, high in zip(limits[::2], limits[1::2], strict=True):
            found |= (month == number) & (day >= low) & (day <= high)
    return np.asarray(found & (days % 7 == _SUNDAY) & (hours % 24 < 4))


def _full(hours: NDArray[np.int64], single: NDArray[np.int64], hour: int, per_hour: int) -> bool:
    """Whether the hours around one are as full as bars of a liquid market are."""
    near = (np.abs(hours - hour) <= 12) & (hours != hour)
    return bool(single[near].sum() >= 0.5 * per_hour * max(int(near.sum()), 1))


def _changes_everywhere(hours: NDArray[np.int64], hour: int) -> bool:
    """Whether no other single hour is missing within a week: an outage of an exchange is rarely alone."""
    near = hours[np.abs(hours - hour) <= 24 * 7]
    return int((np.diff(near) > 1).sum()) == 1


def _text(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def localize(ms: NDArray[np.int64], zone: tzinfo, where: str) -> NDArray[np.int64]:
    """Return local times in milliseconds UTC.

    Of an hour that a clock shows twice, the first appearance of a stamp is before the change and the second after it.

    Parameters
    ----------
    ms : int64, shape (n,)
        Local times as if they were UTC, in the order of the file.
    zone : tzinfo
        Their zone.
    where : str
        What is read, for messages.

    Raises
    ------
    FileFormatError
        A time is one that the zone's clock never showed.
    """
    quarter = 15 * 60_000
    quarters, inverse = np.unique(ms // quarter, return_inverse=True)
    local = [datetime.fromtimestamp(int(q) * quarter / 1000, UTC).replace(tzinfo=zone) for q in quarters]
    early, late = (np.array([_offset_ms(t.replace(fold=fold)) for t in local], dtype=np.int64) for fold in (0, 1))
    if (never := (early < late)[inverse]).any():
        row = int(np.flatnonzero(never)[0])
        rule = f"row {row} says {_text(int(ms[row]))}, which the clock of {zone} never showed"
        raise FileFormatError(where, rule, hint="Say another --timezone")
    offsets = early[inverse]
    twice = np.flatnonzero((early > late)[inverse])
    if len(twice):
        backwards = ms[-1] < ms[0]
        order = twice[::-1] if backwards else twice
        _, first = np.unique(ms[order], return_index=True)
        again = np.ones(len(order), dtype=np.bool_)
        again[first] = False
        offsets[order[again]] = late[inverse][order[again]]
    return np.asarray(ms - offsets)


def _offset_ms(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1000)
