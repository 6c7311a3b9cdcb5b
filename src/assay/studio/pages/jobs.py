"""Jobs: the queue, a job as it runs with its results and its log, and the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request
from nicegui import ui

from assay.api.jobs import job_status
from assay.errors import AssayError
from assay.service.strategy_names import listed
from assay.store.jobs import JobStore
from assay.store.schema import JobStatus
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.frame import PAGE_S, framed, styles
from assay.studio.job_cards import LOOK_S
from assay.studio.jobs.detail import JobDetail
from assay.studio.jobs.queue import JobQueue, QueueFilter
from assay.studio.jobs.workers import Workers
from assay.studio.panels import empty, panel, tile
from assay.studio.values import UNKNOWN, count
from assay.studio.visit import Visit, say
from assay.studio.words import as_page

if TYPE_CHECKING:
    from assay.api.models.training import JobStatusBody
    from assay.studio.job_reader import Snapshot


@ui.page(addresses.JOBS, response_timeout=PAGE_S)
async def jobs(
    request: Request,
    job: str | None = None,
    state: str | None = None,
    strategy: str | None = None,
    owner: str | None = None,
) -> None:
    """Show the queue and a job.

    Parameters
    ----------
    job : str, optional
        The one that is shown; the newest that is listed where not given.
    state, strategy, owner : str, optional
        Which jobs are listed.
    """
    with framed(request, "Jobs", addresses.JOBS) as visit:
        styles("jobs.css")
        names = await visit.work(lambda: [one["name"] for one in listed(visit.state.settings.strategies)])
        page = JobsPage(visit, QueueFilter.of(state, strategy, owner), names)
        await page.begin(job)
        visit.every(LOOK_S, page.look)


class JobsPage:
    """The page, drawn once and updated in place.

    Parameters
    ----------
    visit : Visit
    wanted : QueueFilter
    strategies : list of str
        Names to choose from.
    """

    def __init__(self, visit: Visit, wanted: QueueFilter, strategies: list[str]) -> None:
        self._visit, self._seen = visit, 0
        self._detail: JobDetail | None = None
        self._named = False
        with ui.element("div").classes("grid"):
            with panel("At a glance"), ui.element("div").classes("tiles"):
                self._running = tile("Running jobs", UNKNOWN)
                self._waiting = tile("Waiting jobs", UNKNOWN)
                self._busy = tile("Tasks running", UNKNOWN, note="Workers that are at work.")
                self._alive = tile("Workers", UNKNOWN, note="Processes that were heard of in the last 30 s.")
                self._away = ui.label("").classes("problem grow").props("role=status")
            with ui.element("div").classes("grid jobs-page"):
                with ui.element("div").classes("column"):
                    with panel("Queue", note="The newest first. Jobs go on whether or not anybody looks."):
                        self._queue = JobQueue(visit, wanted, strategies, self._choose, self._remember)
                    with panel("Workers", classes="flush workers"):
                        self._workers = Workers()
                self._place = ui.element("div").classes("column job-detail")

    async def begin(self, job: str | None) -> None:
        """Show what is there now."""
        self._named = job is not None
        await self._queue.read()
        wanted = job if job is not None else next(iter(self._queue.rows), None)
        seen = await self._visit.visitors.jobs.look([] if wanted is None else [wanted])
        await self._open(wanted)
        await self._show(seen)

    async def look(self) -> None:
        """Show what has changed since the last look."""
        followed = [] if self._detail is None else [self._detail.job.id]
        seen = await self._visit.visitors.jobs.look(followed)
        if seen.number == self._seen:
            return
        try:
            await self._show(seen)
        except AssayError:
            return  # the database is away: the next look may see more

    async def _show(self, seen: Snapshot) -> None:
        self._seen = seen.number
        self._away.set_text(f"This is what was seen last. {seen.error}" if seen.error else "")
        running = sum(job.status == JobStatus.RUNNING for job in seen.active)
        alive = [worker for worker in seen.workers if worker.is_alive]
        self._running.set_text(count(running))
        self._waiting.set_text(count(len(seen.active) - running))
        self._busy.set_text(count(sum(worker.job is not None for worker in alive)))
        self._alive.set_text(count(len(alive)))
        self._workers.show(seen.workers)
        await self._queue.show(seen)
        if self._detail is not None:
            await self._detail.show(seen)

    async def _open(self, job: str | None) -> None:
        self._place.clear()
        self._detail = None
        self._queue.mark(job)
        with self._place:
            if job is None:
                with panel("Job"), empty("No job yet", "What is trained is shown here while it runs, and afterwards."):
                    ui.link("Train", address(addresses.TRAIN))
                return
            try:
                status = await self._visit.read(self._status, job)
            except AssayError as error:
                with panel("Job"):
                    empty("This job cannot be shown", as_page(str(error)))
                return
            self._detail = JobDetail(self._visit, status)
        await self._detail.read_results()

    def _status(self, job: str) -> JobStatusBody:
        store = JobStore(self._visit.database)
        state = store.state(store.resolve(job))
        return job_status(state, store.tasks(state.id))

    async def _choose(self, job: str) -> None:
        self._named = True
        try:
            await self._open(job)
        except AssayError as error:
            say(error)
        self._seen = 0
        self._remember()

    def _remember(self) -> None:
        shown = self._detail.job.id if self._named and self._detail is not None else None
        self._visit.remember(addresses.JOBS, job=shown, **self._queue.wanted.query())
