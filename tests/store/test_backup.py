"""A backup is a database of its own with everything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from assay.errors import InputError
from assay.store import BarStore, Database, Registry, schema
from assay.store.backup import backup
from assay.store.ledger import Ledger
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
