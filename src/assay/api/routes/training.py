"""Trainings: start one, watch it, read what it found, end it."""

from __future__ import annotations

import csv
import io
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse
from starlette.exceptions import HTTPException

from assay.api.access import Caller, Trader, Viewer, is_still_signed_in, may_change, note
from assay.api.declared import BODY, ID, declared
from assay.api.jobs import job_in_list, job_status, log_line, worker_body
from assay.api.models.estimate import EstimateBody
from assay.api.models.training import (
    Changes,
    JobRow,
    JobStatusBody,
    LeftOut,
    LogLine,
    Results,
    Retry,
    Started,
    TrainingConfig,
    WorkerBody,
)
from assay.api.paging import Cursor, Limit, Page, decode_cursor, page_of
from assay.api.request_words import as_body, as_request
from assay.api.state import Opened, Shared, State, events_of
from assay.api.turns import in_turn, short
from assay.errors import ConflictError, InputError
from assay.service.jobs import cancel_job, job_document, take_up, terms_of
from assay.service.strategy_folder import resolve_strategy
from assay.service.strategy_names import without_folder
from assay.service.submission import Submitted, submit
from assay.service.training_plan import TrainingPlan
from assay.sources.spreadsheet_safe import harmless
from assay.store import Registry
from assay.store.events import EventKind, EventStore
from assay.store.jobs import JobState, JobStore
from assay.store.schema import JobStatus
from assay.store.workers import WorkerStore

router = APIRouter(prefix="/training", tags=["training"])
workers = APIRouter(tags=["training"])

JOB = (HTTPStatus.NOT_FOUND,)
MAX_ESTIMATED = 200
"""Markets of one estimate, which reads the bars of each."""
JobId = Annotated[
    str, Path(max_length=36, description="Of the job.", examples=["0f8fad5b-d9cb-469f-a165-70867728950e"])
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A second request of yours with the same key starts nothing, and answers with the first job.",
    ),
]
EventId = Annotated[int, Query(ge=0, le=2**63 - 1, description="Events that follow this one.")]
LastEvent = Annotated[
    int | None, Header(alias="Last-Event-ID", ge=0, le=2**63 - 1, description="What a browser sends by itself.")
]


def _plan(state: State, terms: dict[str, Any]) -> TrainingPlan:
    return TrainingPlan.from_dict(terms, partial(resolve_strategy, folder=state.settings.strategies))


def _job(database: Opened, job: str) -> JobState:
    """Return a job by its whole id."""
    return JobStore(database).state(job)


def _status(database: Opened, job: str) -> JobStatusBody:
    return job_status(_job(database, job), JobStore(database).tasks(job))


def _started(state: State, submitted: Submitted) -> Started:
    job = JobStore(state.database).state(submitted.job)
    left = [LeftOut(market=one.what, reason=one.why) for one in submitted.left]
    return Started(job_id=job.id, status=job.status, total_combinations=job.total, left_out=left)


@router.post(
    "/start",
    operation_id="startTraining",
    status_code=HTTPStatus.ACCEPTED,
    responses=declared(*BODY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
def start(caller: Trader, state: Shared, body: TrainingConfig, key: Key = None) -> Started:
    """Start a training: a job with a task per market and strategy, which workers take."""
    plan = _plan(state, body.terms())
    return _started(state, submit(state.database, plan, user=caller.name, offline=state.settings.offline, key=key))


@router.post("/estimate", operation_id="estimateTraining", responses=declared(*BODY, HTTPStatus.NOT_FOUND))
def estimate(_: Trader, state: Shared, body: TrainingConfig) -> EstimateBody:
    """Say what a training would compute, how long it takes, what it can find and what the try costs; start nothing."""
    plan = _plan(state, body.terms())
    if (asked := len(plan.markets)) > MAX_ESTIMATED:
        raise InputError(
            "pairs", f"times exchanges and timeframes can be estimated up to {MAX_ESTIMATED} markets", asked
        )
    found = state.estimator.of_plan(plan, offline=state.settings.offline)
    document = found.to_dict()
    for task in document["tasks"]:
        task["strategy"] = without_folder(task["strategy"])
    for way in document["cheaper"]:
        way["change"] = as_body(way["change"])
    return EstimateBody.model_validate(document)


@router.get("/jobs", operation_id="listJobs", responses=declared())
@short
def jobs(
    _: Viewer,
    database: Opened,
    *,
    status: Annotated[list[JobStatus] | None, Query(description="Of these states alone.")] = None,
    user: Annotated[str | None, Query(max_length=50, description="Only this user's.")] = None,
    strategy: Annotated[str | None, Query(max_length=100, description="Only those that train it.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[JobRow]:
    """List jobs in pages, the newest first."""
    place: Any = decode_cursor(cursor, int, str)
    found = JobStore(database).find(limit=limit + 1, place=place, user=user, statuses=status or (), strategy=strategy)
    return page_of(found, limit, lambda job: (job.created_ms, job.id), job_in_list)


@router.get("/jobs/{job}/status", operation_id="jobStatus", responses=declared(*JOB))
@short
def status(_: Viewer, database: Opened, job: JobId) -> JobStatusBody:
    """Say how far a job is, and each of its tasks."""
    return _status(database, job)


CSV: dict[int | str, dict[str, Any]] = {
    int(HTTPStatus.OK): {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The rows."}
}


@router.get("/jobs/{job}/results", operation_id="jobResults", response_model=Results, responses=CSV | declared(*ID))
def results(
    _: Viewer,
    database: Opened,
    job: JobId,
    *,
    form: Annotated[Literal["json", "csv"], Query(alias="format", description="csv gives the rows alone.")] = "json",
    documents: Annotated[bool, Query(description="With the V3 document of each configuration.")] = False,
) -> Any:
    """Say what became of each training; trades, equity and report are those of its configuration."""
    state = _job(database, job)
    found = job_document(JobStore(database), state) | {"error_message": state.error}
    for row in found["tasks"]:
        row["strategy"] = without_folder(row["strategy"])
        row |= {name: as_request(row[name]) for name in ("error", "why_not_promoted") if row[name] is not None}
    if form == "csv":
        return Response(_csv(found["tasks"]), media_type="text/csv")
    if documents:
        registry = Registry(database)
        found["documents"] = [registry.get(row["config_id"]).document for row in found["tasks"] if row.get("config_id")]
    return found


COLUMNS = (
    "market", "strategy", "status", "stage", "config_id", "net_profit", "sharpe_ratio", "in_sample_sharpe_ratio",
    "total_trades", "p_value", "p_adjusted", "q_value", "why_not_promoted", "error",
)  # fmt: skip


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([harmless(row.get(name)) for name in COLUMNS] for row in rows)
    return out.getvalue()


STREAM: dict[int | str, dict[str, Any]] = {
    int(HTTPStatus.OK): {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "Events `state`, `progress` and `log`, each with its id; a comment every 15 s; then `end`.",
    },
    int(HTTPStatus.NO_CONTENT): {"description": "The job is over and there is nothing that you have not read."},
}


@router.get(
    "/jobs/{job}/events",
    operation_id="jobEvents",
    response_class=Response,
    responses=STREAM | declared(*JOB),
)
async def events(
    _: Viewer, request: Request, job: JobId, after: EventId = 0, last_event_id: LastEvent = None
) -> Response:
    """Send what happens to a job as server-sent events; who comes again with the last id misses and doubles none."""
    hub, last = events_of(request.app), after if last_event_id is None else last_event_id
    if hub.operation.is_ending or hub.is_full:
        why = "the server is ending" if hub.operation.is_ending else "too many streams of events are open"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, why, {"Retry-After": "5"})
    state = await in_turn(JobStore(hub.store.database).state, job)
    newest = (await in_turn(hub.store.newest, [job])).get(job, 0)
    if not state.is_active and newest <= last:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    pruned = await in_turn(hub.store.lacks, job, last)
    signed_in = partial(is_still_signed_in, request)
    return EventSourceResponse(
        hub.stream(job, last, is_over=not state.is_active, pruned=pruned, signed_in=signed_in),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/jobs/{job}/logs", operation_id="jobLogs", responses=declared(*JOB))
@short
def logs(_: Viewer, database: Opened, job: JobId, limit: Limit = 200, cursor: Cursor = None) -> Page[LogLine]:
    """List the lines of a job's log in pages, the oldest first."""
    _job(database, job)
    place = decode_cursor(cursor, int)
    found = EventStore(database).after(job, 0 if place is None else place[0], limit + 1, [EventKind.LOG])
    return page_of(found, limit, lambda event: (event.id,), log_line)


def _changed(database: Opened, job: str, caller: Caller, request: Request) -> JobState:
    """Return a job that a caller may change."""
    state = _job(database, job)
    may_change(caller, state.user)
    note(request, target=job)
    return state


@router.delete("/jobs/{job}", operation_id="cancelJob", responses=declared(*JOB, HTTPStatus.CONFLICT))
def cancel(caller: Trader, database: Opened, request: Request, job: JobId) -> JobStatusBody:
    """Cancel a job: what is done stays, what runs is stopped."""
    _changed(database, job, caller, request)
    cancel_job(database, job, user=caller.name)
    return _status(database, job)


@router.post("/jobs/{job}/retry", operation_id="retryJob", responses=declared(*JOB, *BODY, HTTPStatus.CONFLICT))
def retry(caller: Trader, database: Opened, request: Request, job: JobId, body: Retry | None = None) -> JobStatusBody:
    """Begin again what failed or was cancelled, and go on with what was left."""
    _changed(database, job, caller, request)
    limit = None if body is None else body.max_runtime
    if not take_up(database, job, max_runtime_s=limit):
        raise ConflictError("job", "has nothing left to do: all its tasks are completed", job)
    return _status(database, job)


@router.post(
    "/jobs/{job}/rerun",
    operation_id="rerunJob",
    status_code=HTTPStatus.ACCEPTED,
    responses=declared(*JOB, *BODY, HTTPStatus.CONFLICT),
)
def rerun(caller: Trader, state: Shared, job: JobId, body: Changes | None = None, key: Key = None) -> Started:
    """Start a job that repeats another one with changes, and names it as its parent."""
    before = terms_of(_job(state.database, job))
    changes = {} if body is None else (body.model_extra or {})
    plan = _plan(state, TrainingPlan.changed(before, changes))
    submitted = submit(state.database, plan, user=caller.name, offline=state.settings.offline, key=key, parent=job)
    return _started(state, submitted)


@workers.get("/workers", operation_id="listWorkers", responses=declared())
@short
def list_workers(
    _: Viewer,
    database: Opened,
    *,
    alive: Annotated[bool, Query(description="Only those that were heard of in the last 30 s.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[WorkerBody]:
    """List the workers of the last day in pages, the newest first: where they run and what they do."""
    place: Any = decode_cursor(cursor, int, str)
    found = WorkerStore(database).page(limit + 1, place, alive=alive)
    return page_of(found, limit, lambda worker: (worker.started_ms, worker.id), worker_body)
