"""What was edited by hand is told with exit code 3 by every command, in a sentence and in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from assay.store import Database, Registry
from assay.store.ledger import Ledger
from store.attacks import by_hand, disarm, edit
from store.documents import variant
from store.test_ledger import ENTRY

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay

CHANGED, OTHER = (variant(n)["configId"] for n in range(2))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def stored(home: Path) -> Path:
    """A database with two configurations, of which one was edited, and a ledger of one entry."""
    path = home / "assay.db"
    database = Database.open(path)
    for number in range(2):
        Registry(database).save(variant(number), at_ms=number)
    Ledger(database).record(ENTRY, user="me", at_ms=1)
    database.close()
    with by_hand(str(path)) as execute:
        document = variant()
        document["metrics"]["sharpe_ratio"] = 9.9
        edit(execute, CHANGED, config_json=document)
    return path


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    "call",
    [
        ("configurations", "show", CHANGED),
        ("configurations", "activate", CHANGED),
        ("configurations", "compare", CHANGED, OTHER),
        ("configurations", "export", CHANGED, "--out", "documents"),
        ("configurations", "export", "--csv", "--out", "all.csv"),
        ("configurations", "verify", CHANGED),
        ("configurations", "list"),
        ("report", CHANGED),
    ],
    ids=lambda call: " ".join(call[:2]),
)
def test_a_changed_configuration_is_refused(assay: Assay, tmp_path: Path, call: tuple[str, ...]) -> None:
    ran = assay(*call)
    assert ran.code == 3
    assert f"configuration {CHANGED} was changed after it was stored: its digest is " in ran.err
    told = assay(*call, "--json")
    assert told.code == 3
    if call[1] == "list":
        (row,) = told.document["configurations"]
        (change,) = told.document["changed"]
        assert (row["config_id"], change["configuration"]) == (OTHER, CHANGED)
        assert OTHER in ran.out
    else:
        assert told.document["error"]["type"] == "ChangedError"
    assert not list(tmp_path.rglob("*.html"))
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.usefixtures("stored")
def test_a_changed_configuration_can_be_put_away(assay: Assay) -> None:
    assert assay("configurations", "deactivate", CHANGED).code == 0
    assert assay("configurations", "archive", CHANGED).code == 0
    assert assay("configurations", "list").code == 0
    assert assay("configurations", "show", OTHER).code == 0


def test_a_document_that_contradicts_itself_is_shown_with_a_note(assay: Assay, home: Path) -> None:
    document = variant(stage="MATURE", lifecycle__requested_stage="PAPER")
    Registry(Database.open(home / "assay.db")).save(document, at_ms=1)
    ran = assay("configurations", "show", CHANGED)
    assert (ran.code, "It contradicts itself: its stage is MATURE, but PAPER was asked for." in ran.err) == (0, True)
    ran = assay("configurations", "activate", CHANGED)
    assert (ran.code, "contradicts itself: its stage is MATURE, but PAPER was asked for" in ran.err) == (3, True)


def test_the_ledger_is_verified(assay: Assay, stored: Path) -> None:
    ran = assay("ledger", "verify")
    assert ran.code == 0
    assert "Every entry is as it was written and where it was written." in ran.out
    facts = assay("ledger", "verify", "--json").document
    assert (facts["length"], facts["intact"], facts["faults"], facts["entries_before"]) == (1, True, [], 0)
    kept = f"{facts['length']}:{facts['head']}"
    assert kept in ran.out
    assert assay("ledger", "verify", "--head", kept).code == 0
    assert assay("ledger", "verify", "--head", f"2:{facts['head']}").code == 3
    ran = assay("ledger", "verify", "--head", "2:abc")
    assert (ran.code, "--head: must be LENGTH:HASH" in ran.err) == (2, True)
    with by_hand(str(stored)) as execute:
        disarm(execute, str(stored))
        execute("UPDATE trials SET combinations = 7")
    ran = assay("ledger", "verify")
    assert ran.code == 3
    assert "the first fault: entry 1, trials aaaa" in ran.err
    assert "was changed after it was written" in ran.out
    told = assay("ledger", "verify", "--json")
    assert (told.code, told.document["intact"], told.document["faults"][0]["position"]) == (3, False, 1)


def test_entries_of_before_the_chain_are_said(assay: Assay, stored: Path) -> None:
    with by_hand(str(stored)) as execute:
        disarm(execute, str(stored))
        execute("UPDATE ledger_identity SET entries_before = 5")
    assert (
        "5 of them were there before: what happened to them until then, nothing tells." in assay("ledger", "verify").out
    )


def test_options_of_the_ledger_stand_with_their_command(assay: Assay, stored: Path) -> None:
    assert json.loads(assay("--json", "ledger", "--database", stored).out)["experiments"][0]["combinations"] == 1000
    assert json.loads(assay("ledger", "--json", "verify", "--database", stored).out)["length"] == 1
    ran = assay("ledger", "--database", stored, "verify")
    assert (ran.code, "--database: must stand after `ledger verify`" in ran.err) == (2, True)
