"""Documents of the first release are accepted; their experiments give the same bytes where the procedure is the same.

The second procedure permutes other bars and has more gates, the third counts the exposure otherwise: what that moves is
listed here by its path, and nothing else of a document may move.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay import load_configuration
from assay.documents.coherence import contradiction
from assay.errors import FileFormatError
from assay.store import Database, Registry
from assay.store.ledger_check import check
from assay.strategies import STRATEGIES
from compatibility.conftest import (
    HERE,
    OTHER_CODE,
    accepted,
    as_then,
    content,
    documents,
    rows,
    strategy_of,
    timeless,
    trained_again,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Assay

DOCUMENTS = documents()
TRAINED = [name for name, document in DOCUMENTS.items() if document["evidence"]["verified"]]
STORED = ("SELECT * FROM trained_configurations ORDER BY config_id", "SELECT * FROM trials ORDER BY experiment_digest")
PROMOTED_THEN = {
    "LIQUIDITY_SWEEP_V3_20261130_075415_cea43d": (
        "alpha over the market of 1.645 standard errors (positions lean 27 % to one side)"
    )
}
"""What was MATURE by the first procedure and is PAPER by the second, and the gate that it fails."""
MOVED = (
    "configId",  # holds the experiment's digest, which holds the version of the procedure
    "provenance.experiment_digest",
    "provenance.experiment.procedure_version",
    "provenance.leak_checks",  # a user's strategy names the checks that it passed
    # the permuted bars lie on the grid of prices and keep the drift: p, and all that is made of it
    "metrics.p_value",
    "evidence.permutation.p_value",
    "evidence.permutation.done",
    "evidence.permutation.as_good_or_better",
    "evidence.permutation.stopped_early",
    "evidence.permutation.maxima",
    "lifecycle.gates",  # compared by name below
    "lifecycle.why_not_promoted",
    # counts the bars of the run, not those of whole days
    "metrics.exposure",
    "validation.in_sample.exposure",
    "validation.windows.train.exposure",
    "validation.windows.test.exposure",
    "validation.holdout.metrics.exposure",
    # new facts
    "evidence.market",
    "evidence.comparability",
    "evidence.campaign",
    "evidence.circuit_breakers.runs",  # the breaker of the Sharpe ratio is judged later, and re-arms
)
"""What later procedures move in a document of the first, with the reason."""
MOVED_WITH_THE_STAGE = (
    "validation.holdout",  # opened at MATURE only
    "metrics.kelly_fraction",
    "evidence.sizing",
    "evidence.circuit_breakers",
    "lifecycle.current_stage",
    "lifecycle.max_allocation_pct",
    "lifecycle.size_factor",
    "circuit_breakers",
)
"""What follows from a stage that is another."""


def without(document: dict[str, Any], paths: tuple[str, ...]) -> dict[str, Any]:
    """A document without some of its keys, which are named by their paths."""
    kept = dict(document)
    for path in paths:
        section, _, below = path.partition(".")
        if below and isinstance(kept.get(section), list):
            kept[section] = [without(one, (below,)) for one in kept[section]]
        elif below and kept.get(section) is not None:
            kept[section] = without(kept[section], (below,))
        elif not below:
            kept.pop(section, None)
    return kept


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
def test_verifying_a_document_of_the_earlier_procedure_says_so(assay: Assay, database_file: Path, name: str) -> None:
    stored = [rows(database_file, query) for query in STORED]
    ran = assay(
        "configurations", "verify", name, "--strategy", strategy_of(DOCUMENTS[name]), "--threads", 1,
        "--database", database_file, "--json", "--quiet",
    )  # fmt: skip
    assert ran.code == 3, ran.out + ran.err
    sentence = f"{name} was made by the earlier procedure: train again"
    assert (ran.document["error"]["type"], ran.document["error"]["message"]) == ("GateError", sentence)
    assert ran.err == f"assay: {sentence}\n"
    assert [as_then(then, rows(database_file, query)) for then, query in zip(stored, STORED, strict=True)] == stored


@pytest.fixture(scope="module")
def trained(first_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """The documents of today of the experiments of then, each trained once."""
    database = Path(shutil.copy(first_release, tmp_path_factory.mktemp("trained") / "assay.db"))
    return cache(lambda name: trained_again(DOCUMENTS[name], database))


@pytest.mark.parametrize("name", TRAINED)
def test_the_experiment_of_a_document_gives_the_same_bytes_where_the_procedure_is_the_same(
    trained: Callable[[str], dict[str, Any]], name: str
) -> None:
    stored, made = DOCUMENTS[name], trained(name)
    judged_otherwise = made["lifecycle"]["current_stage"] != stored["lifecycle"]["current_stage"]
    assert judged_otherwise == (name in PROMOTED_THEN)
    moved = (*MOVED, *(MOVED_WITH_THE_STAGE if judged_otherwise else ()))
    assert made["provenance"]["experiment"]["procedure_version"] == 3
    assert made["provenance"]["experiment_digest"] != stored["provenance"]["experiment_digest"]
    assert content(without(timeless(made), moved)) == content(without(timeless(stored), moved))
    assert made["evidence"]["permutation"].keys() == stored["evidence"]["permutation"].keys()


@pytest.mark.parametrize("name", TRAINED)
def test_gates_of_the_first_release_are_still_asked(trained: Callable[[str], dict[str, Any]], name: str) -> None:
    """Every gate of then that does not judge p says today what it said, where today's own gates let it be asked."""
    then = {g["name"]: g for g in DOCUMENTS[name]["lifecycle"]["gates"] if "permutation p" not in g["name"]}
    now = {g["name"]: g for g in trained(name)["lifecycle"]["gates"]}
    if name not in PROMOTED_THEN:
        assert then.keys() <= now.keys()
    else:
        assert [g["name"] for g in now.values() if not g["passed"]] == [PROMOTED_THEN[name]]
        assert {g["stage"] for g in then.values() if g["name"] not in now} == {"VALIDATION", "MATURE"}
    assert {gate: now[gate] for gate in then if gate in now} == {gate: g for gate, g in then.items() if gate in now}


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
    """What the tests above compare leaves out what other code and the other procedure say, and nothing else."""
    stored = DOCUMENTS[TRAINED[0]]
    for section, field in (("metrics", "net_profit_pct"), ("provenance", "data_digest"), ("evidence", "search")):
        changed: dict[str, Any] = stored | {section: stored[section] | {field: 1}}
        assert content(without(timeless(changed), MOVED)) != content(without(timeless(stored), MOVED))
    for field in OTHER_CODE:
        changed = stored | {"provenance": stored["provenance"] | {field: "another"}}
        assert content(timeless(changed)) == content(timeless(stored))
