"""The markets that are stored: how complete and how good, on one axis of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.api.access import PAGES
from assay.market.quality import REQUIRED_VALID_PCT
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.markets.facts import Listed, on_one_axis
from assay.studio.tables import NOTED_HEADER
from assay.studio.values import UNKNOWN, count, day, percent, size

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSED = "Refused for training: {} of the bars may signal, and training needs {:.0f} %."

NOTES = {
    "valid": "Bars that may signal, in percent of those that the calendar expects between the first bar and the last. "
    f"Below {REQUIRED_VALID_PCT:.0f} % training refuses the market.",
    "bars": "Bars that the source had. Absent ones are not stored.",
    "holes": "Spans between the first bar and the last that were never asked for. A download fills them.",
    "coverage": "What was asked for and answered, on one axis of time for all markets. Inside, an absent bar is the "
    "source's; outside, nothing was ever fetched.",
    "size": "About what the bars take in the database.",
}

MARKET_CELL = """
<q-td :props="props">
  <a :href="props.row.href" :aria-current="props.row.here ? 'true' : null">{{ props.row.name }}</a>
  <span class="muted beside">{{ props.row.exchange }}</span>
</q-td>
"""
VALID_CELL = """
<q-td :props="props">{{ props.row.shown_valid }}
  <span v-if="props.row.refused" class="refused" tabindex="0" :aria-label="props.row.refused">⚠ refused
    <q-tooltip class="explanation">{{ props.row.refused }}</q-tooltip></span>
</q-td>
"""
COVERAGE_CELL = """
<q-td :props="props">
  <div class="timeline" role="img" tabindex="0" :aria-label="props.row.covered">
    <span v-for="span in props.row.spans" :style="{ left: span[0] + '%', width: span[1] + '%' }"></span>
    <q-tooltip class="explanation">{{ props.row.covered }}</q-tooltip>
  </div>
</q-td>
"""


class MarketTable:
    """The markets, in a table that is updated in place.

    Parameters
    ----------
    markets : sequence of Listed
    here : str or None
        The market that is shown below.
    """

    def __init__(self, markets: Sequence[Listed], here: str | None) -> None:
        self._here = here
        with ui.element("div").classes("row bar"):
            wanted = ui.input(placeholder="Filter: BTC, binance, 5m …").classes("wide")
            wanted.props('dense outlined clearable aria-label="Filter the markets" debounce=150')
            self._words = ui.label().classes("muted").props("role=status")
        self._table = ui.table(rows=market_rows(markets, here), columns=COLUMNS, row_key="key", pagination=0)
        self._table.props("dense flat hide-pagination binary-state-sort").classes("markets full")
        for name in NOTES:
            self._table.add_slot(f"header-cell-{name}", NOTED_HEADER)
        self._table.add_slot("body-cell-name", MARKET_CELL)
        self._table.add_slot("body-cell-valid", VALID_CELL)
        self._table.add_slot("body-cell-coverage", COVERAGE_CELL)
        wanted.on_value_change(lambda event: self._table.set_filter(event.value or ""))
        self._words.set_text(summary(markets))

    def show(self, markets: Sequence[Listed]) -> None:
        """Show the markets as they are now."""
        self._table.rows = market_rows(markets, self._here)
        self._words.set_text(summary(markets))


def _column(name: str, label: str, field: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "field": field,
        "align": "left",
        "sortable": True,
        "note": NOTES.get(name, ""),
        **more,
    }


COLUMNS = [
    _column("name", "Market", "search"),
    _column("valid", "Valid", "valid", align="right"),
    _column("bars", "Bars", "bars", align="right", **{":format": "value => value.toLocaleString('en-US')"}),
    _column("from", "From", "from"),
    _column("to", "To", "to"),
    _column("holes", "Holes", "holes", align="right"),
    _column("size", "Size", "size", align="right", **{":format": "(value, row) => row.shown_size"}),
    _column("coverage", "Coverage", "first", sortable=True),
]


def market_rows(markets: Sequence[Listed], here: str | None) -> list[dict[str, Any]]:
    """Return the markets as the table takes them.

    Parameters
    ----------
    here : str or None
        The market that is shown.
    """
    return [_row(one, spans, here) for one, spans in zip(markets, on_one_axis(markets), strict=True)]


def _row(one: Listed, spans: list[tuple[float, float]], here: str | None) -> dict[str, Any]:
    row = one.row
    valid, holes = row["valid_pct"], row["holes"]
    refused = valid is not None and valid < REQUIRED_VALID_PCT
    covered = f"{len(one.spans)} span{'' if len(one.spans) == 1 else 's'}, {day(row['from'])} to {day(row['to'])}"
    if holes:
        gaps = [f"{day(hole['from'])} to {day(hole['to'])}" for hole in holes[:5]]
        covered += f"; never fetched: {', '.join(gaps)}{' …' if len(holes) > len(gaps) else ''}"
    return {
        "key": one.key,
        "name": f"{row['symbol']} {row['timeframe']}",
        "exchange": row["exchange"],
        "search": f"{row['symbol']} {row['timeframe']} {row['exchange']}",
        "href": f"{PAGES}{address(addresses.DATA, market=one.key)}",
        "here": one.key == here,
        "valid": -1.0 if valid is None else valid,
        "shown_valid": percent(valid, 1),
        "refused": REFUSED.format(percent(valid, 1), REQUIRED_VALID_PCT) if refused else "",
        "bars": row["bars"],
        "from": day(row["from"]),
        "to": day(row["to"]),
        "holes": len(holes),
        "size": row["size_bytes"],
        "shown_size": size(row["size_bytes"]) if row["bars"] else UNKNOWN,
        "first": row["from"] or "",
        "spans": [[round(a, 3), max(round(b, 3), 0.3)] for a, b in spans],
        "covered": covered,
    }


def summary(markets: Sequence[Listed]) -> str:
    """Return the markets in a sentence."""
    bars = sum(one.row["bars"] for one in markets)
    refused = sum(1 for one in markets if (v := one.row["valid_pct"]) is not None and v < REQUIRED_VALID_PCT)
    words = f"{count(len(markets))} markets, {count(bars)} bars"
    return f"{words}, {count(refused)} refused for training" if refused else words
