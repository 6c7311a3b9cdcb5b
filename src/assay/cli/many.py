"""`assay train` over many markets and strategies at once: a job in the database and a worker process per core."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assay.errors import AssayError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from assay.cli.output import Advance, Output
    from assay.market import Bars, Market
    from assay.store import BarStore, Database
    from assay.store.jobs import JobState, JobStore
    from assay.strategies import Strategy
    from assay.training import Experiment

POLL_S = 0.2
MAX_RESTARTS = 20
"""Workers that are started anew in place of dead ones, at most."""


@dataclass(frozen=True)
class Left:
    """A market or task that could not be trained."""

    what: str
    why: str


def names(text: str | None, option: str) -> list[str]:
    """Return the parts of a list such as ``BTC/USDT,ETH/USDT``, each once."""
    parts = [part.strip() for part in (text or "").split(",")]
    if not all(parts):
        raise InputError(option, "must name one or more, separated by commas", text)
    return list(dict.fromkeys(parts))


def make_job(
    output: Output,
    database: Database,
    markets: Sequence[Market],
    strategies: Sequence[tuple[str, Strategy]],
    experiment: Callable[[Strategy, Bars], Experiment],
    bars_of: Callable[[BarStore, Market], Bars],
    *,
    seed: int,
    user: str,
    now_ms: int,
    stop_ms: int | None,
) -> tuple[str, list[Left]]:
    """Write a job with a task per market and strategy; return its id and the markets that are left out."""
    import hashlib  # noqa: PLC0415  (commands import when they run)
    import json  # noqa: PLC0415
    from dataclasses import asdict  # noqa: PLC0415

    from assay.service.tasks import task_of  # noqa: PLC0415
    from assay.store import BarStore  # noqa: PLC0415
    from assay.store.jobs import JobStore  # noqa: PLC0415

    store, specs, left = BarStore(database), [], []
    for market in markets:
        try:
            bars = bars_of(store, market)
            for name, strategy in strategies:
                specs.append(asdict(task_of(experiment(strategy, bars), bars, name)))
        except AssayError as error:
            left.append(Left(str(market), str(error)))
            output.note(f"{market}: {error}")
    if not specs:
        raise InputError("--symbol", "none of the markets can be trained", hint=left[0].why if left else "")
    digest = hashlib.sha256(json.dumps(specs, sort_keys=True).encode()).hexdigest()
    job = str(uuid4())
    JobStore(database).create(
        job, specs, config={"stop_ms": stop_ms, "left": [asdict(one) for one in left]}, digest=digest,
        strategy=",".join(name for name, _ in strategies), user=user, seed=seed, at_ms=now_ms,
    )  # fmt: skip
    return job, left


def run_job(output: Output, database: Database, url: str, job: str, *, workers: int, user: str) -> JobState:
    """Run a job with worker processes until nothing is left to do; every task that is done stays done.

    A worker that dies is replaced and its task begun again.
    """
    from assay.service.worker import is_gone, owner_name  # noqa: PLC0415  (commands import when they run)
    from assay.store.database import now_ms  # noqa: PLC0415
    from assay.store.jobs import JobStore  # noqa: PLC0415

    jobs = JobStore(database)
    state = jobs.state(job)
    _release_dead(jobs, job, is_gone)
    restarts = 0
    with _processes() as running, output.progress("training", state.total, state.over) as advance:
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
                # a task may be held by a worker that another, killed command has left behind
                _release_dead(jobs, job, is_gone)
                left = jobs.state(job)
                if left.over >= left.total or _is_over(left, now_ms()) or restarts >= MAX_RESTARTS:
                    break
                if left.counts.get("pending"):
                    restarts += 1
                    running.append(_start(url, job, user))
            time.sleep(POLL_S)
        state = jobs.state(job)
        _show(state, seen, advance)
    if state.over < state.total and _is_over(state, now_ms()):
        jobs.cancel(job, now_ms())
        state = jobs.state(job)
    return state


def _is_over(state: JobState, now_ms: int) -> bool:
    """Whether the job's longest run time is over."""
    stop = state.config.get("stop_ms")
    return stop is not None and now_ms >= int(stop)


def _show(state: JobState, seen: int, advance: Advance) -> int:
    if state.over > seen:
        advance(state.over - seen)
    return state.over


def _release_dead(jobs: JobStore, job: str, is_gone: Callable[[str], bool]) -> None:
    owners = {t["lease_owner"] for t in jobs.tasks(job) if t["status"] == "running" and t["lease_owner"]}
    jobs.release(job, [owner for owner in owners if is_gone(owner)])


def _start(url: str, job: str, user: str) -> subprocess.Popen[bytes]:
    """Start a worker: one thread each, and the address not among its arguments, where others could read a password."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return subprocess.Popen(  # noqa: S603  (the program's own command)
        [
            sys.executable,
            "-m",
            "assay",
            "worker",
            "--job",
            job,
            "--parent",
            str(os.getpid()),
            "--user",
            user,
            "--quiet",
        ],
        env={**os.environ, **one, "ASSAY_DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def _processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that do not outlive the command."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


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
    return {
        "job": state.id,
        "status": state.status,
        "tasks": rows,
        "left_out": [{"market": one.what, "reason": one.why} for one in left],
    }
