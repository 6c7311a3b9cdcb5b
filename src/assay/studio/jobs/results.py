"""What a job found: a line for each training, with its verdict and the way to its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.service.jobs import job_document
from assay.service.strategy_names import without_folder
from assay.store.jobs import JobStore
from assay.studio.job_cards import state_words
from assay.studio.values import UNKNOWN, count, measure, number
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.store import Database

VERDICT = """
<q-td :props="props">
  <span v-if="props.row.stage" :class="'stage stage-' + props.row.stage">{{ props.row.stage }}</span>
  <span v-else>{{ props.row.state }}</span>
</q-td>
"""

TRAINING = """
<q-td :props="props">
  <a v-if="props.row.config_id" :href="'/studio/configurations/' + encodeURIComponent(props.row.config_id)"
     :aria-label="'Configuration: ' + props.row.market + ' ' + props.row.strategy">{{ props.row.market }}</a>
  <span v-else>{{ props.row.market }}</span>
  <div class="muted small">{{ props.row.strategy }}</div>
</q-td>
"""

WHY = """
<q-td :props="props"><div class="reason" tabindex="0">{{ props.row.why }}
  <q-tooltip v-if="props.row.why.length > 60" class="explanation">{{ props.row.why }}</q-tooltip></div></q-td>
"""

Q_VALUE = (
    "The p of this training among those of its job: the share of false discoveries if this one and all better ones are "
    "taken for real (Benjamini and Hochberg)."
)


def _column(name: str, label: str, note: str = "", *, left: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "field": name,
        "align": "left" if left else "right",
        "sortable": True,
        "note": note,
    }


COLUMNS = [
    _column("verdict", "Verdict", "How far the evidence goes; what was refused or failed says so.", left=True),
    _column("market", "Training", "Its configuration, where it made one.", left=True),
    _column("net_profit", "Net profit", measure("net_profit_pct")),
    _column("sharpe_ratio", "Sharpe", measure("sharpe_ratio")),
    _column("in_sample", "In sample", "The Sharpe ratio on the days that were searched: what luck can make."),
    _column("total_trades", "Trades", measure("total_trades")),
    _column("p_value", "p", measure("p_value")),
    _column("p_adjusted", "p adj", "With all that was tried on the same days, also later."),
    _column("q_value", "q", Q_VALUE),
    _column("why", "Why not promoted", left=True),
]

HEADER = """
<q-th :props="props"><span :class="props.col.note ? 'explained' : ''">{{ props.col.label }}
  <q-tooltip v-if="props.col.note" class="explanation">{{ props.col.note }}</q-tooltip></span></q-th>
"""


class Results:
    """The table, updated in place."""

    def __init__(self) -> None:
        self.table = ui.table(rows=[], columns=COLUMNS, row_key="id", pagination=25).props("dense flat")
        self.table.add_slot("header-cell", HEADER)
        self.table.add_slot("body-cell-verdict", VERDICT)
        self.table.add_slot("body-cell-market", TRAINING)
        self.table.add_slot("body-cell-why", WHY)

    def show(self, rows: list[dict[str, Any]]) -> None:
        """Show rows of `results_of`."""
        self.table.rows = rows
        self.table.update()


def results_of(database: Database, job: str) -> list[dict[str, Any]]:
    """Return what became of the trainings of a job that are over."""
    store = JobStore(database)
    found = job_document(store, store.state(job))
    return [_row(number, row) for number, row in enumerate(found["tasks"]) if row["status"] in OVER]


OVER = ("completed", "failed", "cancelled")


def _row(place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    stage = row.get("stage")
    return {
        "id": place,
        "market": row["market"],
        "strategy": without_folder(row["strategy"]),
        "verdict": stage or row["status"],
        "stage": stage,
        "state": state_words(row["status"]),
        "net_profit": number(row.get("net_profit"), 0, sign=True),
        "sharpe_ratio": number(row.get("sharpe_ratio"), 2),
        "in_sample": number(row.get("in_sample_sharpe_ratio"), 2),
        "total_trades": count(row.get("total_trades")),
        "p_value": number(row.get("p_value"), 3),
        "p_adjusted": number(row.get("p_adjusted"), 3),
        "q_value": number(row.get("q_value"), 3),
        "why": as_page(row.get("error") or row.get("why_not_promoted") or UNKNOWN),
        "config_id": row.get("config_id"),
    }
