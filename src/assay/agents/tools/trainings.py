"""Trainings: start one, wait for it, end it, read what became of it."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import Annotated, Any

from anyio import sleep
from anyio.to_thread import run_sync
from pydantic import Field

from assay.agents.figures import Answer, Figure, Part
from assay.agents.inputs import JobId, Key, Training, TrainingChanges
from assay.agents.state import AgentState, Ctx, state_of
from assay.agents.tries import Tries, no_tries, tries_before_result, tries_of
from assay.errors import ConflictError
from assay.plurals import plural
from assay.service.jobs import cancel_job, job_document, left_out, terms_of
from assay.service.strategy_folder import resolve_strategy
from assay.service.strategy_names import without_folder
from assay.service.submission import submit
from assay.service.tasks import PrepareTask, TrainingTask
from assay.service.times import iso_time
from assay.service.training_plan import TrainingPlan
from assay.store.jobs import JobState
from assay.store.schema import JobStatus
from assay.store.workers import WorkerStore

MAX_WAIT_S = 300.0
LOOK_S = 0.5
"""Seconds between two looks at a training that is waited for."""
MAX_LISTED = 100

WaitS = Annotated[
    float,
    Field(
        ge=0,
        le=MAX_WAIT_S,
        allow_inf_nan=False,
        description="Wait until it is over, but no longer than so many seconds; 0 answers at once. While it waits, "
        "progress notifications say how far it is.",
        examples=[60],
    ),
]


class LeftOut(Part):
    """A market that a training leaves out."""

    market: str
    reason: str


class Task(Part):
    """One strategy on one market."""

    market: str
    strategy: str
    status: JobStatus
    doing: str | None = Field(description="What it is at, while it runs.")
    config_id: str | None = Field(description="Of what it found, once it is completed.")
    error: str | None = Field(description="Why it failed.")
    tries: Tries


class TrainingStatus(Answer):
    """How far a training is."""

    job: str
    status: JobStatus
    user: str
    repeats: str | None = Field(description="The training that it repeats with changes.")
    created: str
    ended: str | None
    error: str | None
    tasks: list[Task] = Field(description="Empty until a worker has made them, where bars are fetched before.")
    left_out: list[LeftOut]


def plan_of(state: AgentState, terms: dict[str, Any]) -> TrainingPlan:
    """Return the plan of a training; InputError where there is none such."""
    return TrainingPlan.from_dict(terms, partial(resolve_strategy, folder=state.strategies))


def start_training(ctx: Ctx, training: Training, key: Key = None) -> TrainingStatus:
    """Start a training: search parameters on the days before the holdout, then test whether what is found is chance.

    Every training counts as a try on its days, in the ledger, for ever: each further one makes it harder for all
    results on the same days to be believed. So decide beforehand what to search, ask `estimate_training` what it costs,
    and do not repeat a search with other settings until something looks good. Workers do the work: ask
    `training_status` how far it is.
    """
    state = state_of(ctx)
    plan = plan_of(state, training.terms())
    made = submit(state.database, plan, user=state.user, offline=state.offline, key=key)
    return _status(state, made.job)


def retrain(ctx: Ctx, job: JobId, changes: TrainingChanges, key: Key = None) -> TrainingStatus:
    """Start a training that repeats another one with changes. It counts as a further try on the same days."""
    state = state_of(ctx)
    before = terms_of(state.jobs.state(job))
    plan = plan_of(state, TrainingPlan.changed(before, changes.given()))
    made = submit(state.database, plan, user=state.user, offline=state.offline, key=key, parent=job)
    return _status(state, made.job)


async def training_status(ctx: Ctx, job: JobId, wait_s: WaitS = 0.0) -> TrainingStatus:
    """Say how far a training is; with `wait_s` wait for its end, so that you need not ask again and again."""
    state, began = state_of(ctx), time.monotonic()
    said = ""
    while True:
        found = await run_sync(_status, state, job)
        waited = time.monotonic() - began
        if found.status not in (JobStatus.PENDING, JobStatus.RUNNING) or waited >= wait_s:
            return found
        if found.summary != said:
            said = found.summary
            await ctx.report_progress(waited, None, said)
        await sleep(min(LOOK_S, wait_s - waited))


def cancel_training(ctx: Ctx, job: JobId) -> TrainingStatus:
    """End a training of yours: what is done stays, and what was begun counts as a try; the rest is left out."""
    state = state_of(ctx)
    if (owner := state.jobs.state(job).user) != state.user:
        raise ConflictError("job", f"belongs to {owner}, who alone may end it", job)
    cancel_job(state.database, job, user=state.user)
    return _status(state, job)


def _status(state: AgentState, job: str) -> TrainingStatus:
    found, tasks = state.jobs.state(job), state.jobs.tasks(job)
    rows = [_task(state, task) for task in tasks if not PrepareTask.is_one(task["spec"])]
    return TrainingStatus(
        summary=_how_far(state, found, rows, tasks),
        job=found.id,
        status=found.status,
        user=found.user,
        repeats=found.parent,
        created=iso_time(found.created_ms),
        ended=None if found.completed_ms is None else iso_time(found.completed_ms),
        error=found.error,
        tasks=rows,
        left_out=[LeftOut(**one) for one in left_out(found, tasks)],
    )


def _task(state: AgentState, task: dict[str, Any]) -> Task:
    training, result = TrainingTask.from_spec(task["spec"]), task["result"] or {}
    config_id = result.get("config_id")
    known = None if config_id is None else state.registry.get(config_id)
    return Task(
        market=training.market_title,
        strategy=without_folder(training.strategy),
        status=task["status"],
        doing=_doing(task),
        config_id=config_id,
        error=task["error_message"] if task["status"] == JobStatus.FAILED else None,
        tries=tries_before_result(state, training.digest) if known is None else tries_of(state, known),
    )


def _doing(task: dict[str, Any]) -> str | None:
    progress = task["progress"]
    if task["status"] != JobStatus.RUNNING or not progress:
        return None
    how_far = f": {progress['done']:,} of {progress['total']:,}" if progress["total"] else ""
    return f"{progress['stage']}{how_far}"


def _how_far(state: AgentState, job: JobState, rows: list[Task], tasks: list[dict[str, Any]]) -> str:
    over = f"{job.over} of {plural(len(tasks), 'task')} done"
    if job.status == JobStatus.COMPLETED:
        return f"The training is completed: {over}. training_results says what became of each."
    if job.status == JobStatus.FAILED:
        why = next((row.error for row in rows if row.error), job.error or "see the tasks")
        return f"The training failed, {over}: {why}"
    if job.status == JobStatus.CANCELLED:
        return f"The training was ended, {over}. What was begun counts as a try."
    if not WorkerStore(state.database).page(1, alive=True):
        start = "they start with this server, or by `assay worker --forever`"
        return f"The training waits, {over}: no worker is running yet; {start}."
    doing = "; ".join(f"{row.market} {row.strategy} {row.doing}" for row in rows if row.doing)
    return (
        f"The training {'runs' if job.status == JobStatus.RUNNING else 'waits for a worker'}, {over}. {doing}".strip()
    )


class Result(Part):
    """What became of one strategy on one market."""

    market: str
    strategy: str
    status: JobStatus
    error: str | None
    config_id: str | None
    stage: str | None = Field(description="PAPER, DISCOVERY, VALIDATION or MATURE, by the ledger of today.")
    net_profit_pct: Figure = Field(description="Out of sample.")
    sharpe_ratio: Figure = Field(description="Out of sample.")
    in_sample_sharpe_ratio: Figure = Field(description="On the days that chose the parameters: no evidence at all.")
    total_trades: int | None = Field(description="Out of sample.")
    q_value: Figure = Field(description="False discovery rate over the markets of the training.")
    why_not_promoted: str | None
    tries: Tries


class TrainingResults(Answer):
    """What became of a training."""

    job: str
    status: JobStatus
    results: list[Result]
    left_out: list[LeftOut]


def training_results(ctx: Ctx, job: JobId) -> TrainingResults:
    """Say what became of every task of a training; `verdict` says more of each configuration."""
    state = state_of(ctx)
    found = job_document(state.jobs, state.jobs.state(job))
    rows = [_result(state, row) for row in found["tasks"]]
    done = [f"{one.market} {one.strategy}: {one.stage}. {one.tries.meaning}" for one in rows if one.config_id]
    failed = [f"{one.market} {one.strategy}: {one.error}" for one in rows if one.error]
    return TrainingResults(
        summary=" ".join([*done, *failed]) or f"Nothing was found so far: the training is {found['status']}.",
        job=found["job"],
        status=found["status"],
        results=rows,
        left_out=[LeftOut(**one) for one in found["left_out"]],
    )


def _result(state: AgentState, row: dict[str, Any]) -> Result:
    config_id = row.get("config_id")
    known = None if config_id is None else state.registry.get(config_id)
    measures = {} if known is None else known.typed.measures
    return Result(
        market=row["market"],
        strategy=without_folder(row["strategy"]),
        status=row["status"],
        error=row["error"],
        config_id=config_id,
        stage=None if config_id is None else state.registry.standing(config_id).stage.value,
        net_profit_pct=measures.get("net_profit_pct"),
        sharpe_ratio=measures.get("sharpe_ratio"),
        in_sample_sharpe_ratio=row.get("in_sample_sharpe_ratio"),
        total_trades=row.get("total_trades"),
        q_value=None if row["q_value"] is None or math.isnan(row["q_value"]) else row["q_value"],
        why_not_promoted=row["why_not_promoted"],
        tries=no_tries() if known is None else tries_of(state, known),
    )


class TrainingLine(Part):
    """A training in the list."""

    job: str
    user: str
    strategies: list[str]
    status: JobStatus
    created: str
    repeats: str | None
    tasks: int
    over: int


class Trainings(Answer):
    """Trainings, the newest first."""

    trainings: list[TrainingLine]


def list_trainings(
    ctx: Ctx,
    status: Annotated[JobStatus | None, Field(description="Only those of this state.")] = None,
    limit: Annotated[int, Field(ge=1, le=MAX_LISTED)] = 20,
) -> Trainings:
    """List the trainings of this database, the newest first, whoever started them."""
    found = state_of(ctx).jobs.find(limit=limit, statuses=() if status is None else (status,))
    rows = [
        TrainingLine(
            job=one.id,
            user=one.user,
            strategies=[without_folder(name) for name in one.strategy.split(",")],
            status=one.status,
            created=iso_time(one.created_ms),
            repeats=one.parent,
            tasks=one.total,
            over=one.over,
        )
        for one in found
    ]
    return Trainings(summary=f"{plural(len(rows), 'training')}, the newest first.", trainings=rows)
