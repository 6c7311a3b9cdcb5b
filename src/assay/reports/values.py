"""Values as the texts of a page; what is not known says so."""

from __future__ import annotations

from typing import Any

from assay.engine.glossary import MEASURES

UNKNOWN = "unknown"

_UNITS = {"%": " %", "R": " R", "bars": " bars", "days": " days", "bps": " bps", "quote currency": ""}


def text(value: Any, form: str = "{:.4g}") -> str:
    """Return a value in a form, percent after a space; None is unknown."""
    if value is None:
        return UNKNOWN
    shown = form.format(value + 0.0 if isinstance(value, float) else value)  # there is no -0 for a reader
    return f"{shown[:-1]} %" if form.endswith("%}") else shown


def yes_no(value: bool | None) -> str:  # noqa: FBT001  (the value itself)
    """Return a switch in words."""
    return UNKNOWN if value is None else "yes" if value else "no"


def day(moment: str | None) -> str:
    """Return the date of an ISO 8601 moment."""
    return UNKNOWN if moment is None else moment[:10]


def plainly(value: Any) -> str:
    """Return any value as a reader writes it."""
    if isinstance(value, bool) or value is None:
        return yes_no(value)
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,d}" if isinstance(value, int) else str(value)


def short(value: float | None) -> str:
    """Return a number in three digits; next to nothing is said so."""
    if value is None:
        return UNKNOWN
    return "below 0.0001" if 0 < value < 1e-4 else f"{value:.3g}"


def measured(name: str, value: float | None) -> str:
    """Return a measure with the unit of the glossary: fractions in percent."""
    unit = MEASURES[name].unit if name in MEASURES else ""
    if value is None:
        return UNKNOWN
    if unit == "fraction":
        return f"{100.0 * value:.1f} %"
    return text(value, "{:,d}" if isinstance(value, int) else "{:,.4g}") + _UNITS.get(unit, "")
