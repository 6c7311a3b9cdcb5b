"""Conditions that the queue asks of tasks and jobs, as parts of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import schema
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.store.tasks import Task

LEASE_MS = 60_000
"""How long a worker may be silent before its task is another's."""

MAX_ATTEMPTS = 3
"""A task on which so many workers died is given up: the next one would die, too."""

JOBS_AT_ONCE = 20
"""Jobs with something to do that are looked at in one question."""

ACTIVE = (JobStatus.PENDING, JobStatus.RUNNING)


def in_time(now: int) -> sa.ColumnElement[bool]:
    """Return what holds for a job whose longest run time is not over."""
    j = schema.training_jobs.c
    return sa.or_(j.stop_at.is_(None), j.stop_at > now)


def was_cancelled() -> sa.ColumnElement[bool]:
    """Return what holds for a job that somebody cancelled; one that was stopped for want of time can go on."""
    j = schema.training_jobs.c
    return sa.and_(
        j.status == JobStatus.CANCELLED, sa.or_(j.stop_at.is_(None), sa.func.coalesce(j.completed_at, 0) < j.stop_at)
    )


def free(now: int) -> sa.ColumnElement[bool]:
    """Return what holds for a task that nobody works on."""
    t = schema.training_tasks.c
    silent = sa.and_(t.status == JobStatus.RUNNING, t.lease_expires_at < now)
    return sa.or_(t.status == JobStatus.PENDING, silent)


def takeable(now: int) -> sa.ColumnElement[bool]:
    """Return what holds for a task that a worker may take."""
    return sa.and_(free(now), schema.training_tasks.c.attempts < MAX_ATTEMPTS)


def waiting(_: int) -> sa.ColumnElement[bool]:
    """Return what holds for a task that a worker may take and that nobody has begun."""
    t = schema.training_tasks.c
    # written out: a plan for any value of a parameter could not use the index of those that wait
    return sa.and_(t.status == sa.literal_column(f"'{JobStatus.PENDING}'"), t.attempts < MAX_ATTEMPTS)


def deserted(now: int) -> sa.ColumnElement[bool]:
    """Return what holds for a task that a worker may take over."""
    t = schema.training_tasks.c
    return sa.and_(t.status == JobStatus.RUNNING, t.lease_expires_at < now, t.attempts < MAX_ATTEMPTS)


TAKEABLE = (deserted, waiting)
"""`takeable` in two questions, each of which an index answers with one row. Asked in one, a server reads all tasks that
wait, or all that are done, to find the first: 1 to 13 ms with 10,000 tasks. Those that lost their worker come first:
they are not to wait until all others were begun."""


def with_work(now: int, job: str | None, without: Iterable[str | None] = ()) -> sa.Select[Any]:
    """Select jobs that have a task for somebody, the most urgent first; without those that some versions made."""
    t, j = schema.training_tasks.c, schema.training_jobs.c
    first = sa.select(t.number).where(t.job_id == j.id)
    has_work = sa.or_(*(first.where(which(now)).exists() for which in TAKEABLE))
    query = sa.select(j.id, j.status, j.made_by, j.created_at, j.user_id).where(
        j.status.in_(ACTIVE), in_time(now), has_work
    )
    if job is not None:
        query = query.where(j.id == job)
    if versions := [version for version in without if version is not None]:
        query = query.where(sa.or_(j.made_by.is_(None), j.made_by.not_in(versions)))
    return query.order_by(j.priority.desc(), j.created_at, j.id).limit(JOBS_AT_ONCE)


def of(task: Task) -> list[sa.ColumnElement[bool]]:
    """Return what holds for the row of a task."""
    t = schema.training_tasks.c
    return [t.job_id == task.job, t.number == task.number]


def under(task: Task) -> list[sa.ColumnElement[bool]]:
    """Return what holds while a task is under this very lease."""
    t = schema.training_tasks.c
    return [*of(task), t.lease_token == task.token, t.status == JobStatus.RUNNING]
