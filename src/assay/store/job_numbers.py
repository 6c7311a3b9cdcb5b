"""A job's own numbers: how many of its tasks are over, what they found, and when the job ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import schema
from assay.store.events import EventKind, append_event, append_log
from assay.store.queue_terms import ACTIVE
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

PREPARE = "prepare"
"""The `work` of a task that makes the trainings of its job: it is the first one."""

SHOWN_TASKS = 32
"""Running tasks that a report of progress tells of."""


def count_completed(c: sa.Connection, job: str, result: Mapping[str, Any]) -> None:
    """Count a finished task, and what it found, in a transaction of the caller's, which has locked the job."""
    j, profit = schema.training_jobs.c, result.get("net_profit")
    values: dict[str, Any] = {"completed_combinations": j.completed_combinations + 1}
    if result.get("config_id"):
        values["configurations_created"] = j.configurations_created + 1
    if profit is not None:
        is_better = sa.or_(j.best_net_profit.is_(None), j.best_net_profit < profit)
        values["best_net_profit"] = sa.case((is_better, profit), else_=j.best_net_profit)
    c.execute(sa.update(schema.training_jobs).where(j.id == job).values(**values))


def failed(c: sa.Connection, job: str, number: int, message: str, now: int) -> None:
    """Count a task that failed and write why into the job's log, in a transaction of the caller's."""
    j = schema.training_jobs.c
    c.execute(sa.update(schema.training_jobs).where(j.id == job).values(failed_combinations=j.failed_combinations + 1))
    append_log(c, job, now, message, level="error", task=number)
    end_if_done(c, job, now)


def end_if_done(c: sa.Connection, job: str, now: int) -> None:
    """End a job whose last task is over, in a transaction of the caller's."""
    t, j = schema.training_tasks.c, schema.training_jobs.c
    left = sa.select(t.number).where(t.job_id == job, t.status.in_(ACTIVE)).limit(1)
    if c.execute(left).first() is not None:
        return
    row = c.execute(sa.select(schema.training_jobs).where(j.id == job)).one()
    if row.status not in ACTIVE:
        return
    status = JobStatus.COMPLETED if row.completed_combinations else JobStatus.FAILED
    why = None
    if status == JobStatus.FAILED:  # all of them: the first reason stands for the job
        told = sa.select(t.error_message).where(t.job_id == job, t.status == JobStatus.FAILED)
        why = c.execute(told.order_by(t.number).limit(1)).scalar()
    ended = sa.update(schema.training_jobs).where(j.id == job)
    c.execute(ended.values(status=status, completed_at=now, error_message=why))
    message = {} if why is None else {"message": why}
    append_event(c, job, EventKind.STATE, now, {"status": status, **counts(row), **message})


def counts(row: sa.Row[Any]) -> dict[str, Any]:
    """Return the numbers of a job's row as events tell them."""
    return {
        "done": row.completed_combinations,
        "failed": row.failed_combinations,
        "total": row.total_combinations,
        "best_net_profit": row.best_net_profit,
    }


def whole_progress(c: sa.Connection, job: str, now: int) -> dict[str, Any]:
    """Return how far a job is: its tasks that are over, how fast they come, and what the running ones do."""
    t, j = schema.training_tasks.c, schema.training_jobs.c
    row = c.execute(sa.select(schema.training_jobs).where(j.id == job)).one()
    running = c.execute(
        sa.select(t.number, t.progress)
        .where(t.job_id == job, t.status == JobStatus.RUNNING)
        .order_by(t.number)
        .limit(SHOWN_TASKS)
    ).all()
    found = counts(row)
    made = c.execute(
        sa.select(t.completed_at).where(t.job_id == job, t.number == 0, t.spec["work"].as_string() == PREPARE)
    ).scalar()
    over = found["done"] + found["failed"]
    rate, eta = pace(over, found["total"], row.started_at, now, made)
    tasks = [{"task": number, **(progress or {})} for number, progress in running]
    return {**found, "rate": rate, "eta_s": eta, "tasks": tasks}


def pace(
    over: int, total: int, started_ms: int | None, now_ms: int, made_ms: int | None = None
) -> tuple[float | None, float | None]:
    """Return how many tasks a job ends a second, and the seconds until the last of them; None where that is unknown.

    Parameters
    ----------
    over, total : int
        Tasks that are over, and all.
    started_ms : int or None
        When the first one was begun.
    made_ms : int, optional
        When the task that made the trainings was over: it takes its own time, which says nothing of theirs.
    """
    done, since = (over, started_ms) if made_ms is None else (over - 1, made_ms)
    if since is None or done <= 0 or now_ms <= since:
        return None, None
    rate = done / ((now_ms - since) / 1000)
    return rate, (total - over) / rate
