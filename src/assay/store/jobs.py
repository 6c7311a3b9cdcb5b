"""Training jobs: made, listed, cancelled and taken up again; their tasks are handed out by `assay.store.queue`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.errors import ConflictError, NotFoundError
from assay.store import schema
from assay.store.clock import shared_clock
from assay.store.database import insert
from assay.store.events import EventKind, append_event, lock_job
from assay.store.ids import find_id
from assay.store.keyset import after, order_of
from assay.store.queue_terms import ACTIVE
from assay.store.schema import JobStatus
from assay.store.tasks import task_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assay.store.clock import Clock
    from assay.store.database import Database
    from assay.store.tasks import Specs


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job that is to be made.

    Attributes
    ----------
    id : str
    config : mapping
        What was asked for.
    digest : str
        Of what was asked for.
    strategy : str
        Names of the strategies.
    user : str
    seed : int
    created_ms : int
        Its documents bear this time.
    priority : int
        Tasks of a job with a higher one are taken first.
    parent : str or None
        The job that this one repeats with changes.
    max_runtime_ms : int or None
        From its first task on.
    made_by : str or None
        Version of the code.
    key : str or None
        A second job of the same user with the same key is the first one.
    """

    id: str
    config: Mapping[str, Any]
    digest: str
    strategy: str
    user: str
    seed: int
    created_ms: int
    priority: int = 0
    parent: str | None = None
    max_runtime_ms: int | None = None
    made_by: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How far a job is.

    Attributes
    ----------
    counts : dict of JobStatus to int
        Tasks per state.
    stop_ms : int or None
        When its longest run time is over; None before its first task, and without one.
    best_net_profit : float or None
        Of its configurations, in account currency.
    """

    id: str
    status: JobStatus
    strategy: str
    user: str
    config: dict[str, Any]
    seed: int
    priority: int
    parent: str | None
    max_runtime_ms: int | None
    stop_ms: int | None
    made_by: str | None
    created_ms: int
    started_ms: int | None
    completed_ms: int | None
    error: str | None
    configurations: int
    best_net_profit: float | None
    counts: dict[JobStatus, int]

    @property
    def total(self) -> int:
        """Tasks in all."""
        return sum(self.counts.values())

    @property
    def over(self) -> int:
        """Tasks that need no more work."""
        return self.counts.get(JobStatus.COMPLETED, 0) + self.counts.get(JobStatus.FAILED, 0)

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.status in ACTIVE

    @property
    def was_stopped(self) -> bool:
        """Whether it ended because its longest run time was over: what is left can go on."""
        return (
            self.status == JobStatus.CANCELLED and self.stop_ms is not None and (self.completed_ms or 0) >= self.stop_ms
        )


class JobStore:
    """Jobs of a database.

    Parameters
    ----------
    database : Database
    clock : callable
        Milliseconds UTC, asked in the transaction that uses them.
    """

    def __init__(self, database: Database, clock: Clock = shared_clock) -> None:
        self.database, self._clock = database, clock

    def create(self, job: NewJob, specs: Specs) -> str:
        """Write a job with its tasks; return its id, or that of the job that has its key, and no task is made then."""
        values = {
            "id": job.id,
            "user_id": job.user,
            "strategy_name": job.strategy,
            "status": JobStatus.PENDING,
            "config": dict(job.config),
            "digest": job.digest,
            "total_combinations": 0,
            "seed": job.seed,
            "created_at": job.created_ms,
            "priority": job.priority,
            "parent_id": job.parent,
            "max_runtime_ms": job.max_runtime_ms,
            "made_by": job.made_by,
            "idempotency_key": job.key,
        }

        def work(c: sa.Connection) -> str:
            j = schema.training_jobs
            made = insert(c, j).values(**values).on_conflict_do_nothing().returning(j.c.id)
            if c.execute(made).first() is None:
                same = j.c.id == job.id  # the answer to the commit was lost
                if job.key is not None:
                    same = sa.and_(j.c.user_id == job.user, j.c.idempotency_key == job.key)
                return str(c.execute(sa.select(j.c.id).where(same)).scalar_one())
            if rows := task_rows(c, job.id, specs):
                c.execute(sa.insert(schema.training_tasks), rows)
            c.execute(sa.update(j).where(j.c.id == job.id).values(total_combinations=len(rows)))
            body = {"status": JobStatus.PENDING, "total": len(rows)}
            append_event(c, job.id, EventKind.STATE, job.created_ms, body)
            return job.id

        return self.database.write(work)

    def state(self, job: str) -> JobState:
        """Return how far a job is.

        Raises
        ------
        NotFoundError
            When there is no such job.
        """
        found = self.states([job])
        if not found:
            hint = "assay train --resume takes up the last one"
            raise NotFoundError("job", "there is none with this id", job, hint)
        return found[0]

    def states(self, jobs: Sequence[str]) -> list[JobState]:
        """Return how far jobs are, in the order of their ids; those that do not exist are left out."""
        return self.database.read(lambda c: _states(c, jobs))

    def find(
        self,
        *,
        limit: int,
        place: tuple[int, str] | None = None,
        user: str | None = None,
        statuses: Iterable[JobStatus] = (),
        strategy: str | None = None,
    ) -> list[JobState]:
        """Return jobs, the newest first.

        Parameters
        ----------
        place : (int, str), optional
            Time and id of the last job of the page before.
        """
        j = schema.training_jobs.c
        keys = [(j.created_at, True), (j.id, True)]
        query = sa.select(j.id).order_by(*order_of(keys)).limit(limit)
        if place is not None:
            query = query.where(after(keys, place))
        if user is not None:
            query = query.where(j.user_id == user)
        if wanted := [str(status) for status in statuses]:
            query = query.where(j.status.in_(wanted))
        if strategy is not None:
            query = query.where(
                sa.literal(",").concat(j.strategy_name).concat(",").contains(f",{strategy},", autoescape=True)
            )
        return self.database.read(lambda c: _states(c, [str(job) for job in c.scalars(query)]))

    def resolve(self, text: str) -> str:
        """Return the job that a person's text stands for (`assay.store.ids`).

        Raises
        ------
        InputError
            When it stands for several, or for none.
        """
        return find_id(text, self.ids(), "job", absent="there is none with this id", empty="No job was ever begun")

    def ids(self, *, unfinished: bool = False) -> list[str]:
        """Return every job, or those in which something is left to do, the newest first."""
        j, t = schema.training_jobs.c, schema.training_tasks.c
        query = sa.select(j.id).order_by(j.created_at.desc(), j.id)
        if unfinished:
            waits = sa.select(t.number).where(t.job_id == j.id, t.status == JobStatus.PENDING).exists()
            query = query.where(sa.or_(j.status.in_(ACTIVE), sa.and_(j.status == JobStatus.CANCELLED, waits)))
        return self.database.read(lambda c: [str(job) for job in c.scalars(query)])

    def unfinished(self) -> str | None:
        """Return the newest job in which something is left to do."""
        return next(iter(self.ids(unfinished=True)), None)

    def with_key(self, user: str, key: str) -> str | None:
        """Return the job of a user that was made under a key."""
        j = schema.training_jobs.c
        query = sa.select(j.id).where(j.user_id == user, j.idempotency_key == key)
        return self.database.read(lambda c: c.execute(query).scalar())

    def tasks(self, job: str) -> list[dict[str, Any]]:
        """Return every task of a job."""
        query = sa.select(schema.training_tasks).where(schema.training_tasks.c.job_id == job)
        query = query.order_by(schema.training_tasks.c.number)
        return self.database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])

    def cancel(self, job: str) -> None:
        """End a job: what is done stays, what waits is left out, and what runs is stopped by its worker.

        Raises
        ------
        NotFoundError
            When there is no such job.
        ConflictError
            When it is over.
        """
        t, j = schema.training_tasks.c, schema.training_jobs.c
        is_done = False

        def work(c: sa.Connection) -> None:
            nonlocal is_done
            status = self._locked(c, job)
            if is_done and status == JobStatus.CANCELLED:
                return  # the answer to the commit was lost
            if status not in ACTIVE:
                raise ConflictError("job", f"is over: it is {status}", job)
            now = self._clock(c)
            waiting = sa.update(schema.training_tasks).where(t.job_id == job, t.status == JobStatus.PENDING)
            c.execute(waiting.values(status=JobStatus.CANCELLED, completed_at=now))
            ended = sa.update(schema.training_jobs).where(j.id == job)
            # without a moment at which it would have stopped by itself, which would say that it may go on
            c.execute(ended.values(status=JobStatus.CANCELLED, completed_at=now, stop_at=None))
            append_event(c, job, EventKind.STATE, now, {"status": JobStatus.CANCELLED})
            is_done = True

        self.database.write(work)

    def reopen(self, job: str, *, max_runtime_ms: int | None = None, failed: bool = True) -> int:
        """Take up what a job has left, under a new limit; return how many tasks wait now.

        Parameters
        ----------
        failed : bool
            Whether tasks that failed or were cancelled are begun again, and not only those that wait.

        Raises
        ------
        NotFoundError
            When there is no such job.
        """
        t, j = schema.training_tasks.c, schema.training_jobs.c

        def work(c: sa.Connection) -> int:
            status, now, again = self._locked(c, job), self._clock(c), 0
            if failed:
                ended = (t.job_id == job, t.status.in_((JobStatus.FAILED, JobStatus.CANCELLED)))
                fresh = {"status": JobStatus.PENDING, "attempts": 0, "error_message": None, "completed_at": None}
                again = int(c.execute(sa.update(schema.training_tasks).where(*ended).values(**fresh)).rowcount)
            query = sa.select(sa.func.count()).select_from(schema.training_tasks)
            left = int(c.execute(query.where(t.job_id == job, t.status.in_(ACTIVE))).scalar_one())
            if not left:
                return 0
            values: dict[str, Any] = {"status": JobStatus.PENDING, "completed_at": None, "error_message": None}
            values |= {"stop_at": None, "max_runtime_ms": max_runtime_ms}
            if again:
                values["failed_combinations"] = 0
            c.execute(sa.update(schema.training_jobs).where(j.id == job).values(**values))
            if status != JobStatus.PENDING:
                append_event(c, job, EventKind.STATE, now, {"status": JobStatus.PENDING, "left": left})
            return left

        return self.database.write(work)

    def _locked(self, c: sa.Connection, job: str) -> JobStatus:
        """Lock a job and return its state, in a transaction of the caller's."""
        if not lock_job(c, job):
            raise NotFoundError("job", "there is none with this id", job)
        j = schema.training_jobs.c
        return JobStatus(c.execute(sa.select(j.status).where(j.id == job)).scalar_one())


def _states(c: sa.Connection, jobs: Sequence[str]) -> list[JobState]:
    """Return how far jobs are, in a transaction of the caller's."""
    j, t = schema.training_jobs.c, schema.training_tasks.c
    rows = {row.id: row for row in c.execute(sa.select(schema.training_jobs).where(j.id.in_(jobs)))}
    counts: dict[str, dict[JobStatus, int]] = {}
    query = sa.select(t.job_id, t.status, sa.func.count()).where(t.job_id.in_(jobs))
    for job, status, number in c.execute(query.group_by(t.job_id, t.status)):
        counts.setdefault(job, {})[JobStatus(status)] = int(number)
    return [_state(rows[job], counts.get(job, {})) for job in jobs if job in rows]


def _state(row: sa.Row[Any], counts: dict[JobStatus, int]) -> JobState:
    return JobState(
        id=row.id,
        status=JobStatus(row.status),
        strategy=row.strategy_name,
        user=row.user_id,
        config=row.config,
        seed=row.seed,
        priority=row.priority,
        parent=row.parent_id,
        max_runtime_ms=row.max_runtime_ms,
        stop_ms=row.stop_at,
        made_by=row.made_by,
        created_ms=row.created_at,
        started_ms=row.started_at,
        completed_ms=row.completed_at,
        error=row.error_message,
        configurations=row.configurations_created,
        best_net_profit=row.best_net_profit,
        counts=counts,
    )
