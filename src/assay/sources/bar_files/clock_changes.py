"""Local times of a clock that is changed twice a year: found where nobody said so, and read where somebody did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from assay.errors import FileFormatError
from assay.market.calendar import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from datetime import tzinfo

    from numpy.typing import NDArray

_ZONES = tuple(
    map(
        ZoneInfo,
        (
            *("America/New_York", "America/Chicago", "America/Mexico_City", "America/Havana", "America/Sao_Paulo"),
            *("America/Santiago", "America/Asuncion", "Europe/London", "Europe/Berlin", "Europe/Moscow"),
            *("Asia/Jerusalem", "Asia/Beirut", "Asia/Amman", "Asia/Tehran", "Africa/Cairo", "Africa/Casablanca"),
            *("Australia/Sydney", "Pacific/Auckland"),
        ),
    )
)
"""One zone for each rule by which clocks are changed somewhere."""

_GRID_BARS = 12
"""Bars on either side of a change that have to be on one grid."""

_HINT = "Say --timezone Europe/Berlin, America/New_York ... , or --timezone UTC if it is right as it is"


def check_clock(ms: NDArray[np.int64], where: str) -> None:
    """Refuse times without a zone that are those of a clock which was set back or put forward.

    An hour that stands twice, or one that is missing among full days, when the clocks of some country show one twice or
    never: read as UTC, half a year of bars would be an hour off. Bars of several hours leave their grid instead.

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
    if HOUR_MS < step <= DAY_MS:
        _check_grid(np.unique(ms), step, where)
    if step > HOUR_MS or HOUR_MS % step:
        return
    stamps, times = np.unique(ms, return_counts=True)
    per_hour = HOUR_MS // step
    hours, inverse = np.unique(stamps // HOUR_MS, return_inverse=True)
    single = np.bincount(inverse)
    double = np.bincount(inverse, weights=times > 1)
    for hour in hours[double >= 0.75 * per_hour]:
        if not _is_change(int(hour), back=True):
            continue
        near = (np.abs(hours - hour) <= 24) & (hours != hour)
        if not double[near].any() and _full(hours, single, int(hour), per_hour):
            at = _text(int(hour) * HOUR_MS)
            rows = np.flatnonzero(ms == stamps[np.searchsorted(stamps, int(hour) * HOUR_MS)])[:2]
            rule = f"has local times of a clock that was set back: rows {rows[0]} and {rows[-1]} both say {at}"
            raise FileFormatError(where, rule, hint=_HINT)
    missing = hours[:-1][np.diff(hours) == 2] + 1
    for hour in missing:
        if not _is_change(int(hour), back=False):
            continue
        before, after = (hours >= hour - 24) & (hours < hour), (hours > hour) & (hours <= hour + 24)
        full = before.sum() == 24 and after.sum() == 24 and (single[before | after] == per_hour).all()
        if full and _changes_everywhere(hours, int(hour)):
            last, following = _text(int(hour) * HOUR_MS - step), _text((int(hour) + 1) * HOUR_MS)
            rule = f"has local times of a clock that was put forward: {last} is followed by {following}"
            raise FileFormatError(where, rule, hint=_HINT)


def _is_change(hour: int, *, back: bool) -> bool:
    """Whether the clock of some zone shows an hour (since 1970) twice, or never."""
    moment = datetime.fromtimestamp(hour * 3600, UTC)
    return any(_turn_ms(moment.replace(tzinfo=zone)) * (1 if back else -1) > 0 for zone in _ZONES)


def _turn_ms(moment: datetime) -> int:
    """Return by how much a clock is set back in the hour that it shows, negative where it is put forward."""
    return _offset_ms(moment.replace(fold=0)) - _offset_ms(moment.replace(fold=1))


def _check_grid(stamps: NDArray[np.int64], step: int, where: str) -> None:
    """Refuse bars of several hours whose grid moves by an hour and stays so, as local times of a changed clock do."""
    rest = stamps % step
    for i in np.flatnonzero(np.diff(rest)):
        turn = int(rest[i + 1] - rest[i]) % step
        before, after = rest[max(i + 1 - _GRID_BARS, 0) : i + 1], rest[i + 1 : i + 1 + _GRID_BARS]
        lasting = len(before) >= 3 and len(after) >= 3 and len(set(before)) == len(set(after)) == 1
        if lasting and turn in (HOUR_MS, step - HOUR_MS):
            last, following = _text(int(stamps[i])), _text(int(stamps[i + 1]))
            rule = f"has local times of a clock that was changed: from {last} to {following} the grid of bars moves"
            raise FileFormatError(where, rule, hint=_HINT)


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

    Of an hour that a clock shows twice, the first appearance of a stamp is before the change and the second after it; a
    stamp that stands once is after it where only that is on the grid of the bars.

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
        again |= _only_late(ms, early[inverse], late[inverse])[order]
        offsets[order[again]] = late[inverse][order[again]]
    return np.asarray(ms - offsets)


def _only_late(ms: NDArray[np.int64], early: NDArray[np.int64], late: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark local times that are on the grid of most others only by their later offset."""
    steps = np.abs(np.diff(ms))
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    if not len(lengths):
        return np.zeros(len(ms), dtype=np.bool_)
    step = int(lengths[counts.argmax()])
    rests, counts = np.unique((ms - early)[early == late] % step, return_counts=True)
    rest = int(rests[counts.argmax()]) if len(rests) else 0
    return np.asarray(((ms - early) % step != rest) & ((ms - late) % step == rest))


def _offset_ms(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1000)
