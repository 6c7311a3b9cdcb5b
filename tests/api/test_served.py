"""A server and a worker as processes of their own: the session of docs/api.md, and streams that are cut."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from assay.compiled import CACHE_DIRECTORY
from assay.service.versions import CODE_VERSION
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database
from assay.store.bars import present
from assay.store.events import EventStore
from assay.store.jobs import JobStore, NewJob
from cli.test_cli_serve import Served, started

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
NEW = NewJob(id="told", config={}, digest="d", strategy="S", user="me", seed=1, created_ms=10)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    database = Database.open(home / "assay.db")
    bars = simulate_market(SimulatedMarket(days=70, timeframe="15m", seed=1))
    market = replace(bars.market, exchange="binance", symbol="BTC/USDT")
    BarStore(database).write(market, present(bars), source="test", at_ms=1)
    database.close()
    os.environ["NUMBA_CACHE_DIR"] = str(CACHE_DIRECTORY)
    found = started(home, "--workers", "1", "--offline", "--no-studio")
    yield found
    found.process.terminate()
    assert found.process.wait(timeout=60) == 0
    found.process.communicate()


@pytest.fixture
def database(served: Served) -> Iterator[Database]:
    opened = Database.open(served.home / "assay.db")
    yield opened
    opened.close()


def test_the_session_of_the_page_works_as_it_is_written(served: Served, tmp_path: Path) -> None:
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("curl is not installed")
    found = re.search(
        r"## A training, from its start to its results\n.*?```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL
    )
    assert found is not None
    ran = subprocess.run(
        [str(shutil.which("sh")), "-eu", "-c", found[1]],
        env={**os.environ, "SERVER": served.url, "ASSAY_TOKEN": served.token},
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    estimated, waiting, *_, rows, cancelled = [
        json.loads(line) for line in re.findall(r"\{.*\}", ran.stdout) if "data:" not in line
    ]
    assert estimated["tasks"][0]["combinations"] == 100
    assert waiting["status"] in ("pending", "running", "completed")
    told = (tmp_path / "events.txt").read_text()
    assert re.findall(r'"status": "(\w+)"', told) == ["pending", "running", "completed"]
    assert told.rstrip().endswith("event: end\ndata: {}")
    (row,) = rows["tasks"]
    (document,) = json.loads((tmp_path / "documents.json").read_text())["documents"]
    assert (row["status"], document["configId"]) == ("completed", row["config_id"])
    assert document["validation"]["method"] == "walk_forward"
    assert row["config_id"] in (tmp_path / "results.csv").read_text()
    assert (cancelled["status"], cancelled["parent_id"]) == ("cancelled", rows["job"])


def read_some(served: Served, job: str, last: int, most: int) -> list[int]:
    """Listen until so many events came, and cut the line."""
    place = urlsplit(served.url)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=20)
    headers = {"Authorization": f"Bearer {served.token}", "Last-Event-ID": str(last)}
    connection.request("GET", f"/api/training/jobs/{job}/events", headers=headers)
    answer = connection.getresponse()
    numbers: list[int] = []
    assert answer.status == 200
    while len(numbers) < most and (line := answer.readline()):
        if line.startswith(b"id: "):
            numbers.append(int(line[4:]))
    connection.close()
    return numbers


def test_a_cut_of_ten_minutes_doubles_and_misses_nothing(served: Served, database: Database) -> None:
    """Two a second come in them; some come while nobody listens, some while somebody does."""
    store, jobs = EventStore(database), JobStore(database)
    jobs.create(replace(NEW, made_by="99.0 procedure 99"), [{}])  # no worker takes it
    numbers, told = read_some(served, NEW.id, 0, 1), 0
    for cut in (20, 1_200, 30):  # ten seconds, ten minutes, a few seconds
        for _ in range(cut):
            store.log(NEW.id, f"line {told}")
            told += 1
        numbers += read_some(served, NEW.id, numbers[-1], cut if cut > 20 else 10)
    jobs.cancel(NEW.id)
    numbers += read_some(served, NEW.id, numbers[-1], 10_000)
    expected = [event.id for event in store.after(NEW.id, 0, 10_000)]
    assert len(expected) == told + 2
    assert numbers == expected


def test_a_worker_that_is_older_than_a_job_says_so(served: Served, database: Database) -> None:
    jobs = JobStore(database)
    jobs.create(replace(NEW, id="newer", made_by="99.0 procedure 99"), [{}])
    until, note = time.monotonic() + 20, None
    while not note and time.monotonic() < until:
        time.sleep(0.2)
        _, body = served.get("/api/workers", served.token)
        note = json.loads(body)["items"][0]["note"]
    why = f"({CODE_VERSION}, the job 99.0 procedure 99)"
    assert note == f"older than the jobs that wait: it takes none of them; update it {why}"
    jobs.cancel("newer")
