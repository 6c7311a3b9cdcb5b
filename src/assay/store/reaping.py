"""Ending what nobody else would end: tasks that killed their workers, and jobs that are over or out of time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import schema
from assay.store.clock import shared_clock
from assay.store.events import EventKind, append_event, lock_job
from assay.store.job_numbers import failed
from assay.store.queue_terms import ACTIVE, MAX_ATTEMPTS, free, was_cancelled
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.store.clock import Clock
    from assay.store.database import Database


class Reaper:
    """Ends what nobody else would end.

    Parameters
    ----------
    database : Database
    clock : callable
    """

    def __init__(self, database: Database, clock: Clock = shared_clock) -> None:
        self.database, self._clock = database, clock

    def reap(self) -> list[str]:
        """End what nobody else would: tasks that killed their workers, and jobs that are over or out of time.

        Every worker and the server call it now and then; it does the same whoever calls it.

        Returns
        -------
        list of str
            Jobs that were stopped because their longest run time is over.
        """
        t, j = schema.training_tasks.c, schema.training_jobs.c

        def overdue(c: sa.Connection) -> list[Sequence[Any]]:
            now = self._clock(c)
            silent = sa.and_(t.status == JobStatus.RUNNING, t.lease_expires_at < now)
            worn = (
                sa.select(t.job_id)
                .join(schema.training_jobs, j.id == t.job_id)
                .where(j.status.in_(ACTIVE), t.attempts >= MAX_ATTEMPTS, sa.or_(t.status == JobStatus.PENDING, silent))
            )
            late = sa.select(j.id).where(j.status.in_(ACTIVE), j.stop_at <= now)
            left = (
                sa.select(t.job_id)
                .join(schema.training_jobs, j.id == t.job_id)
                .where(j.status.not_in(ACTIVE), sa.or_(silent, sa.and_(t.status == JobStatus.PENDING, was_cancelled())))
            )
            return [c.scalars(query.distinct()).all() for query in (worn, late, left)]

        worn, late, left = self.database.read(overdue)
        for job in worn:
            self.database.write(partial(self._give_up_all, job=job))
        stopped = [job for job in late if self._stop(job)]
        for job in left:
            self.database.write(partial(self._clear, job=job))
        return stopped

    def _give_up_all(self, c: sa.Connection, job: str) -> None:
        t = schema.training_tasks.c
        if not lock_job(c, job):
            return
        now = self._clock(c)
        query = sa.select(schema.training_tasks).where(t.job_id == job, free(now), t.attempts >= MAX_ATTEMPTS)
        rows = c.execute(query.with_for_update(skip_locked=True)).all()
        for row in rows:
            self._give_up(c, row, now)

    def _give_up(self, c: sa.Connection, row: sa.Row[Any], now: int) -> None:
        lock_job(c, row.job_id)
        t, message = schema.training_tasks.c, _died(row)
        values = {"status": JobStatus.FAILED, "error_message": message, "completed_at": now}
        of_row = (t.job_id == row.job_id, t.number == row.number)
        c.execute(sa.update(schema.training_tasks).where(*of_row).values(**values))
        failed(c, row.job_id, row.number, message, now)

    def _stop(self, job: str) -> bool:
        """End a job whose time is over: what is done stays, what is left can go on under a new limit."""
        j = schema.training_jobs.c
        why = "the longest run time is over; what is left can go on under a new one"
        is_done = False  # stays, where the answer to the commit is lost and the work repeated

        def work(c: sa.Connection) -> None:
            nonlocal is_done
            if not lock_job(c, job):
                return
            now = self._clock(c)
            late = sa.update(schema.training_jobs).where(j.id == job, j.status.in_(ACTIVE), j.stop_at <= now)
            if c.execute(late.values(status=JobStatus.CANCELLED, completed_at=now, error_message=why)).rowcount:
                append_event(c, job, EventKind.STATE, now, {"status": JobStatus.CANCELLED, "message": why})
                is_done = True

        self.database.write(work)
        return is_done

    def _clear(self, c: sa.Connection, job: str) -> None:
        """End what is left of a job that is over: a cancelled one has no tasks that wait, a stopped one has."""
        t, j = schema.training_tasks.c, schema.training_jobs.c
        if not lock_job(c, job):
            return
        now = self._clock(c)
        silent = sa.and_(t.status == JobStatus.RUNNING, t.lease_expires_at < now)
        free: dict[str, Any] = {"lease_owner": None, "lease_expires_at": None, "progress": None}
        if c.execute(sa.select(j.id).where(j.id == job, was_cancelled())).first() is None:
            which, values = silent, {"status": JobStatus.PENDING, **free}
        else:
            which = sa.or_(silent, t.status == JobStatus.PENDING)
            values = {"status": JobStatus.CANCELLED, "completed_at": now, **free}
        cleared = sa.update(schema.training_tasks).where(t.job_id == job, which).values(**values)
        c.execute(cleared)


def _died(row: sa.Row[Any]) -> str:
    """Return why a task is given up, with the last words of its worker."""
    reason = f"the worker died {row.attempts} times on this task"
    if row.error_message:
        reason += f", the last time it {row.error_message}"
    strategy = str(row.spec.get("strategy", ""))
    if ".py:" in strategy:
        reason += f": {strategy} ends the process that it runs in (os._exit), or crashes it"
    return reason
