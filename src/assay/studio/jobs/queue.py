"""The queue: jobs in pages, the newest first, by state, strategy and owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui

from assay.errors import AssayError
from assay.store.jobs import JobStore
from assay.store.schema import JobStatus
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.job_cards import state_words
from assay.studio.panels import empty
from assay.studio.tables import Column, PlainTable, plain_table
from assay.studio.values import count, moment, number
from assay.studio.visit import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assay.store.jobs import JobState
    from assay.studio.job_reader import Snapshot
    from assay.studio.visit import Visit

PAGE = 25
ALL = "all"
MINE = "mine"

COLUMNS = (
    Column("State"),
    Column("Job"),
    Column("Tasks", is_number=True, note="Tasks that are over, of all; and how many of them failed."),
    Column("Best", is_number=True, note="The largest net profit of its configurations, in account currency."),
    Column("By"),
    Column("Made", note="UTC."),
)


@dataclass(frozen=True)
class QueueFilter:
    """Which jobs are listed.

    Attributes
    ----------
    state : str
        A `JobStatus`, or all.
    strategy : str
        A name, or all.
    owner : str
        ``mine`` or all.
    """

    state: str = ALL
    strategy: str = ALL
    owner: str = ALL

    @classmethod
    def of(cls, state: str | None, strategy: str | None, owner: str | None) -> QueueFilter:
        """Return the filter of an address; what is none of the choices filters nothing."""
        known = state if state in tuple(JobStatus) else ALL
        return cls(known or ALL, strategy or ALL, MINE if owner == MINE else ALL)

    def query(self) -> dict[str, str | None]:
        """Return the filter for an address."""
        given = {"state": self.state, "strategy": self.strategy, "owner": self.owner}
        return {name: None if value == ALL else value for name, value in given.items()}

    def read(self, store: JobStore, user: str, place: tuple[int, str] | None = None) -> list[JobState]:
        """Return a page of the jobs, and one more where there are more."""
        return store.find(
            limit=PAGE + 1,
            place=place,
            user=user if self.owner == MINE else None,
            statuses=() if self.state == ALL else (JobStatus(self.state),),
            strategy=None if self.strategy == ALL else self.strategy,
        )


class JobQueue:
    """The list of jobs with its filters.

    Parameters
    ----------
    visit : Visit
    wanted : QueueFilter
    strategies : sequence of str
        Names to choose from.
    choose : callable
        Called with the id of the job that the visitor chose.
    filtered : callable
        Called when the filter changes.
    """

    def __init__(
        self,
        visit: Visit,
        wanted: QueueFilter,
        strategies: Sequence[str],
        choose: Callable[[str], object],
        filtered: Callable[[], None],
    ) -> None:
        self._visit, self.wanted, self._choose, self._filtered = visit, wanted, choose, filtered
        self._store = JobStore(visit.database)
        self.rows: dict[str, QueueRow] = {}
        self._last: tuple[int, str] | None = None
        self._active: tuple[str, ...] | None = None
        self._chosen: str | None = None
        self._filters(strategies)
        with plain_table(COLUMNS) as self._table:
            pass
        self._nothing = empty("No job", "A training that is started here, by the API or by the command line.")
        with self._nothing:
            ui.link("Train", address(addresses.TRAIN))
        self._older = ui.button("Older jobs", on_click=self._more).props("flat dense no-caps")

    async def read(self) -> None:
        """Read the first page anew."""
        found = await self._visit.read(self.wanted.read, self._store, self._visit.caller.name)
        for row in self.rows.values():
            row.element.delete()
        self.rows.clear()
        self._add(found)
        self._nothing.set_visibility(not self.rows)

    async def show(self, seen: Snapshot) -> None:
        """Show how far the jobs are that wait or run; read the list anew when one began or ended."""
        active = tuple(job.id for job in seen.active)
        if self._active is not None and active != self._active:
            await self.read()
        self._active = active
        for job in seen.active:
            if job.id in self.rows:
                self.rows[job.id].show(job)

    def mark(self, job: str | None) -> None:
        """Mark the job that is shown beside the list."""
        self._chosen = job
        for one, row in self.rows.items():
            row.mark(is_chosen=one == job)

    async def _more(self) -> None:
        self._add(await self._visit.read(self.wanted.read, self._store, self._visit.caller.name, self._last))

    def _add(self, found: Sequence[JobState]) -> None:
        with self._table.body:
            for job in found[:PAGE]:
                self.rows[job.id] = QueueRow(self._table, job, self._choose)
        if found[:PAGE]:
            last = found[:PAGE][-1]
            self._last = (last.created_ms, last.id)
        self._older.set_visibility(len(found) > PAGE)
        self.mark(self._chosen)

    def _filters(self, strategies: Sequence[str]) -> None:
        states = {ALL: "All states"} | {str(one): state_words(one) for one in JobStatus}
        names = {ALL: "All strategies"} | {name: name.replace("_", " ") for name in strategies}
        owners = {ALL: "Everybody's", MINE: "Mine"}
        if self.wanted.strategy not in names:
            names[self.wanted.strategy] = self.wanted.strategy
        with ui.element("div").classes("field-row filters"):
            for name, choices in (("state", states), ("strategy", names), ("owner", owners)):
                chosen = ui.select(choices, label=name.capitalize(), value=getattr(self.wanted, name))
                chosen.props("dense outlined options-dense")
                chosen.on_value_change(lambda event, name=name: self._filter(name, str(event.value)))

    async def _filter(self, name: str, value: str) -> None:
        self.wanted = QueueFilter(**{**vars(self.wanted), name: value})
        self._filtered()
        try:
            await self.read()
        except AssayError as error:
            say(error)


class QueueRow:
    """A job in the list, drawn once."""

    def __init__(self, table: PlainTable, job: JobState, choose: Callable[[str], object]) -> None:
        with table.row() as self.element:
            self._state = table.text("")
            with table.cell():
                link = ui.link(job.strategy.replace(",", ", "), address(addresses.JOBS, job=job.id))
                link.classes("job-link").on("click.prevent", lambda: choose(job.id))
                link.props["aria-label"] = f"Job {job.id[:8]}, {job.strategy}"
                self._link = link
            self._tasks, self._best = table.text(""), table.text("")
            table.text(job.user)
            table.text(moment(job.created_ms), tone="muted")
        self.show(job)

    def show(self, job: JobState) -> None:
        """Show how far the job is."""
        failed = job.counts.get(JobStatus.FAILED, 0)
        self._state.set_text(state_words(job.status))
        self._tasks.set_text(
            f"{count(job.over)} of {count(job.total)}" + (f", {count(failed)} failed" if failed else "")
        )
        self._best.set_text(number(job.best_net_profit, 0, sign=True))

    def mark(self, *, is_chosen: bool) -> None:
        """Mark it as the one that is shown."""
        self.element.classes(add="chosen" if is_chosen else "", remove="" if is_chosen else "chosen")
        self._link.props(add="aria-current=true" if is_chosen else "", remove="" if is_chosen else "aria-current")
