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
    ended = sa.update(schema.training_jobs).where(j.id == job)
    c.execute(ended.values(status=status, completed_at=now))
    append_event(c, job, EventKind.STATE, now, {"status": status, **counts(row)})


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
    over = found["done"] + found["failed"]
    seconds = (now - row.started_at) / 1000 if row.started_at is not None else 0.0
    rate = over / seconds if over and seconds > 0 else None
    eta = (found["total"] - over) / rate if rate else None
    tasks = [{"task": number, **(progress or {})} for number, progress in running]
    return {**found, "rate": rate, "eta_s": eta, "tasks": tasks}
