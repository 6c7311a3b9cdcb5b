"""Numbers, times and names as pages show them; what is not known is a dash, never 0."""

from __future__ import annotations

from datetime import UTC, datetime

from assay.engine.glossary import MEASURES

UNKNOWN = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
INFO = "\N{INFORMATION SOURCE}"

KIB = 1_024.0


def number(value: float | None, digits: int, *, sign: bool = False) -> str:
    """Return a number with so many digits behind the point, and its sign where that is the message."""
    if value is None:
        return UNKNOWN
    rounded = round(value, digits) + 0.0  # there is no -0 for a reader
    return f"{rounded:{'+' if sign else ''},.{digits}f}"


def count(value: int | None) -> str:
    """Return a count."""
    return UNKNOWN if value is None else f"{value:,d}"


def percent(value: float | None, digits: int, *, sign: bool = False) -> str:
    """Return a value that is percent already."""
    return UNKNOWN if value is None else f"{number(value, digits, sign=sign)} %"


def share(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """Return a fraction in percent."""
    return UNKNOWN if value is None else percent(100.0 * value, digits, sign=sign)


def moment(value: int | str | None) -> str:
    """Return milliseconds, or a text of ISO 8601, as date and minute in UTC."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value[:16].replace("T", " ")
    return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M}"


def day(value: int | str | None) -> str:
    """Return the day of a moment."""
    return moment(value)[:10]


def duration(seconds: float | None) -> str:
    """Return a time that something takes, in the two largest units."""
    if seconds is None:
        return UNKNOWN
    whole = round(seconds)
    for name, long, below, short in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= long:
            rest = whole % long // short
            return f"{whole // long} {name}" + (f" {rest} {below}" if rest else "")
    return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"


def size(value: float | None) -> str:
    """Return bytes in a unit in which they are easily read."""
    if value is None:
        return UNKNOWN
    for unit in ("B", "KB", "MB"):
        if value < KIB:
            return f"{value:.0f} {unit}"
        value /= KIB
    return f"{value:.1f} GB"


def measure(name: str) -> str:
    """Return what a measure means, from the one glossary."""
    found = MEASURES[name]
    unknown = f"\nUnknown: {found.unknown}." if found.unknown else ""
    unit = f"\nUnit: {found.unit}." if found.unit else ""
    return f"{found.meaning[:1].upper()}{found.meaning[1:]}.{unit}{unknown}"
