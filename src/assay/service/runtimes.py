"""Longest run times of jobs."""

from __future__ import annotations

from assay.errors import InputError

MAX_RUNTIME_S = 10**9
"""Thirty years: a longer one is none."""


def runtime_ms(seconds: float | None, field: str = "--max-runtime") -> int | None:
    """Return a longest run time in milliseconds; InputError where it is none."""
    if seconds is None:
        return None
    if not 0 <= seconds <= MAX_RUNTIME_S:
        raise InputError(field, f"must be from 0 to {MAX_RUNTIME_S:,} seconds", seconds)
    return round(1000 * seconds)
