"""Jobs as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.api.models.training import JobRow, JobStatusBody, LeftOut, LogLine, TaskRow, WorkerBody
from assay.service.jobs import left_out
from assay.service.strategy_names import without_folder
from assay.service.tasks import PrepareTask, TrainingTask
from assay.store.database import now_ms
from assay.store.job_numbers import pace
from assay.store.schema import JobStatus
from assay.store.workers import ALIVE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.store.events import Event
    from assay.store.jobs import JobState
    from assay.store.workers import WorkerRow


def job_row(job: JobState) -> dict[str, Any]:
    """Return a job as listings show it."""
    return {
        "id": job.id,
        "user": job.user,
        "strategy_name": job.strategy,
        "status": job.status,
        "priority": job.priority,
        "parent_id": job.parent,
        "total_combinations": job.total,
        "completed_combinations": job.counts.get(JobStatus.COMPLETED, 0),
        "failed_combinations": job.counts.get(JobStatus.FAILED, 0),
        "configurations_created": job.configurations,
        "best_net_profit": job.best_net_profit,
        "created_at": job.created_ms,
        "started_at": job.started_ms,
        "completed_at": job.completed_ms,
        "stop_at": job.stop_ms,
        "error_message": job.error,
    }


def job_in_list(job: JobState) -> JobRow:
    """Return a job of a listing."""
    return JobRow(**job_row(job))


def job_status(job: JobState, tasks: Sequence[Mapping[str, Any]]) -> JobStatusBody:
    """Return how far a job is, with each of its tasks."""
    made = next((task["completed_at"] for task in tasks[:1] if PrepareTask.is_one(task["spec"])), None)
    rate, eta = pace(job.over, job.total, job.started_ms, job.completed_ms or now_ms(), made)
    return JobStatusBody(
        **job_row(job),
        request=job.config.get("request"),
        max_runtime=None if job.max_runtime_ms is None else job.max_runtime_ms / 1000,
        left_out=[LeftOut(**one) for one in left_out(job, tasks)],
        rate=rate,
        eta_s=eta if job.is_active else None,
        tasks=[task_row(task) for task in tasks],
    )


def task_row(task: Mapping[str, Any]) -> TaskRow:
    """Return a task of a job."""
    training = None if PrepareTask.is_one(task["spec"]) else TrainingTask.from_spec(task["spec"])
    return TaskRow(
        number=task["number"],
        work="prepare" if training is None else "train",
        market=None if training is None else training.market_title,
        strategy=None if training is None else without_folder(training.strategy),
        status=task["status"],
        attempts=task["attempts"],
        worker=task["lease_owner"] if task["status"] == JobStatus.RUNNING else None,
        progress=task["progress"] if task["status"] == JobStatus.RUNNING else None,
        config_id=(task["result"] or {}).get("config_id"),
        error=task["error_message"],
        started_at=task["started_at"],
        completed_at=task["completed_at"],
    )


def log_line(event: Event) -> LogLine:
    """Return a line of a job's log."""
    told = event.body
    return LogLine(id=event.id, at=event.at_ms, task=event.task, level=told["level"], message=told["message"])


def worker_body(worker: WorkerRow) -> WorkerBody:
    """Return a worker."""
    return WorkerBody(
        id=worker.id,
        host=worker.host,
        process=worker.process,
        version=worker.version,
        is_alive=worker.ended_ms is None and now_ms() - worker.seen_ms < ALIVE_MS,
        memory_limit=worker.memory_limit,
        started_at=worker.started_ms,
        seen_at=worker.seen_ms,
        ended_at=worker.ended_ms,
        job=worker.job,
        task=worker.task,
        note=worker.note,
    )
