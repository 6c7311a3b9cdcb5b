"""What a claim asks of a large job is answered from an index with one row, on both kinds of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from assay.store import schema
from assay.store.jobs import JobStore, NewJob
from assay.store.queue import TaskQueue
from assay.store.queue_terms import TAKEABLE
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from assay.store import Database

JOB = NewJob(id="many", config={}, digest="d", strategy="S", user="u", seed=0, created_ms=1)


def test_a_claim_reads_no_task_that_is_done_or_that_waits_behind(database: Database) -> None:
    JobStore(database).create(JOB, [{"number": number} for number in range(3_000)])
    t = schema.training_tasks.c
    done = sa.update(schema.training_tasks).where(t.number < 2_000).values(status=JobStatus.COMPLETED)
    database.write(lambda c: c.execute(done))
    for which in TAKEABLE:
        query = sa.select(schema.training_tasks).where(t.job_id == JOB.id, which(10)).order_by(t.number).limit(1)
        text = str(query.compile(database.engine, compile_kwargs={"literal_binds": True})).replace("%", "%%")
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"

        def plan(c: sa.Connection, asked: str = f"{explain} {text}") -> str:
            c.exec_driver_sql("ANALYZE training_tasks")
            return str(c.exec_driver_sql(asked).all())

        found = database.write(plan)
        assert "ix_training_tasks_" in found, found
        assert "pk_training_tasks" not in found, found  # all that are done come before, there


def test_a_task_that_lost_its_worker_does_not_wait_for_the_others(database: Database) -> None:
    now = 1_000
    queue = TaskQueue(database, lambda _: now)
    JobStore(database).create(JOB, [{"number": number} for number in range(9)])
    first = [queue.claim(f"w{worker}") for worker in range(2)]
    assert [task.number for task in first if task] == [0, 1]
    now += 100_000
    taken = [queue.claim(f"v{worker}") for worker in range(3)]
    assert [(task.number, task.attempts) for task in taken if task] == [(0, 2), (1, 2), (2, 1)]
