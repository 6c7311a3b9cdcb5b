"""What went wrong in other queues, each under the name of its report, and what this one does in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from assay.service.housekeeping import Housekeeper
from assay.service.identity import host_name, is_gone
from assay.service.worker import Worker
from assay.store import Database, schema
from assay.store.events import EventStore, append_log
from assay.store.jobs import JobStore, NewJob
from assay.store.queue import TaskQueue
from assay.store.queue_terms import JOBS_AT_ONCE, LEASE_MS, MAX_ATTEMPTS
from assay.store.workers import FORGOTTEN_MS, WorkerRow, WorkerStore
from store.servers import kill_server, restart_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from assay.store.tasks import Task

NEW = NewJob(id="job", config={}, digest="d", strategy="S", user="me", seed=1, created_ms=10)

RUNNER = """
import os, sys, time
from assay.store import Database, queue
from assay.store.events import append_log
from assay.store.workers import WorkerRow, WorkerStore
from assay.service.identity import host_name

url, name, lease, waits = sys.argv[1:]
queue.LEASE_MS = int(lease)
database = Database.open(url, upgrade=False)
tasks = queue.TaskQueue(database)
WorkerStore(database).announce(WorkerRow(id=name, host=host_name(), process=os.getpid(), version="1"))
print("ready", flush=True)
sys.stdin.readline()
while (task := tasks.claim(name)) is not None:
    print("runs", task.number, flush=True)
    if waits == "waits":
        sys.stdin.readline()
    else:
        time.sleep(0.002)  # a file is given to whoever asks first, and who has just written does
    written = tasks.complete(task, {"by": name}, lambda c: append_log(c, task.job, 0, "effect", task=task.number))
    print("wrote" if written else "refused", task.number, flush=True)
"""


class Runner:
    """A process that runs tasks: it says what it runs, and what it wrote."""

    def __init__(self, url: str, name: str, *, lease_ms: int = LEASE_MS, waits: bool = False) -> None:
        command = [sys.executable, "-c", RUNNER, url, name, str(lease_ms), "waits" if waits else "goes on"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def goes_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ends(self) -> list[str]:
        said, _ = self.process.communicate("\n" * 10, timeout=60)
        return said.splitlines()


@pytest.fixture
def runner(database_url: str) -> Iterator[Callable[..., Runner]]:
    """Start runners on the database of the test; those that are left are ended with it."""
    started: list[Runner] = []

    def start(name: str, **more: Any) -> Runner:
        started.append(Runner(database_url, name, **more))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


class Clock:
    now = 1_000

    def __call__(self, _: sa.Connection) -> int:
        return self.now


def make(database: Database, tasks: int, job: str = "job", **more: Any) -> None:
    JobStore(database).create(replace(NEW, id=job, **more), [{} for _ in range(tasks)])


def effects(database: Database, job: str = "job") -> list[int]:
    events = EventStore(database).after(job, 0, limit=10_000)
    return sorted(event.task or 0 for event in events if event.body.get("message") == "effect")


def effect(task: Task) -> Callable[[sa.Connection], None]:
    return lambda c: append_log(c, task.job, 0, "effect", task=task.number)


def some(task: Task | None) -> Task:
    assert task is not None
    return task


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_runners_execute_one_job_on_sqlite(database: Database, runner: Callable[..., Runner]) -> None:
    """DBOS 541: two processes that take work from one SQLite file run some of it twice."""
    make(database, 120)
    both = [runner("one"), runner("two")]
    assert [one.says() for one in both] == ["ready", "ready"]
    for one in both:
        one.goes_on()
    ran = [[int(line.split()[1]) for line in one.ends() if line.startswith("runs")] for one in both]
    assert sorted(ran[0] + ran[1]) == list(range(120)) == effects(database)
    assert all(ran)


def test_lost_when_postgresql_restarts_during_recovery(own_server: tuple[str, Path]) -> None:
    """DBOS 716: work of a dead process whose recovery meets a server that restarts is never taken up again."""
    url, folder = own_server
    database = Database.open(url)
    make(database, 12)
    tasks = TaskQueue(database)
    dead = [f"dead {n}" for n in range(12)]
    for owner in dead:
        some(tasks.claim(owner))
    begun, trouble = threading.Event(), []

    def recover() -> None:
        try:
            for owner in dead:
                tasks.release([owner], "was ended by signal 9")
                begun.set()
                task = some(tasks.claim("another"))
                tasks.progress(task, {})
                time.sleep(0.05)
                assert tasks.complete(task, {}, effect(task))
        except BaseException as error:  # noqa: BLE001  (told to the test)
            trouble.append(error)

    thread = threading.Thread(target=recover)
    thread.start()
    assert begun.wait(30)
    time.sleep(0.1)
    kill_server(folder)
    restart_server(folder)
    thread.join(60)
    assert not trouble
    assert effects(database) == list(range(12))
    assert JobStore(database).state("job").status == "completed"
    database.close()


def test_a_stale_read_executes_twice(database: Database) -> None:
    """DBOS 742: who read that a dead process holds some work runs it, though another has taken it up since."""
    make(database, 1)
    clock = Clock()
    tasks = TaskQueue(database, clock)
    dead = some(tasks.claim("dead"))
    (stale,) = tasks.leases()
    assert tasks.release_lease(stale)
    again = some(tasks.claim("another"))
    assert not tasks.release_lease(stale)
    assert tasks.release(["dead"]) == 0
    (renewed,) = tasks.leases()
    clock.now += 10
    assert tasks.renew(again)
    assert not tasks.release_lease(renewed)  # it was read before it was renewed
    assert tasks.claim("third") is None
    assert not tasks.complete(dead, {}, effect(dead))
    assert tasks.complete(again, {}, effect(again))
    assert effects(database) == [0]


def test_a_restarted_worker_with_the_same_name_claims_again(database: Database, runner: Callable[..., Runner]) -> None:
    """DBOS 804: a process that ends, and the one in its place, go by one name, and what the first held is nobody's."""
    make(database, 2)
    draining = runner("start 1", waits=True)
    assert draining.says() == "ready"
    draining.goes_on()
    assert draining.says() == "runs 0"
    store, tasks = WorkerStore(database), TaskQueue(database)

    def release_the_gone() -> int:
        return tasks.release([name for name, worker in store.of(["start 1"]).items() if is_gone(worker)])

    assert release_the_gone() == 0
    store.announce(WorkerRow(id="start 2", host=host_name(), process=os.getpid(), version="1"))
    assert some(tasks.claim("start 2")).number == 1
    ending = Worker(database, id="start 3")
    ending.drain()
    assert ending.run() == 0
    draining.process.kill()
    draining.process.wait()
    assert release_the_gone() == 1
    task = some(tasks.claim("start 4"))
    assert (task.number, task.token) == (0, 2)
    # even two processes of one start, as under a name that a person gave, have one effect
    twin = some(tasks.claim("start 4"))
    assert twin == task
    assert tasks.complete(task, {"by": "one"}, effect(task))
    assert tasks.complete(twin, {"by": "two"}, effect(twin))
    assert JobStore(database).tasks("job")[0]["result"] == {"by": "one"}
    assert effects(database) == [0]


def test_what_a_killed_server_left_behind_is_free_at_once_where_it_is_begun_again(
    database: Database, runner: Callable[..., Runner]
) -> None:
    """Nobody waits a minute for a lease whose owner was a process of this machine that is gone; others' stay theirs."""
    make(database, 3)
    left = runner("left behind", waits=True)
    assert left.says() == "ready"
    left.goes_on()
    assert left.says() == "runs 0"
    store, tasks = WorkerStore(database), TaskQueue(database)
    store.announce(WorkerRow(id="elsewhere", host="another machine", process=left.process.pid, version="1"))
    store.announce(WorkerRow(id="here", host=host_name(), process=os.getpid(), version="1"))
    assert [some(tasks.claim(name)).number for name in ("elsewhere", "here")] == [1, 2]
    Housekeeper(database).step()
    assert len(tasks.leases()) == 3
    left.process.kill()
    left.process.wait()
    Housekeeper(database).step()
    assert [lease.owner for lease in tasks.leases()] == ["elsewhere", "here"]
    assert some(tasks.claim("here")).number in (0, 2)


class Poisoned(Worker):
    """A worker that does tasks at once, all but those that say nothing of what to do."""

    def work(self, task: Task) -> None:
        if not task.spec:
            super().work(task)
        self.queue.complete(task, {}, effect(task))


def test_stuck_pending(database: Database) -> None:
    """DBOS 546 and 805: work that cannot be begun, or ends its process, leaves itself and all after it waiting."""
    JobStore(database).create(NEW, [{}, {"fine": 1}, {"fine": 2}])
    tasks = TaskQueue(database)
    for start in range(MAX_ATTEMPTS):
        with pytest.raises(KeyError):
            Poisoned(database, id=f"start {start}").run()
        assert tasks.release([f"start {start}"], "ended with exit code 1") == 1
    assert Poisoned(database, "job").run() == 2
    state = JobStore(database).state("job")
    assert (state.status, state.counts) == ("completed", {"failed": 1, "completed": 2})
    assert effects(database) == [1, 2]
    assert "the last time it ended with exit code 1" in JobStore(database).tasks("job")[0]["error_message"]


def test_stuck_pending_behind_what_others_must_do(database: Database) -> None:
    """The same for a worker of older code, which is to see past the jobs that it leaves alone."""
    for n in range(JOBS_AT_ONCE + 1):
        make(database, 1, f"newer {n}", priority=5, made_by="newer")
    make(database, 1, made_by="older")
    task = TaskQueue(database).claim("old worker", may_run=lambda version: version == "older")
    assert some(task).job == "job"


class Refused(Worker):
    """A worker whose results the database refuses."""

    def _train(self, task: Task) -> None:
        self.queue.complete(task, {}, lambda c: c.execute(sa.insert(schema.workers).values(id=self.id)))


def test_stuck_in_doing_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """procrastinate 1518: a dead worker's row is removed, or its name heard of again, and its work never noticed."""
    make(database, 2)
    clock = Clock()
    tasks, store = TaskQueue(database, clock), WorkerStore(database, clock)
    for name in ("forgotten", "named again"):
        store.announce(WorkerRow(id=name, host="elsewhere", process=1, version="1"))
        some(tasks.claim(name))
    clock.now += FORGOTTEN_MS + 1
    store.announce(WorkerRow(id="named again", host="elsewhere", process=2, version="1"))
    store.beat("named again")
    assert [worker.process for worker in store.page(9)] == [2]
    for name in ("a", "b"):
        task = some(tasks.claim(name))
        assert task.token == 2
        assert tasks.complete(task, {}, effect(task))
    assert JobStore(database).state("job").status == "completed"
    # what no try can end is ended at the second, with the database's own words
    make(database, 1, "other")
    monkeypatch.setattr("assay.service.worker.AWAY_S", 0.01)
    assert Refused(database, "other").run() == 2
    state = JobStore(database).state("other")
    assert state.status == "failed"
    assert "refused" in JobStore(database).tasks("other")[0]["error_message"]


def test_a_stall_longer_than_the_lease_and_a_late_write(database: Database, runner: Callable[..., Runner]) -> None:
    """pgqueuer 675: a process that stands still for longer than its lease writes over what another has done since."""
    make(database, 1)
    stalled = runner("stalled", lease_ms=300, waits=True)
    assert stalled.says() == "ready"
    stalled.goes_on()
    assert stalled.says() == "runs 0"
    stalled.process.send_signal(signal.SIGSTOP)
    tasks = TaskQueue(database)
    until = time.monotonic() + 30
    while (task := tasks.claim("another")) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    stalled.process.send_signal(signal.SIGCONT)
    stalled.goes_on()
    assert stalled.says() == "refused 0"
    assert tasks.complete(task, {"by": "another"}, effect(task))
    assert JobStore(database).tasks("job")[0]["result"] == {"by": "another"}
    assert effects(database) == [0]


def test_whose_answer_is_lost_asks_again(database: Database) -> None:
    """Nothing that is written about workers, jobs and tasks is done twice, or refused, at the second time."""
    make(database, 2)
    tasks = TaskQueue(database)
    first = some(tasks.claim_task("job", 1, "one"))
    assert tasks.claim_task("job", 1, "one") == first
    assert tasks.claim_task("job", 1, "two") is None
    worker = WorkerRow(id="one", host="here", process=1, version="1")
    for _ in range(2):
        WorkerStore(database).announce(worker)
    assert len(WorkerStore(database).page(9)) == 1
