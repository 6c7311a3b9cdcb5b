"""A job: how far it is, what it found, its tasks, what it left out, its log, and what can be done with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.errors import AssayError, ConflictError
from assay.service.jobs import cancel_job, take_up
from assay.store.database import now_ms
from assay.store.schema import JobStatus, Role
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.dialogs import confirmed
from assay.studio.job_cards import TaskTable, share_done, state_words
from assay.studio.jobs.results import Results, results_of
from assay.studio.panels import panel, tile
from assay.studio.tables import Column, plain_table
from assay.studio.values import UNKNOWN, count, duration, moment, number
from assay.studio.visit import say
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assay.api.models.training import JobStatusBody, LeftOut, LogLine
    from assay.studio.job_reader import Snapshot
    from assay.studio.visit import Visit

RESULTS_S = 2.0
"""Between two readings of what a job found, while more of its tasks end."""

MOST_LINES = 300


class JobDetail:
    """A job, drawn once and updated in place.

    Parameters
    ----------
    visit : Visit
    job : JobStatusBody
    """

    def __init__(self, visit: Visit, job: JobStatusBody) -> None:
        self._visit, self.job = visit, job
        self._results_of: tuple[int, int] | None = None
        self._results_at = -RESULTS_S
        self._last_line = 0
        with panel("Job"):
            self._head(job)
        with panel("Results", note="One line for each training that is over.", classes="flush") as self._found:
            self._results = Results()
        self._found_panel = self._found.parent_slot.parent if self._found.parent_slot else self._found
        with panel("Tasks", classes="flush tasks"):
            self._tasks = TaskTable()
        self._left = ui.element("div")
        self._left_shown: tuple[LeftOut, ...] = ()
        with panel("Log", note="What the workers say about this job, the newest last; times are UTC."):
            self._no_line = ui.label("Nothing was said yet.").classes("muted")
            self._log = ui.log(max_lines=MOST_LINES).classes("job-log").props('role=log tabindex=0 aria-label="Log"')
        self._show(job)

    async def show(self, seen: Snapshot) -> None:
        """Show how far the job is, as a snapshot has it."""
        job = seen.jobs.get(self.job.id)
        if job is not None:
            self.job = job
            self._show(job)
        self._say(seen.logs.get(self.job.id, ()))
        await self.read_results()

    async def read_results(self) -> None:
        """Read what the job found, where more of its tasks are over than were read."""
        over = (self.job.completed_combinations, self.job.failed_combinations)
        now = time.monotonic()
        if over == self._results_of or (now - self._results_at < RESULTS_S and self.job.eta_s is not None):
            return
        self._results_at, self._results_of = now, over
        try:
            rows = await self._visit.read(results_of, self._visit.database, self.job.id)
        except AssayError:
            self._results_of = None  # the next look reads it
            return
        self._found_panel.set_visibility(bool(rows))
        self._results.show(rows)

    def _head(self, job: JobStatusBody) -> None:
        with ui.element("div").classes("row"):
            name = ui.label(job.strategy_name.replace(",", ", ")).classes("job-name")
            name.props("role=heading aria-level=3")
            self._state = ui.label("").classes("tag")
            ui.label(f"{job.id[:8]} · by {job.user} · {moment(job.created_at)}").classes("muted grow").tooltip(job.id)
            if job.parent_id is not None:
                ui.link(f"repeats {job.parent_id[:8]}", address(addresses.JOBS, job=job.parent_id))
        self._bar = ui.linear_progress(0.0, show_value=False, size="8px").props(
            'aria-label="Part of the job that is done"'
        )
        with ui.element("div").classes("tiles job-tiles"):
            self._done = tile(
                "Tasks", UNKNOWN, note="Over, of all: one per market and strategy, and one that prepares."
            )
            self._failed = tile("Failed", UNKNOWN)
            self._rate = tile("Rate", UNKNOWN, note="Tasks that end in an hour, since the trainings were made.")
            self._left_s = tile("Time left", UNKNOWN, note="At this rate.")
            self._took = tile("Duration", UNKNOWN, note="Since its first task began.")
            self._best = tile("Best so far", UNKNOWN, note="Net profit of its best configuration, in account currency.")
            self._made = tile("Configurations", UNKNOWN)
        self._error = ui.label("").classes("problem")
        with ui.element("div").classes("row"):
            self._cancel = ui.button("Cancel Job", on_click=self._ask_cancel).props("outline no-caps dense")
            self._retry = ui.button("Retry", on_click=self._take_up).props("outline no-caps dense")
            self._again = ui.button("Re-run with changes", on_click=self._rerun).props("outline no-caps dense")
            self._why = ui.label("").classes("muted small")

    def _show(self, job: JobStatusBody) -> None:
        over = job.completed_combinations + job.failed_combinations
        self._state.set_text(state_words(job.status))
        self._bar.set_value(share_done(job))
        self._done.set_text(f"{count(over)} of {count(job.total_combinations)}")
        self._failed.set_text(count(job.failed_combinations))
        self._rate.set_text(UNKNOWN if job.rate is None else f"{number(3_600 * job.rate, 1)}/h")
        self._left_s.set_text(duration(job.eta_s))
        self._took.set_text(duration(ran_s(job, now_ms())))
        self._best.set_text(number(job.best_net_profit, 0, sign=True))
        self._made.set_text(count(job.configurations_created))
        self._error.set_text(as_page(job.error_message or ""))
        self._tasks.show(job.tasks)
        self._show_left(job.left_out)
        self._found_panel.set_visibility(bool(self._results.table.rows))
        self._enable(job)

    def _enable(self, job: JobStatusBody) -> None:
        """Enable what can be done, and say why the rest cannot."""
        why = refusal(self._visit, job.user)
        is_active = job.status in (JobStatus.PENDING, JobStatus.RUNNING)
        self._cancel.set_enabled(not why and is_active)
        self._retry.set_enabled(not why and not is_active and has_something_left(job))
        self._again.set_enabled(job.request is not None and self._visit.may(Role.TRADER))
        if job.request is None:
            why = why or "Jobs of the command line keep no form that could be repeated."
        self._why.set_text(why)

    def _show_left(self, left: Sequence[LeftOut]) -> None:
        if tuple(left) == self._left_shown:
            return
        self._left_shown = tuple(left)
        self._left.clear()
        note = "Markets that this job does not train, and why."
        columns = (Column("Market"), Column("Why"))
        with self._left, panel("Left out", note=note, classes="flush"), plain_table(columns) as table:
            for one in left:
                with table.row():
                    table.text(one.market)
                    table.text(as_page(one.reason), tone="warn", wraps=True)

    def _say(self, lines: Sequence[LogLine]) -> None:
        """Append what is new to the log."""
        for line in lines:
            if line.id > self._last_line:
                self._log.push(line_words(line), classes="warn" if line.level in ("warning", "error") else None)
                self._last_line = line.id
        self._no_line.set_visibility(self._last_line == 0)
        self._log.set_visibility(self._last_line > 0)

    async def _ask_cancel(self) -> None:
        title = f"Cancel the job {self.job.id[:8]}?"
        text = "What is done stays; what runs is stopped, and what waits is left out. Retry takes it up again."
        if await confirmed(title, text, "Cancel Job", "Go on"):
            await self._do(
                "cancel job", lambda: cancel_job(self._visit.database, self.job.id, user=self._visit.caller.name)
            )

    async def _take_up(self) -> None:
        def work() -> None:
            if not take_up(self._visit.database, self.job.id):
                raise ConflictError("job", "has nothing left to do: all its tasks are completed", self.job.id)

        await self._do("retry job", work)

    async def _do(self, what: str, work: Callable[[], Any]) -> None:
        role = Role.TRADER if self.job.user == self._visit.caller.name else Role.ADMIN
        try:
            await self._visit.change(f"studio: {what}", role, work, self.job.id)
        except AssayError as error:
            say(error)

    def _rerun(self) -> None:
        ui.navigate.to(address(addresses.TRAIN, job=self.job.id))


def refusal(visit: Visit, owner: str) -> str:
    """Return why a visitor may not change a job; nothing where they may."""
    if not visit.may(Role.TRADER):
        return f"This needs the role {Role.TRADER}, and you have the role {visit.caller.role}."
    if visit.caller.name != owner and not visit.may(Role.ADMIN):
        return f"This is {owner}'s: only its owner or an admin may change it."
    return ""


def has_something_left(job: JobStatusBody) -> bool:
    """Whether a job that is over has tasks that can be begun again or go on."""
    return any(task.status != JobStatus.COMPLETED for task in job.tasks)


def ran_s(job: JobStatusBody, now: int) -> float | None:
    """Return for how long a job has run; None before its first task."""
    if job.started_at is None:
        return None
    return max((now if job.completed_at is None else job.completed_at) - job.started_at, 0) / 1000


def line_words(line: LogLine) -> str:
    """Return a line of the log as it is shown: moment, level where it matters, task, and what was said."""
    level = "" if line.level == "info" else f" {line.level.upper()}"
    task = "" if line.task is None else f" task {line.task}"
    seconds = line.at // 1000 % 60
    return f"{moment(line.at)}:{seconds:02d}{level}{task}: {as_page(line.message)}"
