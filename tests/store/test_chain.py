"""The ledger is a chain: what was there before it is taken in, and appended entries follow each other."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from assay.errors import StoreError
from assay.store import Database, chain, schema
from assay.store.database import insert
from assay.store.ledger import Ledger
from assay.store.ledger_check import check
from assay.store.migration import upgrade
from store.attacks import by_hand
from store.test_ledger import ENTRY, OPENING

FACTS = {"user_id": "me", "at": 1}
LATER = ("first_day", "day_closes", "task")
"""Columns that trials got after their entries were chained."""
KEYS = [name * 64 for name in "abcd"]


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """Four experiments and an opening: entries 1 to 5."""
    ledger = Ledger(database)
    for at, key in enumerate(KEYS):
        ledger.record(replace(ENTRY, experiment_digest=key), user="me", at_ms=at)
    ledger.record_opening(OPENING, user="me", at_ms=9)
    return ledger


def told(ledger: Ledger, anchor: chain.Head | None = None) -> list[str]:
    """What the walk says, one line for each fault."""
    return [str(fault) for fault in check(ledger.database, anchor).faults]


def links(database: Database) -> list[dict[str, object]]:
    query = sa.select(schema.ledger_chain).order_by(schema.ledger_chain.c.position)
    return database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])


def test_entries_of_before_the_chain_are_taken_in_by_their_times(empty_url: str) -> None:
    database = Database.open(empty_url, upgrade=False)
    upgrade(database, "0003")
    made = [
        asdict(replace(ENTRY, experiment_digest=name * 64, best=best)) | {"user_id": "me", "at": at}
        for name, best, at in (("c", -0.0, 5), ("b", None, 7), ("a", 1e22, 5))
    ]
    entries = [{name: value for name, value in row.items() if name not in LATER} for row in made]
    database.write(lambda c: c.execute(sa.insert(schema.trials), entries))
    database.write(lambda c: c.execute(sa.insert(schema.holdout_openings), asdict(OPENING) | FACTS | {"at": 6}))
    assert upgrade(database).pending == ()
    chained = links(database)
    assert [(row["entry_table"], str(row["entry_key"])[0]) for row in chained] == [
        ("trials", "a"), ("trials", "c"), ("holdout_openings", "a"), ("trials", "b"),
    ]  # fmt: skip
    found = database.read(chain.identity)
    assert (found.entries_before, chained[0]["previous_hash"]) == (4, found.genesis)
    assert Ledger(database).record(replace(ENTRY, experiment_digest="d" * 64), user="me", at_ms=9)
    assert check(database).faults == ()
    assert Ledger(database).head() == chain.Head(5, str(links(database)[-1]["hash"]))
    database.close()


def test_an_entry_of_the_same_key_makes_no_link(database: Database) -> None:
    ledger = Ledger(database)
    assert ledger.head() == chain.Head(0, database.read(chain.identity).genesis)
    assert ledger.record(ENTRY, user="me", at_ms=1)
    before = ledger.head()
    assert not ledger.record(ENTRY, user="me", at_ms=2)
    assert ledger.head() == before
    assert ledger.record_opening(OPENING, user="me", at_ms=2)
    assert ledger.head().length == 2


def test_two_ledgers_have_two_names(database: Database, empty_url: str) -> None:
    other = Database.open(empty_url)
    assert Ledger(database).identity() != Ledger(other).identity()
    other.close()


# INSERT OR REPLACE, which deletes without a DELETE


@pytest.fixture
def own_file(tmp_path: Path, sqlite_template: bytes) -> tuple[Ledger, str]:
    path = tmp_path / "own.db"
    path.write_bytes(sqlite_template)
    ledger = Ledger(Database.open(path))
    ledger.record(ENTRY, user="me", at_ms=1)
    ledger.record_opening(OPENING, user="me", at_ms=1)
    return ledger, str(path)


@pytest.mark.parametrize("table", ["trials", "holdout_openings"])
def test_replace_does_nothing(own_file: tuple[Ledger, str], table: str) -> None:
    ledger, path = own_file
    before = [ledger.entries(), ledger.openings(), links(ledger.database)]
    columns = [column.name for column in schema.metadata.tables[table].columns]
    others = ", ".join("'x'" if name == "user_id" else name for name in columns)
    with by_hand(path) as execute:
        for verb in ("INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE"):
            execute("{verb} INTO {table} SELECT {others} FROM {table}", verb=verb, table=table, others=others)
        fresh = others.replace("experiment_digest", f"'{'f' * 64}'")
        statement = "REPLACE INTO {table} (rowid, {columns}) SELECT rowid, {fresh} FROM {table}"
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):  # the hidden rowid is a key, too
            execute(statement, table=table, columns=", ".join(columns), fresh=fresh)
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            execute("UPDATE OR REPLACE {table} SET user_id = 'x'", table=table)
    assert [ledger.entries(), ledger.openings(), links(ledger.database)] == before
    assert told(ledger) == []


@pytest.mark.parametrize("position", [1, 3])
def test_replace_does_not_rewrite_the_chain(own_file: tuple[Ledger, str], position: int) -> None:
    ledger, path = own_file
    link = "SELECT ?, entry_table, entry_key, content_digest, previous_hash, 'x' FROM ledger_chain WHERE position = 1"
    with by_hand(path) as execute:
        with pytest.raises(sqlite3.IntegrityError, match="ledger_chain is append-only"):
            execute(f"REPLACE INTO ledger_chain {link}", position)
        with pytest.raises(sqlite3.IntegrityError, match="ledger_identity is append-only"):
            execute("REPLACE INTO ledger_identity VALUES (1, 'another', 1, 0)")
    assert told(ledger) == []


@pytest.mark.parametrize("table", ["ledger_chain", "ledger_identity"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_nothing_rewrites_the_chain(ledger: Ledger, table: str, statement: str) -> None:
    if ledger.database.is_sqlite and "TRUNCATE" in statement:
        statement = "DELETE FROM {} WHERE true"  # SQLite has no TRUNCATE
    column = "hash" if table == "ledger_chain" else "id"
    with pytest.raises(StoreError, match="keeps its ledger append-only"):
        ledger.database.write(lambda c: c.execute(sa.text(statement.format(table, column, column))))
    assert told(ledger) == []


def test_an_upsert_of_a_server_is_refused(postgresql_url: str) -> None:
    ledger = Ledger(Database.open(postgresql_url))
    ledger.record(ENTRY, user="me", at_ms=1)
    upsert = "INSERT INTO trials SELECT * FROM trials ON CONFLICT (experiment_digest) DO UPDATE SET combinations = 1"
    with by_hand(postgresql_url) as execute, pytest.raises(psycopg.Error, match="trials is append-only"):
        execute(upsert)
    assert told(ledger) == []
    ledger.database.close()


def test_an_insert_that_does_nothing_on_conflict_goes_on_working(ledger: Ledger) -> None:
    row = asdict(ENTRY) | FACTS

    def again(c: sa.Connection) -> sa.Row[tuple[int]] | None:
        return c.execute(
            insert(c, schema.trials).values(**row).on_conflict_do_nothing().returning(schema.trials.c.at)
        ).first()

    assert ledger.database.write(again) is None
    assert told(ledger) == []


# many writers, and any history

WRITER = """
import sys
from dataclasses import replace
from assay.store import Database
from assay.store.ledger import Ledger
from store.test_ledger import ENTRY, OPENING

ledger = Ledger(Database.open(sys.argv[1]))
for number in range(20):
    own = sys.argv[2] if number % 4 else "shared"
    digest = f"{own}-{number:02d}".ljust(64, "0")
    ledger.record(replace(ENTRY, experiment_digest=digest), user=own, at_ms=number)
    if number % 5 == 0:
        ledger.record_opening(replace(OPENING, experiment_digest=digest), user=own, at_ms=number)
"""


def test_several_processes_append_to_one_chain(database: Database, database_url: str) -> None:
    tests = str(Path(__file__).parents[1])
    path = {"PYTHONPATH": os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])}
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, database_url, name], env={**os.environ, **path})
        for name in "abc"
    ]
    assert [process.wait(timeout=120) for process in started] == [0, 0, 0]
    ledger = Ledger(database)
    assert told(ledger) == []
    # of 20 experiments of each 5 are shared, of 4 openings 1
    assert (len(ledger.entries()), len(ledger.openings())) == (3 * 15 + 5, 3 * 3 + 1)
    assert ledger.head().length == 60


def test_the_form_of_a_hash_is_pinned() -> None:
    """Another form would make every chain that exists look broken."""
    row = {"b": None, "a": 1.5, "c": {"é": [1, 1e22], "a": True}, "d": b"\x00\xff", "e": "x"}
    assert chain.content_digest(row) == "a1cacdfc3cbfe2a320ea8a6a02cc2450d29ace101176eec79279f8a4af319071"
    assert (
        chain.link_hash(3, "f" * 64, "trials", "key", "c" * 64)
        == "6378522771d9e332df74540f9018cd2adfd4300a2d0b8e92c417bf719db32775"
    )
    assert chain.Identity("id", 5, 2).genesis == "1d84f9bd702f3bf987a8c022022199656bac6ee59972d68b62dc2a0f7b4ebdfe"
