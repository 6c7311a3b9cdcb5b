"""`TaskQueue`: tasks of all jobs, taken by many workers, each with one effect, however often it is begun.

A task is *leased*: its worker renews the lease while it works, and whoever finds a lease that has ended takes the task
over under a new token. A result is written under the token of its lease or not at all, so a worker that wakes up late
changes nothing. All times are those of one clock, the database's own (`assay.store.clock`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import schema
from assay.store.clock import shared_clock
from assay.store.events import PROGRESS_MS, EventKind, append_event, lock_job
from assay.store.job_numbers import count_completed, end_if_done, failed, whole_progress
from assay.store.queue_terms import (
    ACTIVE,
    JOBS_AT_ONCE,
    LEASE_MS,
    TAKEABLE,
    in_time,
    of,
    takeable,
    under,
    was_cancelled,
    with_work,
)
from assay.store.schema import JobStatus
from assay.store.tasks import Lease, Task, task_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from assay.store.clock import Clock
    from assay.store.database import Database
    from assay.store.tasks import Specs


class _JobOverError(Exception):
    """A job is over, and what was to be added to it is taken back."""


class TaskQueue:
    """Hands out tasks and takes their results.

    Parameters
    ----------
    database : Database
    clock : callable
        Milliseconds UTC, asked in the transaction that uses them.
    """

    def __init__(self, database: Database, clock: Clock = shared_clock) -> None:
        self.database, self._clock = database, clock

    # -- taking -------------------------------------------------------------------------------------------------------

    def claim(
        self, owner: str, *, job: str | None = None, may_run: Callable[[str | None], bool] = lambda _: True
    ) -> Task | None:
        """Take the first task that nobody works on, of the job with the highest priority; None when there is none.

        A worker that asks again without having ended its task, because the answer to its first question was lost, gets
        the same task again.

        Parameters
        ----------
        owner : str
            Id of this start of a worker.
        job : str, optional
            Take tasks of this job alone.
        may_run : callable
            From the version that made a job (None where it is not known) to whether its tasks are taken.
        """

        def work(c: sa.Connection) -> Task | None:
            now = self._clock(c)
            if (held := self._held_by(c, owner, now)) is not None:
                return held
            refused: set[str | None] = set()
            while True:
                found, known = c.execute(with_work(now, job, refused)).all(), len(refused)
                for one in found:
                    if one.made_by in refused or not may_run(one.made_by):
                        refused.add(one.made_by)
                    elif (task := self._claim_of(c, one, owner, now)) is not None:
                        return task
                if len(found) < JOBS_AT_ONCE or len(refused) == known:
                    return None  # else others may wait behind those that are refused

        return self.database.write(work)

    def claim_task(self, job: str, number: int, owner: str) -> Task | None:
        """Take one task, if nobody works on it; a worker that asks again, as with `claim`, gets it again."""

        def work(c: sa.Connection) -> Task | None:
            now = self._clock(c)
            if (held := self._held_by(c, owner, now, (job, number))) is not None:
                return held
            found = c.execute(with_work(now, job)).first()
            return None if found is None else self._claim_of(c, found, owner, now, number)

        return self.database.write(work)

    def _held_by(self, c: sa.Connection, owner: str, now: int, which: tuple[str, int] | None = None) -> Task | None:
        t, j = schema.training_tasks.c, schema.training_jobs.c
        query = (
            sa.select(schema.training_tasks, j.created_at, j.user_id)
            .join(schema.training_jobs, j.id == t.job_id)
            .where(t.lease_owner == owner, t.status == JobStatus.RUNNING, j.status.in_(ACTIVE), in_time(now))
        )
        if which is not None:
            query = query.where(t.job_id == which[0], t.number == which[1])
        row = c.execute(query.order_by(t.job_id, t.number)).first()
        return None if row is None else _task(row, row.lease_token, row.attempts, row)

    def _claim_of(
        self, c: sa.Connection, job: sa.Row[Any], owner: str, now: int, number: int | None = None
    ) -> Task | None:
        t = schema.training_tasks.c
        if job.status == JobStatus.PENDING and not self._begin(c, job.id, now):
            return None
        query = sa.select(schema.training_tasks).where(t.job_id == job.id)
        if number is not None:
            query = query.where(t.number == number)
        query = query.order_by(t.number).limit(1).with_for_update(skip_locked=True)
        rows = (c.execute(query.where(which(now))).first() for which in TAKEABLE)
        row = next((row for row in rows if row is not None), None)
        if row is None:
            return None
        token = row.lease_token + 1
        leased = {"lease_owner": owner, "lease_token": token, "lease_expires_at": now + LEASE_MS}
        c.execute(
            sa.update(schema.training_tasks)
            .where(t.job_id == job.id, t.number == row.number)
            .values(status=JobStatus.RUNNING, attempts=row.attempts + 1, started_at=now, progress=None, **leased)
        )
        return _task(row, token, row.attempts + 1, job)

    def _begin(self, c: sa.Connection, job: str, now: int) -> bool:
        """Start a job's clock with its first task: waiting takes nothing of its longest run time.

        It is locked before its tasks are, as everybody does. Returns whether there is time for a task.
        """
        j = schema.training_jobs.c
        lock_job(c, job)
        begun = (
            sa.update(schema.training_jobs)
            .where(j.id == job, j.status == JobStatus.PENDING)
            .values(
                status=JobStatus.RUNNING,
                started_at=sa.func.coalesce(j.started_at, now),
                stop_at=sa.func.coalesce(j.stop_at, now + j.max_runtime_ms),
            )
        )
        if c.execute(begun).rowcount:
            append_event(c, job, EventKind.STATE, now, {"status": JobStatus.RUNNING})
        return c.execute(sa.select(j.id).where(j.id == job, j.status.in_(ACTIVE), in_time(now))).first() is not None

    def claimable(self, job: str) -> int:
        """Return how many tasks a worker could take: not begun, or silent for longer than their lease."""
        t = schema.training_tasks.c

        def work(c: sa.Connection) -> int:
            query = sa.select(sa.func.count()).select_from(schema.training_tasks)
            return int(c.execute(query.where(t.job_id == job, takeable(self._clock(c)))).scalar_one())

        return self.database.read(work)

    # -- while it runs ------------------------------------------------------------------------------------------------

    def renew(self, task: Task) -> bool:
        """Keep a lease; False when the task is another's by now, or its job is over or out of time."""
        j = schema.training_jobs.c

        def work(c: sa.Connection) -> bool:
            now = self._clock(c)
            goes_on = sa.select(j.id).where(j.id == task.job, j.status.in_(ACTIVE), in_time(now)).exists()
            renewed = sa.update(schema.training_tasks).where(*under(task), goes_on)
            return bool(c.execute(renewed.values(lease_expires_at=now + LEASE_MS)).rowcount)

        return self.database.write(work)

    def goes_on(self, task: Task) -> bool:
        """Whether a task is still its worker's, and its job neither over nor out of time."""
        t, j = schema.training_tasks.c, schema.training_jobs.c

        def work(c: sa.Connection) -> bool:
            query = sa.select(t.number).join(schema.training_jobs, j.id == t.job_id)
            return (
                c.execute(query.where(*under(task), j.status.in_(ACTIVE), in_time(self._clock(c)))).first() is not None
            )

        return self.database.read(work)

    def progress(self, task: Task, progress: Mapping[str, Any]) -> bool:
        """Write how far a task is, and tell it of its job, two times a second at most; False when it is another's."""
        j = schema.training_jobs.c

        def work(c: sa.Connection) -> bool:
            now = self._clock(c)
            written = sa.update(schema.training_tasks).where(*under(task)).values(progress=dict(progress))
            if not c.execute(written).rowcount:
                return False
            turn = sa.update(schema.training_jobs).where(
                j.id == task.job, j.status.in_(ACTIVE), sa.or_(j.progress_at <= now - PROGRESS_MS, j.progress_at > now)
            )
            if c.execute(turn.values(progress_at=now)).rowcount:
                append_event(c, task.job, EventKind.PROGRESS, now, whole_progress(c, task.job, now))
            return True

        return self.database.write(work)

    # -- ending -------------------------------------------------------------------------------------------------------

    def complete(
        self, task: Task, result: Mapping[str, Any], effects: Callable[[sa.Connection], object] = lambda _: None
    ) -> bool:
        """Write a task's result together with its effects; nothing, and False, when the task is another's by now."""
        return self._complete(task, result, effects)

    def _complete(
        self,
        task: Task,
        result: Mapping[str, Any],
        effects: Callable[[sa.Connection], object],
        *,
        needs_job: bool = False,
    ) -> bool:
        j, values = schema.training_jobs.c, {"status": JobStatus.COMPLETED, "result": dict(result)}

        def work(c: sa.Connection) -> bool:
            now = self._clock(c)
            ended = sa.update(schema.training_tasks).where(*under(task))
            if not c.execute(ended.values(**values, completed_at=now, error_message=None)).rowcount:
                # the answer to a commit may be lost, and the work is done again then
                return self._is(c, task, JobStatus.COMPLETED)
            effects(c)
            lock_job(c, task.job)  # at the end, for the others of the job wait for it
            if needs_job:
                goes_on = sa.select(j.id).where(j.id == task.job, j.status.in_(ACTIVE), in_time(now))
                if c.execute(goes_on).first() is None:
                    raise _JobOverError
            count_completed(c, task.job, result)
            end_if_done(c, task.job, now)
            return True

        return self.database.write(work)

    def fail(self, task: Task, message: str) -> bool:
        """Write why a task could not be done; the others go on."""

        def work(c: sa.Connection) -> bool:
            now = self._clock(c)
            lock_job(c, task.job)
            values = {"status": JobStatus.FAILED, "error_message": message, "completed_at": now}
            if not c.execute(sa.update(schema.training_tasks).where(*under(task)).values(**values)).rowcount:
                return self._is(c, task, JobStatus.FAILED)
            failed(c, task.job, task.number, message, now)
            return True

        return self.database.write(work)

    def _is(self, c: sa.Connection, task: Task, status: JobStatus) -> bool:
        t = schema.training_tasks.c
        ours = sa.select(t.number).where(*of(task), t.lease_token == task.token, t.status == status)
        return c.execute(ours).first() is not None

    def expand(self, task: Task, specs: Specs, result: Mapping[str, Any]) -> bool:
        """End a task with further tasks of the same job in its place, all or none.

        Nothing is written, and the answer is False, when the task is another's by now, or its job is over or out of
        time: who has cancelled a job is not to find more of it afterwards.
        """
        t, j = schema.training_tasks.c, schema.training_jobs.c

        def effects(c: sa.Connection) -> None:
            lock_job(c, task.job)  # before their numbers are given: two tasks of a job may be ended so at once
            last = c.execute(sa.select(sa.func.max(t.number)).where(t.job_id == task.job)).scalar_one()
            if rows := task_rows(c, task.job, specs, last + 1):
                c.execute(sa.insert(schema.training_tasks), rows)
            more = j.total_combinations + len(rows)
            c.execute(sa.update(schema.training_jobs).where(j.id == task.job).values(total_combinations=more))

        try:
            return self._complete(task, result, effects, needs_job=True)
        except _JobOverError:
            return False

    # -- giving back --------------------------------------------------------------------------------------------------

    def release(self, owners: Sequence[str], words: str | None = None, *, job: str | None = None) -> int:
        """Give back the tasks of workers that are known to be gone; return how many.

        Parameters
        ----------
        words : str, optional
            How they ended ("was ended by signal 9"), kept until the task is done or given up.
        """
        return self._free_all(owners, job, {} if words is None else {"error_message": words})

    def give_back(self, owners: Sequence[str], *, job: str | None = None) -> int:
        """Give back the tasks of workers that were interrupted, as if they had not been begun; return how many.

        They are not counted as attempts: nobody died of them.
        """
        t = schema.training_tasks.c
        return self._free_all(owners, job, {"attempts": sa.case((t.attempts > 0, t.attempts - 1), else_=0)})

    def leave(self, task: Task) -> bool:
        """Give one task back uncounted, for its job was ended or its worker is; False when it is another's by now."""
        j = schema.training_jobs.c

        def work(c: sa.Connection) -> bool:
            lock_job(c, task.job)
            ended = c.execute(sa.select(j.id).where(j.id == task.job, was_cancelled())).first() is not None
            values: dict[str, Any] = {"status": JobStatus.PENDING, "attempts": task.attempts - 1}
            if ended:
                values = {"status": JobStatus.CANCELLED, "completed_at": self._clock(c)}
            free = {"lease_owner": None, "lease_expires_at": None, "progress": None}
            left = sa.update(schema.training_tasks).where(*under(task)).values(**values, **free)
            return bool(c.execute(left).rowcount)

        return self.database.write(work)

    def _free_all(self, owners: Sequence[str], job: str | None, values: Mapping[str, Any]) -> int:
        t = schema.training_tasks.c
        mine = [t.status == JobStatus.RUNNING, t.lease_owner.in_(owners)]
        if job is not None:
            mine.append(t.job_id == job)
        free = {"status": JobStatus.PENDING, "lease_owner": None, "lease_expires_at": None, "progress": None}
        freed = sa.update(schema.training_tasks).where(*mine).values(**free, **values)
        return self.database.write(lambda c: int(c.execute(freed).rowcount)) if owners else 0

    def release_lease(self, lease: Lease) -> bool:
        """Free a task whose worker has not renewed this very lease for too long."""
        t = schema.training_tasks.c
        same = [t.job_id == lease.job, t.number == lease.number, t.lease_token == lease.token]
        same += [t.status == JobStatus.RUNNING, t.lease_expires_at == lease.expires_ms]
        free = {"status": JobStatus.PENDING, "lease_owner": None, "lease_expires_at": None}
        freed = sa.update(schema.training_tasks).where(*same).values(**free)
        return self.database.write(lambda c: bool(c.execute(freed).rowcount))

    def leases(self, job: str | None = None) -> list[Lease]:
        """Return every lease of a task that runs, of one job where that is asked."""
        t = schema.training_tasks.c
        query = sa.select(t.job_id, t.number, t.lease_owner, t.lease_token, t.lease_expires_at).where(
            t.status == JobStatus.RUNNING
        )
        if job is not None:
            query = query.where(t.job_id == job)
        return self.database.read(lambda c: [Lease(*row) for row in c.execute(query)])


def _task(row: sa.Row[Any], token: int, attempts: int, job: sa.Row[Any]) -> Task:
    return Task(row.job_id, row.number, row.spec, token, attempts, job.created_at, job.user_id)


def owners_of(tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return who holds the running ones of some tasks."""
    return sorted({t["lease_owner"] for t in tasks if t["status"] == JobStatus.RUNNING and t["lease_owner"]})
