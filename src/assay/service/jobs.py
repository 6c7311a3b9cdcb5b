"""Training many markets and strategies at once: a job in the database and a worker process per core."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assay.errors import AssayError, ExchangeError, InputError, InsufficientDataError
from assay.service.campaign import begin_job, end_overdue
from assay.service.identity import is_gone, is_gone_of_before
from assay.service.kernels import compile_kernels
from assay.service.leases import SilentLeases, said_of
from assay.service.ledger import declaration_of, tried_facts
from assay.service.spans import finished, note_volume
from assay.service.supervisor import Supervisor
from assay.service.tasks import TrainingTask
from assay.service.versions import CODE_VERSION
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, Registry
from assay.store.database import now_ms
from assay.store.jobs import JobStore, NewJob
from assay.store.ledger import Ledger
from assay.store.queue import TaskQueue, owners_of
from assay.store.queue_terms import ACTIVE
from assay.store.reaping import Reaper
from assay.store.schema import DeclarationKind, JobStatus
from assay.store.workers import WorkerStore
from assay.validation.false_discovery import q_values

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from assay.market import Bars, Market
    from assay.service.collector import BarCollector
    from assay.service.reporter import Advance, Reporter
    from assay.service.request import TrainingRequest
    from assay.store import Database
    from assay.store.campaigns import Declaration
    from assay.store.jobs import JobState
    from assay.store.tasks import Lease
    from assay.training import Experiment

POLL_S = 0.2
REAP_S = 2.0
MAX_RESTARTS = 20
"""Workers that are started anew in place of dead ones, at most."""

STOP_MS = 60_000
"""After the longest run time a worker has so long to end by itself: a strategy may never come back."""
MAX_RUNTIME_S = 10**9
"""Thirty years: a longer one is none."""


@dataclass(frozen=True)
class Left:
    """A market or task that could not be trained."""

    what: str
    why: str


def make_job(
    reporter: Reporter,
    database: Database,
    markets: Sequence[Market],
    requests: Sequence[TrainingRequest],
    *,
    collector: BarCollector | None = None,
    user: str,
    max_runtime_s: float | None = None,
    priority: int = 0,
    parent: str | None = None,
    key: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> tuple[str, list[Left]]:
    """Write a job with a task per market and request, after missing bars are fetched and kernels compiled.

    Parameters
    ----------
    requests : sequence of TrainingRequest
        One per strategy, on the same days.
    collector : BarCollector, optional
        Fetches bars that are missing; only stored bars are used where not given.
    max_runtime_s : float, optional
        The job stops so long after its first task was begun, and what is done stays.
    priority : int
        Tasks of a job with a higher one are taken first.
    parent : str, optional
        The job that this one repeats with changes.
    key : str, optional
        A second job of the same user with the same key is the first one.
    config : mapping, optional
        What was asked for, to be kept with the job.

    Returns
    -------
    str
        Id of the job.
    list of Left
        Markets that are left out, each with the reason.
    """
    limit = runtime_ms(max_runtime_s)
    strategies = [load_strategy(request.strategy) for request in requests]
    store, left = BarStore(database), []
    tasks: list[TrainingTask] = []
    entries: list[Declaration | None] = []
    for market in markets:
        try:
            bars = _bars_of(reporter, store, market, requests[0], collector)
            compile_kernels(reporter, strategies[0], bars)
            for request, strategy in zip(requests, strategies, strict=True):
                experiment = request.experiment(strategy, bars)
                tasks.append(TrainingTask.of(experiment, bars, request.strategy))
                entries.append(_declaration(experiment, bars))
        except AssayError as error:
            left.append(Left(str(market), str(error).removeprefix(f"{market}: ")))
            if len(markets) > 1:
                reporter.note(f"{market}: {left[-1].why}")
    if not tasks and len(markets) == 1:
        raise InputError("--symbol", f"{left[0].what}: {left[0].why}")
    if not tasks:
        raise InputError("--symbol", "none of the markets can be trained", hint=left[0].why if left else "")
    others = begin_job(database, entries, user=user)
    specs = [replace(task, others=tuple(found)).spec() for task, found in zip(tasks, others, strict=True)]
    digest = hashlib.sha256(json.dumps(specs, sort_keys=True).encode()).hexdigest()
    new = NewJob(
        id=str(uuid4()),
        config={"left": [asdict(one) for one in left], **(config or {})},
        digest=digest,
        strategy=",".join(request.strategy for request in requests),
        user=user,
        seed=requests[0].search.seed,
        created_ms=now_ms(),
        priority=priority,
        parent=parent,
        max_runtime_ms=limit,
        made_by=CODE_VERSION,
        key=key,
    )
    return JobStore(database).create(new, specs), left


def runtime_ms(seconds: float | None) -> int | None:
    """Return a longest run time in milliseconds; InputError where it is none."""
    if seconds is None:
        return None
    if not 0 <= seconds <= MAX_RUNTIME_S:
        raise InputError("--max-runtime", f"must be from 0 to {MAX_RUNTIME_S:,} seconds", seconds)
    return round(1000 * seconds)


def take_up(database: Database, job: str, *, max_runtime_s: float | None = None, failed: bool = True) -> int:
    """Let a job go on that is over, under a new limit; return how many of its tasks wait now.

    Parameters
    ----------
    failed : bool
        Whether tasks that failed or were cancelled are begun again, and not only those that were left.

    Raises
    ------
    GateError
        When it was made by an earlier procedure.
    """
    jobs = JobStore(database)
    _refuse_earlier_procedure(jobs, job, (*ACTIVE, JobStatus.FAILED, JobStatus.CANCELLED) if failed else ACTIVE)
    return jobs.reopen(job, max_runtime_ms=runtime_ms(max_runtime_s), failed=failed)


def _declaration(experiment: Experiment, bars: Bars) -> Declaration | None:
    """Return the declaration of a task; None where its bars are too few, which the task itself will say."""
    try:
        return declaration_of(experiment, bars, DeclarationKind.STARTED)
    except InsufficientDataError:
        return None


def _bars_of(
    reporter: Reporter, store: BarStore, market: Market, request: TrainingRequest, collector: BarCollector | None
) -> Bars:
    """Return the finished bars of a market, all of them: earlier bars warm the indicators."""
    trouble = None if collector is None else _fetch(collector, market, request)
    try:
        bars = finished(store.read_resampled(market))
    except InputError:
        raise trouble or _not_stored(store, market) from None
    note_volume(reporter, bars)
    if trouble is not None:
        reporter.note(f"{market}: only stored bars are used. {trouble}")
    return bars


def _not_stored(store: BarStore, market: Market) -> InputError:
    """Return the error of a market without bars: with what is stored of its symbol, if anything is."""
    stored = [h.market for h in store.markets()]
    frames = [str(m.timeframe) for m in stored if (m.exchange, m.symbol) == (market.exchange, market.symbol)]
    if not frames:
        return InputError(str(market), "is not stored", hint="assay data import, or without --offline")
    hint = f"Give --timeframe {frames[0]}" if len(frames) == 1 else "Give one of these to --timeframe"
    return InputError(str(market), f"is not stored; stored are {', '.join(frames)}", hint=hint)


def _fetch(collector: BarCollector, market: Market, request: TrainingRequest) -> AssayError | None:
    """Fetch what is missing of a market into the database; return why that was not possible."""
    try:
        collector.fetch_bars(market.symbol, market.exchange, market.timeframe, *request.span.wanted(now_ms()))
    except (ExchangeError, InputError) as error:
        return error
    return None


def run_job(reporter: Reporter, database: Database, url: str, job: str, *, workers: int, user: str) -> JobState:
    """Run a job with worker processes until nothing is left to do; every task that is done stays done.

    A worker that dies is replaced and its task begun again. A task that somebody else works on is waited for; it is
    begun again when its worker is silent for as long as a lease lasts. Interrupted, tasks are given back uncounted.
    """
    jobs, queue, reaper = JobStore(database), TaskQueue(database), Reaper(database)
    _refuse_earlier_procedure(jobs, job)
    _release_dead(jobs, job)
    state = jobs.state(job)
    foreign = SilentLeases(queue, job=job, on_new=said_of(reporter, partial(_held_by, jobs), now_ms))
    workers_of = Supervisor(database, url, workers=workers, job=job, options=("--user", user))
    restarts, reaped = 0, -REAP_S
    with reporter.progress("training", state.total, state.over) as advance:
        seen = state.over
        try:
            workers_of.start(min(workers, max(state.total - state.over, 1)))
            while True:
                state = jobs.state(job)
                seen = _show(state, seen, advance)
                died = workers_of.poll()
                if died and restarts < MAX_RESTARTS:
                    restarts += died
                    workers_of.start(died)
                if time.monotonic() - reaped > REAP_S or not workers_of.alive:
                    end_overdue(database, reaper, user=user)
                    reaped = time.monotonic()
                if not workers_of.alive:
                    # a task may be leased to a worker that another, killed command has left behind
                    _release_dead(jobs, job)
                    foreign.watch()
                    left = jobs.state(job)
                    if left.over >= left.total or not left.is_active or restarts >= MAX_RESTARTS:
                        break
                    if queue.claimable(job):
                        restarts += 1
                        workers_of.start(1)
                elif not state.is_active and _is_late(state):
                    break
                time.sleep(POLL_S)
        finally:
            workers_of.stop()
        state = jobs.state(job)
        _show(state, seen, advance)
    return state


def _refuse_earlier_procedure(jobs: JobStore, job: str, which: Container[str] = ACTIVE) -> None:
    for task in jobs.tasks(job):
        if task["status"] in which:
            TrainingTask.from_spec(task["spec"]).refuse_earlier_procedure()


def _is_late(state: JobState) -> bool:
    """Whether a job ended so long ago that its workers should have ended: a strategy may never come back."""
    return state.completed_ms is not None and now_ms() > state.completed_ms + STOP_MS


def _show(state: JobState, seen: int, advance: Advance) -> int:
    if state.over > seen:
        advance(state.over - seen)
    return state.over


def _release_dead(jobs: JobStore, job: str) -> None:
    """Give back what processes of this machine held that run no more."""
    queue, owners = TaskQueue(jobs.database), owners_of(jobs.tasks(job))
    known = WorkerStore(jobs.database).of(owners)
    queue.release([name for name, worker in known.items() if is_gone(worker)], job=job)
    queue.release([name for name in owners if name not in known and is_gone_of_before(name)], job=job)


def _held_by(jobs: JobStore, lease: Lease) -> str:
    """Describe whose a task is."""
    spec = jobs.tasks(lease.job)[lease.number]["spec"]
    known = WorkerStore(jobs.database).of([lease.owner]).get(lease.owner)
    owner = lease.owner if known is None else f"{known.host}:{known.process}"
    return f"{spec['exchange']} {spec['symbol']} {spec['timeframe']} {spec['strategy']} is being trained by {owner}"


def _tried(database: Database, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the ledger has by now of the days of each market, as a single training says it."""
    ledger = Ledger(database)
    days = {row["market"]: ledger.days_of(row["experiment_digest"]) for row in rows if row.get("experiment_digest")}
    known = {market: one for market, one in days.items() if one is not None}
    counted = ledger.tried_on(list(known.values()))
    return [{"market": market, **tried_facts(tried)} for market, tried in zip(known, counted, strict=True)]


def job_document(jobs: JobStore, state: JobState, left: Sequence[Left]) -> dict[str, Any]:
    """Return what became of every task, as plain values."""
    rows = [
        {
            "market": f"{t['spec']['exchange']} {t['spec']['symbol']} {t['spec']['timeframe']}",
            "strategy": t["spec"]["strategy"],
            "status": t["status"],
            "error": t["error_message"],
            **(t["result"] or {}),
        }
        for t in jobs.tasks(state.id)
    ]
    reasons = Registry(jobs.database).reasons([row["config_id"] for row in rows if row.get("config_id")])
    for row, q in zip(rows, q_values([row.get("p_value") for row in rows]), strict=True):
        row["q_value"] = q
        row["why_not_promoted"] = reasons.get(row.get("config_id", ""))
    return {
        "job": state.id,
        "status": state.status,
        "tasks": rows,
        "tried": _tried(jobs.database, rows),
        "left_out": [{"market": one.what, "reason": one.why} for one in left],
    }
