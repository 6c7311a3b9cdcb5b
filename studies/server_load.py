"""What listeners and readers of a server cost: a training beside it, and how fast it answers.

    python -m studies.server_load [--seconds N] [--pairs N] [--markdown docs/deploy.md]

A server without workers runs as a process of its own, and so does everybody who asks it. A training on one thread is
timed with nobody there, and with 200 listeners to the events of a job that waits and 20 reads a second, in turn. Then
500 reads a second are asked of the server, whether it keeps up or not: each has its moment, and its time counts from
there, not from when a connection was free. At last listeners are cut off for ten seconds and for ten minutes, in which
two events a second are written, and the ids that they have got are compared with those that were written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.report import Row, Table, markdown, placed

from assay.compiled import CACHE_DIRECTORY
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database
from assay.store.bars import present
from assay.store.events import EventStore
from assay.store.jobs import JobStore, NewJob

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

JOB = "waits"
LISTENERS = 200
QUIET_READS = 20
READS = 500
CONNECTIONS = 32
READ = (
    f"/api/training/jobs/{JOB}/status",
    "/api/training/jobs?limit=20",
    "/api/training/configurations?limit=20",
    "/api/markets",
    "/api/health",
)
"""What a page of somebody who watches asks for, in turn."""

TRAIN = """
import sys, time
from assay.service.submission import make_job
from assay.service.worker import Worker
from assay.service.reporter import Silent
from assay.service.request import ProofTerms, SearchTerms, TrainingRequest
from assay.market import Timeframe, named_market
from assay.store import Database
database = Database.open(sys.argv[1])
request = TrainingRequest(strategy="LIQUIDITY_SWEEP", search=SearchTerms(method="random", samples=4000, seed=7),
                          proof=ProofTerms(permutations=9))
for run in range(2):  # the first one warms what it needs
    market = named_market("sim", "AAA/USDT", Timeframe.parse("5m"))
    job, _ = make_job(Silent(), database, [market], [request], user="study")
    begun = time.perf_counter()
    Worker(database, job).run()
    seconds = time.perf_counter() - begun
print(seconds)
"""


@dataclass
class Client:
    """One connection after the other to a server, each kept open."""

    url: str
    token: str
    times: list[float] = field(default_factory=list)
    failed: int = 0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        place = urlsplit(self.url)
        return await asyncio.open_connection(place.hostname, place.port)

    def request(self, path: str, last: int | None = None) -> bytes:
        """Return a request as it is sent."""
        last_id = "" if last is None else f"Last-Event-ID: {last}\r\n"
        host = urlsplit(self.url).netloc
        return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.token}\r\n{last_id}\r\n".encode()

    async def listen(self, seconds: float) -> None:
        """Keep a stream of events open."""
        reader, writer = await self.connect()
        writer.write(self.request(f"/api/training/jobs/{JOB}/events", 10**9))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while await reader.readline():
                    pass
        writer.close()

    async def read(self, moments: asyncio.Queue[float | None]) -> None:
        """Ask for one page after the other, each at its moment or as soon as the one before is answered."""
        reader, writer = await self.connect()
        number = 0
        while (moment := await moments.get()) is not None:
            await asyncio.sleep(max(moment - time.perf_counter(), 0.0))
            writer.write(self.request(READ[number % len(READ)]))
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(size)
            self.failed += not head.startswith(b"HTTP/1.1 200")
            self.times.append(time.perf_counter() - moment)
            number += 1
        writer.close()


async def load(url: str, token: str, *, listeners: int, reads: float, seconds: float) -> Client:
    """Listen and read for a while."""
    client = Client(url, token)
    moments: asyncio.Queue[float | None] = asyncio.Queue()
    begun, count = time.perf_counter() + 1.0, round(reads * seconds)
    for i in range(count):
        moments.put_nowait(begun + i / reads)
    readers = min(CONNECTIONS, max(count, 1))
    for _ in range(readers):
        moments.put_nowait(None)
    async with asyncio.TaskGroup() as group:
        for _ in range(listeners):
            group.create_task(client.listen(seconds + 1.0))
        for _ in range(readers if count else 0):
            group.create_task(client.read(moments))
    return client


@contextmanager
def served(home: Path) -> Iterator[tuple[str, str]]:
    """A server without workers: its address and its token."""
    environment = {k: v for k, v in os.environ.items() if k not in ("ASSAY_DATABASE_URL", "ASSAY_TOKEN")}
    options = ["--port", "0", "--no-workers", "--no-studio", "--json", "--home", str(home), "--log-level", "warning"]
    options += ["--requests-per-minute", "1000000"]  # of one user here, who stands for many
    command = [sys.executable, "-P", "-m", "assay", "serve", *options]
    process = subprocess.Popen(  # noqa: S603  (the project's own command)
        command, stdout=subprocess.PIPE, text=True, env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    text = ""
    while "}" not in text and (line := process.stdout.readline() if process.stdout else ""):
        text += line
    document = json.loads(text)
    try:
        yield document["url"], Path(document["token_file"]).read_text().strip()
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def crowd(url: str, token: str) -> Iterator[None]:
    """Listeners and readers as a process of their own."""
    command = [sys.executable, "-m", "studies.server_load", "--crowd", url]
    process = subprocess.Popen(  # noqa: S603  (the project's own command)
        command, env={**os.environ, "STUDY_TOKEN": token}, stdout=subprocess.PIPE, text=True
    )
    time.sleep(3.0)
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def trained(home: Path) -> float:
    """Seconds of a training on one thread."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    ran = subprocess.run(  # noqa: S603  (the project's own code)
        [sys.executable, "-c", TRAIN, str(home / "training.db")],
        env={**os.environ, **one, "NUMBA_CACHE_DIR": str(CACHE_DIRECTORY)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(ran.stdout)


def prepare(home: Path) -> None:
    """Store a market for the training, and a job that waits for the server."""
    bars = simulate_market(SimulatedMarket(days=365, timeframe="5m", seed=1))
    market = replace(bars.market, exchange="sim", symbol="AAA/USDT")
    for name in ("training.db", "assay.db"):
        database = Database.open(home / name)
        BarStore(database).write(market, present(bars), source="study", at_ms=1)
        if name == "assay.db":
            new = NewJob(id=JOB, config={}, digest="d", strategy="S", user="me", seed=1, created_ms=1)
            JobStore(database).create(new, [{"work": "prepare"}] * 20)
        database.close()


def slowed(home: Path, pairs: int) -> list[Row]:
    """Time a training with nobody there, and with listeners and readers, in turn."""
    quiet, beside = [], []
    with served(home) as (url, token):
        for _ in range(pairs):
            quiet.append(trained(home))
            with crowd(url, token):
                beside.append(trained(home))
    ratios = [b / a for a, b in zip(quiet, beside, strict=True)]
    rows = (("nobody", quiet, None), (f"{LISTENERS} listeners, {QUIET_READS} reads a second", beside, ratios))
    return [
        {
            "beside the training": name, "runs": len(found), "seconds, median": statistics.median(found),
            "slower by %": None if ratio is None else 100 * (statistics.median(ratio) - 1),
            "least %": None if ratio is None else 100 * (min(ratio) - 1),
            "most %": None if ratio is None else 100 * (max(ratio) - 1),
        }
        for name, found, ratio in rows
    ]  # fmt: skip


def answered(home: Path, seconds: float, rates: Sequence[int]) -> list[Row]:
    """Ask a server at several rates."""
    rows: list[Row] = []
    with served(home) as (url, token):
        asyncio.run(load(url, token, listeners=0, reads=50, seconds=2))  # the first answers are slower
        for rate in rates:
            client = asyncio.run(load(url, token, listeners=0, reads=rate, seconds=seconds))
            found = sorted(client.times)
            rows.append({
                "reads a second": rate, "asked": len(found), "not answered 200": client.failed,
                "p50 ms": 1000 * found[len(found) // 2], "p99 ms": 1000 * found[int(0.99 * len(found))],
                "longest ms": 1000 * found[-1],
            })  # fmt: skip
    return rows


def cut_off(home: Path, cuts: Sequence[float]) -> list[Row]:
    """Cut a listener off, write events meanwhile, and look at what it has got when it comes again."""
    rows: list[Row] = []
    database = Database.open(home / "assay.db")
    store = EventStore(database)

    async def some(client: Client, last: int, seconds: float) -> list[int]:
        numbers: list[int] = []
        reader, writer = await client.connect()
        writer.write(client.request(f"/api/training/jobs/{JOB}/events", last))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while line := await reader.readline():
                    if line.startswith(b"id: "):
                        numbers.append(int(line[4:]))
        writer.close()
        return numbers

    with served(home) as (url, token):
        client = Client(url, token)
        for cut in cuts:
            first = store.newest([JOB])[JOB]
            store.log(JOB, "before the cut")
            got = asyncio.run(some(client, first, 2.0))
            begun, written = time.monotonic(), 0
            while time.monotonic() - begun < cut:
                store.log(JOB, f"line {written}")
                written += 1
                time.sleep(max(begun + written / 2 - time.monotonic(), 0.0))
            got += asyncio.run(some(client, got[-1], 5.0))
            expected = [event.id for event in store.after(JOB, first, 10_000)]
            rows.append({
                "cut of s": cut, "events meanwhile": written, "missed": len(set(expected) - set(got)),
                "doubled": len(got) - len(set(got)), "in order": "yes" if got == sorted(got) else "no",
            })  # fmt: skip
    database.close()
    return rows


def machine() -> str:
    """Describe what this was measured on."""
    cores, before = os.cpu_count(), os.getloadavg()[0]
    return f"{cores} cores for the server, the training and everybody who asks; load before {before:.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study, or be the crowd of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each rate of reads")
    parser.add_argument("--pairs", type=int, default=7, help="trainings with and without a crowd")
    parser.add_argument("--cuts", type=float, nargs="*", default=[10.0, 600.0])
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--crowd", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.crowd:
        asyncio.run(load(given.crowd, os.environ["STUDY_TOKEN"], listeners=LISTENERS, reads=QUIET_READS, seconds=3600))
        return
    note = machine()
    with tempfile.TemporaryDirectory(prefix="assay-load-") as folder:
        home = Path(folder)
        prepare(home)
        tables = [
            Table("A training on one thread, beside a server", slowed(home, given.pairs)),
            Table("Reads of a server", answered(home, given.seconds, (100, 250, READS))),
        ]
        if given.cuts:
            tables.append(Table("Streams of events that were cut", cut_off(home, given.cuts)))
    text = "\n\n".join([*(markdown(table) for table in tables), f"- {note}."]) + "\n"
    sys.stdout.write(text)
    if given.markdown:
        given.markdown.write_text(placed(given.markdown.read_text(), text))


if __name__ == "__main__":
    main()
