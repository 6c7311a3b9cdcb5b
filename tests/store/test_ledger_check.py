"""The walk over the ledger names every entry that is not as it was written, and where it was written."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import StoreError
from assay.service.training import describe_training, save_trained
from assay.store import Database, Registry, chain, schema
from assay.store.ledger import Ledger
from assay.store.ledger_check import check
from store.attacks import by_hand, disarm, edit
from store.documents import CREATED, evidence, variant
from store.test_chain import KEYS, ledger, links, told
from store.test_ledger import ENTRY, OPENING

if TYPE_CHECKING:
    from pathlib import Path

    from store.attacks import Execute

__all__ = ["ledger"]


def chained_anew(execute: Execute, genesis: str) -> None:
    """Make the whole chain again, as somebody does who knows how it is made."""
    previous = genesis
    rows = execute("SELECT position, entry_table, entry_key, content_digest FROM ledger_chain ORDER BY position")
    for number, (position, table, key, content) in enumerate(rows, start=1):
        made = chain.link_hash(number, previous, table, key, content)
        statement = "UPDATE ledger_chain SET position = ?, previous_hash = ?, hash = ? WHERE position = ?"
        execute(statement, number, previous, made, position)
        previous = made


def test_what_nobody_touched_is_intact(ledger: Ledger) -> None:
    found = check(ledger.database, ledger.head())
    assert (found.faults, found.elsewhere, found.head) == ((), (), ledger.head())
    assert found.head.length == 5
    assert (found.identity.id, found.identity.entries_before) == (ledger.identity(), 0)


ATTACKS = {
    "an edited number": (
        ["UPDATE trials SET combinations = 1 WHERE experiment_digest = '{b}'"],
        [r"entry 2, trials b{40}: was changed after it was written"],
    ),
    "an edited distribution": (
        ["UPDATE trials SET distribution = '[]' WHERE experiment_digest = '{c}'"],
        [r"entry 3, trials c{40}: was changed"],
    ),
    "another name of the experiment": (
        ["UPDATE trials SET experiment_digest = '{e}' WHERE experiment_digest = '{b}'"],
        [r"entry 2, trials b{40}: was removed", r"trials e{40}: is no link of the chain"],
    ),
    "an entry removed": (
        ["DELETE FROM trials WHERE experiment_digest = '{b}'"],
        [r"entry 2, trials b{40}: was removed"],
    ),
    "an opening removed": (["DELETE FROM holdout_openings"], [r"entry 5, holdout_openings a{40}: was removed"]),
    "an entry removed with its link": (
        ["DELETE FROM trials WHERE experiment_digest = '{b}'", "DELETE FROM ledger_chain WHERE position = 2"],
        [r"entry 3, trials c{40}: entry 2 before it was removed from the chain"],
    ),
    "the gap closed": (
        [
            "DELETE FROM trials WHERE experiment_digest = '{b}'",
            "DELETE FROM ledger_chain WHERE position = 2",
            "UPDATE ledger_chain SET position = 2 WHERE position = 3",
            "UPDATE ledger_chain SET position = 3 WHERE position = 4",
            "UPDATE ledger_chain SET position = 4 WHERE position = 5",
        ],
        [
            r"entry 2, trials c{40}: does not follow the entry before it",
            r"entry 2, trials c{40}: its hash is not that of its link",
            r"entry 3, trials d{40}: its hash",
            r"entry 4, holdout_openings a{40}: its hash",
        ],
    ),
    "two entries in each other's place": (
        [
            "UPDATE ledger_chain SET position = 9 WHERE position = 2",
            "UPDATE ledger_chain SET position = 2 WHERE position = 3",
            "UPDATE ledger_chain SET position = 3 WHERE position = 9",
        ],
        [r"entry 2, trials c{40}: does not follow", r"entry 2, .*: its hash", r"entry 3, trials b{40}: does not follow",
         r"entry 3, .*: its hash", r"entry 4, trials d{40}: does not follow"],
    ),
    "an entry beside the chain": (
        [
            "INSERT INTO holdout_openings VALUES ('{b}', 'binance', 'BTC/USDT', '5m', 0, 1, 'why', NULL, 'me', 3)",
        ],
        [r"holdout_openings b{40}: is no link of the chain"],
    ),
    "another ledger's identity": (
        ["UPDATE ledger_identity SET id = 'another'"],
        [r"entry 1, trials a{40}: does not follow"],
    ),
    "entries said to be of before": (
        ["UPDATE ledger_identity SET entries_before = 5"],
        [r"entry 1, trials a{40}: does not follow"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_walk_names_what_was_done_by_hand(ledger: Ledger, database_url: str, attack: str) -> None:
    statements, faults = ATTACKS[attack]
    named = {name: name * 64 for name in "abcde"}
    with by_hand(database_url) as execute:
        disarm(execute, database_url)
        for statement in statements:
            execute(statement, **named)
    found = told(ledger)
    assert len(found) == len(faults), found
    assert all(re.match(fault, said) for fault, said in zip(faults, found, strict=True)), found


def test_a_link_that_was_made_to_fit_breaks_the_next(ledger: Ledger, database_url: str) -> None:
    with by_hand(database_url) as execute:
        disarm(execute, database_url)
        execute("UPDATE trials SET best = 0.1 WHERE experiment_digest = ?", KEYS[1])
        row = next(entry for entry in ledger.entries() if entry["experiment_digest"] == KEYS[1])
        content = chain.content_digest(row)
        execute("UPDATE ledger_chain SET content_digest = ? WHERE position = 2", content)
        (found,) = told(ledger)
        assert found.startswith(f"entry 2, trials {KEYS[1][:40]}: its hash is not that of its link")
        previous = links(ledger.database)[0]["hash"]
        made = chain.link_hash(2, str(previous), "trials", KEYS[1], content)
        execute("UPDATE ledger_chain SET hash = ? WHERE position = 2", made)
    (found,) = told(ledger)
    assert found.startswith(f"entry 3, trials {KEYS[2][:40]}: does not follow the entry before it")


def test_a_tail_that_was_cut_off_and_a_chain_made_anew_are_found_by_what_was_kept(
    ledger: Ledger, database_url: str
) -> None:
    """Nothing in the ledger itself tells either: its head, kept elsewhere or in a configuration, does."""
    kept, name = ledger.head(), variant()["configId"]
    place, stored = (
        f"entry 5, ledger {kept.hash[:40]}: was expected here, and",
        "was stored when the ledger had 5 entries",
    )
    Registry(ledger.database).save(variant(), at_ms=10)
    with by_hand(database_url) as execute:
        disarm(execute, database_url)
        edit(execute, name, ledger_length=kept.length, ledger_head=kept.hash, experiment_digest=KEYS[0])
        execute("DELETE FROM holdout_openings")
        execute("DELETE FROM ledger_chain WHERE position = 5")
        cut = "the chain ends at 4: its newest entries were cut off"
        assert told(ledger, kept) == [f"{place} {cut}", f"configuration {name}: {stored}, and {cut}"]
        ledger.record_opening(OPENING, user="somebody", at_ms=9)
        anew = f"the chain has {ledger.head().hash[:12]}: it was made anew"
        assert told(ledger, kept) == [f"{place} {anew}", f"configuration {name}: {stored}, and {anew}"]
        execute("DELETE FROM trials WHERE experiment_digest = ?", KEYS[1])
        execute("DELETE FROM ledger_chain WHERE position = 2")
        chained_anew(execute, ledger.database.read(chain.identity).genesis)
    assert told(ledger, ledger.head()) == [f"configuration {name}: {stored}, and {cut}"]


def test_a_configuration_and_the_entry_of_its_search_agree(database: Database, database_url: str) -> None:
    trained = describe_training(evidence(), CREATED)
    name = trained.document["configId"]
    database.write(lambda c: save_trained(c, trained, created_ms=1, at_ms=2, user="me"))
    Registry(database).save(variant(), at_ms=3)
    row, head = Registry(database).get(name).row, Ledger(database).head()
    assert (row["ledger_length"], row["ledger_head"]) == (head.length, head.hash)
    found = check(database)
    assert (found.faults, found.elsewhere) == ((), ())
    Registry(database).save(variant(2, context__pair="ETH/USDT"), at_ms=4)
    assert check(database).elsewhere == (variant(2)["configId"],)  # it was saved without its search
    digest, genesis = row["experiment_digest"], database.read(chain.identity).genesis
    with by_hand(database_url) as execute:
        disarm(execute, database_url)
        execute("UPDATE trials SET combinations = 1")
        entry = Ledger(database).entries()[0]
        execute("UPDATE ledger_chain SET content_digest = ? WHERE position = 1", chain.content_digest(entry))
        chained_anew(execute, genesis)
        head = Ledger(database).head()
        edit(execute, name, ledger_length=head.length, ledger_head=head.hash)
        told = [str(fault) for fault in check(database).faults]
        combinations = trained.document["evidence"]["search"]["combinations"]
        assert told[0] == (
            f"configuration {name}: its evidence.search.combinations is {combinations}, and the ledger's entry of its "
            "experiment has 1"
        )
        for table in ("trials", "trial_nulls", "ledger_chain"):
            execute("DELETE FROM {table}", table=table)
        edit(execute, name, ledger_length=0, ledger_head=genesis)
    assert [str(fault) for fault in check(database).faults] == [
        f"configuration {name}: its experiment {digest[:12]} was in the ledger and is not any more"
    ]


def test_a_ledger_without_its_identity_says_so(ledger: Ledger, database_url: str) -> None:
    with by_hand(database_url) as execute:
        disarm(execute, database_url)
        execute("DELETE FROM ledger_identity")
    for use in (ledger.identity, lambda: check(ledger.database)):
        with pytest.raises(StoreError, match="ledger: has no identity any more"):
            use()


# any history

CONTENT = st.tuples(
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=3),
                    st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)  # fmt: skip


@pytest.fixture
def own_file(tmp_path: Path, sqlite_template: bytes) -> Path:
    """An SQLite file with this version's tables."""
    path = tmp_path / "own.db"
    path.write_bytes(sqlite_template)
    return path


CHANGEABLE = [(t.name, c.name) for t in (schema.trials, schema.ledger_chain) for c in t.columns if c.name != "position"]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(CONTENT, min_size=1, max_size=5),
    where=st.integers(0, 4),
    what=st.sampled_from(CHANGEABLE),
    removed=st.booleans(),
)
def test_any_single_change_of_any_history_is_found_where_it_is(
    own_file: Path,
    contents: list[tuple[float | None, dict[str, float]]],
    where: int,
    what: tuple[str, str],
    *,
    removed: bool,
) -> None:
    path = own_file.with_name(f"{uuid4()}.db")
    path.write_bytes(own_file.read_bytes())
    database = Database.open(path, upgrade=False)
    ledger = Ledger(database)
    for number, (best, counts) in enumerate(contents):
        entry = replace(ENTRY, experiment_digest=str(number), best=best, distribution=counts)
        assert ledger.record(entry, user="me", at_ms=number)
    assert told(ledger) == []
    index, (table, column) = where % len(contents), what
    key = f"experiment_digest = '{index}'" if table == "trials" else f"position = {index + 1}"
    other = "'[1]'" if column == "distribution" else f"'x' || coalesce({column}, '')"
    with by_hand(str(path)) as execute:
        disarm(execute, str(path))
        if removed:
            execute("DELETE FROM {table} WHERE {key}", table=table, key=key)
        else:
            execute("UPDATE {t} SET {c} = {other} WHERE {key}", t=table, c=column, other=other, key=key)
    first = check(database).faults[0]
    # a link that is gone shows at the next one, or, the last, by its entry that has none
    assert first.position in ({index + 2, None} if removed and table == "ledger_chain" else {index + 1})
    database.close()
