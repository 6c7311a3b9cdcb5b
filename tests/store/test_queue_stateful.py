"""The queue against a model of it: workers that die, stall and wake late, clocks that jump, answers that are lost."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from assay.errors import ConflictError
from assay.service.leases import GRACE_S, SilentLeases
from assay.store import Database, queue, queue_terms, schema
from assay.store.events import EventKind, append_log
from assay.store.jobs import JobStore, NewJob
from assay.store.queue import TaskQueue
from assay.store.queue_terms import ACTIVE, LEASE_MS, MAX_ATTEMPTS, of
from assay.store.reaping import Reaper
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assay.store.tasks import Task

T = TypeVar("T")
PENDING, RUNNING, COMPLETED, FAILED, CANCELLED = JobStatus
BEGIN_MS = 10**12
LIMIT_MS = 400_000
HOUR_MS = 3_600_000
TABLES = (schema.training_events, schema.training_tasks, schema.training_jobs)


class Unsure(Database):
    """A database whose server commits and is gone before it says so: the work is repeated then."""

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Commit, and again where the answer is lost."""
        result = super().write(work)
        if LOST.pop("answer", False):
            result = super().write(work)
        return result


LOST: dict[str, bool] = {}


@dataclass
class ModelTask:
    """What a task must be."""

    status: JobStatus = PENDING
    token: int = 0
    attempts: int = 0
    owner: str = ""
    until: int = 0
    renewed: float = 0.0
    result: dict[str, Any] | None = None

    def is_silent(self, now: int) -> bool:
        return self.status == RUNNING and self.until < now

    def is_free(self, now: int) -> bool:
        return self.status == PENDING or self.is_silent(now)


@dataclass
class ModelJob:
    """What a job must be; `said` is every state that it was ever in."""

    id: str
    priority: int
    limit: int | None
    tasks: list[ModelTask]
    status: JobStatus = PENDING
    stop_at: int | None = None
    is_stopped: bool = False
    said: list[JobStatus] = field(default_factory=lambda: [PENDING])
    newest: int = 0

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    def may_work(self, now: int) -> bool:
        return self.is_active and (self.stop_at is None or self.stop_at > now)

    def becomes(self, status: JobStatus) -> None:
        if status != self.status:
            self.said.append(status)
        self.status = status

    def number_of(self, status: JobStatus) -> int:
        return sum(task.status == status for task in self.tasks)

    def end_if_done(self) -> None:
        if self.is_active and not any(task.status in ACTIVE for task in self.tasks):
            self.becomes(COMPLETED if self.number_of(COMPLETED) else FAILED)


class QueueMachine(RuleBasedStateMachine):
    """Four places for workers, any number of starts in each, and whoever else writes about jobs."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.database.write(lambda c: [c.execute(sa.delete(table)) for table in TABLES])
        LOST.clear()
        self.now, self.mono = BEGIN_MS, 0.0
        self.queue, self.store = TaskQueue(self.database, self.clock), JobStore(self.database, self.clock)
        self.reaper = Reaper(self.database, self.clock)
        self.silent = SilentLeases(self.queue, lambda: self.mono)
        self.jobs: dict[str, ModelJob] = {}
        self.starts = [0, 0, 0, 0]
        self.dead: list[str] = []
        self.handed: list[tuple[str, Task]] = []
        self.written = 0

    def clock(self, _: sa.Connection) -> int:
        return self.now

    def name(self, place: int) -> str:
        return f"start {self.starts[place]} of {place}"

    def model(self, task: Task) -> tuple[ModelJob, ModelTask]:
        return self.jobs[task.job], self.jobs[task.job].tasks[task.number]

    def is_holder(self, task: Task) -> bool:
        _, model = self.model(task)
        return model.status == RUNNING and model.token == task.token

    # -- jobs ---------------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.jobs) < 4)
    @rule(priority=st.integers(0, 1), tasks=st.integers(1, 3), limit=st.sampled_from([None, None, LIMIT_MS]))
    def create(self, priority: int, tasks: int, limit: int | None) -> None:
        job = ModelJob(f"job {len(self.jobs)}", priority, limit, [ModelTask() for _ in range(tasks)])
        new = NewJob(
            id=job.id, config={}, digest="d", strategy="S", user="me", seed=1, created_ms=BEGIN_MS,
            priority=priority, max_runtime_ms=limit,
        )  # fmt: skip
        assert self.store.create(new, [{"number": n} for n in range(tasks)]) == job.id
        self.jobs[job.id] = job

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = self.jobs[data.draw(st.sampled_from(sorted(self.jobs)))]
        if not job.is_active:
            with pytest.raises(ConflictError):
                self.store.cancel(job.id)
            LOST.clear()
            return
        self.store.cancel(job.id)
        job.becomes(CANCELLED)
        job.stop_at = None
        for task in job.tasks:
            if task.status == PENDING:
                task.status = CANCELLED

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), failed=st.booleans(), limit=st.sampled_from([None, LIMIT_MS]))
    def reopen(self, data: st.DataObject, failed: bool, limit: int | None) -> None:
        job = self.jobs[data.draw(st.sampled_from(sorted(self.jobs)))]
        for task in job.tasks:
            if failed and task.status in (FAILED, CANCELLED):
                task.status, task.attempts = PENDING, 0
        left = sum(task.status in ACTIVE for task in job.tasks)
        assert self.store.reopen(job.id, max_runtime_ms=limit, failed=failed) == left
        if left:
            job.becomes(PENDING)
            job.is_stopped, job.stop_at, job.limit = False, None, limit

    # -- workers ------------------------------------------------------------------------------------------------------

    @rule(place=st.integers(0, 3))
    def claim(self, place: int) -> None:
        self._claim(self.name(place))

    @rule(place=st.integers(0, 3))
    def stall(self, place: int) -> None:
        """For longer than a lease, and another one asks for work meanwhile."""
        self._claim(self.name(place))
        self.wait(67.0)
        self._claim(self.name((place + 1) % 4))

    def _claim(self, owner: str) -> Task | None:
        held = [
            (job.id, number)
            for job in self.jobs.values()
            for number, task in enumerate(job.tasks)
            if job.may_work(self.now) and task.status == RUNNING and task.owner == owner
        ]
        task = self.queue.claim(owner)
        if held:
            assert task is not None
            assert (task.job, task.number) in held
            assert self.is_holder(task)
        else:
            self._taken(owner, task)
        if task is not None:
            self.handed.append((owner, task))
        return task

    def _taken(self, owner: str, task: Task | None) -> None:
        """The first task of the most urgent job that nobody holds, and none where there is none."""
        waiting = [
            (-job.priority, job.id, one.status != RUNNING, number)  # those that lost their worker before others
            for job in self.jobs.values()
            for number, one in enumerate(job.tasks)
            if job.may_work(self.now) and one.is_free(self.now) and one.attempts < MAX_ATTEMPTS
        ]
        assert (task is None) == (not waiting)
        if task is None:
            return
        _, first, _, number = min(waiting)
        assert (task.job, task.number) == (first, number)
        job, one = self.model(task)
        assert (task.token, task.attempts) == (one.token + 1, one.attempts + 1)
        one.status, one.owner, one.token, one.attempts = RUNNING, owner, task.token, task.attempts
        one.until, one.renewed = self.now + LEASE_MS, self.mono
        job.becomes(RUNNING)
        if job.stop_at is None and job.limit is not None:
            job.stop_at = self.now + job.limit

    def _lease(self, age: int) -> Task:
        """A lease that was given to somebody, however long ago: who wakes late tries to write under it."""
        return self.handed[max(len(self.handed) - 1 - age, 0)][1]

    leased = precondition(lambda self: self.handed)
    ages = st.integers(0, 4)

    @leased
    @rule(age=ages)
    def renew(self, age: int) -> None:
        task = self._lease(age)
        job, one = self.model(task)
        may = self.is_holder(task) and job.may_work(self.now)
        assert self.queue.goes_on(task) == may
        assert self.queue.renew(task) == may
        if may:
            one.until, one.renewed = self.now + LEASE_MS, self.mono

    @leased
    @rule(age=ages, done=st.integers(0, 9))
    def progress(self, age: int, done: int) -> None:
        task = self._lease(age)
        assert self.queue.progress(task, {"done": done}) == self.is_holder(task)

    @leased
    @rule(age=ages)
    def complete(self, age: int) -> None:
        self._complete(self._lease(age))

    def _complete(self, task: Task) -> None:
        job, one = self.model(task)
        self.written += 1
        result = {"net_profit": float(self.written), "config_id": f"C{self.written}"}
        was_ours = one.status == COMPLETED and one.token == task.token
        assert self.queue.complete(task, result, lambda c: mark(c, task)) == (self.is_holder(task) or was_ours)
        if self.is_holder(task):
            one.status, one.result = COMPLETED, result
            job.end_if_done()

    @leased
    @rule(age=ages)
    def fail(self, age: int) -> None:
        task = self._lease(age)
        job, one = self.model(task)
        was_ours = one.status == FAILED and one.token == task.token
        assert self.queue.fail(task, "no bars") == (self.is_holder(task) or was_ours)
        if self.is_holder(task):
            one.status = FAILED
            job.end_if_done()

    @leased
    @rule(age=ages)
    def expand(self, age: int) -> None:
        task = self._lease(age)
        job, one = self.model(task)
        if not self.is_holder(task) or len(job.tasks) > 4:
            return
        if not job.may_work(self.now):
            assert not self.queue.expand(task, [{}], {"bars": 5})
            return
        assert self.queue.expand(task, [{}], {"bars": 5})
        mark_result = {"bars": 5}
        one.status, one.result = COMPLETED, mark_result
        job.tasks.append(ModelTask())
        job.end_if_done()

    @leased
    @rule(age=ages)
    def leave(self, age: int) -> None:
        task = self._lease(age)
        job, one = self.model(task)
        is_lost = LOST.get("answer", False)
        assert self.queue.leave(task) == self.is_holder(task) or is_lost
        if self.is_holder(task):
            if job.status == CANCELLED and not job.is_stopped:
                one.status = CANCELLED
            else:
                one.status, one.attempts = PENDING, one.attempts - 1

    @rule(place=st.integers(0, 3))
    def die(self, place: int) -> None:
        """Without a word. Whoever is started in its place is another one."""
        self.dead.append(self.name(place))
        self.starts[place] += 1

    @precondition(lambda self: self.dead)
    @rule(interrupted=st.booleans())
    def release_dead(self, interrupted: bool) -> None:
        """A supervisor has seen how they ended."""
        free = self.queue.give_back if interrupted else self.queue.release
        free(self.dead)
        for job in self.jobs.values():
            for task in job.tasks:
                if task.status == RUNNING and task.owner in self.dead:
                    task.status = PENDING
                    task.attempts -= interrupted
        self.dead = []

    # -- time ---------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.3, 7.0, 29.0, 67.0, 600.0]))
    def wait(self, seconds: float) -> None:
        self.now += round(1000 * seconds)
        self.mono += seconds

    @rule(by=st.sampled_from([-2 * HOUR_MS - 7, -61_011, -1_003, 1_009, 61_013, HOUR_MS + 17]))
    def jump(self, by: int) -> None:
        """The clock that all share is set."""
        self.now += by

    @precondition(lambda _: not LOST)
    @rule()
    def lose_an_answer(self) -> None:
        LOST["answer"] = True

    # -- whoever looks after what nobody does -------------------------------------------------------------------------

    @rule()
    def reap(self) -> None:
        before = [
            (job, job.is_active, [task.is_free(self.now) for task in job.tasks], job.stop_at)
            for job in self.jobs.values()
        ]
        stopped = self.reaper.reap()
        late = set()
        for job, was_active, frees, stop_at in before:
            if was_active:
                for task, free in zip(job.tasks, frees, strict=True):
                    if free and task.attempts >= MAX_ATTEMPTS:
                        task.status = FAILED
                        job.end_if_done()
                if job.is_active and stop_at is not None and stop_at <= self.now:
                    late.add(job.id)
                    job.is_stopped = True
                    job.becomes(CANCELLED)
            else:
                self._cleared(job)
        assert set(stopped) == late

    def _cleared(self, job: ModelJob) -> None:
        for task in job.tasks:
            if job.status == CANCELLED and not job.is_stopped:
                task.status = CANCELLED if task.is_free(self.now) else task.status
            elif task.is_silent(self.now):
                task.status = PENDING

    @rule()
    def watch(self) -> None:
        """Nobody loses a lease that was renewed in time, whatever the clock says."""
        self.silent.watch()
        for lease in {
            (j, n) for j, job in self.jobs.items() for n, one in enumerate(job.tasks) if one.status == RUNNING
        }:
            job, number = lease
            if self.store.tasks(job)[number]["status"] == PENDING:
                one = self.jobs[job].tasks[number]
                assert self.mono - one.renewed > LEASE_MS / 1000
                one.status = PENDING

    # -- what holds at any time ---------------------------------------------------------------------------------------

    @invariant()
    def everything_is_as_it_must_be(self) -> None:
        def look(c: sa.Connection) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
            t, e = schema.training_tasks.c, schema.training_events.c
            jobs = c.execute(sa.select(schema.training_jobs)).all()
            tasks = c.execute(sa.select(schema.training_tasks).order_by(t.job_id, t.number)).all()
            return jobs, tasks, c.execute(sa.select(schema.training_events).order_by(e.id)).all()

        jobs, tasks, events = self.database.read(look)
        found = {
            (t.job_id, t.number): (t.status, t.lease_token, t.attempts, t.result if t.status == COMPLETED else None)
            for t in tasks
        }
        assert found == {
            (job.id, n): (t.status, t.token, t.attempts, t.result if t.status == COMPLETED else None)
            for job in self.jobs.values()
            for n, t in enumerate(job.tasks)
        }
        for row in jobs:
            self._check_job(row, [event for event in events if event.job_id == row.id])

    def _check_job(self, row: Any, events: list[Any]) -> None:
        job = self.jobs[row.id]
        profits = [t.result["net_profit"] for t in job.tasks if t.result is not None and "net_profit" in t.result]
        assert (row.status, row.stop_at) == (job.status, job.stop_at)
        assert row.completed_combinations == job.number_of(COMPLETED)
        assert row.failed_combinations == job.number_of(FAILED)
        assert row.total_combinations == len(job.tasks)
        assert (row.configurations_created, row.best_net_profit) == (len(profits), max(profits, default=None))
        if not any(task.status in ACTIVE for task in job.tasks):
            assert not job.is_active
        assert [e.body["status"] for e in events if e.kind == EventKind.STATE] == job.said
        assert events[-1].id >= job.newest
        job.newest = events[-1].id
        effects = sorted(e.task for e in events if e.body.get("message") == "effect")
        done = [n for n, t in enumerate(job.tasks) if t.status == COMPLETED and t.result and "net_profit" in t.result]
        assert effects == done

    def teardown(self) -> None:
        """With one worker, and time that passes, everything ends."""
        if sys.exc_info()[0] is not None:
            return  # something was found
        LOST.clear()
        for _ in range(2 + MAX_ATTEMPTS):
            self.wait(LEASE_MS / 1000 + GRACE_S + 1)
            self.reap()
            self.watch()
            while (task := self._claim("the last")) is not None:
                self._complete(task)
        self.everything_is_as_it_must_be()
        for job in self.jobs.values():
            assert not job.is_active
            assert all(task.status not in ACTIVE or (job.is_stopped and task.status == PENDING) for task in job.tasks)


def mark(c: sa.Connection, task: Task) -> None:
    """Write an effect of a task."""
    append_log(c, task.job, 0, "effect", task=task.number)


def run(on: Database, examples: int, steps: int, **more: Any) -> None:
    machine = type("Machine", (QueueMachine,), {"database": Unsure(on.engine, on.name)})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=checks,
            **more,
        ),
    )


def test_the_queue_does_what_its_model_says(database: Database) -> None:
    run(database, *((40, 35) if database.is_sqlite else (8, 30)))


def any_token(task: Task) -> list[sa.ColumnElement[bool]]:
    return [*of(task), schema.training_tasks.c.status == RUNNING]


def any_state(task: Task) -> list[sa.ColumnElement[bool]]:
    return [*of(task), schema.training_tasks.c.lease_token == task.token]


def any_lease(_: int) -> sa.ColumnElement[bool]:
    t = schema.training_tasks.c
    return sa.and_(t.status.in_(ACTIVE), t.attempts < MAX_ATTEMPTS)


def same_token(queue: TaskQueue, c: sa.Connection, *args: Any) -> Task | None:
    """Hand a task out under the token that it had before."""
    task = CLAIM_OF(queue, c, *args)
    if task is None:
        return None
    c.execute(sa.update(schema.training_tasks).where(*of(task)).values(lease_token=max(task.token - 1, 1)))
    return replace(task, token=max(task.token - 1, 1))


CLAIM_OF = TaskQueue._claim_of
MUTANTS: dict[str, list[tuple[Any, str, Any]]] = {
    "whoever writes is believed to hold the lease": [(queue, "under", any_token)],
    "what is over is written again": [(queue, "under", any_state)],
    "what is leased is handed out": [
        (queue, "TAKEABLE", (any_lease,)),
        (queue_terms, "TAKEABLE", (any_lease,)),
    ],
    "a lease has the token of the one before": [(TaskQueue, "_claim_of", same_token)],
    "a job does not end with its last task": [(queue, "end_if_done", lambda *_: None)],
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_model_finds_what_is_wrong(
    mutant: str, tmp_path: Path, sqlite_template: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "assay.db").write_bytes(sqlite_template)
    for place, name, wrong in MUTANTS[mutant]:
        monkeypatch.setattr(place, name, wrong)
    with pytest.raises(AssertionError):
        run(Database.open(tmp_path / "assay.db"), 50, 35, derandomize=True, database=None, phases=[Phase.generate])
