"""Stored configurations as rows of a table: texts, signs and small lines from what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from assay.api.access import PAGES
from assay.engine.glossary import MEASURES
from assay.service.configuration_actions import Action
from assay.store.fields import FIELDS
from assay.studio import addresses
from assay.studio.elements.listing import ListColumn, Row, cell
from assay.studio.sparkline import sparkline
from assay.studio.values import UNKNOWN, count, day, measure, moment, number, percent, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.service.configuration_list import RowDetails
    from assay.store import Registered

EQUITY_NOTE = (
    "Equity out of sample at day ends, from 1 before the first day; the thin line is 1. Every line has its own scale."
)
ADJUSTED_NOTE = (
    "p with everything that was tried on the same days up to now; never below the p of the document.\n"
    "Unknown: not promoted, or no permutation test."
)

MEANINGS = {
    "status": f"{FIELDS['status'].meaning[:1].upper()}{FIELDS['status'].meaning[1:]}.",
    "is_active": f"{FIELDS['is_active'].meaning[:1].upper()}{FIELDS['is_active'].meaning[1:]}.",
    "created_at": "When it was stored, UTC.",
}


def note_of(name: str) -> str:
    """Return what a measure or a column means, with its unit."""
    if name in MEANINGS:
        return MEANINGS[name]
    if name in MEASURES:
        return measure(name)
    found = FIELDS[name]
    return f"{found.meaning[:1].upper()}{found.meaning[1:]}." + (f"\nUnit: {found.unit}." if found.unit else "")


def _number(name: str, label: str) -> ListColumn:
    return ListColumn(name, label, is_number=True, sorts=True, note=note_of(name))


COLUMNS = (
    ListColumn("status", "Stage", kind="stage", sorts=True, note=note_of("status")),
    ListColumn("strategy_name", "Configuration", kind="link", sorts=True),
    ListColumn("pair", "Market", sorts=True),
    ListColumn("equity", "Equity", kind="line", note=EQUITY_NOTE),
    _number("sharpe_ratio", "Sharpe"),
    _number("net_profit", "Net profit"),
    _number("sample_size", "Trades"),
    _number("win_rate", "Win rate"),
    _number("max_drawdown_pct", "Drawdown"),
    _number("p_value", "p"),
    ListColumn("p_adjusted", "p adj.", is_number=True, note=ADJUSTED_NOTE),
    ListColumn("is_active", "Active", sorts=True, note=note_of("is_active")),
    ListColumn("created_at", "Made", sorts=True, note=note_of("created_at")),
    ListColumn("acts", "", kind="acts"),
)


def configuration_link(config_id: str) -> str:
    """Return the address of a configuration's page, as a link outside of NiceGUI's takes it."""
    return f"{PAGES}{addresses.CONFIGURATIONS}/{quote(config_id)}"


def rows_of(found: Sequence[Registered], details: Mapping[str, RowDetails], *, forbidden: str = "") -> list[Row]:
    """Return the rows of a page.

    Parameters
    ----------
    details : mapping
        By configId; those that are not there yet have no line and no p adjusted.
    forbidden : str
        Why nothing may be done; empty where it may.
    """
    return [_row(one, details.get(one.config_id), forbidden) for one in found]


def _row(one: Registered, more: RowDetails | None, forbidden: str) -> Row:
    row = one.row
    return measure_cells(one) | {
        "id": one.config_id,
        "tone": "archived" if one.is_archived else "",
        "status": _stage(one, more),
        "equity": _line(more),
        "p_adjusted": cell("…" if more is None else number(more.p_adjusted, 3)),
        "is_active": cell("● on" if one.is_active else "archived" if one.is_archived else ""),
        "created_at": cell(day(row["created_at"]), note=moment(row["created_at"])),
        "acts": cell("", acts=[_button(action, forbidden) for action in actions_of(one)]),
    }


def measure_cells(one: Registered) -> Row:
    """Return the cells of what a configuration is and what it measured."""
    row, measures = one.row, one.typed.measures
    return {
        "strategy_name": cell(
            str(row["strategy_name"]), href=configuration_link(one.config_id), more=one.config_id[-6:],
            note=one.config_id,
        ),
        "pair": cell(f"{row['pair'] or UNKNOWN} {row['timeframe'] or ''} · {row['exchange'] or UNKNOWN}"),
        "sharpe_ratio": cell(number(row["sharpe_ratio"], 2)),
        "net_profit": cell(number(row["net_profit"], 0, sign=True)),
        "sample_size": cell(count(row["sample_size"])),
        "win_rate": cell(share(measures.get("win_rate"))),
        "max_drawdown_pct": cell(percent(measures.get("max_drawdown_pct"), 1)),
        "p_value": cell(number(row["p_value"], 3)),
    }  # fmt: skip


def actions_of(one: Registered) -> tuple[Action, ...]:
    """Return what can be done to a configuration as it is now."""
    if one.is_archived:
        return (Action.RESTORE,)
    return (Action.DEACTIVATE if one.is_active else Action.ACTIVATE, Action.ARCHIVE)


def _button(action: Action, forbidden: str) -> dict[str, Any]:
    return {"name": action.value, "label": action.value.capitalize(), "off": bool(forbidden), "note": forbidden}


def _stage(one: Registered, more: RowDetails | None) -> dict[str, Any]:
    if more is None or more.reason is None:
        return cell(one.status)
    return cell(one.status, more=f"⚠ {more.stage} today", note=more.reason)


def _line(more: RowDetails | None) -> dict[str, Any]:
    if more is None:
        return cell("")
    drawn = None if more.equity is None else sparkline(more.equity)
    if drawn is None or more.equity is None:
        return cell("not stored", tone="muted", note="It was stored without its run: train it again to see it.")
    tone = "good" if float(more.equity[-1]) >= 1.0 else "bad"
    return cell("", points=drawn.points, start=drawn.start_y, note=drawn.label, tone=tone)
