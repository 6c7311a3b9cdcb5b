"""Every field of a stored configuration with its meaning: as plain values, and as tables for reading."""

from typing import Any

from assay.cli.commands.configuration_rows import shown
from assay.cli.output import Column, Output, number
from assay.engine.glossary import MEASURES
from assay.store import Registered
from assay.store.fields import FIELDS, GROUPS, OWN
from assay.strategies import STRATEGIES
from assay.training.circuit_breakers import MEANINGS

Sections = dict[str, list[tuple[str, Any, str, str]]]
"""(field, value, unit, meaning) of every field, by section."""

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


def explained(found: Registered) -> Sections:
    """Return (field, value, unit, meaning) of every field, by section."""
    document = found.typed
    sections: Sections = {}
    for title, fields in {**GROUPS, "kept beside": OWN}.items():
        sections[title] = [
            (f.name, found.row[f.name], f.unit, f"{f.meaning} (unknown: {f.unknown})" if f.unknown else f.meaning)
            for f in fields
            if f.name not in ("parameters_json", "circuit_breakers")
        ]
    columns = {f.source for f in FIELDS.values()}
    sections["parameters"] = [(n, v, *_parameter(document.strategy, n)) for n, v in document.parameters.items()]
    sections["more measures"] = [
        (f"metrics.{n}", v, MEASURES[n].unit if n in MEASURES else "", MEASURES[n].meaning if n in MEASURES else "")
        for n, v in document.measures.items()
        if f"metrics.{n}" not in columns
    ]
    sections["circuit breakers of this configuration"] = [
        (n, v, *MEANINGS[n]) for n, v in document.circuit_breakers.by_key().items()
    ]
    sections["circuit breakers of the portfolio"] = [
        (n, v, *MEANINGS[n]) for n, v in document.portfolio_circuit_breakers.by_key().items()
    ]
    return sections


def _parameter(strategy: str, name: str) -> tuple[str, str]:
    """Return unit and meaning of a parameter; nothing for a strategy that does not ship."""
    known = STRATEGIES.get(strategy)
    if known is None or name not in known.parameters.names:
        return "", ""
    parameter = known.parameters[name]
    unit = f" ({parameter.unit})" if parameter.unit else ""
    return "", f"{parameter.doc}{unit}"  # shown as it is set: a fraction stays one
