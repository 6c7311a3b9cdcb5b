"""Processes that run tasks: who they are, when they were last heard of, and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import schema
from assay.store.clock import shared_clock
from assay.store.database import insert
from assay.store.keyset import after, order_of

if TYPE_CHECKING:
    from assay.store.clock import Clock
    from assay.store.database import Database

ALIVE_MS = 30_000
"""A worker that was heard of within this time is taken to be alive."""

FORGOTTEN_MS = 24 * 3_600_000
"""A worker that ended, or was last heard of, so long ago is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A process that runs tasks, or did.

    Attributes
    ----------
    id : str
        Of this start of the process: leases are given to it.
    host, process : str, int
        Where it runs, and its number there.
    version : str
        Of its code.
    memory_limit : int or None
        Bytes that it may use.
    started_ms, seen_ms : int
        When it began, and was last heard of.
    ended_ms : int or None
        When it ended, if it said so or somebody saw it.
    job, task : str or None, int or None
        What it works on.
    note : str or None
        Why it takes nothing, or how it ended.
    """

    id: str
    host: str
    process: int
    version: str
    memory_limit: int | None = None
    started_ms: int = 0
    seen_ms: int = 0
    ended_ms: int | None = None
    job: str | None = None
    task: int | None = None
    note: str | None = None


class WorkerStore:
    """Workers of a database.

    Parameters
    ----------
    database : Database
    clock : callable
    """

    def __init__(self, database: Database, clock: Clock = shared_clock) -> None:
        self.database, self._clock = database, clock

    def announce(self, worker: WorkerRow) -> None:
        """Write down that a worker has begun; forget those that ended long ago."""
        t = schema.workers.c

        def work(c: sa.Connection) -> None:
            now = self._clock(c)
            c.execute(sa.delete(schema.workers).where(t.seen_at < now - FORGOTTEN_MS))
            row = {"id": worker.id, "host": worker.host, "process": worker.process, "version": worker.version}
            times = {"memory_limit": worker.memory_limit, "started_at": now, "seen_at": now, "ended_at": None}
            # the answer to the commit may be lost, and the work is done again then
            begun = insert(c, schema.workers).values(**row, **times)
            c.execute(begun.on_conflict_do_update(index_elements=["id"], set_={**row, **times}))

        self.database.write(work)

    def beat(self, worker: str, *, job: str | None = None, task: int | None = None, note: str | None = None) -> None:
        """Say that a worker is there, and what it does."""
        t = schema.workers.c
        told = {"job_id": job, "task": task, "note": note, "ended_at": None}
        self.database.write(
            lambda c: c.execute(sa.update(schema.workers).where(t.id == worker).values(seen_at=self._clock(c), **told))
        )

    def end(self, worker: str, note: str | None = None) -> None:
        """Write down that a worker has ended, and how."""
        t = schema.workers.c
        self.database.write(
            lambda c: c.execute(
                sa.update(schema.workers)
                .where(t.id == worker, t.ended_at.is_(None))
                .values(ended_at=self._clock(c), job_id=None, task=None, note=note)
            )
        )

    def page(self, limit: int, place: tuple[int, str] | None = None, *, alive: bool = False) -> list[WorkerRow]:
        """Return workers, the newest first; of those alone that are alive where that is asked.

        Parameters
        ----------
        place : (int, str), optional
            Start and id of the last worker of the page before.
        """
        t = schema.workers.c
        keys = [(t.started_at, True), (t.id, True)]

        def work(c: sa.Connection) -> list[WorkerRow]:
            query = sa.select(schema.workers).order_by(*order_of(keys)).limit(limit)
            if alive:
                query = query.where(t.ended_at.is_(None), t.seen_at >= self._clock(c) - ALIVE_MS)
            if place is not None:
                query = query.where(after(keys, place))
            return [_worker(row) for row in c.execute(query)]

        return self.database.read(work)

    def of(self, ids: list[str]) -> dict[str, WorkerRow]:
        """Return workers by id; those that are forgotten are left out."""
        query = sa.select(schema.workers).where(schema.workers.c.id.in_(ids))
        return self.database.read(lambda c: {row.id: _worker(row) for row in c.execute(query)}) if ids else {}


def _worker(row: sa.Row[Any]) -> WorkerRow:
    return WorkerRow(
        id=row.id,
        host=row.host,
        process=row.process,
        version=row.version,
        memory_limit=row.memory_limit,
        started_ms=row.started_at,
        seen_ms=row.seen_at,
        ended_ms=row.ended_at,
        job=row.job_id,
        task=row.task,
        note=row.note,
    )
