"""Archiving by a measure: which of the list would be put away, seen before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nicegui import ui

from assay.errors import AssayError
from assay.plurals import plural
from assay.service.configuration_actions import ArchivePlan, plan_archive
from assay.store.archive import ArchivedTogether, archive_together
from assay.store.database import now_ms
from assay.store.schema import Role
from assay.studio.configuration_rows import COLUMNS, measure_cells, note_of
from assay.studio.elements.listing import Listing
from assay.studio.visit import Visit, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assay.store.configuration_pages import ConfigurationFilter


@dataclass(frozen=True)
class Bounded:
    """A measure as a person bounds it.

    Attributes
    ----------
    name, label, unit : str
    factor : float
        From what is stored to what is shown.
    """

    name: str
    label: str
    unit: str = ""
    factor: float = 1.0


BOUNDED = (
    Bounded("win_rate", "Win rate", "%", 100.0),
    Bounded("gross_win_rate", "Gross win rate", "%", 100.0),
    Bounded("net_profit", "Net profit", "quote currency"),
    Bounded("sharpe_ratio", "Sharpe"),
    Bounded("sortino_ratio", "Sortino"),
    Bounded("calmar_ratio", "Calmar"),
    Bounded("profit_factor", "Profit factor"),
    Bounded("max_drawdown_pct", "Max drawdown", "%"),
    Bounded("sample_size", "Trades"),
    Bounded("p_value", "p"),
    Bounded("stability_score", "Stability", "%", 100.0),
    Bounded("confidence_score", "Confidence", "%", 100.0),
)
SIDES = {True: "is below", False: "is above"}
SHOWN = (
    "strategy_name",
    "pair",
    "sharpe_ratio",
    "net_profit",
    "sample_size",
    "win_rate",
    "max_drawdown_pct",
    "p_value",
)
FIRST = 10


class ArchiveDialog:
    """Asks for a bound, shows what it would archive, and archives exactly that.

    Parameters
    ----------
    visit : Visit
    listed : ConfigurationFilter
        The list as it is filtered.
    done : callable
        Called with what was archived.
    """

    def __init__(
        self, visit: Visit, listed: ConfigurationFilter, done: Callable[[ArchivedTogether], Awaitable[None]]
    ) -> None:
        self._visit, self._listed, self._done = visit, listed, done
        self._plan: ArchivePlan | None = None
        self._turn = 0
        named = ui.dialog(value=True).props('aria-label="Archive by a measure"')
        with named as self._dialog, ui.card().classes("archive-card"):
            ui.label("Archive by a measure").props("role=heading aria-level=2").classes("empty-title")
            ui.label(EXPLAINED).classes("empty-text")
            self._bound()
            self._words = ui.label("").props("role=status").classes("strong")
            self._table = Listing([c for c in COLUMNS if c.name in SHOWN], "What would be archived, the first rows")
            with ui.element("div").classes("row"):
                ui.button("Cancel", on_click=self._dialog.close).props("flat no-caps")
                ui.element("div").classes("grow")
                self._go = ui.button("Archive", on_click=self._archive).props("unelevated no-caps")
                self._go.disable()
        self._dialog.on("hide", self._dialog.delete)

    def _bound(self) -> None:
        with ui.element("div").classes("row"):
            names = {one.name: one.label for one in BOUNDED}
            self._measure = ui.select(names, value="win_rate", label="Measure", on_change=self._look)
            self._side = ui.select(SIDES, value=True, label="Bound", on_change=self._look)
            self._value = ui.number("Value", value=10, on_change=self._look).props("debounce=300")
            for field in (self._measure, self._side, self._value):
                field.props("outlined dense options-dense").classes("filter")
        self._note = ui.label("").classes("muted")

    @property
    def _bounded(self) -> Bounded:
        return next(one for one in BOUNDED if one.name == self._measure.value)

    async def look(self) -> None:
        """Show what the bound that is entered would archive."""
        self._turn += 1
        turn, bounded, value = self._turn, self._bounded, self._value.value
        self._value.props["label"] = f"Value, {bounded.unit}" if bounded.unit else "Value"
        self._value.update()
        self._note.set_text(note_of(bounded.name).partition("\n")[0])
        self._plan = None
        self._go.disable()
        if value is None:
            self._words.set_text("Enter a value.")
            return
        below = bool(self._side.value)
        work = partial(
            plan_archive, self._visit.database, self._listed, bounded.name, below=below,
            bound=float(value) / bounded.factor, first=FIRST,
        )  # fmt: skip
        try:
            plan = await self._visit.work(work)
        except AssayError as error:
            say(error)
            return
        if turn == self._turn:
            self._show(plan, bounded)

    async def _look(self) -> None:
        await self.look()

    def _show(self, plan: ArchivePlan, bounded: Bounded) -> None:
        self._plan = plan
        self._words.set_text(plan_words(plan, bounded.label))
        self._table.show([measure_cells(one) | {"id": one.config_id} for one in plan.first])
        self._go.set_text(f"Archive {len(plan.config_ids):,}")
        if plan.config_ids:
            self._go.enable()

    async def _archive(self) -> None:
        if self._plan is None:
            return
        ids = self._plan.config_ids
        try:
            done = await self._visit.change(
                "studio: archive configurations", Role.TRADER,
                lambda: archive_together(self._visit.database, ids, at_ms=now_ms()),
                plural(len(ids), "configuration"),
            )  # fmt: skip
        except AssayError as error:
            say(error)
            return
        await self._done(done)
        self._dialog.close()


EXPLAINED = (
    "Of the list as it is filtered now, on all its pages. Active ones stay, and so does what has no such measure. "
    "Nothing is deleted, and all of it can be taken back at once."
)


def plan_words(plan: ArchivePlan, label: str) -> str:
    """Say what a plan would archive, and what it would leave."""
    found = len(plan.config_ids)
    words = [f"{plural(found, 'configuration')} would be archived"]
    if found > len(plan.first):
        words[0] += f"; these are the first {len(plan.first)} by {label}"
    if plan.active:
        words.append(f"{plural(plan.active, 'active one')} would stay: deactivate first what is to go")
    if plan.unknown:
        words.append(f"{plural(plan.unknown, 'configuration')} without this measure would stay")
    return ". ".join(words) + "."
