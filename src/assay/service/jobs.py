"""Training many markets and strategies at once: a job in the database and a worker process per core."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.errors import ConflictError
from assay.service.campaign import end_overdue, withdraw_unbegun
from assay.service.leases import SilentLeases, release_gone, said_of
from assay.service.ledger import tried_facts
from assay.service.runtimes import runtime_ms
from assay.service.supervisor import Supervisor
from assay.service.tasks import PrepareTask, TrainingTask, trainings_of
from assay.store import Registry
from assay.store.database import now_ms
from assay.store.jobs import JobStore
from assay.store.ledger import Ledger
from assay.store.queue import TaskQueue
from assay.store.queue_terms import ACTIVE
from assay.store.reaping import Reaper
from assay.store.schema import JobStatus
from assay.store.workers import WorkerStore
from assay.validation.false_discovery import q_values

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from assay.service.reporter import Advance, Reporter
    from assay.store import Database
    from assay.store.jobs import JobState
    from assay.store.tasks import Lease

POLL_S = 0.2
REAP_S = 2.0
MAX_RESTARTS = 20
"""Workers that are started anew in place of dead ones, at most."""

STOP_MS = 60_000
"""After the longest run time a worker has so long to end by itself: a strategy may never come back."""


def cancel_job(database: Database, job: str, *, user: str) -> None:
    """End a job: what is done stays, what runs is stopped by its worker, and what was never begun is no try.

    Raises
    ------
    NotFoundError
        When there is no such job.
    ConflictError
        When it is over.
    """
    JobStore(database).cancel(job)
    withdraw_unbegun(database, job, user=user)


def terms_of(state: JobState) -> dict[str, Any]:
    """Return the terms of a job, for another one that repeats it with changes.

    Raises
    ------
    ConflictError
        When it was made by the command line, which keeps none.
    """
    terms: dict[str, Any] | None = state.config.get("request")
    if terms is None:
        rule = "was made by the command line: start a new training with all its terms"
        raise ConflictError("job", rule, state.id)
    return terms


def take_up(database: Database, job: str, *, max_runtime_s: float | None = None, failed: bool = True) -> int:
    """Let a job go on that is over, under a new limit; return how many of its tasks wait now.

    Parameters
    ----------
    failed : bool
        Whether tasks that failed or were cancelled are begun again, and not only those that were left.

    Raises
    ------
    ConflictError
        When it is not over: its limit is not to be lost, nor its tasks begun while they run.
    GateError
        When it was made by an earlier procedure.
    """
    jobs = JobStore(database)
    if (state := jobs.state(job)).is_active:
        raise ConflictError(
            "job", f"is not over yet: it is {state.status}", job, "Wait for its end, or cancel it first"
        )
    _refuse_earlier_procedure(jobs, job, (*ACTIVE, JobStatus.FAILED, JobStatus.CANCELLED) if failed else ACTIVE)
    return jobs.reopen(job, max_runtime_ms=runtime_ms(max_runtime_s), failed=failed)


@dataclass(frozen=True)
class LocalExecutor:
    """Runs a job with processes of this machine.

    Attributes
    ----------
    url : str
        Address of the database.
    workers : int
    """

    url: str
    workers: int

    def run(self, reporter: Reporter, database: Database, job: str, *, user: str) -> JobState:
        """Run what is left of a job."""
        return run_job(reporter, database, self.url, job, workers=self.workers, user=user)


def run_job(reporter: Reporter, database: Database, url: str, job: str, *, workers: int, user: str) -> JobState:
    """Run a job with worker processes until nothing is left to do; every task that is done stays done.

    A worker that dies is replaced and its task begun again. A task that somebody else works on is waited for; it is
    begun again when its worker is silent for as long as a lease lasts. Interrupted, tasks are given back uncounted.
    """
    jobs, queue, reaper = JobStore(database), TaskQueue(database), Reaper(database)
    _refuse_earlier_procedure(jobs, job)
    release_gone(queue, job=job)
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
                    release_gone(queue, job=job)
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
    for task in trainings_of(jobs.tasks(job)):
        if task["status"] in which:
            TrainingTask.from_spec(task["spec"]).refuse_earlier_procedure()


def _is_late(state: JobState) -> bool:
    """Whether a job ended so long ago that its workers should have ended: a strategy may never come back."""
    return state.completed_ms is not None and now_ms() > state.completed_ms + STOP_MS


def _show(state: JobState, seen: int, advance: Advance) -> int:
    if state.over > seen:
        advance(state.over - seen)
    return state.over


def _held_by(jobs: JobStore, lease: Lease) -> str:
    """Describe whose a task is."""
    spec = jobs.tasks(lease.job)[lease.number]["spec"]
    what = "the making of its trainings" if PrepareTask.is_one(spec) else TrainingTask.from_spec(spec).title
    known = WorkerStore(jobs.database).of([lease.owner]).get(lease.owner)
    owner = lease.owner if known is None else f"{known.host}:{known.process}"
    return f"{what} is being worked on by {owner}"


def _tried(database: Database, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the ledger has by now of the days of each market, as a single training says it."""
    ledger = Ledger(database)
    days = {row["market"]: ledger.days_of(row["experiment_digest"]) for row in rows if row.get("experiment_digest")}
    known = {market: one for market, one in days.items() if one is not None}
    counted = ledger.tried_on(list(known.values()))
    return [{"market": market, **tried_facts(tried)} for market, tried in zip(known, counted, strict=True)]


def left_out(state: JobState, tasks: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the markets that a job leaves out, each with the reason."""
    made = [one for t in tasks if PrepareTask.is_one(t["spec"]) for one in (t["result"] or {}).get("left", [])]
    return [{"market": one["what"], "reason": one["why"]} for one in [*state.config.get("left", []), *made]]


def job_document(jobs: JobStore, state: JobState) -> dict[str, Any]:
    """Return what became of every training, as plain values."""
    tasks = jobs.tasks(state.id)
    rows = [
        {
            "market": TrainingTask.from_spec(t["spec"]).market_title,
            "strategy": t["spec"]["strategy"],
            "status": t["status"],
            "error": t["error_message"],
            **(t["result"] or {}),
        }
        for t in trainings_of(tasks)
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
        "left_out": left_out(state, tasks),
    }
