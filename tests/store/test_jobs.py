"""Tasks of a job: one effect each, however often they are begun and by whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from assay.errors import InputError
from assay.service.leases import ForeignLeases
from assay.service.reporter import Silent
from assay.service.times import parse_moment
from assay.store import Database, schema
from assay.store.database import now_ms
from assay.store.jobs import LEASE_MS, MAX_ATTEMPTS, JobStore, Task

if TYPE_CHECKING:
    from sqlalchemy import Connection


@pytest.fixture
def jobs(database: Database) -> JobStore:
    store = JobStore(database)
    specs = [{"number": i} for i in range(5)]
    store.create("job", specs, config={}, digest="d", strategy="S", user="me", seed=1, at_ms=10)
    return store


def claimed(jobs: JobStore, owner: str = "me", now: int = 100) -> Task:
    task = jobs.claim("job", owner, now)
    assert task is not None
    return task


def nothing(_: Connection) -> None:
    return None


def event(number: int) -> dict[str, object]:
    return {"job_id": "job", "at": number, "kind": "effect", "body": {"number": number}}


def effects(jobs: JobStore) -> list[int]:
    query = sa.select(schema.training_events.c.at).order_by(schema.training_events.c.at)
    return jobs.database.read(lambda c: list(c.execute(query).scalars()))


def test_tasks_are_taken_in_order_and_once(jobs: JobStore) -> None:
    assert [claimed(jobs).number for _ in range(5)] == [0, 1, 2, 3, 4]
    assert jobs.claim("job", "me", 100) is None
    assert jobs.state("job").status == "running"


def test_two_workers_never_share_a_task(jobs: JobStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda i: claimed(jobs, f"worker {i}").number, range(5)))
    assert sorted(taken) == [0, 1, 2, 3, 4]


def test_a_result_and_its_effects_are_written_together(jobs: JobStore) -> None:
    task = claimed(jobs)

    def broken(c: Connection) -> None:
        c.execute(sa.insert(schema.training_events).values(**event(task.number)))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        jobs.complete(task, {"x": 1}, 200, broken)
    assert effects(jobs) == []
    assert jobs.tasks("job")[0]["status"] == "running"
    assert jobs.complete(
        task,
        {"net_profit": 5.0, "config_id": "C"},
        200,
        lambda c: c.execute(sa.insert(schema.training_events).values(**event(task.number))),
    )
    assert effects(jobs) == [0]
    row = jobs.database.read(lambda c: c.execute(sa.select(schema.training_jobs)).one())
    assert (row.completed_combinations, row.configurations_created, row.best_net_profit) == (1, 1, 5.0)


def test_a_lost_lease_writes_nothing(jobs: JobStore) -> None:
    slow = claimed(jobs, "slow", 100)
    assert jobs.renew(slow, 200)
    fast = claimed(jobs, "fast", 200 + LEASE_MS + 1)
    assert (fast.number, fast.attempts) == (slow.number, 2)
    assert not jobs.renew(slow, 300)
    assert not jobs.complete(slow, {}, 300, lambda c: c.execute(sa.insert(schema.training_events).values(**event(1))))
    assert not jobs.fail(slow, "late", 300)
    assert effects(jobs) == []
    assert jobs.complete(fast, {}, 400, nothing)


def test_a_task_that_kills_its_workers_is_given_up(jobs: JobStore) -> None:
    for i in range(MAX_ATTEMPTS):
        assert claimed(jobs, f"worker {i}").number == 0
        assert jobs.release("job", [f"worker {i}"]) == 1
    assert claimed(jobs).number == 1
    first = jobs.tasks("job")[0]
    assert (first["status"], first["error_message"]) == ("failed", f"the worker died {MAX_ATTEMPTS} times on this task")


def test_who_is_interrupted_gives_its_task_back_uncounted(jobs: JobStore) -> None:
    """Interrupted more often than a worker may die on a task, it is still begun again, and by a later lease."""
    other = claimed(jobs, "other")
    for i in range(MAX_ATTEMPTS + 1):
        task = claimed(jobs, "me", 100 + i)
        assert (task.number, task.attempts, task.token) == (1, 1, i + 1)
        assert jobs.give_back("job", ["me"]) == 1
    assert jobs.give_back("job", ["me"]) == jobs.give_back("job", []) == 0
    assert not jobs.complete(task, {}, 200, nothing)
    row = jobs.tasks("job")[1]
    assert (row["status"], row["attempts"], row["lease_owner"], row["lease_expires_at"]) == ("pending", 0, None, None)
    assert jobs.renew(other, 200)


def test_the_file_of_a_task_that_kills_its_workers_is_named(database: Database) -> None:
    jobs = JobStore(database)
    specs = [{"strategy": "mine.py:Mine"}]
    jobs.create("job", specs, config={}, digest="d", strategy="S", user="me", seed=1, at_ms=10)
    for _ in range(MAX_ATTEMPTS):
        claimed(jobs)
        jobs.release("job", ["me"])
    assert jobs.claim("job", "me", 100) is None
    assert "on this task: mine.py:Mine ends the process that it runs in" in jobs.tasks("job")[0]["error_message"]


class Heard(Silent):
    """A reporter that remembers its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


def test_a_lease_of_another_is_waited_for_and_ends_when_nobody_renews_it(database: Database) -> None:
    """Whatever its owner's clock says: here it is an hour ahead."""
    jobs, heard, clock = JobStore(database), Heard(), [0.0]
    spec = {"exchange": "sim", "symbol": "BTC/USDT", "timeframe": "5m", "strategy": "LIQUIDITY_SWEEP"}
    jobs.create("job", [spec], config={}, digest="d", strategy="S", user="me", seed=1, at_ms=10)
    task = claimed(jobs, "elsewhere:1", now_ms() + 3_600_000)
    leases = ForeignLeases(jobs, "job", heard, lambda: clock[0])
    leases.watch()
    (said,) = heard.notes
    assert said.startswith("sim BTC/USDT 5m LIQUIDITY_SWEEP is being trained by elsewhere:1: waiting until 2")
    assert parse_moment(said.split("until ")[1].split(",")[0], "moment") < now_ms() + 2 * LEASE_MS
    clock[0] = 50.0
    assert jobs.renew(task, now_ms() + 3_650_000)
    for clock[0] in (60.0, 100.0, 124.0):
        leases.watch()
        assert not jobs.claimable("job", now_ms())
    clock[0] = 126.0
    leases.watch()
    assert jobs.claimable("job", now_ms()) == 1
    assert jobs.tasks("job")[0]["attempts"] == 1  # its worker died
    assert len(heard.notes) == 1


def test_a_task_is_claimable_until_it_is_leased_and_again_when_its_worker_has_been_silent_for_too_long(
    jobs: JobStore,
) -> None:
    assert jobs.claimable("job", 100) == 5
    task = claimed(jobs, "of a machine that is gone", 100)
    assert jobs.claimable("job", 100 + LEASE_MS) == 4
    assert jobs.claimable("job", 101 + LEASE_MS) == 5
    assert jobs.renew(task, 200)
    assert jobs.claimable("job", 101 + LEASE_MS) == 4
    assert jobs.complete(task, {}, 300, nothing)
    assert jobs.claimable("job", 301 + 2 * LEASE_MS) == 4
    assert jobs.claimable("other", 100) == 0


def test_a_failure_does_not_stop_the_others(jobs: JobStore) -> None:
    jobs.fail(claimed(jobs), "no bars", 100)
    while (task := jobs.claim("job", "me", 100)) is not None:
        jobs.complete(task, {}, 200, nothing)
    state = jobs.state("job")
    assert (state.status, state.counts) == ("completed", {"completed": 4, "failed": 1})
    assert jobs.unfinished() is None


def test_a_job_ends_early_with_what_is_done(jobs: JobStore) -> None:
    jobs.complete(claimed(jobs), {}, 100, nothing)
    assert jobs.unfinished() == "job"
    jobs.cancel("job", 200)
    assert jobs.state("job").counts == {"completed": 1, "cancelled": 4}
    assert jobs.claim("job", "me", 300) is None


def test_an_unknown_job_is_named(jobs: JobStore) -> None:
    with pytest.raises(InputError, match="job: there is none with this id, got 'other'"):
        jobs.state("other")
