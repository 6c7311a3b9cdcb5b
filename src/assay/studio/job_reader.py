"""`JobReader`: what runs, read once for all pages that look, at most twice a second.

A page asks for the snapshot as often as it likes, and names the jobs whose tasks and log it shows. Who comes while the
last one is fresh gets that one; who comes while the next is read waits for it. When nobody asks, nothing is read.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.api.jobs import job_status, log_line, worker_body
from assay.api.turns import in_turn
from assay.errors import StoreError
from assay.store.events import EventKind, EventStore
from assay.store.jobs import JobStore
from assay.store.queue_terms import ACTIVE
from assay.store.workers import WorkerStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from assay.api.models.training import JobStatusBody, LogLine, WorkerBody
    from assay.store import Database
    from assay.store.jobs import JobState

LEAST_S = 0.5
"""Between two readings."""

MOST_SHARE = 0.1
"""Of its time that a server reads: where a reading takes long, the next one comes later."""

FORGOTTEN_S = 10.0
"""A job for which no page has asked so long is not read any more."""

MOST_ACTIVE = 50
"""Jobs that wait or run, the newest first, which every reading looks at."""

MOST_SHOWN = 8
"""Of those, the ones whose tasks are read though no page has named them: the first page shows them."""

MOST_LINES = 300
"""Lines of a job's log that are kept, the newest."""

AT_ONCE = 500
MOST_WORKERS = 200


@dataclass(frozen=True)
class Snapshot:
    """What runs.

    Attributes
    ----------
    number : int
        Rises with every reading; 0 before the first.
    active : tuple of JobState
        Jobs that wait or run, the newest first.
    jobs : mapping of str to JobStatusBody
        The newest of those, and the jobs that pages have named, with their tasks.
    logs : mapping of str to tuple of LogLine
        Of the jobs that pages have named, the newest line last.
    workers : tuple of WorkerBody
        Of the last day, the newest first.
    error : str
        Why it could not be read anew; what was read last stays.
    """

    number: int = 0
    active: tuple[JobState, ...] = ()
    jobs: Mapping[str, JobStatusBody] = field(default_factory=dict)
    logs: Mapping[str, tuple[LogLine, ...]] = field(default_factory=dict)
    workers: tuple[WorkerBody, ...] = ()
    error: str = ""


@dataclass
class _Log:
    """A job's log as far as it was read."""

    last: int = 0
    lines: deque[LogLine] = field(default_factory=lambda: deque(maxlen=MOST_LINES))


class JobReader:
    """Reads what runs, for all pages of a server.

    Parameters
    ----------
    database : Database
    clock : callable
        Seconds that only rise.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.database, self._clock = database, clock
        self._snapshot = Snapshot()
        self._asked: dict[str, float] = {}
        self._logs: dict[str, _Log] = {}
        self._ended: dict[str, tuple[JobState, JobStatusBody]] = {}
        self._next = -float("inf")
        self._reading: asyncio.Task[None] | None = None

    async def look(self, jobs: Iterable[str] = ()) -> Snapshot:
        """Return what runs, with the tasks and logs of some jobs; of jobs that were not named before, a reading later.

        It never fails: where the database is away, the snapshot says so (`Snapshot.error`).
        """
        now = self._clock()
        for job in jobs:
            self._asked[job] = now
        if self._reading is None and now >= self._next:
            self._reading = asyncio.create_task(self._read())
        if self._reading is not None:
            await asyncio.shield(self._reading)
        return self._snapshot

    async def _read(self) -> None:
        begun = self._clock()
        self._forget(begun)
        last = self._snapshot
        try:
            self._snapshot = await in_turn(self._read_all, last.number + 1, tuple(self._asked))
        except StoreError as error:
            self._snapshot = Snapshot(last.number + 1, last.active, last.jobs, last.logs, last.workers, str(error))
        finally:
            now = self._clock()
            self._next = begun + max(LEAST_S, (now - begun) / MOST_SHARE)
            self._reading = None

    def _forget(self, now: float) -> None:
        self._asked = {job: at for job, at in self._asked.items() if now - at < FORGOTTEN_S}
        self._logs = {job: log for job, log in self._logs.items() if job in self._asked}
        self._ended = {job: kept for job, kept in self._ended.items() if job in self._asked}

    def _read_all(self, number: int, named: Collection[str]) -> Snapshot:
        store = JobStore(self.database)
        active = store.find(limit=MOST_ACTIVE, statuses=ACTIVE)
        known = {job.id: job for job in active}
        more = store.states([job for job in named if job not in known])
        shown = [job for place, job in enumerate(active) if place < MOST_SHOWN or job.id in named]
        return Snapshot(
            number=number,
            active=tuple(active),
            jobs={job.id: self._status(store, job) for job in [*shown, *more]},
            logs=self._read_logs([job.id for job in [*shown, *more] if job.id in named]),
            workers=tuple(worker_body(one) for one in WorkerStore(self.database).page(MOST_WORKERS)),
        )

    def _status(self, store: JobStore, job: JobState) -> JobStatusBody:
        """Return a job with its tasks; those of one that is over are read once."""
        kept = self._ended.get(job.id)
        if kept is not None and kept[0] == job:
            return kept[1]
        status = job_status(job, store.tasks(job.id))
        self._ended.pop(job.id, None)
        if not job.is_active and not any(task.status in ACTIVE for task in status.tasks):
            self._ended[job.id] = (job, status)
        return status

    def _read_logs(self, jobs: Collection[str]) -> dict[str, tuple[LogLine, ...]]:
        events = EventStore(self.database)
        newest = events.newest(jobs) if jobs else {}
        for job in jobs:
            log = self._logs.setdefault(job, _Log())
            to = newest.get(job, 0)
            while log.last < to:
                found = events.after(job, log.last, AT_ONCE, [EventKind.LOG])
                log.lines.extend(log_line(event) for event in found)
                log.last = found[-1].id if len(found) == AT_ONCE else max(to, found[-1].id if found else 0)
        return {job: tuple(self._logs[job].lines) for job in jobs}
