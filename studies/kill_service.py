"""kill -9 at random moments of the workers of a service, of the server that looks after them, and of its database.

Called by `studies.kills`. A round is a service with jobs of several tasks on a database of its own: `assay serve` with
worker processes, killed again and again until every job has ended, and begun again as an operator's init system would.
Nobody else helps. What a round ends with is compared with an undisturbed run, document by document.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from benchmarks.report import Row, say

from assay.compiled import CACHE_DIRECTORY
from assay.service.reporter import Silent
from assay.service.request import TrainingRequest
from assay.service.submission import make_job
from assay.service.worker import Worker
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, schema
from assay.store.bars import present
from assay.store.clock import shared_clock
from assay.store.events import EventKind, EventStore
from assay.store.jobs import JobStore
from assay.store.ledger_check import check
from assay.store.queue_terms import ACTIVE
from assay.store.schema import JobStatus
from studies.kill_server import LEASE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.market import Bars

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
PATIENCE_S = 240.0
"""A job that has not ended so long after the last kill never will."""
KILLS_A_ROUND = 25


@dataclass(frozen=True)
class Load:
    """What a service has to do: jobs of so many tasks each, every task on a market of its own."""

    jobs: int = 10
    tasks: int = 3
    workers: int = 4
    days: int = 60
    permutations: int = 15
    lease_s: float = LEASE_S

    @property
    def request(self) -> TrainingRequest:
        return TrainingRequest.from_dict(
            {"strategy": "LIQUIDITY_SWEEP", "permutations": self.permutations, "train_days": 20, "test_days": 10}
        )

    def bars(self, number: int) -> Bars:
        bars = simulate_market(SimulatedMarket(days=self.days, timeframe="15m", seed=1000 + number))
        return replace(bars, market=replace(bars.market, exchange="sim", symbol=f"S{number:03}/USDT"))

    def write(self, database: Database) -> None:
        """Store the markets, and make the jobs."""
        store = BarStore(database)
        for job in range(self.jobs):
            markets = []
            for number in range(job * self.tasks, (job + 1) * self.tasks):
                bars = self.bars(number)
                store.write(bars.market, present(bars), source="study", at_ms=1)
                markets.append(bars.market)
            made, left = make_job(Silent(), database, markets, [self.request], user="study")
            assert made  # noqa: S101
            assert not left  # noqa: S101


@cache
def template(load: Load) -> bytes:
    """Return an SQLite file with markets and jobs in it."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "a.db")
        load.write(database)
        database.read(lambda c: c.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all())
        database.close()
        return (Path(folder) / "a.db").read_bytes()


def undisturbed(load: Load) -> dict[str, str]:
    """Return the documents that workers make which nobody kills, as hashes, by the digest of their experiment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        path.write_bytes(template(load))
        database = Database.open(path)
        for job in JobStore(database).ids():
            Worker(database, job, user="study").run()
        found = documents(database)
        database.close()
    return found


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without its name and time, and without the name of the ledger that it was counted in."""
    plain: dict[str, Any] = json.loads(json.dumps(document | {"configId": "", "createdAt": ""}))
    plain.get("provenance", {}).pop("document_digest", None)  # of the whole, with these
    (plain.get("evidence", {}).get("campaign") or {}).pop("ledger", None)
    return plain


def documents(database: Database) -> dict[str, str]:
    """Return a hash of every document without what the clock decides, by the digest of its experiment."""
    t = schema.trained_configurations.c
    rows = database.read(lambda c: c.execute(sa.select(t.experiment_digest, t.config_json)).all())
    found: dict[str, str] = {}
    for digest, document in rows:
        text = json.dumps(comparable(document), sort_keys=True)
        doubled = digest in found
        found[digest] = "doubled" if doubled else hashlib.sha256(text.encode()).hexdigest()
    return found


@dataclass(frozen=True)
class Place:
    """A database that is killed where it is a server.

    Attributes
    ----------
    kind : str
    url : str
    folder : Path or None
        Of the server's data; None where the database is a file, which lives in the processes that are killed.
    """

    kind: str
    url: str
    folder: Path | None = None


class Service:
    """`assay serve` with workers, as a process that is killed and begun again."""

    def __init__(self, place: Place, load: Load, home: Path) -> None:
        self._place, self._load, self._home = place, load, home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, or begin again."""
        command = [sys.executable, "-m", "studies.kill_server", str(self._load.lease_s), "serve", "--port", "0"]
        command += ["--workers", str(self._load.workers), "--offline", "--quiet", "--no-studio"]
        environment = {
            **os.environ,
            "ASSAY_DATABASE_URL": self._place.url,
            "ASSAY_HOME": str(self._home),
            "NUMBA_CACHE_DIR": str(CACHE_DIRECTORY),
            "PYTHONPATH": os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(ROOT)]).strip(":"),
        }
        with (self._home / "service.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (the project's own command)
                command, env=environment, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Number of its process."""
        assert self._process is not None  # noqa: S101
        return self._process.pid

    def kill(self) -> None:
        """End the server as a power cut would; its workers are left to see that it is gone."""
        assert self._process is not None  # noqa: S101
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as an operator would."""
        assert self._process is not None  # noqa: S101
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def has(self, process: int) -> bool:
        """Whether a process is one of its workers."""
        try:
            return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]) == self.pid
        except (OSError, ValueError):
            return False


@dataclass
class Watch:
    """Tasks whose worker was killed, and how long nobody has taken them up.

    Attributes
    ----------
    waiting : dict
        By (job, number): the token of the lost lease, the moment from which on nothing was in the way, and whether the
        task is free since.
    freed, taken : list of float
        Seconds from there until others could take the task, and until one had.
    """

    waiting: dict[tuple[str, int], tuple[int, float, bool]] = field(default_factory=dict)
    freed: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)

    def lost(self, rows: list[Any]) -> None:
        """Note that leases have lost their worker."""
        self.waiting |= {(row.job_id, row.number): (row.lease_token, time.monotonic(), False) for row in rows}

    def disturbed(self) -> None:
        """Begin to count anew: who should have helped was killed."""
        self.waiting = {key: (token, time.monotonic(), free) for key, (token, _, free) in self.waiting.items()}

    def look(self, rows: list[Any], now_ms: int) -> None:
        """See which of them somebody works on, or could."""
        for row in rows:
            if (key := (row.job_id, row.number)) not in self.waiting:
                continue
            token, since, was_free = self.waiting[key]
            seconds, is_taken = time.monotonic() - since, row.lease_token > token
            is_free = row.status == JobStatus.PENDING or (row.lease_expires_at or 0) < now_ms
            if (is_free or is_taken) and not was_free:
                self.freed.append(seconds)
                self.waiting[key] = (token, since, True)
            if is_taken:
                self.taken.append(seconds)
            if is_taken or row.status not in ACTIVE:
                del self.waiting[key]  # in the other case it was done before its worker was killed


class Round:
    """One service that is killed until its jobs have ended.

    Parameters
    ----------
    place : Place
        With markets and jobs in it.
    load : Load
    seed : str
        What is killed when.
    home : Path
        Of the service.
    service : type of Service
        Another way to run workers: how it begins, and which processes are its workers.
    """

    def __init__(self, place: Place, load: Load, seed: str, home: Path, service: type[Service] = Service) -> None:
        self.place, self.load, self.rng = place, load, random.Random(seed)  # noqa: S311  (when to kill what)
        self.database = Database.open(place.url)
        self.service, self.watch = service(place, load, home), Watch()
        self.kills = dict.fromkeys(("worker", "server", "database"), 0)
        self._next = self._drawn()

    def run(self, kills: int, pause_s: tuple[float, float]) -> dict[str, Any]:
        """Kill as often as asked, or until every job has ended; return what was left behind."""
        self.service.start()
        try:
            next_kill, last = time.monotonic() + self.rng.uniform(*pause_s), time.monotonic()
            while self._is_going():
                now = time.monotonic()
                if sum(self.kills.values()) < kills:
                    last = now
                    if now >= next_kill and self._kill():
                        next_kill = time.monotonic() + self.rng.uniform(*pause_s)
                elif now - last > PATIENCE_S:
                    break
                time.sleep(0.1)
        finally:
            self.service.stop()
        return self._found()

    def _is_going(self) -> bool:
        rows = self._tasks()
        self.watch.look(rows, self.database.read(shared_clock))
        return any(row.status in ACTIVE for row in rows)

    def _tasks(self) -> list[Any]:
        t = schema.training_tasks.c
        query = sa.select(t.job_id, t.number, t.status, t.lease_owner, t.lease_token, t.lease_expires_at)
        return list(self.database.read(lambda c: c.execute(query).all()))

    def _kill(self) -> bool:
        """Kill what is next; False where it has not begun yet."""
        ways = {"worker": self._kill_worker, "server": self._kill_server, "database": self._kill_database}
        if not ways[self._next]():
            return False
        self.kills[self._next] += 1
        self._next = self._drawn()
        return True

    def _drawn(self) -> str:
        shares = {"worker": 60, "server": 15, "database": 25 if self.place.folder else 0}
        return self.rng.choices(list(shares), list(shares.values()))[0]

    def _kill_worker(self) -> bool:
        w = schema.workers.c
        query = sa.select(w.id, w.process).where(w.ended_at.is_(None)).order_by(w.id)
        known = self.database.read(lambda c: c.execute(query).all())
        workers = [row for row in known if self.service.has(row.process)]
        if not workers:
            return False
        victim = self.rng.choice(workers)
        os.kill(victim.process, signal.SIGKILL)
        self._lost(lambda row: row.lease_owner == victim.id)
        return True

    def _kill_server(self) -> bool:
        self.service.kill()
        self.watch.disturbed()
        self._lost(lambda _: True)
        time.sleep(self.rng.uniform(0.0, 1.0))
        self.service.start()
        return True

    def _lost(self, whose: Callable[[Any], bool]) -> None:
        self.watch.lost([row for row in self._tasks() if row.status == JobStatus.RUNNING and whose(row)])

    def _kill_database(self) -> bool:
        assert self.place.folder is not None  # noqa: S101
        servers = import_module("store.servers")
        servers.kill_server(self.place.folder)
        servers.restart_server(self.place.folder)
        self.watch.disturbed()
        return True

    def _found(self) -> dict[str, Any]:
        store, database = JobStore(self.database), self.database
        states = store.states(store.ids())
        results = [t["result"] for s in states for t in store.tasks(s.id) if t["status"] == JobStatus.COMPLETED]
        trials = database.read(lambda c: list(c.scalars(sa.select(schema.trials.c.experiment_digest))))
        events = EventStore(database)
        said = [[e.body["status"] for e in events.after(s.id, 0, kinds=[EventKind.STATE])] for s in states]
        found = {
            "jobs": len(states),
            "jobs_ended": sum(s.status == JobStatus.COMPLETED for s in states),
            "tasks": sum(s.total for s in states),
            "results": sorted(r["experiment_digest"] for r in results),
            "trials": sorted(trials),
            "documents": documents(database),
            "chain": not (verified := check(database)).faults and not verified.elsewhere,
            "said": all(one == ["pending", "running", "completed"] for one in said),
            "attempts": sum(t["attempts"] for s in states for t in store.tasks(s.id)),
            "kills": self.kills,
            "freed": self.watch.freed,
            "taken": self.watch.taken,
        }
        database.close()
        return found


def faults(found: dict[str, Any], expected: dict[str, str]) -> list[str]:
    """Return what is wrong with what a round has left behind."""
    digests = sorted(expected)
    rules = {
        "a job has not ended": found["jobs_ended"] == found["jobs"],
        "not one result for each task": found["results"] == digests and len(digests) == found["tasks"],
        "not one entry of the ledger for each task": found["trials"] == digests,
        "documents are not those of an undisturbed run": found["documents"] == expected,
        "the ledger's chain is broken": found["chain"],
        "a job's states were not said once each": found["said"],
    }
    return [rule for rule, holds in rules.items() if not holds]


@contextmanager
def place_of(kind: str, where: str, folder: Path, load: Load) -> Iterator[Place]:
    """Make a database with the markets and jobs of a round.

    Parameters
    ----------
    where : str
        Folder of SQLite files, or address of a PostgreSQL server.
    folder : Path
        Of the server's data.
    """
    if kind == "SQLite":
        path = Path(where) / f"round_{os.getpid()}_{time.monotonic_ns()}.db"
        path.write_bytes(template(load))
        yield Place(kind, str(path))
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return
    name = f"round_{time.monotonic_ns()}"
    address = sa.make_url(where)
    _execute(address, f"CREATE DATABASE {name}")
    url = address.set(database=name).render_as_string(hide_password=False)
    database = Database.open(url)
    load.write(database)
    database.close()
    yield Place(kind, url, folder)
    _execute(address, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(address: sa.URL, statement: str) -> None:
    engine = sa.create_engine(address.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as c:
        c.exec_driver_sql(statement)
    engine.dispose()


def service_study(
    places: dict[str, str], data: Path, folder: Path, kills: int, done: dict[str, Any], keep: Callable[[], None]
) -> list[Row]:
    """Kill services on both kinds of database; rounds that are done are kept."""
    load = Load()
    for kind, where in places.items():
        state: dict[str, Any] = done.setdefault(f"service {kind}", {"rounds": [], "load": str(load)})
        if state["load"] != str(load):
            raise SystemExit(f"{folder}: holds rounds of another load, and they are not mixed: give another --folder")
        if "expected" not in state:
            state["expected"] = next(
                (done[k]["expected"] for k in done if k.startswith("service ") and "expected" in done[k]), None
            ) or undisturbed(load)
            keep()
        while (so_far := sum(sum(one["kills"].values()) for one in state["rounds"])) < kills:
            number = len(state["rounds"])
            home = Path(tempfile.mkdtemp())
            with place_of(kind, where, data, load) as place:
                one = Round(place, load, f"{kind} {number}", home).run(min(KILLS_A_ROUND, kills - so_far), (0.3, 3.5))
            one["faults"] = faults(one, state["expected"])
            if one["faults"]:
                shutil.copy(home / "service.log", folder / f"{kind} {number}.log")
            shutil.rmtree(home, ignore_errors=True)
            del one["documents"], one["results"], one["trials"]
            state["rounds"].append(one)
            keep()
            say(f"service {kind}: {so_far + sum(one['kills'].values())} of {kills} kills; {one['faults'] or 'sound'}")
    return [row_of(kind, done[f"service {kind}"]["rounds"], load) for kind in places]


def row_of(kind: str, rounds: list[dict[str, Any]], load: Load) -> Row:
    """Return a line of the table."""
    killed = {what: sum(one["kills"][what] for one in rounds) for what in ("worker", "server", "database")}
    freed, taken = ([s for one in rounds for s in one[what]] for what in ("freed", "taken"))
    return {
        "database": kind,
        "kills": sum(killed.values()),
        **{f"of {'workers' if what == 'worker' else what}": number for what, number in killed.items()},
        "jobs": sum(one["jobs"] for one in rounds),
        "ended": sum(one["jobs_ended"] for one in rounds),
        "tasks": sum(one["tasks"] for one in rounds),
        "begun": sum(one["attempts"] for one in rounds),
        "rounds": len(rounds),
        "as undisturbed": sum(not one["faults"] for one in rounds),
        "lost leases": len(freed),
        "free within two": sum(s <= 2 * load.lease_s for s in freed),
        "longest s": max(freed, default=None),
        "taken again": len(taken),
        "taken within two": sum(s <= 2 * load.lease_s for s in taken),
        "median s": statistics.median(taken) if taken else None,
    }
