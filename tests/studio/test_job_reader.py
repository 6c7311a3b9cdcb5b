"""What runs is read once for all pages, at most twice a second, and a log line by line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

from assay.errors import StoreError
from assay.market import Market, Timeframe
from assay.service.request import TrainingRequest
from assay.service.tasks import PrepareTask
from assay.store.events import EventStore
from assay.store.jobs import JobStore, NewJob
from assay.store.schema import JobStatus
from assay.store.workers import WorkerRow, WorkerStore
from assay.studio.job_reader import FORGOTTEN_S, LEAST_S, MOST_LINES, MOST_SHOWN, JobReader
from studio.loops import run_apart

if TYPE_CHECKING:
    import pytest

    from assay.store import Database

TASK = PrepareTask(
    (Market("binance", "BTC/USDT", Timeframe.parse("5m")),), (TrainingRequest(strategy="FAILED_BREAKDOWN"),)
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Counting(JobReader):
    """Counts its readings, and whether it reads twice at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self.readings, self.takes, self.ticking = 0, 0.0, clock
        self.fails = False

    def _read_all(self, number: int, named: object) -> object:  # type: ignore[override]
        self.readings += 1
        self.ticking.now += self.takes
        if self.fails:
            raise StoreError("database", "is away")
        return super()._read_all(number, named)  # type: ignore[arg-type]


def made(database: Database, *, at: int = 1) -> str:
    terms = {"request": dict[str, str]()}
    job = NewJob(
        id=str(uuid4()), config=terms, digest="d", strategy="FAILED_BREAKDOWN", user="ann", seed=1, created_ms=at
    )
    return JobStore(database).create(job, [TASK.spec()])


def test_twenty_pages_read_once_and_twice_a_second_at_most(database: Database) -> None:
    job, clock = made(database), Clock()
    reader = Counting(database, clock)

    async def pages() -> None:
        found = await asyncio.gather(*(reader.look([job]) for _ in range(20)))
        assert reader.readings == 1
        assert {one.number for one in found} == {1}
        assert found[0].jobs[job].tasks[0].work == "prepare"
        clock.now += LEAST_S / 2
        await reader.look([job])
        assert reader.readings == 1
        clock.now += LEAST_S / 2
        await reader.look([job])
        assert reader.readings == 2
        reader.takes = 0.4  # a database that is slow is asked less often
        clock.now += LEAST_S
        await reader.look([job])
        clock.now += 3.0
        await reader.look([job])
        assert reader.readings == 3
        clock.now += 1.0
        await reader.look([job])
        assert reader.readings == 4

    run_apart(pages())


def test_a_snapshot_has_what_waits_the_named_jobs_and_the_workers(database: Database) -> None:
    jobs = [made(database, at=number) for number in range(MOST_SHOWN + 2)]
    store, clock = JobStore(database), Clock()
    store.cancel(jobs[0])
    WorkerStore(database).announce(WorkerRow(id="w", host="h", process=7, version="1"))
    reader = Counting(database, clock)

    async def page() -> None:
        seen = await reader.look([jobs[0], jobs[1]])
        assert [job.id for job in seen.active] == jobs[:0:-1]
        assert set(seen.jobs) == {*jobs[2:], jobs[1], jobs[0]}, "the newest, and those that were named"
        assert seen.jobs[jobs[0]].status == JobStatus.CANCELLED
        assert [(one.host, one.is_alive) for one in seen.workers] == [("h", True)]
        clock.now += FORGOTTEN_S + 1
        assert jobs[0] not in (await reader.look()).jobs, "nobody asks for it any more"

    run_apart(page())


def test_a_log_is_read_line_by_line_and_its_newest_lines_are_kept(database: Database) -> None:
    job, clock, events = made(database), Clock(), EventStore(database)
    reader = Counting(database, clock)

    async def page() -> None:
        for number in range(3):
            events.log(job, f"line {number}", task=0)
        first = (await reader.look([job])).logs[job]
        assert [line.message for line in first] == ["line 0", "line 1", "line 2"]
        JobStore(database).cancel(job)  # an event that is no line
        events.log(job, "over", level="warning")
        clock.now += LEAST_S
        last = (await reader.look([job])).logs[job]
        assert [line.message for line in last] == ["line 0", "line 1", "line 2", "over"]
        assert last[:3] == first

    run_apart(page())


def test_a_long_log_is_read_to_its_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.studio.job_reader.AT_ONCE", 4)
    job, events = made(database), EventStore(database)
    for number in range(12):
        events.log(job, f"line {number}")
    seen = run_apart(JobReader(database, Clock()).look([job]))
    assert [line.message for line in seen.logs[job]] == [f"line {number}" for number in range(12)]
    assert MOST_LINES >= 100


def test_tasks_of_a_job_that_is_over_are_read_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    job, clock, asked = made(database), Clock(), 0
    JobStore(database).cancel(job)
    tasks = JobStore.tasks

    def counted(self: JobStore, job: str) -> object:
        nonlocal asked
        asked += 1
        return tasks(self, job)

    monkeypatch.setattr(JobStore, "tasks", counted)
    reader = JobReader(database, clock)

    async def page() -> None:
        for _ in range(3):
            clock.now += LEAST_S
            await reader.look([job])
        assert asked == 1
        JobStore(database).reopen(job)
        clock.now += LEAST_S
        assert (await reader.look([job])).jobs[job].tasks[0].status == JobStatus.PENDING
        assert asked == 2

    run_apart(page())


def test_a_database_that_is_away_leaves_what_was_seen_last(database: Database) -> None:
    job, clock = made(database), Clock()
    reader = Counting(database, clock)

    async def page() -> None:
        before = await reader.look([job])
        reader.fails = True
        clock.now += LEAST_S
        seen = await reader.look([job])
        assert (seen.jobs, seen.number) == (before.jobs, before.number + 1)
        assert "is away" in seen.error
        reader.fails = False
        clock.now += LEAST_S
        assert not (await reader.look([job])).error

    run_apart(page())
