"""A strategy in words: what it is about, its rules, its ways out and its parameters."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from nicegui import ui

from assay.service.strategy_facts import idea
from assay.studio.panels import panel
from assay.studio.tables import NOTED_HEADER
from assay.studio.values import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.strategies import Strategy

ROLES = {
    "threshold": "A rule compares a quantity of the pattern with it: moving it changes which moments are signals.",
    "shape": "It changes what the pattern is: other moments are found.",
    "exit": "It changes how a trade ends.",
}

COLUMNS = (
    ("name", "Parameter", ""),
    ("doc", "What it says", ""),
    ("role", "Role", "\n".join(f"{role}: {text}" for role, text in ROLES.items())),
    ("default", "Default", ""),
    ("range", "Search range", "Where searches look. A space of your own may leave it, within the hard bounds."),
    ("hard", "Hard bounds", "Nothing outside is ever accepted."),
    ("grid", "Default grid", "Values of the automatic grid."),
    ("unit", "Unit", ""),
)


def describe_strategy(strategy: Strategy, facts: Mapping[str, Any]) -> None:
    """Show a strategy in words.

    Parameters
    ----------
    facts : mapping
        As `assay.service.strategy_facts.describe` gives them.
    """
    docs = {one["name"]: one["doc"] for one in facts["parameters"]}
    with panel(facts["name"]):
        ui.label(idea(strategy)).classes("idea")
        with ui.element("div").classes("grid halves rules"):
            with ui.element("div"):
                ui.label("A signal, when").classes("part-title")
                _lines(facts["rules"], docs)
            with ui.element("div"):
                ui.label("The trade ends by").classes("part-title")
                _lines(facts["exits"], docs)
        if facts["refused"]:
            ui.label("Not possible on bars").classes("part-title")
            for name, why in facts["refused"].items():
                ui.label(f"{name}: {why}").classes("muted")


def _lines(lines: Sequence[str], docs: Mapping[str, str]) -> None:
    with ui.element("ul").classes("rule-list"):
        for line in lines:
            inner = "inner" if line.startswith("  ") else ""
            with ui.element("li").classes(inner):
                ui.label(readable(line)).classes("mono")
                named = re.findall(r"(?<!time )\b\w+\b(?!:)", line)  # "stop:" and "time stop" name no parameter
                found = dict.fromkeys(docs[word] for word in named if word in docs)
                if found:
                    ui.label(" ".join(found)).classes("muted")


def readable(line: str) -> str:
    """Return a rule with the signs that people write."""
    return line.strip().replace(">=", "≥").replace("<=", "≤")


def describe_parameters(parameters: Sequence[Mapping[str, Any]]) -> None:
    """Show the parameters of a strategy: meaning, default, ranges and unit.

    Parameters
    ----------
    parameters : sequence of mapping
        As `assay.service.strategy_facts.describe` gives them.
    """
    rows = [
        {
            "name": one["name"],
            "doc": one["doc"],
            "role": one["role"],
            "default": shown(one["default"]),
            "range": _range(one),
            "hard": _between(one["hard_low"], one["hard_high"]),
            "grid": ", ".join(map(shown, one["grid"])) or UNKNOWN,
            "unit": one["unit"] or UNKNOWN,
        }
        for one in parameters
    ]
    columns = [
        {"name": name, "label": label, "field": name, "align": "left", "note": note} for name, label, note in COLUMNS
    ]
    # one element of many rows: a cell of its own for each would cost the server megabytes for every page that is open
    table = ui.table(rows=rows, columns=columns, row_key="name", pagination=0).classes("full parameters")
    table.props("dense flat hide-pagination wrap-cells")
    for name, _, note in COLUMNS:
        if note:
            table.add_slot(f"header-cell-{name}", NOTED_HEADER)


def _range(one: Mapping[str, Any]) -> str:
    if one["low"] is None:
        return " or ".join(map(shown, one["choices"])) or UNKNOWN
    step = "" if one["step"] is None else f", step {shown(one['step'])}"
    return _between(one["low"], one["high"]) + step


def _between(low: float | None, high: float | None) -> str:
    known = [value for value in (low, high) if value is not None and math.isfinite(value)]
    return f"{shown(low)} to {shown(high)}" if len(known) == 2 else UNKNOWN


def shown(value: Any) -> str:
    """Return a parameter's value as it is written."""
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: UNKNOWN}[value]
    return np.format_float_positional(round(value, 10), trim="-") if isinstance(value, float) else str(value)
