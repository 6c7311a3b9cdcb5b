"""Training many markets and strategies at once: a job in the database and a worker process per core."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assay.errors import AssayError, ExchangeError, InputError, InsufficientDataError
from assay.service.campaign import begin_job, withdraw_unbegun
from assay.service.kernels import compile_kernels
from assay.service.leases import ForeignLeases
from assay.service.ledger import declaration_of, tried_facts
from assay.service.processes import module_path, python_command
from assay.service.spans import finished, note_volume
from assay.service.tasks import TrainingTask
from assay.service.worker import is_gone, owner_name
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, Registry
from assay.store.database import now_ms
from assay.store.jobs import JobStore
from assay.store.ledger import Ledger
from assay.store.schema import DeclarationKind, JobStatus
from assay.validation.false_discovery import q_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.market import Bars, Market
    from assay.service.collector import BarCollector
    from assay.service.reporter import Advance, Reporter
    from assay.service.request import TrainingRequest
    from assay.store import Database
    from assay.store.campaigns import Declaration
    from assay.store.jobs import JobState
    from assay.training import Experiment

POLL_S = 0.2
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
) -> tuple[str, list[Left]]:
    """Write a job with a task per market and request, after missing bars are fetched and kernels compiled.

    Parameters
    ----------
    requests : sequence of TrainingRequest
        One per strategy, on the same days.
    collector : BarCollector, optional
        Fetches bars that are missing; only stored bars are used where not given.
    max_runtime_s : float, optional
        The job ends then, and what is done stays.

    Returns
    -------
    str
        Id of the job.
    list of Left
        Markets that are left out, each with the reason.
    """
    if max_runtime_s is not None and not 0 <= max_runtime_s <= MAX_RUNTIME_S:
        raise InputError("--max-runtime", f"must be from 0 to {MAX_RUNTIME_S:,} seconds", max_runtime_s)
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
    job, now = str(uuid4()), now_ms()
    stop_ms = None if max_runtime_s is None else now + round(1000 * max_runtime_s)
    JobStore(database).create(
        job,
        specs,
        config={"stop_ms": stop_ms, "left": [asdict(one) for one in left]},
        digest=digest,
        strategy=",".join(request.strategy for request in requests),
        user=user,
        seed=requests[0].search.seed,
        at_ms=now,
    )
    return job, left


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
    jobs = JobStore(database)
    state = jobs.state(job)
    _refuse_earlier_procedure(jobs, job)
    _release_dead(jobs, job)
    restarts, foreign = 0, ForeignLeases(jobs, job, reporter)
    with _processes(jobs, job) as running, reporter.progress("training", state.total, state.over) as advance:
        running += [_start(url, job, user) for _ in range(min(workers, max(state.total - state.over, 1)))]
        seen = state.over
        while True:
            seen = _show(jobs.state(job), seen, advance)
            ended = [p for p in running if p.poll() is not None]
            for process in ended:
                running.remove(process)
                jobs.release(job, [owner_name(process.pid)])
                if process.returncode and restarts < MAX_RESTARTS:
                    restarts += 1
                    running.append(_start(url, job, user))
            if not running:
                # a task may be leased to a worker that another, killed command has left behind
                _release_dead(jobs, job)
                foreign.watch()
                left = jobs.state(job)
                if left.over >= left.total or _is_over(left, now_ms()) or restarts >= MAX_RESTARTS:
                    break
                if jobs.claimable(job, now_ms()):
                    restarts += 1
                    running.append(_start(url, job, user))
            if _is_over(state, now_ms() - STOP_MS):
                break
            time.sleep(POLL_S)
        state = jobs.state(job)
        _show(state, seen, advance)
    if state.over < state.total and _is_over(state, now_ms()):
        jobs.cancel(job, now_ms())
        withdraw_unbegun(database, job, user=user)
        state = jobs.state(job)
    return state


def _refuse_earlier_procedure(jobs: JobStore, job: str) -> None:
    for task in jobs.tasks(job):
        if task["status"] in (JobStatus.PENDING, JobStatus.RUNNING):
            TrainingTask.from_spec(task["spec"]).refuse_earlier_procedure()


def _is_over(state: JobState, now_ms: int) -> bool:
    """Whether the job's longest run time is over."""
    stop = state.config.get("stop_ms")
    return stop is not None and now_ms >= int(stop)


def _show(state: JobState, seen: int, advance: Advance) -> int:
    if state.over > seen:
        advance(state.over - seen)
    return state.over


def _release_dead(jobs: JobStore, job: str) -> None:
    owners = {t["lease_owner"] for t in jobs.tasks(job) if t["status"] == JobStatus.RUNNING and t["lease_owner"]}
    jobs.release(job, [owner for owner in owners if is_gone(owner)])


def _start(url: str, job: str, user: str) -> subprocess.Popen[bytes]:
    """Start a worker: one thread each, and the address not among its arguments, where others could read a password."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    options = ("--job", job, "--parent", str(os.getpid()), "--user", user, "--quiet")
    return subprocess.Popen(  # noqa: S603  (the program's own command)
        python_command("assay", "worker", *options),
        env={**os.environ, **one, "ASSAY_DATABASE_URL": url, "PYTHONPATH": module_path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def _processes(jobs: JobStore, job: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that do not outlive the command, and whose tasks are given back."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        yield running
    finally:
        _end(running)
        jobs.give_back(job, [owner_name(process.pid) for process in running])


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes, by force where they do not end by themselves."""
    try:
        for process in running:
            process.terminate()
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
    finally:  # a second Ctrl-C does not wait
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()


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
