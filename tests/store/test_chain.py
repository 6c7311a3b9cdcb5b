"""The ledger is a chain: what was there before it is taken in, and appended entries follow each other."""

from __future__ import annotations

from dataclasses import asdict, replace

import sqlalchemy as sa

from assay.store import Database, chain, schema
from assay.store.ledger import Ledger
from assay.store.migration import upgrade
from store.test_ledger import ENTRY, OPENING

FACTS = {"user_id": "me", "at": 1}


def links(database: Database) -> list[dict[str, object]]:
    query = sa.select(schema.ledger_chain).order_by(schema.ledger_chain.c.position)
    return database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])


def test_entries_of_before_the_chain_are_taken_in_by_their_times(empty_url: str) -> None:
    database = Database.open(empty_url, upgrade=False)
    upgrade(database, "0003")
    entries = [
        asdict(replace(ENTRY, experiment_digest=name * 64, best=best)) | {"user_id": "me", "at": at}
        for name, best, at in (("c", 1.0, 5), ("b", None, 7), ("a", 1e22, 5))
    ]
    database.write(lambda c: c.execute(sa.insert(schema.trials), entries))
    database.write(lambda c: c.execute(sa.insert(schema.holdout_openings), asdict(OPENING) | FACTS | {"at": 6}))
    assert upgrade(database).pending == ()
    made = links(database)
    assert [(row["entry_table"], str(row["entry_key"])[0]) for row in made] == [
        ("trials", "a"), ("trials", "c"), ("holdout_openings", "a"), ("trials", "b"),
    ]  # fmt: skip
    found = database.read(chain.identity)
    assert (found.entries_before, made[0]["previous_hash"]) == (4, found.genesis)
    assert Ledger(database).record(replace(ENTRY, experiment_digest="d" * 64), user="me", at_ms=9)
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
