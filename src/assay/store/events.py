"""Events of jobs: what happened, in the order in which it can be read, and no more than are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import schema
from assay.store.clock import shared_clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.store.clock import Clock
    from assay.store.database import Database

KEPT_EVENTS = 5_000
"""Progress and log lines that are kept of a job: at two a second more than the last forty minutes."""

PROGRESS_MS = 500
"""Between two reports of progress of a job: two a second, however many workers it has."""


class EventKind(StrEnum):
    """What an event tells."""

    STATE = "state"
    PROGRESS = "progress"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job.

    Attributes
    ----------
    id : int
        Rises with every event of a job: who has read up to one has read all before it.
    task : int or None
        Which task it is about.
    at_ms : int
    kind : EventKind
    body : dict
    """

    id: int
    job: str
    task: int | None
    at_ms: int
    kind: EventKind
    body: dict[str, Any]


class EventStore:
    """Events of all jobs.

    Parameters
    ----------
    database : Database
    clock : callable
    """

    def __init__(self, database: Database, clock: Clock = shared_clock) -> None:
        self.database, self._clock = database, clock

    def log(self, job: str, message: str, *, level: str = "info", task: int | None = None) -> None:
        """Write a line of a job's log."""

        def work(c: sa.Connection) -> None:
            if lock_job(c, job):
                append_log(c, job, self._clock(c), message, level=level, task=task)

        self.database.write(work)

    def after(self, job: str, last: int, limit: int = 500, kinds: Iterable[EventKind] = ()) -> list[Event]:
        """Return the events of a job that follow one, the oldest first."""
        t = schema.training_events.c
        query = sa.select(schema.training_events).where(t.job_id == job, t.id > last)
        if wanted := [str(kind) for kind in kinds]:
            query = query.where(t.kind.in_(wanted))
        return self.database.read(lambda c: [_event(row) for row in c.execute(query.order_by(t.id).limit(limit))])

    def newest(self, jobs: Iterable[str]) -> dict[str, int]:
        """Return the id of the newest event of each job that has one."""
        t, j = schema.training_events.c, schema.training_jobs.c
        # one look into the index for each job: grouped, all events of the jobs would be read, twice a second
        last = sa.select(sa.func.max(t.id)).where(t.job_id == j.id).scalar_subquery()
        query = sa.select(j.id, last).where(j.id.in_(list(jobs)))
        return self.database.read(lambda c: {str(job): int(n) for job, n in c.execute(query) if n is not None})

    def oldest(self, job: str) -> int | None:
        """Return the id of the oldest event that is kept; None where there is none."""
        t = schema.training_events.c
        query = sa.select(sa.func.min(t.id)).where(t.job_id == job)
        return self.database.read(lambda c: c.execute(query).scalar())

    def lacks(self, job: str, last: int) -> bool:
        """Whether events of a job that follow one are kept no more."""
        j = schema.training_jobs.c
        query = sa.select(j.pruned_to).where(j.id == job)
        return self.database.read(lambda c: last < int(c.execute(query).scalar() or 0))

    def prune(self, job: str, keep: int = KEPT_EVENTS) -> int:
        """Remove the oldest progress and log lines beyond a number; return how many. States stay."""
        t, j = schema.training_events.c, schema.training_jobs.c
        of_job = sa.and_(t.job_id == job, t.kind != EventKind.STATE)
        last = sa.select(t.id).where(of_job).order_by(t.id.desc()).offset(keep).limit(1)
        if self.database.read(lambda c: c.execute(last).scalar()) is None:
            return 0

        def work(c: sa.Connection) -> int:
            lock_job(c, job)
            bound = c.execute(last).scalar()
            if bound is None:
                return 0
            c.execute(sa.update(schema.training_jobs).where(j.id == job).values(pruned_to=bound))
            return int(c.execute(sa.delete(schema.training_events).where(of_job, t.id <= bound)).rowcount)

        return self.database.write(work)


def lock_job(c: sa.Connection, job: str) -> bool:
    """Let one transaction at a time write about a job; return whether there is such a job.

    Ids are given when a row is written and seen when it is committed: without this, who reads up to one id could miss
    a smaller one that is committed later. On SQLite there is one writer anyway. Rows that refer to the job, such as a
    configuration of it, may be written meanwhile: two that wrote some would else wait for one another here.
    """
    j = schema.training_jobs.c
    return c.execute(sa.select(j.id).where(j.id == job).with_for_update(key_share=True)).first() is not None


def append_event(
    c: sa.Connection, job: str, kind: EventKind, at_ms: int, body: Mapping[str, Any], task: int | None = None
) -> None:
    """Append an event in a transaction of the caller's, which has locked the job."""
    row = {"job_id": job, "task": task, "at": at_ms, "kind": str(kind), "body": dict(body)}
    c.execute(sa.insert(schema.training_events).values(**row))


def append_log(
    c: sa.Connection, job: str, at_ms: int, message: str, *, level: str = "info", task: int | None = None
) -> None:
    """Append a line of the log in a transaction of the caller's, which has locked the job."""
    append_event(c, job, EventKind.LOG, at_ms, {"level": level, "message": message}, task)


def _event(row: sa.Row[Any]) -> Event:
    return Event(row.id, row.job_id, row.task, row.at, EventKind(row.kind), row.body)
