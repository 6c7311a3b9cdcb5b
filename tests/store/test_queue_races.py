"""Workers, supervisors and readers at the same moment: nothing is lost, doubled, out of order, or refused."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from assay.errors import ConflictError
from assay.store import Database, queue, schema
from assay.store.events import EventStore, append_log, lock_job
from assay.store.jobs import JobStore, NewJob
from assay.store.queue import TaskQueue
from assay.store.reaping import Reaper
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.store.tasks import Task

ACTIVE = ("pending", "running")


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Database]:
    opened = Database.open(postgresql_url)
    yield opened
    opened.close()


def make(database: Database, job: str, tasks: int) -> None:
    new = NewJob(id=job, config={}, digest="d", strategy="S", user="me", seed=1, created_ms=1)
    JobStore(database).create(new, [{"number": n} for n in range(tasks)])


class Reader(threading.Thread):
    """Follows the events of a job as a client does: it asks for what is newer than the last that it has."""

    def __init__(self, database: Database, job: str) -> None:
        super().__init__()
        self.events, self.job = EventStore(database), job
        self.ids: list[int] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            self.read()
        self.read()

    def read(self) -> None:
        self.ids += [event.id for event in self.events.after(self.job, self.ids[-1] if self.ids else 0)]

    def has_all(self) -> bool:
        self.over.set()
        self.join()
        return self.ids == [event.id for event in self.events.after(self.job, 0, limit=100_000)]


def effect(task: Task, *, locks: bool = True) -> Callable[[sa.Connection], None]:
    def write(c: sa.Connection) -> None:
        if locks:
            lock_job(c, task.job)  # as everybody does who writes an event
        append_log(c, task.job, 0, "effect", task=task.number)

    return write


def test_eight_workers_end_a_job_and_a_reader_misses_nothing(postgresql: Database) -> None:
    make(postgresql, "job", 64)
    tasks = TaskQueue(postgresql)
    reader = Reader(postgresql, "job")
    reader.start()

    def work(name: str) -> list[int]:
        done = []
        while (task := tasks.claim(name)) is not None:
            assert tasks.progress(task, {"stage": "search"})
            assert tasks.complete(task, {"net_profit": float(task.number), "config_id": "C"}, effect(task))
            done.append(task.number)
        return done

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, [f"worker {n}" for n in range(8)]))
    assert sorted(chain.from_iterable(done)) == list(range(64))
    state = JobStore(postgresql).state("job")
    assert (state.status, state.counts, state.best_net_profit) == ("completed", {"completed": 64}, 63.0)
    assert state.configurations == 64
    assert reader.has_all()


@pytest.mark.parametrize("is_locked", [True, False])
def test_the_last_two_tasks_end_at_the_same_moment(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch, is_locked: bool
) -> None:
    """Without the lock of the job the reader would miss the event that was written first and committed last."""
    if not is_locked:
        monkeypatch.setattr(queue, "lock_job", lambda *_: True)
    make(postgresql, "job", 2)
    tasks = TaskQueue(postgresql)
    one, two = tasks.claim("one"), tasks.claim("two")
    assert one is not None
    assert two is not None
    written, other = threading.Event(), threading.Event()

    def slow(c: sa.Connection) -> None:
        effect(one, locks=is_locked)(c)
        written.set()
        other.wait(0.5)

    reader = Reader(postgresql, "job")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(tasks.complete, one, {}, slow)
        assert written.wait(10)
        second = pool.submit(tasks.complete, two, {}, effect(two, locks=is_locked))
        if not is_locked:
            second.result()
        reader.read()
        other.set()
        assert first.result()
        assert second.result()
    reader.start()
    state = JobStore(postgresql).state("job")
    assert (state.status, state.counts) == ("completed", {"completed": 2})
    assert reader.has_all() == is_locked


def test_two_tasks_become_others_at_the_same_moment(postgresql: Database) -> None:
    """Each waits for the other before the new tasks are given their numbers."""
    make(postgresql, "job", 2)
    tasks = TaskQueue(postgresql)
    both = [tasks.claim("one"), tasks.claim("two")]
    with ThreadPoolExecutor(2) as pool:

        def begin(c: sa.Connection) -> list[Future[bool]]:
            lock_job(c, "job")
            found = [pool.submit(tasks.expand, task, [{}, {}], {}) for task in both if task is not None]
            time.sleep(0.3)  # by now both wait
            return found

        assert all(done.result() for done in postgresql.write(begin))
    state = JobStore(postgresql).state("job")
    assert state.counts == {"completed": 2, "pending": 4}


def test_cancel_complete_and_claim_at_the_same_moment(postgresql: Database) -> None:
    tasks, jobs = TaskQueue(postgresql), JobStore(postgresql)
    for number in range(12):
        job = f"job {number}"
        make(postgresql, job, 3)
        task = tasks.claim_task(job, 0, "one")
        assert task is not None
        begin = threading.Barrier(3)

        def at_once(work: Callable[[], object], begin: threading.Barrier = begin) -> object:
            begin.wait(10)
            return work()

        with ThreadPoolExecutor(3) as pool:
            done = pool.submit(at_once, lambda task=task: tasks.complete(task, {}, effect(task)))  # type: ignore[misc]
            taken = pool.submit(at_once, lambda job=job: tasks.claim("two", job=job))  # type: ignore[misc]
            ended = pool.submit(at_once, lambda job=job: jobs.cancel(job))  # type: ignore[misc]
        ended.result()
        assert done.result()
        state = jobs.state(job)
        running = 1 if taken.result() else 0
        assert state.status == "cancelled"
        assert state.counts == {"completed": 1, "cancelled": 2 - running} | ({"running": 1} if running else {})
        assert tasks.claim("three", job=job) is None


def test_everybody_writes_at_once(database: Database) -> None:
    """Deadlocks, too, are the database's and not the caller's; what is counted is what is there."""
    names = [f"job {n}" for n in range(3)]
    for name in names:
        make(database, name, 4)
    tasks, jobs, reaper, events = TaskQueue(database), JobStore(database), Reaper(database), EventStore(database)
    readers = [Reader(database, name) for name in names]

    def write(number: int) -> None:
        rng, owner = random.Random(number), f"worker {number}"
        for _ in range(20):
            what, job = rng.random(), rng.choice(names)
            if what < 0.08:
                with suppress(ConflictError):
                    jobs.cancel(job)
            elif what < 0.2:
                jobs.reopen(job)
            elif what < 0.25:
                reaper.reap()
            elif what < 0.3:
                tasks.release([f"worker {n}" for n in range(8)], "was ended by signal 9")
            elif what < 0.35:
                events.log(job, "a line")
            elif (task := tasks.claim(owner)) is not None:
                tasks.progress(task, {"done": 1})
                end = rng.choice((
                    lambda task: tasks.complete(task, {"config_id": "C"}, effect(task)),
                    lambda task: tasks.fail(task, "no bars"), tasks.leave, tasks.renew,
                ))  # fmt: skip
                end(task)

    for reader in readers:
        reader.start()
    with ThreadPoolExecutor(8) as pool:
        for outcome in [pool.submit(write, number) for number in range(8)]:
            outcome.result()
    assert all(reader.has_all() for reader in readers)
    for state in jobs.states(names):
        row = database.read(
            lambda c, job=state.id: c.execute(  # type: ignore[misc]
                sa.select(schema.training_jobs).where(schema.training_jobs.c.id == job)
            ).one()
        )
        completed = state.counts.get(JobStatus.COMPLETED, 0)
        assert (row.completed_combinations, row.configurations_created) == (completed, completed)
        assert row.failed_combinations == state.counts.get(JobStatus.FAILED, 0)
        effects = [e.task for e in events.after(state.id, 0, limit=10_000) if e.body.get("message") == "effect"]
        assert len(effects) == len(set(effects)) == completed
        if not any(state.counts.get(JobStatus(status)) for status in ACTIVE):
            assert not state.is_active
