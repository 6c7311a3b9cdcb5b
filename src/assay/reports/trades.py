"""The trades of figures as a table, and as the columns that the page itself sorts, draws and writes to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reports.values import text

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADS = {
    "entry_time": "entry",
    "exit_time": "exit",
    "side": "side",
    "entry": "entry price",
    "stop": "stop",
    "target": "target",
    "exit": "exit price",
    "size": "size",
    "return": "net return",
    "R": "R",
    "reason": "reason",
    "ambiguous": "ambiguous",
    "window": "window",
    "mae_r": "MAE, R",
    "mfe_r": "MFE, R",
    "bars": "bars",
}
"""Columns of the table in their order, and what stands above them."""

_FORMS = {"size": "{:.4f}", "return": "{:+.3%}", "R": "{:+.2f}", "mae_r": "{:.2f}", "mfe_r": "{:.2f}", "bars": "{:d}"}
_TEXTS = ("entry_time", "exit_time", "side", "reason", "ambiguous", "window")


def trade_columns(figures: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return every column that is known of the trades: those of a file of trades, then their excursions."""
    return {**figures["trades"], **(figures.get("excursions") or {})}


def trade_table(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of trades: ``heads`` as (name, title, whether its cells are numbers), and ``rows`` of texts."""
    known = trade_columns(figures)
    names = [name for name in HEADS if name in known and not _is_empty(name, known[name])]
    columns = [[_cell(name, value) for value in known[name]] for name in names]
    heads = [(name, HEADS[name], name not in _TEXTS) for name in names]
    return {"heads": heads, "rows": list(zip(*columns, strict=True)), "excursions": "bars" in known}


def _is_empty(name: str, column: list[Any]) -> bool:
    """Whether a column says nothing: a backtest has no windows."""
    return name == "window" and not any(column)


def _cell(name: str, value: Any) -> str:
    if name.endswith("_time"):
        return str(value)[:16].replace("T", " ")
    if isinstance(value, bool):
        return "yes" if value else ""
    return value if isinstance(value, str) else text(value, _FORMS.get(name, "{:.8g}"))
