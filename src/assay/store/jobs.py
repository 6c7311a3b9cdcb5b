"""Training jobs: tasks that several workers share, each with one effect, however often it is begun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.errors import NotFoundError
from assay.store import schema
from assay.store.ids import find_id
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from assay.store.database import Database

LEASE_MS = 60_000
"""How long a worker may be silent before its task is another's."""

MAX_ATTEMPTS = 3
"""A task on which so many workers died is given up: the next one would die, too."""


@dataclass(frozen=True, slots=True)
class Task:
    """A unit of work under a lease.

    Attributes
    ----------
    job : str
    number : int
    spec : dict
        What to do.
    token : int
        Of the lease: a result is written under it or not at all.
    attempts : int
        How often the task was begun, this time included.
    """

    job: str
    number: int
    spec: dict[str, Any]
    token: int
    attempts: int


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job is.

    Attributes
    ----------
    counts : dict of JobStatus to int
        Tasks per state.
    """

    id: str
    status: JobStatus
    config: dict[str, Any]
    seed: int
    created_ms: int
    counts: dict[JobStatus, int]

    @property
    def total(self) -> int:
        """Tasks in all."""
        return sum(self.counts.values())

    @property
    def over(self) -> int:
        """Tasks that need no more work."""
        return self.counts.get(JobStatus.COMPLETED, 0) + self.counts.get(JobStatus.FAILED, 0)


class JobStore:
    """Jobs and their tasks.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(
        self,
        job: str,
        specs: Sequence[Mapping[str, Any]],
        *,
        config: Mapping[str, Any],
        digest: str,
        strategy: str,
        user: str,
        seed: int,
        at_ms: int,
    ) -> None:
        """Write a job with its tasks."""

        def work(c: sa.Connection) -> None:
            c.execute(
                sa.insert(schema.training_jobs).values(
                    id=job,
                    user_id=user,
                    strategy_name=strategy,
                    status=JobStatus.PENDING,
                    config=dict(config),
                    digest=digest,
                    total_combinations=len(specs),
                    seed=seed,
                    created_at=at_ms,
                )
            )
            rows = [
                {"job_id": job, "number": i, "spec": dict(s), "status": JobStatus.PENDING} for i, s in enumerate(specs)
            ]
            c.execute(sa.insert(schema.training_tasks), rows)

        self.database.write(work)

    def state(self, job: str) -> JobState:
        """Return how far a job is.

        Raises
        ------
        InputError
            When there is no such job.
        """
        j, t = schema.training_jobs.c, schema.training_tasks.c

        def work(c: sa.Connection) -> JobState:
            row = c.execute(sa.select(schema.training_jobs).where(j.id == job)).first()
            if row is None:
                raise NotFoundError(
                    "job", "there is none with this id", job, "assay train --resume takes up the last one"
                )
            counts = c.execute(sa.select(t.status, sa.func.count()).where(t.job_id == job).group_by(t.status)).all()
            return JobState(
                row.id,
                JobStatus(row.status),
                row.config,
                row.seed,
                row.created_at,
                {JobStatus(s): int(n) for s, n in counts},
            )

        return self.database.read(work)

    def resolve(self, text: str) -> str:
        """Return the job that a person's text stands for (`assay.store.ids`).

        Raises
        ------
        InputError
            When it stands for several, or for none.
        """
        return find_id(text, self.ids(), "job", absent="there is none with this id", empty="No job was ever begun")

    def ids(self, *, unfinished: bool = False) -> list[str]:
        """Return every job, or those that are not over, the newest first."""
        j = schema.training_jobs.c
        query = sa.select(j.id).order_by(j.created_at.desc(), j.id)
        if unfinished:
            query = query.where(j.status.in_((JobStatus.PENDING, JobStatus.RUNNING)))
        return self.database.read(lambda c: [str(job) for job in c.scalars(query)])

    def unfinished(self) -> str | None:
        """Return the newest job that is not over."""
        return next(iter(self.ids(unfinished=True)), None)

    def tasks(self, job: str) -> list[dict[str, Any]]:
        """Return every task of a job."""
        query = sa.select(schema.training_tasks).where(schema.training_tasks.c.job_id == job)
        query = query.order_by(schema.training_tasks.c.number)
        return self.database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])

    def claimable(self, job: str, now_ms: int) -> int:
        """Return how many tasks a worker could claim: not begun, or silent for longer than their lease."""
        query = sa.select(sa.func.count()).select_from(schema.training_tasks).where(*_claimable(job, now_ms))
        return self.database.read(lambda c: int(c.execute(query).scalar_one()))

    def claim(self, job: str, owner: str, now_ms: int) -> Task | None:
        """Take the first task that nobody works on; None when there is none left."""
        t, j = schema.training_tasks.c, schema.training_jobs.c

        def work(c: sa.Connection) -> Task | None:
            query = sa.select(schema.training_tasks).where(*_claimable(job, now_ms)).order_by(t.number)
            while True:
                row = c.execute(query.limit(1).with_for_update(skip_locked=True)).first()
                if row is None:
                    return None
                if row.attempts < MAX_ATTEMPTS:
                    break
                reason = f"the worker died {row.attempts} times on this task"
                if ".py:" in (strategy := str(row.spec.get("strategy", ""))):
                    reason += f": {strategy} ends the process that it runs in (os._exit), or crashes it"
                self._end(
                    c, job, row.number, {"status": JobStatus.FAILED, "error_message": reason, "completed_at": now_ms}
                )
            token = row.lease_token + 1
            c.execute(
                sa.update(schema.training_tasks)
                .where(t.job_id == job, t.number == row.number)
                .values(
                    status=JobStatus.RUNNING,
                    lease_owner=owner,
                    lease_token=token,
                    lease_expires_at=now_ms + LEASE_MS,
                    attempts=row.attempts + 1,
                    started_at=now_ms,
                )
            )
            c.execute(
                sa.update(schema.training_jobs)
                .where(j.id == job, j.status == JobStatus.PENDING)
                .values(status=JobStatus.RUNNING, started_at=now_ms)
            )
            return Task(job, row.number, row.spec, token, row.attempts + 1)

        return self.database.write(work)

    def renew(self, task: Task, now_ms: int) -> bool:
        """Keep a lease; False when the task is another's by now."""
        renewed = sa.update(schema.training_tasks).where(*_held(task)).values(lease_expires_at=now_ms + LEASE_MS)
        return self.database.write(lambda c: bool(c.execute(renewed).rowcount))

    def complete(
        self, task: Task, result: Mapping[str, Any], now_ms: int, effects: Callable[[sa.Connection], object]
    ) -> bool:
        """Write a task's result together with its effects; nothing when the task is another's by now."""

        def work(c: sa.Connection) -> bool:
            values = {
                "status": JobStatus.COMPLETED,
                "result": dict(result),
                "completed_at": now_ms,
                "error_message": None,
            }
            if not c.execute(sa.update(schema.training_tasks).where(*_held(task)).values(**values)).rowcount:
                return False
            effects(c)
            self._count(c, task.job, now_ms)
            return True

        return self.database.write(work)

    def fail(self, task: Task, message: str, now_ms: int) -> bool:
        """Write why a task could not be done; the others go on."""

        def work(c: sa.Connection) -> bool:
            values = {"status": JobStatus.FAILED, "error_message": message, "completed_at": now_ms}
            done = c.execute(sa.update(schema.training_tasks).where(*_held(task)).values(**values)).rowcount
            self._count(c, task.job, now_ms)
            return bool(done)

        return self.database.write(work)

    def release(self, job: str, owners: Sequence[str]) -> int:
        """Give back the tasks of workers that are known to be gone; return how many."""
        t = schema.training_tasks.c
        freed = (
            sa.update(schema.training_tasks)
            .where(t.job_id == job, t.status == JobStatus.RUNNING, t.lease_owner.in_(owners))
            .values(status=JobStatus.PENDING, lease_owner=None, lease_expires_at=None)
        )
        return self.database.write(lambda c: int(c.execute(freed).rowcount)) if owners else 0

    def give_back(self, job: str, owners: Sequence[str]) -> int:
        """Give back the tasks of workers that were interrupted, as if they had not been begun; return how many.

        They are not counted as attempts: nobody died of them.
        """
        t = schema.training_tasks.c
        back = (
            sa.update(schema.training_tasks)
            .where(t.job_id == job, t.status == JobStatus.RUNNING, t.lease_owner.in_(owners))
            .values(
                status=JobStatus.PENDING,
                lease_owner=None,
                lease_expires_at=None,
                attempts=sa.case((t.attempts > 0, t.attempts - 1), else_=0),
            )
        )
        return self.database.write(lambda c: int(c.execute(back).rowcount)) if owners else 0

    def cancel(self, job: str, now_ms: int) -> None:
        """End a job early: what is done stays, what is not begun is left out."""
        t, j = schema.training_tasks.c, schema.training_jobs.c

        def work(c: sa.Connection) -> None:
            left = sa.update(schema.training_tasks).where(t.job_id == job, t.status == JobStatus.PENDING)
            c.execute(left.values(status=JobStatus.CANCELLED, completed_at=now_ms))
            ended = sa.update(schema.training_jobs).where(j.id == job)
            c.execute(ended.values(status=JobStatus.CANCELLED, completed_at=now_ms))

        self.database.write(work)

    def _end(self, c: sa.Connection, job: str, number: int, values: Mapping[str, Any]) -> None:
        t = schema.training_tasks.c
        c.execute(sa.update(schema.training_tasks).where(t.job_id == job, t.number == number).values(**values))
        self._count(c, job, int(values["completed_at"]))

    def _count(self, c: sa.Connection, job: str, now_ms: int) -> None:
        """Bring the job's own counts and state up to date."""
        t, j = schema.training_tasks.c, schema.training_jobs.c
        # one at a time: two that end together must not each miss the other
        c.execute(sa.select(j.id).where(j.id == job).with_for_update())
        found = c.execute(sa.select(t.status, sa.func.count()).where(t.job_id == job).group_by(t.status)).all()
        counts = {JobStatus(status): int(n) for status, n in found}
        results = c.execute(sa.select(t.result).where(t.job_id == job, t.status == JobStatus.COMPLETED)).scalars().all()
        profits = [r["net_profit"] for r in results if r and r.get("net_profit") is not None]
        values: dict[str, Any] = {
            "completed_combinations": counts.get(JobStatus.COMPLETED, 0),
            "failed_combinations": counts.get(JobStatus.FAILED, 0),
            "configurations_created": sum(1 for r in results if r and r.get("config_id")),
            "best_net_profit": max(profits, default=None),
        }
        if not counts.get(JobStatus.PENDING) and not counts.get(JobStatus.RUNNING):
            values |= {
                "status": JobStatus.COMPLETED if counts.get(JobStatus.COMPLETED) else JobStatus.FAILED,
                "completed_at": now_ms,
            }
        c.execute(sa.update(schema.training_jobs).where(j.id == job).values(**values))


def _claimable(job: str, now_ms: int) -> list[sa.ColumnElement[bool]]:
    t = schema.training_tasks.c
    silent = sa.and_(t.status == JobStatus.RUNNING, t.lease_expires_at < now_ms)
    return [t.job_id == job, sa.or_(t.status == JobStatus.PENDING, silent)]


def _held(task: Task) -> list[sa.ColumnElement[bool]]:
    t = schema.training_tasks.c
    return [t.job_id == task.job, t.number == task.number, t.lease_token == task.token, t.status == JobStatus.RUNNING]
