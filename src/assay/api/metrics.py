"""Measures of a running server for Prometheus: of its requests, and of jobs, tasks and workers from the database.

What the database knows is read when it is asked for, at most every `CACHE_S`: every server of one database tells the
same, and a server that was started anew goes on where the counts stand.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from assay._version import __version__
from assay.api.operation import InTime, Operation
from assay.errors import StoreError
from assay.store import Database, schema
from assay.store.clock import shared_clock
from assay.store.schema import JOB_STATES, JobStatus
from assay.store.workers import ALIVE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

CACHE_S = 2.0
"""How old what was read from the database may be."""

ANSWER_S = 3.0
"""How long the database may take."""

MAX_GAP_S = 60.0
"""Between two readings: what tasks did in a longer time nobody can say."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds of a request."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The measures of one server.

    Parameters
    ----------
    database : Database
    operation : Operation
        Whose open streams are told.
    """

    def __init__(self, database: Database, operation: Operation) -> None:
        self.registry = CollectorRegistry()
        names = ("route", "method", "status")
        self._requests = Counter("assay_http_requests", "Requests that were answered.", names, registry=self.registry)
        self._seconds = Histogram(
            "assay_http_request_seconds",
            "Seconds until the whole answer was sent.",
            names[:2],
            buckets=BUCKETS,
            registry=self.registry,
        )
        streams = Gauge("assay_event_streams_open", "Streams of events that are open.", registry=self.registry)
        streams.set_function(lambda: operation.streams)
        Gauge("assay_build_info", "The version, as a label.", ["version"], registry=self.registry).labels(
            __version__
        ).set(1)
        ProcessCollector(registry=self.registry)
        self.registry.register(DatabaseCollector(database))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' format."""
        return generate_latest(self.registry)


class DatabaseCollector:
    """Counts of jobs, tasks, events and workers, read from the database.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._at = -CACHE_S
        self._counts: dict[str, Any] | None = None
        self._question = InTime(self._read, "assay-metrics")
        self._stages: dict[str, float] = {}
        self._read_at: float | None = None

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: registering asks no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return the measures; without a database only that it is away."""
        counts = self._fresh()
        yield GaugeMetricFamily("assay_database_up", "1: the database answers.", value=float(counts is not None))
        if counts is not None:
            yield from _families(counts)

    def _fresh(self) -> dict[str, Any] | None:
        with self._lock:
            if time.monotonic() - self._at >= CACHE_S:
                try:
                    self._counts = self._question.answer(ANSWER_S)
                except (StoreError, TimeoutError):
                    self._counts = None
                self._at = time.monotonic()
            return self._counts

    def _read(self) -> dict[str, Any]:
        return self._database.read(self._counted_now, patience_s=0.0)

    def _counted_now(self, connection: sa.Connection) -> dict[str, Any]:
        job, task, event = (t.c for t in (schema.training_jobs, schema.training_tasks, schema.training_events))

        def one(query: sa.Select[Any]) -> int:
            return int(connection.execute(query).scalar_one() or 0)

        def by_state(column: sa.ColumnElement[Any]) -> dict[str, int]:
            found = {str(s): int(n) for s, n in connection.execute(sa.select(column, sa.func.count()).group_by(column))}
            return {state: found.get(state, 0) for state in JOB_STATES}

        now = shared_clock(connection)
        waiting = one(sa.select(sa.func.min(job.created_at)).where(job.status == JobStatus.PENDING))
        return {
            "jobs": by_state(job.status),
            "tasks": by_state(task.status),
            "lost": one(sa.select(sa.func.sum(task.attempts - 1)).where(task.attempts > 1)),
            "events": one(sa.select(sa.func.max(event.id))),
            "workers": count_alive(connection),
            "waiting_s": max(now - waiting, 0) / 1000 if waiting else 0.0,
            "stages": self._add_stages(connection),
        }

    def _add_stages(self, connection: sa.Connection) -> dict[str, float]:
        """Return the seconds of each stage, with those since the last reading: of every task that is worked on now."""
        task, worker = schema.training_tasks.c, schema.workers.c
        on = sa.and_(task.job_id == worker.job_id, task.number == worker.task)
        query = sa.select(task.progress).select_from(schema.workers.join(schema.training_tasks, on))
        query = query.where(_is_alive(connection), task.status == JobStatus.RUNNING)
        now, before = time.monotonic(), self._read_at
        passed = 0.0 if before is None else min(now - before, MAX_GAP_S)
        self._read_at = now
        for progress in connection.scalars(query):
            stage = progress.get("stage") if isinstance(progress, dict) else None
            name = str(stage or "begun")[:40]
            self._stages[name] = self._stages.get(name, 0.0) + passed
        return dict(self._stages)


def _is_alive(connection: sa.Connection) -> sa.ColumnElement[bool]:
    worker = schema.workers.c
    return sa.and_(worker.ended_at.is_(None), worker.seen_at >= shared_clock(connection) - ALIVE_MS)


def count_alive(connection: sa.Connection) -> int:
    """Return how many workers are alive."""
    query = sa.select(sa.func.count()).select_from(schema.workers).where(_is_alive(connection))
    return int(connection.execute(query).scalar_one())


def _families(counts: dict[str, Any]) -> Iterator[Metric]:
    """Return what was read from the database as measures."""
    for name in ("jobs", "tasks"):
        family = GaugeMetricFamily(f"assay_{name}", f"Training {name} by state.", labels=["state"])
        for state, number in counts[name].items():
            family.add_metric([state], number)
        yield family
    for state in (JobStatus.COMPLETED, JobStatus.FAILED):
        yield CounterMetricFamily(f"assay_tasks_{state}", f"Tasks that are {state}.", value=counts["tasks"][state])
    yield CounterMetricFamily("assay_leases_lost", "Times that a task was begun once more.", value=counts["lost"])
    yield CounterMetricFamily("assay_events", "Events of jobs that were ever written.", value=counts["events"])
    stages = CounterMetricFamily(
        "assay_stage_seconds", "Seconds of tasks in each stage, seen when asked.", labels=["stage"]
    )
    for stage, seconds in sorted(counts["stages"].items()):
        stages.add_metric([stage], seconds)
    yield stages
    yield GaugeMetricFamily("assay_workers_alive", "Workers seen in the last 30 s.", value=counts["workers"])
    yield GaugeMetricFamily(
        "assay_oldest_pending_job_seconds", "How long the oldest job waits to be begun.", value=counts["waiting_s"]
    )
