"""Migrations: from nothing and from the first revision to this version's tables; a newer database is refused."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from assay.errors import InputError, StoreError
from assay.market import Timeframe
from assay.store import BarStore, Database, Registry, schema
from assay.store.migration import status, upgrade
from store.requirement import CLEANUP, QUALITY_QUERY, SEVENTY

FIRST = Path(__file__).with_name("first_revision.sql")


def test_the_migrations_make_the_tables_of_the_schema(database: Database) -> None:
    def differences(c: sa.Connection) -> list[object]:
        context = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": False})
        found: list[object] = compare_metadata(context, schema.metadata)
        return found

    assert database.read(differences) == []
    found = status(database)
    assert found.revision == found.newest
    assert found.pending == ()


def test_a_newer_database_is_refused(database: Database, database_url: str) -> None:
    database.write(lambda c: c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(StoreError, match=r"is of a newer version of Assay than this one, got '9999'\. Update Assay"):
        Database.open(database_url)


def test_two_processes_that_open_an_empty_database_make_its_tables_once(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Database.open(empty_url), range(4)))
    assert {status(d).revision for d in opened} == {status(opened[0]).newest}
    for d in opened:
        d.close()


def test_a_database_of_the_first_revision_comes_up_with_its_data(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(FIRST.read_text())
    connection.close()
    database = Database.open(path)
    store = BarStore(database)
    (held,) = store.markets()
    assert (held.market.symbol, held.market.timeframe, held.bars) == ("BTC/USDT", Timeframe.parse("5m"), 3)
    assert store.read(held.market).close.tolist() == [101.5, 102.5, 103.5]
    assert status(database).pending == ()
    database.close()


def test_configurations_of_the_first_revision_keep_their_bytes_and_may_be_active_once(database: Database) -> None:
    """The second revision makes their table anew; what it held, its checks and its indexes are still there."""

    def back(c: sa.Connection) -> None:
        c.execute(sa.text("DROP VIEW market_data"))
        for table in reversed(schema.metadata.sorted_tables):
            c.execute(sa.text(f"DROP TABLE {table.name}{'' if database.is_sqlite else ' CASCADE'}"))
        c.execute(sa.text("DELETE FROM alembic_version"))
        if not database.is_sqlite:
            c.execute(sa.text("DROP FUNCTION assay_append_only CASCADE"))

    database.write(back)
    assert upgrade(database, "0001").revision == "0001"
    t = schema.trained_configurations
    rows = [
        {
            "id": str(n), "strategy_name": "S", "exchange": "x", "pair": "A/B", "timeframe": "5m", "status": "MATURE",
            "is_active": n == 0, "parameters_json": {"a": n}, "created_at": n, "updated_at": n,
            "config_id": f"C{n}", "config_json": {"b": 1.5, "a": [None, n]}, "gross_win_rate": 0.15,
        }
        for n in range(2)
    ]  # fmt: skip
    database.write(lambda c: c.execute(sa.insert(t), rows))
    assert upgrade(database).pending == ()
    found = database.read(lambda c: c.execute(sa.select(t).order_by(t.c.id)).mappings().all())
    assert [{k: r[k] for k in rows[0]} for r in found] == rows
    assert Registry(database).figures("C0") is None
    second = sa.update(t).where(t.c.id == "1")
    for wrong in ({"is_active": True}, {"gross_win_rate": 15.0}, {"status": "GOOD"}, {"config_id": "C0"}):
        with pytest.raises(StoreError, match="refused"):
            database.write(lambda c, w=wrong: c.execute(second.values(**w)))  # type: ignore[misc]
    database.write(lambda c: c.execute(second.values(exchange=None, pair=None, timeframe=None)))
    test_the_migrations_make_the_tables_of_the_schema(database)


def test_the_seventy_columns_of_the_contract() -> None:
    assert len(SEVENTY) == 70
    assert [c.name for c in schema.trained_configurations.columns][:70] == SEVENTY


def test_checks_refuse_what_the_contract_does(database: Database) -> None:
    row = {
        "id": "1", "strategy_name": "S", "exchange": "x", "pair": "A/B", "timeframe": "5m", "status": "PAPER",
        "is_active": False, "parameters_json": {}, "created_at": 1, "updated_at": 1, "config_id": "C",
        "config_json": {},
    }  # fmt: skip
    for wrong in ({"status": "GOOD"}, {"regime": "calm"}, {"timeframe": "7m"}, {"gross_win_rate": 15.0}):
        with pytest.raises(StoreError, match="refused"):
            database.write(lambda c, w=wrong: c.execute(sa.insert(schema.trained_configurations).values(**row | w)))  # type: ignore[misc]
    database.write(lambda c: c.execute(sa.insert(schema.trained_configurations).values(**row)))


def test_the_requirements_queries_run(database: Database) -> None:
    """As written; SQLite has no ``::float``."""
    query = QUALITY_QUERY.replace("::float", " * 1.0") if database.is_sqlite else QUALITY_QUERY
    database.write(
        lambda c: c.execute(
            sa.insert(schema.markets),
            [{"id": 1, "exchange": "binance", "symbol": "BTC/USDT", "timeframe": "5m", "kind": "spot"}],
        )
    )
    bars = [
        {"market_id": 1, "time": 300_000 * i, "open": 1.0, "high": 1.0 + (i % 2), "low": 1.0, "close": 1.0, "volume": v}
        for i, v in enumerate((0.0, 1.0, 2.0, 0.0))
    ]
    database.write(lambda c: c.execute(sa.insert(schema.bars), bars))
    (row,) = database.read(lambda c: c.execute(sa.text(query.replace("::", "\\:\\:"))).all())
    assert tuple(row) == ("BTC/USDT", "binance", "5m", 4, 2, 2, 50.0)
    stamp = database.read(lambda c: c.execute(sa.text("SELECT min(timestamp), max(timestamp) FROM market_data")).one())
    assert [str(t)[:10] for t in stamp] == ["1970-01-01", "1970-01-01"]
    database.write(lambda c: c.execute(sa.text(CLEANUP)))


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("mysql://somewhere/x", "must be postgresql:// or sqlite:///path"),
        ("nonsense://", "must be postgresql://"),
        ("sqlite://", "must be postgresql:// or sqlite:///path"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, rule: str) -> None:
    with pytest.raises(InputError, match=re.escape(rule)):
        Database.open(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is not a database, but a text of some length\n" * 50)
    with pytest.raises(StoreError, match=r"is not an SQLite database\. Name another file"):
        Database.open(path)


def test_a_server_that_is_not_there_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.store.database.RETRY_S", 0.5)
    with pytest.raises(StoreError, match="cannot be reached") as told:
        Database.open("postgresql://me:secret@127.0.0.1:1/nothing")
    assert "secret" not in str(told.value)
