"""Moments as text and as milliseconds UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from assay.errors import InputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The beginning of year 1 and the end of year 9999, milliseconds UTC: there is no text for what lies outside."""

_DATES = "a date or time in ISO form, such as 2024-01-31 or 2024-01-31T09:30 (UTC)"


def iso_time(time_ms: int) -> str:
    """Return a moment as text such as ``2024-01-31T09:30:00Z``."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(text: str, name: str) -> int:
    """Return a date or time in milliseconds UTC; without a zone it is UTC.

    Raises
    ------
    InputError
        Of the field `name`, when the text is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(name, f"must be {_DATES}", text) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return check_moment(round((moment - _EPOCH).total_seconds() * 1000), name, text)


def check_moment(time_ms: int, name: str, given: object) -> int:
    """Return a moment that a calendar has (years 1 to 9999); refuse another, naming the field."""
    if not _FIRST_MS <= time_ms <= _LAST_MS:
        raise InputError(name, "must lie in the years 1 to 9999 (UTC)", given)
    return time_ms
