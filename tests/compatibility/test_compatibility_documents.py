"""Documents of the first release are accepted, and their experiments still give the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from assay import load_configuration
from assay.documents.coherence import contradiction
from assay.errors import FileFormatError
from assay.store import Database, Registry
from assay.store.ledger_check import check
from assay.strategies import STRATEGIES
from compatibility.conftest import HERE, OTHER_CODE, accepted, content, documents, strategy_of, timeless, trained_again

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay

DOCUMENTS = documents()
TRAINED = [name for name, document in DOCUMENTS.items() if document["evidence"]["verified"]]


def test_every_strategy_that_ships_and_a_users_own_have_a_document() -> None:
    assert {DOCUMENTS[name]["strategy"] for name in TRAINED} >= {*STRATEGIES, "RISING"}
    assert DOCUMENTS.keys() - TRAINED


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_accepted_as_it_is(name: str) -> None:
    document = DOCUMENTS[name]
    assert accepted(document) == document
    for section, field in (("parameters", next(iter(document["parameters"]))), ("metrics", "net_profit_pct")):
        changed = document | {section: document[section] | {field: 0.123}}
        with pytest.raises(FileFormatError, match="it was changed after it was written"):
            accepted(changed)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_database_gives_the_very_document(assay: Assay, database_file: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "one.json"
    ran = assay("configurations", "export", name, "--out", out, "--database", database_file)
    assert ran.code == 0, ran.err
    assert out.read_text() == (HERE / "documents" / f"{name}.json").read_text()


@pytest.mark.parametrize("name", TRAINED)
def test_a_document_is_verified(assay: Assay, database_file: Path, name: str) -> None:
    ran = assay(
        "configurations", "verify", name, "--strategy", strategy_of(DOCUMENTS[name]), "--threads", 1,
        "--database", database_file, "--json", "--quiet",
    )  # fmt: skip
    assert ran.code == 0, ran.out + ran.err
    assert (ran.document["configuration"], ran.document["equal"]) == (name, True)


@pytest.mark.parametrize("name", TRAINED)
def test_the_experiment_of_a_document_gives_the_same_bytes(database_file: Path, name: str) -> None:
    stored = DOCUMENTS[name]
    made = trained_again(stored, database_file)
    assert made["provenance"].keys() == stored["provenance"].keys()
    assert content(timeless(made)) == content(timeless(stored))


def test_nothing_of_the_first_release_looks_edited(database_file: Path) -> None:
    database = Database.open(database_file)
    found = Registry(database).find(archived=None)
    assert len(found) >= len(DOCUMENTS)
    assert [
        (r.config_id, r.change, contradiction(r.document)) for r in found if r.change or contradiction(r.document)
    ] == []
    ledger = check(database)
    assert (ledger.faults, ledger.elsewhere) == ((), ())
    assert ledger.identity.entries_before == ledger.head.length > 0
    database.close()


def test_programs_load_what_was_switched_on(database_file: Path) -> None:
    live = load_configuration("LIQUIDITY_SWEEP", "EDGE/USDT", "simulated", "1h", database=database_file)
    assert live.document == DOCUMENTS[live.config_id]
    assert live.document["lifecycle"]["current_stage"] == "MATURE"


def test_one_number_that_is_another_is_told() -> None:
    """What the tests above compare leaves out what other code says of itself, and nothing else."""
    stored = DOCUMENTS[TRAINED[0]]
    for section, field in (("metrics", "net_profit_pct"), ("provenance", "experiment_digest")):
        changed: dict[str, Any] = stored | {section: stored[section] | {field: 1}}
        assert content(timeless(changed)) != content(timeless(stored))
    for field in OTHER_CODE:
        changed = stored | {"provenance": stored["provenance"] | {field: "another"}}
        assert content(timeless(changed)) == content(timeless(stored))
