"""What goes wrong under a database: a server that is restarted, a disk that is full, a writer that is killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sqlalchemy as sa

from assay.errors import StoreError
from assay.market.ohlcv import COLUMNS
from assay.store import BarStore, Database
from store.servers import restart_server
from store.test_bars_store import MARKET, columns, read, same

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITER = """
import sys
from assay.store import BarStore, Database
from store.test_bars_store import MARKET, START, columns

store = BarStore(Database.open(sys.argv[1]))
print("ready", flush=True)
for begin in range(0, 5000, 25):
    span = (START + begin * 300_000, START + (begin + 25) * 300_000)
    store.write(MARKET, columns(25, begin), source="writer", at_ms=1, covered=span)
    print(begin, flush=True)
"""


def writer(url: str) -> subprocess.Popen[str]:
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url], env={**os.environ, **path}, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_writer_leaves_whole_pages(database: Database, database_url: str, seed: int) -> None:
    """What it said was written is there, its coverage tells the truth, and going on gives the whole."""
    store = BarStore(database)
    process = writer(database_url)
    assert process.stdout is not None
    said = [process.stdout.readline()]
    pages = random.Random(seed).randint(0, 60)
    said += [process.stdout.readline() for _ in range(pages)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    written = [int(line) for line in said[1:] if line.strip().isdigit()]
    held = {h.market: h.bars for h in store.markets()}.get(MARKET, 0)
    covered = store.coverage(MARKET)
    bars = (covered[0][1] - covered[0][0]) // 300_000 if covered else 0
    assert bars >= (written[-1] + 25 if written else 0)
    assert bars % 25 == 0
    assert held == len(columns(bars)["time"])
    again = writer(database_url)
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert same(read(store), columns(5000))


def test_a_restarted_server_is_waited_for(own_server: tuple[str, Path]) -> None:
    url, folder = own_server
    database = Database.open(url)
    store = BarStore(database)
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for begin in range(0, 3000, 20):
                store.write(MARKET, columns(20, begin), source="test", at_ms=1)
                time.sleep(0.01)
        except BaseException as error:  # noqa: BLE001  (told to the test)
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(0.3)
    for mode in ("immediate", "fast"):
        options = (folder / "postmaster.opts").read_text()
        assert "postgres" in options
        restart_server(folder, mode)
        time.sleep(0.2)
    thread.join(timeout=60)
    assert not failed
    assert same(read(store), columns(3000))
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A file system of 3 MB; None where mounting one is not allowed."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    folder = tmp_path / "small"
    folder.mkdir()
    command = [str(mount), "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if mount is None or umount is None or subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
        yield None
        return
    yield folder
    subprocess.run([umount, "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_the_database_stays_sound(tmp_path: Path, small_disk: Path | None) -> None:
    """On a small file system of its own where that is allowed, else under SQLite's own limit of pages."""
    database = Database.open((small_disk or tmp_path) / "assay.db")
    store = BarStore(database)
    store.write(MARKET, columns(500), source="test", at_ms=1)
    covered = store.coverage(MARKET)
    if small_disk is None:
        with database.engine.connect() as c:
            limit = int(c.exec_driver_sql("PRAGMA page_count").scalar_one()) + 4
            c.exec_driver_sql(f"PRAGMA max_page_count={limit}")
    n = 60_000
    price = np.random.default_rng(0).uniform(50, 60, n)  # whole numbers would take less room
    big = dict.fromkeys(COLUMNS, price) | {"time": np.arange(n) * 300_000}
    with pytest.raises(StoreError, match=r"has no space left on its disk\. Free some space and run the same"):
        store.write(MARKET, big, source="test", at_ms=2)
    assert same(read(store), columns(500))
    assert store.coverage(MARKET) == covered
    assert database.read(lambda c: c.execute(sa.text("PRAGMA integrity_check")).scalar()) == "ok"
    database.close()


def test_a_database_without_a_free_connection_is_busy_and_no_bug(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.engine.pool, "_timeout", 0.01)
    with ExitStack() as held:
        for _ in range(20):
            held.enter_context(database.engine.connect())
        with pytest.raises(StoreError, match="has no connection free"):
            database.read(lambda c: c.execute(sa.text("SELECT 1")).scalar())
    assert database.read(lambda c: c.execute(sa.text("SELECT 1")).scalar()) == 1
