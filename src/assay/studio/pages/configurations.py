"""Configurations: a list that is filtered, sorted and turned by the database, and what can be done to its rows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import Request
from nicegui import ui

from assay.errors import AssayError, ChangedError, InputError
from assay.plurals import plural
from assay.service.comparison import FEWEST, MOST
from assay.service.configuration_actions import Action, act, would_replace
from assay.service.configuration_list import ListPage, RowDetails, list_page, row_details
from assay.service.configuration_table import listed_table
from assay.store.archive import ArchivedTogether, archived_together, restore_together
from assay.store.configuration_pages import ConfigurationFilter, configuration_count, configuration_names
from assay.store.database import now_ms
from assay.store.schema import Role
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.archive_dialog import ArchiveDialog
from assay.studio.configuration_filters import Filters
from assay.studio.configuration_query import MOST_CHOSEN, ListQuery
from assay.studio.configuration_rows import COLUMNS, rows_of
from assay.studio.elements.listing import Listing
from assay.studio.frame import PAGE_S, framed, styles
from assay.studio.panels import empty, explained, panel
from assay.studio.values import count, moment
from assay.studio.visit import Visit, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from assay.store.configuration_pages import Place

ACTIONS = (Action.ACTIVATE, Action.DEACTIVATE, Action.ARCHIVE, Action.RESTORE)


@ui.page(addresses.CONFIGURATIONS, response_timeout=PAGE_S)
async def configurations(request: Request) -> None:
    """Show the page."""
    with framed(request, "Configurations", addresses.CONFIGURATIONS) as visit:
        styles("configurations.css")
        given = request.query_params
        try:
            query = ListQuery.of(given, given.getlist("chosen"))
            query.filter().where()
        except InputError as error:
            with panel("Configurations"), empty("This address names no list", str(error)):
                ui.link("Show all configurations", address(addresses.CONFIGURATIONS))
            return
        stored = await visit.read(configuration_count, visit.database, ConfigurationFilter(archived=None))
        if not stored:
            with (
                panel("Configurations"),
                empty("No configuration yet", "A training that is over leaves its result here, promoted or not."),
            ):
                ui.link("Train", address(addresses.TRAIN))
            return
        names = await visit.read(configuration_names, visit.database)
        shown = ConfigurationList(visit, query, names)
        await shown.show(query)


class ConfigurationList:
    """The list, drawn once and updated in place.

    Parameters
    ----------
    visit : Visit
    query : ListQuery
    names : dict
        As `configuration_names` gives them.
    """

    def __init__(self, visit: Visit, query: ListQuery, names: dict[str, list[str]]) -> None:
        self._visit, self.query, self._turn = visit, query, 0
        self._page = ListPage((), (), 0, 0, None, None)
        may = visit.may(Role.TRADER)
        self._forbidden = (
            "" if may else f"This needs the role {Role.TRADER}; {visit.caller.name} has the role {visit.caller.role}."
        )
        with ui.element("div").classes("grid"):
            with panel("Filters"):
                self._filters = Filters(query, names, self._filter)
            self._notices()
            with panel("Configurations", classes="flush") as _:
                self._bar()
                self._listing = Listing(
                    COLUMNS, "Configurations", on_sort=self._sort, on_choose=self._choose, on_act=self._act_on_row
                )
                self._nothing = empty("None fits", "No configuration passes these filters.")
                with self._nothing:
                    ui.button("Clear the filters", on_click=self._clear).props("outline dense no-caps")
                self._pager()

    def _notices(self) -> None:
        with ui.element("div").classes("notice").props("role=status") as self._changed:
            self._changed_words = ui.label("")
        with ui.element("div").classes("notice row").props("role=status") as self._undo:
            self._undo_words = ui.label("")
            undo = ui.button("Undo", on_click=self._take_back).props("outline dense no-caps")
            self._guarded(undo)
        self._changed.set_visibility(False)
        self._undo.set_visibility(False)

    def _bar(self) -> None:
        with ui.element("div").classes("row bar"):
            self._count = ui.label("").classes("strong")
            self._chosen = ui.label("").classes("muted")
            self._on_choice = [_button("Compare", self._compare)]
            for action in ACTIONS:
                made = _button(action.value.capitalize(), partial(self._act_on_all, action))
                self._on_choice.append(self._guarded(made))
            self._on_choice.append(_button("Choose none", partial(self._choose, [])))
            ui.element("div").classes("grow")
            self._guarded(_button("Archive by a measure …", self._ask_archive))
            export = _button("Export CSV", self._export)
            export.tooltip("All rows of the list, on all its pages, with every column that is stored.")

    def _pager(self) -> None:
        with ui.element("nav").classes("row under").props('aria-label="Pages of the list"'):
            self._first = _button("First", partial(self._turn_to, None))
            self._previous = _button("◀ Previous", lambda: self._turn_to(self._page.previous, backwards=True))
            self._next = _button("Next ▶", lambda: self._turn_to(self._page.following))

    def _guarded(self, button: ui.button) -> ui.button:
        if self._forbidden:
            button.disable()
            explained(button, self._forbidden)
        return button

    # what is shown

    async def show(self, query: ListQuery) -> None:
        """Show a list, and put it into the address."""
        self._turn += 1
        turn, self.query = self._turn, query
        self._visit.remember(addresses.CONFIGURATIONS, **query.query())
        for button in (self._first, self._previous, self._next):
            button.disable()  # what they lead to belongs to the list of before
        self._listing.classes(add="waiting")
        try:
            page = await self._visit.work(lambda: self._read(query))
        except AssayError as error:
            self._listing.classes(remove="waiting")
            say(error)
            return
        if turn != self._turn:
            return  # somebody has changed a filter meanwhile
        self._page = replace(page, rows=())  # an open page keeps no documents: they are what takes memory
        self._listing.classes(remove="waiting")
        self._draw(page, {})
        await self._show_undo()
        ui.timer(0.01, partial(self._fill, turn, page), once=True)

    def _read(self, query: ListQuery) -> ListPage:
        return list_page(
            self._visit.database, query.filter(), query.order, place=query.place, backwards=query.backwards
        )

    async def _fill(self, turn: int, page: ListPage) -> None:
        """Add what takes longer: lines of equity, and p with all tries of today."""
        try:
            details = await self._visit.work(lambda: row_details(self._visit.database, page.rows))
        except AssayError as error:
            say(error)
            return
        if turn == self._turn:
            self._draw(page, details)

    def _draw(self, page: ListPage, details: dict[str, RowDetails]) -> None:
        query = self.query
        rows = rows_of(page.rows, details, forbidden=self._forbidden)
        self._listing.show(rows, sorted_by=query.sort, falls=query.order.falls, chosen=query.chosen)
        self._listing.set_visibility(bool(rows))
        self._nothing.set_visibility(not page.total)
        self._count.set_text(page_words(page))
        self._changed_words.set_text(changed_words(page))
        self._changed.set_visibility(bool(page.changed))
        for button, place in (
            (self._first, page.previous),
            (self._previous, page.previous),
            (self._next, page.following),
        ):
            button.set_enabled(place is not None)
        self._draw_choice()

    def _draw_choice(self) -> None:
        chosen = len(self.query.chosen)
        self._chosen.set_text(f"{chosen:,} chosen" if chosen else "none chosen")
        compare, *others = self._on_choice
        compare.set_enabled(FEWEST <= chosen <= MOST)
        for button in others[:-1]:
            button.set_enabled(bool(chosen) and not self._forbidden)
        others[-1].set_enabled(bool(chosen))

    async def _show_undo(self) -> None:
        at = self.query.undo
        found = [] if at is None else await self._visit.read(archived_together, self._visit.database, at)
        self._undo.set_visibility(bool(found))
        if found:
            are = "was" if len(found) == 1 else "were"
            self._undo_words.set_text(
                f"{plural(len(found), 'configuration')} {are} archived together, {moment(at)} UTC."
            )

    # order, pages, choice

    async def _filter(self, values: dict[str, Any]) -> None:
        await self.show(self.query.filtered(**values))

    async def _sort(self, name: str) -> None:
        await self.show(self.query.sorted_by(name))

    async def _turn_to(self, place: Place | None, *, backwards: bool = False) -> None:
        await self.show(self.query.turned(place, backwards=backwards))

    async def _clear(self) -> None:
        query = ListQuery(chosen=self.query.chosen, undo=self.query.undo)
        self._filters.set(query)
        await self.show(query)

    def _choose(self, names: Sequence[str]) -> None:
        if len(names) > MOST_CHOSEN:
            ui.notify(f"At most {MOST_CHOSEN} are chosen at once; archiving by a measure takes any number.")
        self._put(chosen=tuple(names[:MOST_CHOSEN]))
        if len(names) != len(self.query.chosen) or not names:
            self._listing.choose(self.query.chosen)
        self._draw_choice()

    def _put(self, **changes: Any) -> None:
        """Change what the address says without reading the list again."""
        self.query = replace(self.query, **changes)
        self._visit.remember(addresses.CONFIGURATIONS, **self.query.query())

    def _compare(self) -> None:
        ui.navigate.to(address(addresses.COMPARE, ids=list(self.query.chosen)))

    # changes

    async def _act_on_row(self, name: str, config_id: str) -> None:
        action = Action(name)
        if action is Action.ACTIVATE and not await self._confirmed([config_id]):
            return
        await self._act(action, [config_id])

    async def _act_on_all(self, action: Action) -> None:
        chosen = self.query.chosen
        if action is Action.ACTIVATE and not await self._confirmed(chosen):
            return
        await self._act(action, chosen)

    async def _confirmed(self, config_ids: Sequence[str]) -> bool:
        """Ask whether trading programs are to load these, naming what they would load no more."""
        database = self._visit.database
        replaced = await self._visit.read(lambda: {one: would_replace(database, one) for one in config_ids})
        with ui.dialog().props('aria-label="Activate"') as dialog, ui.card().classes("archive-card"):
            title = config_ids[0] if len(config_ids) == 1 else plural(len(config_ids), "configuration")
            ui.label(f"Activate {title}?").props("role=heading aria-level=2").classes("empty-title")
            for line in replacing_words(replaced):
                ui.label(line).classes("empty-text")
            with ui.element("div").classes("row"):
                ui.button("Cancel", on_click=lambda: dialog.submit("")).props("flat no-caps")
                ui.element("div").classes("grow")
                ui.button("Activate", on_click=lambda: dialog.submit("yes")).props("unelevated no-caps")
        answer = bool(await dialog)
        dialog.delete()
        return answer

    async def _act(self, action: Action, config_ids: Sequence[str]) -> None:
        """Do something to each, say what was done and what was refused, and show the list as it is now."""
        done: list[str] = []
        for config_id in config_ids:
            work = partial(act, self._visit.database, action, config_id, at_ms=now_ms())
            try:
                words = await self._visit.change(f"studio: {action} configuration", Role.TRADER, work, config_id)
                done.append(words)
            except AssayError as error:
                say(error)
        if done:
            more = f" and {len(done) - 3} more" if len(done) > 3 else ""
            ui.notify("; ".join(done[:3]) + more, type="positive", position="top", multi_line=True, timeout=6_000)
        await self.show(self.query)

    async def _ask_archive(self) -> None:
        await ArchiveDialog(self._visit, self.query.filter(), self._archived).look()

    async def _archived(self, done: ArchivedTogether) -> None:
        left = [f"{one} is active and stays" for one in done.active]
        words = [f"{plural(len(done.done), 'configuration')} archived", *left[:3]]
        ui.notify("; ".join(words), type="positive", position="top", multi_line=True)
        chosen = tuple(one for one in self.query.chosen if one not in set(done.done))
        self._put(undo=done.at_ms, chosen=chosen)
        await self.show(self.query.filtered())

    async def _take_back(self) -> None:
        at = self.query.undo
        if at is None:
            return
        work = partial(restore_together, self._visit.database, at, at_ms=now_ms())
        try:
            back = await self._visit.change("studio: restore configurations", Role.TRADER, work, str(at))
        except AssayError as error:
            say(error)
            return
        ui.notify(f"{plural(len(back), 'configuration')} back in the list", type="positive", position="top")
        self._put(undo=None)
        await self.show(self.query)

    async def _export(self) -> None:
        ui.notify("Writing the table …", timeout=2_000)
        query = self.query
        try:
            text, changed = await self._visit.work(
                lambda: listed_table(self._visit.database, query.filter(), query.order)
            )
        except AssayError as error:
            say(error)
            return
        ui.download.content(text, "configurations.csv", "text/csv")
        if changed:
            ui.notify(
                f"Left out, since they were changed after they were stored: {', '.join(changed[:5])}", type="warning"
            )


def page_words(page: ListPage) -> str:
    """Say which rows a page shows, of how many."""
    if not page.total:
        return "0 configurations"
    last = page.first + len(page.rows) + len(page.changed) - 1
    return f"{count(page.first)} to {count(last)} of {count(page.total)}"


def changed_words(page: ListPage) -> str:
    """Say which rows are not shown, and why."""
    return "Not shown: " + " ".join(str(ChangedError(name, change)) for name, change in page.changed)


def replacing_words(replaced: dict[str, str | None]) -> list[str]:
    """Say what trading programs load no more when some configurations are activated."""
    lines = [f"{one} takes the place of {other}, which is active now." for one, other in replaced.items() if other]
    if not lines:
        lines = ["Nothing else is active for its market." if len(replaced) == 1 else "They take the place of none."]
    return ["Trading programs load what is active; at most one per strategy, exchange, pair and timeframe.", *lines]


def _button(text: str, work: Callable[[], Awaitable[None] | None]) -> ui.button:
    return ui.button(text, on_click=work).props("outline dense no-caps")
