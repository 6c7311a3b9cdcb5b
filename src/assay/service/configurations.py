"""Stored configurations as plain values: rows, every field explained, what they are worth today, and their runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.documents.coherence import contradiction
from assay.documents.explained import why_not_promoted
from assay.documents.figures import stored_equity, stored_trades
from assay.documents.performance import performance
from assay.engine.glossary import MEASURES
from assay.errors import NotFoundError
from assay.service.times import iso_time
from assay.store.fields import FIELDS, GROUPS, OWN
from assay.strategies import STRATEGIES
from assay.training.circuit_breakers import MEANINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.documents.performance import Performance
    from assay.store import Registered, Registry
    from assay.store.standing import Standing

Sections = dict[str, list[tuple[str, Any, str, str]]]
"""(field, value, unit, meaning) of every field, by section."""

TIMES = tuple(name for name, field in FIELDS.items() if field.unit == "time")
"""Columns that are moments."""

RUNS = {"trades": stored_trades, "equity": stored_equity}
"""What is stored of a run out of sample, as columns."""


def readable(registered: Registered) -> dict[str, Any]:
    """Return a row as plain values, times as texts."""
    row = registered.row
    return {n: iso_time(v) if n in TIMES and v is not None else v for n, v in row.items()}


def document_text(found: Registered) -> str:
    """Return the V3 document as files hold it."""
    return json.dumps(found.document, indent=2, allow_nan=False) + "\n"


def standing_facts(found: Registered, today: Standing) -> dict[str, Any]:
    """Return what a configuration is worth today, as plain values; a reason where that is less than it was."""
    return {
        "stage": today.stage.value,
        "p_adjusted": today.p_adjusted,
        "experiments": today.experiments,
        "unknown": today.unknown,
        "reason": None if today.stage == found.typed.lifecycle.current_stage else today.reason,
    }


def shown(registry: Registry, config_id: str) -> dict[str, Any]:
    """Return a configuration, its document, what it is worth today and why it was not promoted, as plain values.

    Raises
    ------
    NotFoundError
        When there is none.
    ChangedError
        When its document or its row was changed after it was stored.
    """
    found = registry.get(config_id)
    return {
        "row": readable(found),
        "configuration": found.document,
        "standing": standing_facts(found, registry.standing(config_id)),
        "why_not_promoted": why_not_promoted(found.typed) or None,
        "contradiction": contradiction(found.document) or None,
    }


def meanings(found: Registered) -> dict[str, list[dict[str, Any]]]:
    """Return field, value, unit and meaning of every field, by section."""
    names = ("field", "value", "unit", "meaning")
    return {title: [dict(zip(names, row, strict=True)) for row in rows] for title, rows in explained(found).items()}


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
    sections["parameters"] = [(n, v, "", parameter_words(document.strategy, n)) for n, v in document.parameters.items()]
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


def parameter_words(strategy: str, name: str) -> str:
    """Return what a parameter means, with its unit; nothing for a strategy that does not ship."""
    known = STRATEGIES.get(strategy)
    if known is None or name not in known.parameters.names:
        return ""
    parameter = known.parameters[name]
    unit = f" ({parameter.unit})" if parameter.unit else ""
    return f"{parameter.doc}{unit}"  # shown as it is set: a fraction stays one


def run_columns(registry: Registry, config_id: str, name: str) -> dict[str, NDArray[Any]]:
    """Return the trades or the daily equity of a configuration out of sample, as columns.

    Parameters
    ----------
    name : str
        A name of `RUNS`.

    Raises
    ------
    NotFoundError
        When there is no such configuration, or it was stored without its run.
    ChangedError
        When it was changed after it was stored.
    """
    return RUNS[name](_figures(registry, config_id, name))


def _figures(registry: Registry, config_id: str, name: str) -> dict[str, Any]:
    figures = registry.figures(registry.get(config_id).config_id)
    if figures is None:
        hint = "assay train makes it anew, assay backtest --id runs its parameters again"
        raise NotFoundError("configuration", f"was stored without its {name}", config_id, hint)
    return figures


def records(columns: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Return columns as rows by name."""
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def run_performance(registry: Registry, config_id: str) -> Performance:
    """Return what the run of a configuration out of sample says in numbers: months, drawdowns, groups of trades.

    Raises
    ------
    NotFoundError
        When there is no such configuration, or it was stored without its run.
    ChangedError
        When it was changed after it was stored.
    """
    return performance(_figures(registry, config_id, "run"))
