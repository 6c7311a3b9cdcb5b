"""Jobs as they run: a bar with rate and ETA, and the stage of each task, updated in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from assay.store.schema import JobStatus
from assay.studio import addresses, facts
from assay.studio.addresses import address
from assay.studio.panels import empty
from assay.studio.tables import Column, PlainTable, plain_table
from assay.studio.values import UNKNOWN, count, duration, number
from assay.training.train import STAGES_OF_WORK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.api.models.training import JobStatusBody, TaskProgress, TaskRow
    from assay.studio.visit import Visit

LOOK_S = 0.5
"""How often a page that somebody looks at asks how far its jobs are."""

MOST_TASKS = 50
"""Tasks of a job that are shown; of more, those that run and the first of the others."""


class JobCard:
    """A job, drawn once and updated in place.

    Parameters
    ----------
    job : JobStatusBody
    """

    def __init__(self, job: JobStatusBody) -> None:
        with ui.element("article").classes("job") as self.element:
            with ui.element("div").classes("row"):
                ui.link(job.strategy_name, address(addresses.JOBS, job=job.id)).classes("job-name")
                self._status = ui.label().classes("tag")
                self._text = ui.label().classes("muted grow")
            self._bar = ui.linear_progress(0.0, show_value=False, size="6px").props('aria-label="Tasks that are done"')
            self._tasks = TaskTable()
        self.show(job)

    def show(self, job: JobStatusBody) -> None:
        """Show how far the job is."""
        self._bar.set_value(share_done(job))
        self._status.set_text(state_words(job.status))
        self._text.set_text(_words(job, job.completed_combinations + job.failed_combinations))
        self._tasks.show(job.tasks)


STATES = {
    JobStatus.PENDING: "\N{WHITE CIRCLE} waiting",
    JobStatus.RUNNING: "\N{BLACK RIGHT-POINTING TRIANGLE} running",
    JobStatus.COMPLETED: "\N{CHECK MARK} completed",
    JobStatus.FAILED: "\N{MULTIPLICATION X} failed",
    JobStatus.CANCELLED: "\N{BLACK SQUARE} cancelled",
}
"""A state as pages show it: a sign and a word, no colour alone."""


def state_words(status: JobStatus) -> str:
    """Return a state with its sign."""
    return STATES[status]


def share_done(job: JobStatusBody) -> float:
    """Return how much of a job is done, from 0 to 1: tasks that are over, and the stages of those that run."""
    if not job.total_combinations:
        return 0.0
    over = job.completed_combinations + job.failed_combinations
    parts = sum(_part(task.progress) for task in job.tasks if task.progress)
    return min((over + parts) / job.total_combinations, 1.0)


class TaskTable:
    """The tasks of a job, each drawn once: those that run, and the first of the others."""

    def __init__(self) -> None:
        self._lines: dict[int, TaskLine] = {}
        with plain_table(TASK_COLUMNS) as self._table:
            pass
        self._more = ui.label("").classes("muted")

    def show(self, tasks: Sequence[TaskRow]) -> None:
        """Show how far each is."""
        shown = _shown(tasks)
        numbers = [task.number for task in shown]
        for gone in set(self._lines) - set(numbers):
            self._lines.pop(gone).row.delete()
        for place, task in enumerate(shown):
            if task.number not in self._lines:
                with self._table.body:
                    self._lines[task.number] = line = TaskLine(self._table, task)
                if place < len(self._lines) - 1:
                    line.row.move(target_index=place)
            self._lines[task.number].show(task)
        left = len(tasks) - len(shown)
        self._more.set_text(f"and {count(left)} more" if left else "")


TASK_COLUMNS = (
    Column("Task", note="A market and a strategy; before those a task that fetches bars and compiles."),
    Column("State"),
    Column("Stage"),
    Column("Done", is_number=True, note="Of the stage that runs: combinations, windows or permutations."),
    Column("Rate", is_number=True, note="Of the stage that runs."),
    Column("Left", is_number=True, note="Of the stage that runs; other stages may follow."),
)


class TaskLine:
    """A task, drawn once and updated in place."""

    def __init__(self, table: PlainTable, task: TaskRow) -> None:
        name = "fetch bars and prepare" if task.work == "prepare" else f"{task.strategy} on {task.market}"
        with table.row() as self.row:
            table.text(name)
            with table.cell(), ui.element("div").classes("row"):
                self._state = ui.label()
                self._verdict = ui.link("see its verdict", "").classes("hidden")
            self._stage = table.text("", wraps=True)
            self._done, self._rate, self._left = (table.text("") for _ in range(3))

    def show(self, task: TaskRow) -> None:
        """Show how far the task is."""
        progress = task.progress
        state = state_words(task.status)
        self._state.set_text(state if task.attempts <= 1 else f"{state} (begun {task.attempts} times)")
        if task.config_id is not None:
            self._verdict.props["href"] = address(f"{addresses.CONFIGURATIONS}/{task.config_id}")
            self._verdict.classes(remove="hidden")
        self._stage.set_text(task.error or _stage_words(progress))
        if progress is None:
            for label in (self._done, self._rate, self._left):
                label.set_text("")
            return
        self._done.set_text(f"{count(progress.done)} of {count(progress.total)}")
        self._rate.set_text(UNKNOWN if progress.rate is None else f"{number(progress.rate, 0)}/s")
        self._left.set_text(duration(progress.eta_s))


class JobCards:
    """The jobs that wait or run, drawn once; new ones are added, ended ones stay as they ended.

    Parameters
    ----------
    visit : Visit
    jobs : sequence of JobStatusBody
    """

    def __init__(self, visit: Visit, jobs: Sequence[JobStatusBody]) -> None:
        self._visit, self._seen = visit, 0
        self._cards: dict[str, JobCard] = {}
        with ui.element("div").classes("column") as self._place:
            self._nothing = empty("Nothing runs", "A training that is started here, by the API or by the command line.")
            with self._nothing:
                ui.link("Train", address(addresses.TRAIN))
        self._show(jobs)

    def follow(self) -> None:
        """Ask again and again, as long as somebody looks."""
        self._visit.every(LOOK_S, self._look)

    async def _look(self) -> None:
        known = list(self._cards)
        seen = await self._visit.visitors.jobs.look(known)
        if seen.number == self._seen:
            return
        self._seen = seen.number
        shown = dict.fromkeys([*(job.id for job in seen.active[: facts.NEWEST]), *known])
        self._show([seen.jobs[job] for job in shown if job in seen.jobs])

    def _show(self, jobs: Sequence[JobStatusBody]) -> None:
        self._nothing.set_visibility(not jobs)
        for job in jobs:
            if job.id in self._cards:
                self._cards[job.id].show(job)
            else:
                with self._place:
                    self._cards[job.id] = JobCard(job)


def _stage_words(progress: TaskProgress | None) -> str:
    if progress is None:
        return ""
    return f"{progress.stage}: {progress.note}" if progress.note else progress.stage


def _part(progress: TaskProgress) -> float:
    """Return how much of a task is done, from 0 to 1: stages follow one another, and a bar never goes back."""
    part = min(progress.done / progress.total, 1.0) if progress.total else 0.0
    if progress.stage not in STAGES_OF_WORK:
        return 0.0  # what is fetched and compiled before
    return (STAGES_OF_WORK.index(progress.stage) + part) / len(STAGES_OF_WORK)


def _words(job: JobStatusBody, over: int) -> str:
    words = f"{count(over)} of {count(job.total_combinations)} tasks"
    if job.failed_combinations:
        words += f", {count(job.failed_combinations)} failed"
    if job.eta_s is not None:
        words += f" · {duration(job.eta_s)} left"
    return f"{words} · {job.error_message}" if job.error_message else words


def _shown(tasks: Sequence[TaskRow]) -> list[TaskRow]:
    running = [task for task in tasks if task.status == "running"]
    others = [task for task in tasks if task.status != "running"]
    return sorted([*running, *others][:MOST_TASKS], key=lambda task: task.number)
