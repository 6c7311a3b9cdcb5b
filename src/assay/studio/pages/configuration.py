"""The page of one configuration: its verdict first, then its trades, then every number of its document."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import Request
from nicegui import ui
from nicegui.events import GenericEventArguments, KeyEventArguments

from assay.errors import AssayError
from assay.reports.page import gate_rows, tile_rows
from assay.service.configurations import document_text
from assay.store import Registry
from assay.store.database import now_ms
from assay.store.schema import Role
from assay.studio import addresses, configuration_parts
from assay.studio.addresses import address
from assay.studio.configuration_facts import ConfigurationFacts, configuration_facts
from assay.studio.elements.candles import Candles
from assay.studio.frame import PAGE_S, framed, is_dark
from assay.studio.panels import empty, explained, panel, stage_badge, tile
from assay.studio.plots import palette
from assay.studio.tables import Column, plain_table
from assay.studio.values import day, moment, number, share
from assay.studio.visit import Visit, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRADE_COLUMNS = (
    ("number", "#", ""),
    ("entry_time", "Entry", ""),
    ("exit_time", "Exit", ""),
    ("side", "Side", ""),
    ("entry", "Entry price", "Fill price, slippage included."),
    ("stop", "Stop", ""),
    ("target", "Target", ""),
    ("exit", "Exit price", "Fill price, slippage included."),
    ("return", "Net return", "After all costs, as a share of the position."),
    ("R", "R", "Net result in multiples of what the stop put at risk."),
    ("reason", "Reason", "Why the trade ended."),
)
EXPORTS = (("Trades CSV", "trades?format=csv"), ("Equity CSV", "equity?format=csv"), ("Report", "report"))
TEXT_COLUMNS = ("entry_time", "exit_time", "side", "reason")


@ui.page(addresses.CONFIGURATIONS + "/{config_id}", response_timeout=PAGE_S)
async def configuration(request: Request, config_id: str) -> None:
    """Show the page."""
    with framed(request, config_id, addresses.CONFIGURATIONS) as visit:
        found = await visit.read(configuration_facts, visit.database, visit.state.bars, config_id)
        with ui.element("div").classes("grid"):
            _head(visit, found)
            _verdict(found)
            with ui.element("div").classes("grid two"):
                trades = _Trades(found)
                with ui.element("div").classes("column"):
                    configuration_parts.neighbourhood(found, palette(dark=is_dark(request)))
                    configuration_parts.permutations(found, palette(dark=is_dark(request)))
            trades.table()
            _tabs(found, request)


def _head(visit: Visit, found: ConfigurationFacts) -> None:
    row, document = found.stored.row, found.document
    config_id = found.stored.config_id
    with ui.element("div").classes("row"):
        exchange, pair, timeframe = found.market
        sides = {"both": "both sides"}.get(str(document.context.side), f"{document.context.side} side")
        ui.label(f"{document.strategy} on {pair} {timeframe}").classes("page-title")
        ui.label(f"{exchange}, {sides}, {day(document.context.from_)} to {day(document.context.to)}").classes("muted")
        ui.label(config_id).classes("mono muted grow")
        if row["is_active"]:
            explained(ui.label("active").classes("tag"), "Trading programs load this configuration.")
        if row["archived_at"] is not None:
            ui.label(f"archived {day(row['archived_at'])}").classes("tag")
        _actions(visit, found)
    of = f"/api/training/configurations/{quote(config_id)}"
    with ui.element("div").classes("row"):
        ui.label("Export:").classes("muted")
        ui.button("V3 JSON", on_click=lambda: _download(found)).props("outline dense no-caps")
        for text, link in (
            ("Trades CSV", "trades?format=csv"),
            ("Equity CSV", "equity?format=csv"),
            ("Report", "report"),
        ):
            with ui.element("a").classes("export") as anchor:
                ui.label(text)
            anchor.props["href"], anchor.props["target"] = f"{of}/{link}", "_blank"


def _download(found: ConfigurationFacts) -> None:
    """Hand the document over with the bytes that the command line exports."""
    ui.download.content(document_text(found.stored), f"{found.stored.config_id}.json", "application/json")


def _actions(visit: Visit, found: ConfigurationFacts) -> None:
    config_id, row = found.stored.config_id, found.stored.row
    registry = Registry(visit.database)

    def button(text: str, action: str, work: Callable[[], object]) -> None:
        made = ui.button(text, on_click=partial(_change, visit, action, work, config_id)).props("outline dense no-caps")
        if not visit.may(Role.TRADER):
            made.disable()
            explained(made, f"This needs the role {Role.TRADER}; {visit.caller.name} has the role {visit.caller.role}.")

    if row["archived_at"] is not None:
        button("Restore", "restore", lambda: registry.unarchive(config_id, at_ms=now_ms()))
    elif row["is_active"]:
        button("Deactivate", "deactivate", lambda: registry.deactivate(config_id, at_ms=now_ms()))
    else:
        button("Activate", "activate", lambda: registry.activate(config_id, at_ms=now_ms()))
        button("Archive", "archive", lambda: registry.archive(config_id, at_ms=now_ms()))


async def _change(visit: Visit, action: str, work: Callable[[], object], config_id: str) -> None:
    try:
        await visit.change(f"studio: {action} configuration", Role.TRADER, work, config_id)
    except AssayError as error:
        say(error)
        return
    ui.navigate.reload()


def _verdict(found: ConfigurationFacts) -> None:
    document, standing = found.document, found.standing
    stored = document.lifecycle.current_stage
    with ui.element("div").classes("grid two level"):
        with panel("Verdict"), ui.element("div").classes("column"):
            with ui.element("div").classes("row"):
                stage_badge(stored)
                if standing.stage.value != stored:
                    ui.label("today").classes("muted")
                    stage_badge(standing.stage.value)
                ui.label(f"at most {document.lifecycle.max_allocation_pct:g} % of the capital").classes("tag")
                ui.label(f"confidence {number(document.lifecycle.confidence_score, 2)}").classes("tag")
            why = standing.reason if standing.stage.value != stored else found.why
            with ui.element("div").classes("why"):
                ui.label("Why not promoted" if why else "Every gate holds").classes("why-title")
                ui.label(why or "Watch it all the same: markets change.")
            with ui.element("div").classes("tiles"):
                for one in tile_rows(document):
                    notes = [one.meaning, one.interval and f"95 % interval: {one.interval}"]
                    notes.append(one.sample and f"In sample: {one.sample}")
                    tile(one.label, one.value, note="\n".join(note for note in notes if note))
                tile("p adjusted", number(_known(standing.p_adjusted), 3), note=ADJUSTED)
                tile("Tries", str(standing.experiments + 1), note="Experiments on these days, this one included.")
        with panel("Gates", classes="flush"), ui.element("div").classes("gates"):
            _gates(found)


ADJUSTED = (
    "p with everything that was tried on the same days up to now: many tries on the same days are one larger search."
)


def _known(value: float) -> float | None:
    return None if value != value else value


def _gates(found: ConfigurationFacts) -> None:
    rows = gate_rows(found.document.lifecycle.gates)
    if not rows:
        empty("No gates", "These are plain numbers that came without evidence.")
        return
    with plain_table(
        (Column(""), Column("Gate"), Column("Measured", is_number=True), Column("Limit", is_number=True))
    ) as table:
        for row in rows:
            with table.row():
                table.text("✓ passed" if row.passed else "✗ failed", tone="good nowrap" if row.passed else "bad nowrap")
                name = table.text(row.name)
                explained(name, f"Guards {row.stage}. Margin: {row.margin or 'none'}.\n{row.next_step}")
                table.text(row.measured)
                table.text(row.asked)


class _Trades:
    """The chart and the table of the trades, which go to the same trade together.

    Parameters
    ----------
    found : ConfigurationFacts
    """

    def __init__(self, found: ConfigurationFacts) -> None:
        self._found, self._chosen = found, -1
        self._count = len(found.trades.get("side", ()))
        with panel("Bars, trades, equity", note=CHART_NOTE, classes="flush"):
            if not found.has_bars:
                with empty(
                    "The bars of this market are not stored", "They are needed to draw candles; the numbers are below."
                ):
                    ui.link("Import or download them", address(addresses.DATA))
                self._chart = None
                return
            self._chart = Candles(
                found.market,
                span=(found.document.context.from_, found.document.context.to),
                config_id=found.stored.config_id if self._count else None,
                on_trade=self.look,
            ).classes("tall")
            with ui.element("div").classes("row under"):
                _button("First", lambda: self.look(0))
                _button("◀ Previous trade", lambda: self.look(self._chosen - 1))
                _button("Next trade ▶", lambda: self.look(self._chosen + 1))
                _button("Whole span", self._fit)
                ui.label("Arrow keys step through the trades; drag and wheel move the chart.").classes("muted")
            ui.keyboard(self._pressed, repeating=True)

    def _fit(self) -> None:
        if self._chart is not None:
            self._chart.fit()

    def _pressed(self, event: KeyEventArguments) -> None:
        if not event.action.keydown or not (event.key.arrow_left or event.key.arrow_right):
            return
        self.look(self._chosen + (1 if event.key.arrow_right else -1))

    def look(self, trade: int) -> None:
        """Go to a trade, in the chart and in the table."""
        if not self._count:
            return
        self._chosen = min(max(trade, 0), self._count - 1)
        if self._chart is not None:
            self._chart.look(self._chosen)
        self._table.selected = [self._table.rows[self._chosen]]
        self._table.run_method("scrollTo", self._chosen)

    def table(self) -> None:
        """Show the table of the trades."""
        with panel(f"Trades out of sample ({self._count:,})", note=TRADES_NOTE, classes="flush"):
            if not self._count:
                text = "This configuration was stored without its run: train it again to see the trades."
                empty("No trades to show", "There was no trade out of sample." if self._found.figures else text)
                return
            columns = [
                {
                    "name": name, "label": label, "field": name, "sortable": True,
                    "align": "left" if name in TEXT_COLUMNS else "right",
                }
                for name, label, _ in TRADE_COLUMNS
            ]  # fmt: skip
            self._table = ui.table(rows=_trade_rows(self._found.trades), columns=columns, row_key="number")
            self._table.props("dense flat virtual-scroll :rows-per-page-options=[0] hide-bottom").classes("trades")
            self._table.on("rowClick", self._clicked, [[], ["number"], None])

    def _clicked(self, event: GenericEventArguments) -> None:
        self.look(int(event.args[1]["number"]) - 1)


CHART_NOTE = (
    "Hollow candles rise, filled ones fall; grey ones are masked and signal nothing. Arrows are entries (up: long, "
    "down: short), a circle is an exit with profit, a square one with a loss. Equity and drawdown are those out of "
    "sample."
)
TRADES_NOTE = "Times are UTC. Click a row, and the chart goes there."


def _button(text: str, work: Callable[[], None]) -> None:
    ui.button(text, on_click=work).props("outline dense no-caps")


def _trade_rows(trades: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the trades as rows of texts; a column sorts by its numbers where it has some."""
    rows = []
    for i in range(len(trades["side"])):
        row: dict[str, Any] = {"number": i + 1}
        for name in ("entry_time", "exit_time"):
            row[name] = moment(trades[name][i])
        for name in ("entry", "stop", "target", "exit"):
            value = trades[name][i]
            row[name] = None if value is None else float(f"{value:.7g}")
        row |= {"side": trades["side"][i], "reason": trades["reason"][i]}
        row["return"] = share(trades["return"][i], 2, sign=True)
        row["R"] = None if trades["R"][i] is None else round(trades["R"][i], 2)
        rows.append(row)
    return rows


def _tabs(found: ConfigurationFacts, request: Request) -> None:
    """Show the rest in tabs, each of which is built when it is first looked at."""
    colours = palette(dark=is_dark(request))
    with panel("Everything else", classes="flush"):
        with ui.tabs().props("dense align=left no-caps") as tabs:
            for name in configuration_parts.PARTS:
                ui.tab(name)
        first = next(iter(configuration_parts.PARTS))
        places: dict[str, ui.element] = {}
        with ui.tab_panels(tabs, value=first).props("keep-alive").classes("tab-panels"):
            for name in configuration_parts.PARTS:
                with ui.tab_panel(name) as places[name]:
                    pass
        built: set[str] = set()

        def build(name: str) -> None:
            if name not in built:
                built.add(name)
                with places[name]:
                    configuration_parts.PARTS[name](found, colours)

        tabs.on_value_change(lambda event: build(str(event.value)))
        build(first)
