"""Every field of a stored configuration with its meaning, as tables for reading."""

from assay.cli.commands.configuration_rows import shown
from assay.cli.output import Column, Output, number
from assay.service.configurations import Sections
from assay.store.fields import FIELDS

MAX_NESTED = 4
"""A value of at most so many names is shown in a table; a longer one is for programs."""

_FOR_PROGRAMS = ("id",)
"""Fields that a reader has no use for: the configId names a configuration."""


def show_sections(output: Output, sections: Sections, currency: str) -> None:
    """Print a table for each section; fields without a value are named together at the end.

    Parameters
    ----------
    currency : str
        The one that profits are in; empty where it is not known.
    """
    unknown: list[str] = []
    empty: list[str] = []
    columns = (Column("field"), Column("value", narrow=12), Column("meaning", narrow=20))
    for title, rows in sections.items():
        table = []
        for name, value, unit, meaning in rows:
            if value is None or value == "":
                (unknown if name in FIELDS and FIELDS[name].unknown else empty).append(name)
            elif name not in _FOR_PROGRAMS:
                in_unit = currency if currency and unit == "quote currency" else unit
                table.append((name, _short(value, in_unit), meaning))
        if table:
            output.table(title, columns, table)
    if unknown:
        output.text(f"Not known (--json says why): {', '.join(unknown)}")
    if empty:
        output.text(f"Without a value: {', '.join(empty)}")


def _short(value: object, unit: str) -> str:
    """Return a value for a table; one that has parts as its parts, or where they are."""
    if not isinstance(value, (dict, list)):
        return shown(value, unit)
    parts = list(value.values()) if isinstance(value, dict) else value
    if len(parts) > MAX_NESTED or any(isinstance(part, (dict, list)) for part in parts):
        return "see --json"
    named = (
        [f"{name} {number(part)}" for name, part in value.items()] if isinstance(value, dict) else map(number, parts)
    )
    return ", ".join(named) or "none"


def quote_currency(pair: object) -> str:
    """Return what the prices of BTC/USDT or BTC/USDT:USDT are in; empty where a pair does not say it."""
    return str(pair or "").partition("/")[2].partition(":")[0]
