"""Moments as text and as milliseconds UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from assay.errors import InputError

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
    return round(moment.timestamp() * 1000)
