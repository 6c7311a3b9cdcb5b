"""A backup is a database of its own with everything in it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from assay.errors import InputError, StoreError
from assay.store import BarStore, Database, Registry, schema
from assay.store import backup as backups
from assay.store.backup import backup
from assay.store.ledger import Ledger
from assay.store.parts import part_beside
from store.documents import variant
from store.test_bars_store import MARKET, columns, read, same
from store.test_ledger import ENTRY

if TYPE_CHECKING:
    from pathlib import Path


def counted(database: Database, table: sa.Table) -> int:
    return int(database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()))


def test_a_backup_holds_everything(database: Database, tmp_path: Path) -> None:
    store, ledger = BarStore(database), Ledger(database)
    store.write(MARKET, columns(3000), source="test", at_ms=1)
    ledger.record(ENTRY, user="me", at_ms=1)
    name = Registry(database).save(variant(), at_ms=1, figures={"equity": [1.0, 1.5]})
    path = tmp_path / "copy.db"
    rows = backup(database, path)
    # bars, market, coverage, trial, its link, the ledger's identity, configuration, figures
    assert rows == len(columns(3000)["time"]) + 1 + 1 + 1 + 1 + 1 + 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith((".", "copy"))] == ["copy.db"]
    copied = Database.open(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert same(read(BarStore(copied)), columns(3000))
    assert BarStore(copied).coverage(MARKET) == store.coverage(MARKET)
    assert Ledger(copied).entries() == ledger.entries()
    assert (Ledger(copied).identity(), Ledger(copied).head()) == (ledger.identity(), ledger.head())
    assert Registry(copied).figures(name) == {"equity": [1.0, 1.5]}
    for table in schema.metadata.sorted_tables:
        assert counted(copied, table) == counted(database, table), table.name
    copied.close()


def test_a_backup_overwrites_nothing(database: Database, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(InputError, match="must not be there yet: a backup overwrites nothing"):
        backup(database, tmp_path / "copy.db")
    with pytest.raises(InputError, match="its folder is not there"):
        backup(database, tmp_path / "nowhere" / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


def _left(folder: Path, name: str, *, age_s: float = 0.0) -> Path:
    path = folder / name
    path.write_text("half")
    at = time.time() - age_s
    os.utime(path, (at, at))
    return path


def test_what_killed_backups_left_is_removed_by_the_next(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    mine = part_beside(target).name
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    killed = mine.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    elsewhere = re.sub("-[0-9a-f]{8}-", "-00000000-", killed)
    gone = [
        _left(tmp_path, killed),
        _left(tmp_path, f"{killed}-wal"),
        _left(tmp_path, elsewhere, age_s=100_000.0),
        _left(tmp_path, ".0123456789abcdef.part", age_s=4_000.0),  # as earlier versions called them
    ]
    stay = [
        _left(tmp_path, mine),  # of a backup that another thread is writing
        _left(tmp_path, elsewhere.replace("-00000000-", "-00000001-")),
        _left(tmp_path, ".fedcba9876543210.part"),
        _left(tmp_path, "notes.part", age_s=1e6),
    ]
    backup(database, target)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in stay)
    assert {path.name for path in tmp_path.glob(".*")} >= {path.name for path in stay[:3]}
    assert counted(Database.open(target), schema.markets) == 0


def test_a_backup_that_is_killed_leaves_a_part_and_the_next_removes_it(tmp_path: Path) -> None:
    Database.open(tmp_path / "a.db").close()
    code = (
        "import os, signal, sys; from assay.store import Database; from assay.store import backup as b; "
        "b.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "b.backup(Database.open(sys.argv[1]), sys.argv[2])"
    )
    folder = tmp_path / "copies"
    folder.mkdir()
    command = [sys.executable, "-c", code, str(tmp_path / "a.db"), str(folder / "b.db")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert list(folder.glob(".assay-*.part"))
    database = Database.open(tmp_path / "a.db")
    backup(database, folder / "b.db")
    database.close()
    assert [path.name for path in folder.iterdir()] == ["b.db"]


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database or disk is full"), OSError(28, "No space left")])
def test_a_full_disk_names_the_copy(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> int:
        raise error

    for how in ("_copy_file", "_copy_tables"):
        monkeypatch.setattr(backups, how, full)
    with pytest.raises(StoreError, match=r"copy\.db: .*(no space left|No space left)"):
        backup(database, tmp_path / "copy.db")
    assert not list(tmp_path.glob("*copy*"))
