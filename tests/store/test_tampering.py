"""Rows and documents that were edited by hand are refused by name, by everything that would rely on them."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest

from assay import load_configuration
from assay.documents.coherence import contradiction
from assay.documents.schema import sealed
from assay.errors import ChangedError, GateError
from assay.store import Database, Registry
from assay.store.rows import DERIVED
from store.attacks import by_hand, edit, rewrite
from store.documents import trained, variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = variant()["configId"]
MARKET = ("SPIKE", variant()["context"]["pair"])


@pytest.fixture
def registry(database: Database) -> Registry:
    registry = Registry(database)
    registry.save(variant(), at_ms=1)
    registry.save(variant(1), at_ms=2)
    return registry


def edited(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of a document in which one field, ``section.name``, is another."""
    other = copy.deepcopy(document)
    section, _, name = path.rpartition(".")
    (other[section] if section else other)[name] = value
    return other


def refused(registry: Registry, url: str, why: str, name: str = NAME) -> None:
    """Nothing that would rely on a configuration takes it; the others are untouched."""
    message = rf"configuration {name} was changed after it was stored: {why}"
    for use in (registry.get, lambda one: registry.activate(one, at_ms=9), lambda one: registry.compare([one, one])):
        with pytest.raises(ChangedError, match=message):
            use(name)
    assert {r.config_id for r in registry.find(archived=None) if r.change} == {name}
    with by_hand(url) as execute:
        edit(execute, name, is_active=True)
    with pytest.raises(ChangedError, match=message):
        load_configuration(*MARKET, database=registry.database)
    assert registry.deactivate(name, at_ms=10)  # what was changed may always be switched off
    assert registry.archive(name, at_ms=11)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("lifecycle.current_stage", "MATURE"),
        ("lifecycle.size_factor", 1.0),
        ("metrics.sharpe_ratio", 9.9),
        ("parameters.hold", 77),
        ("circuit_breakers.max_position_size_pct", 50.0),
        ("portfolio_circuit_breakers.max_daily_loss", 0.9),
        ("provenance.trials", 1),
        ("context.to", "2030-01-01T00:00:00Z"),
        ("provenance.document_digest", "0" * 64),
    ],
)
def test_an_edited_document_is_refused(registry: Registry, database_url: str, path: str, value: object) -> None:
    document = edited(variant(), path, value)
    with by_hand(database_url) as execute:
        edit(execute, NAME, config_json=document)
    refused(registry, database_url, r"its digest is [0-9a-f]{12}, its content gives [0-9a-f]{12}")


@pytest.mark.parametrize("damaged", ["[]", "7", '"text"', "{}", '{"configId": "X"}'])
def test_what_is_no_document_is_refused(registry: Registry, database_url: str, damaged: str) -> None:
    with by_hand(database_url) as execute:
        edit(execute, NAME, config_json=damaged)
    refused(registry, database_url, "its document (is not a JSON object any more|does not keep the schema)")


@pytest.mark.parametrize("damaged", ["garbage", "[" * 100_000, b"\xff"])
def test_what_is_no_json_is_refused(tmp_path: Path, sqlite_template: bytes, damaged: str | bytes) -> None:
    """PostgreSQL lets none of it into a column of JSON."""
    path = tmp_path / "own.db"
    path.write_bytes(sqlite_template)
    registry = Registry(Database.open(path))
    registry.save(variant(), at_ms=1)
    with by_hand(str(path)) as execute:
        edit(execute, NAME, parameters_json=damaged)
        with pytest.raises(ChangedError, match="its column parameters_json is"):
            registry.get(NAME)
        edit(execute, NAME, config_json=damaged)
    refused(registry, str(path), "its document is not a JSON object any more")


@pytest.mark.parametrize(("path", "value"), [("createdAt", "2026-03-01T12:34:57Z"), ("createdAt", "some day")])
def test_the_moment_which_no_digest_covers_is_that_of_the_row(
    registry: Registry, database_url: str, path: str, value: str
) -> None:
    with by_hand(database_url) as execute:
        document = edited(variant(), path, value)
        edit(execute, NAME, config_json=document)
    refused(registry, database_url, "its (column discovery_date is|createdAt 'some day' is no time)")


OTHER: dict[str, object] = {
    "status": "MATURE", "timeframe": "1d", "regime": "bear", "discovery_date": 5, "sample_size": 5, "id": "another",
    "config_id": "SPIKE_V3_20260301_000007_abcdef", "experiment_digest": "f" * 64,
}  # fmt: skip
"""What a column is set to, where neither a number below 1 nor a text or an object fits it."""


def another(column: str, value: object) -> object:
    """A value that a column may have and does not."""
    if column in OTHER:
        return OTHER[column]
    if isinstance(value, dict):
        return value | {"hold": 3}
    return f"another {value}" if isinstance(value, str) else 0.1234


def test_a_column_that_disagrees_is_refused_by_name(registry: Registry, database_url: str) -> None:
    row = registry.get(NAME).row
    with by_hand(database_url) as execute:
        for column in DERIVED:
            if column == "config_id":
                continue
            edit(execute, NAME, **{column: another(column, row[column])})
            with pytest.raises(ChangedError, match=rf"{NAME} was .*: its column {column} is .*, its document gives "):
                registry.get(NAME)
            edit(execute, NAME, **{column: row[column]})
    assert registry.get(NAME).row == row


def test_a_stage_in_the_column_alone_gives_no_capital(registry: Registry, database_url: str) -> None:
    name = registry.save(variant(5, "PAPER"), at_ms=3)
    with by_hand(database_url) as execute:
        edit(execute, name, status="MATURE")
    refused(registry, database_url, "its column status is 'MATURE', its document gives 'PAPER'", name)


def test_a_row_that_took_another_name_is_refused(registry: Registry, database_url: str) -> None:
    other = str(OTHER["config_id"])
    with by_hand(database_url) as execute:
        edit(execute, NAME, config_id=other)
    refused(registry, database_url, "its column config_id is", other)


def test_a_moment_that_is_none_is_refused(registry: Registry, database_url: str) -> None:
    with by_hand(database_url) as execute:
        edit(execute, NAME, created_at=10**18)
    refused(registry, database_url, "its column created_at is 1000000000000000000, which is no time")


def test_what_may_change_after_storing_does(registry: Registry, database_url: str) -> None:
    registry.activate(NAME, at_ms=3)
    with by_hand(database_url) as execute:
        edit(
            execute, NAME, performance_degradation=0.3, death_signal_count=1, metadata_json={"note": 1},
            current_allocation=0.1, runtime_env="another machine", data_filter_config={"bad_bars": "masked"},
        )  # fmt: skip
    assert registry.get(NAME).row["death_signal_count"] == 1
    assert load_configuration(*MARKET, database=registry.database).config_id == NAME


def test_who_is_active_by_hand_without_capital_is_not_loaded(registry: Registry, database_url: str) -> None:
    name = registry.save(variant(5, "PAPER"), at_ms=3)
    with by_hand(database_url) as execute:
        edit(execute, name, is_active=True)
    with pytest.raises(
        GateError, match=f"{name} is PAPER, which gives it 0 % of the capital, and is marked active all the same"
    ):
        load_configuration(*MARKET, database=registry.database)


def test_a_program_that_runs_keeps_the_document_it_has(registry: Registry, database_url: str) -> None:
    registry.activate(NAME, at_ms=3)
    live = load_configuration(*MARKET, database=registry.database, reload_s=0.0)
    with by_hand(database_url) as execute:
        edit(execute, NAME, config_json=edited(variant(), "parameters.hold", 77), updated_at=4)
    assert live["parameters"] == variant()["parameters"]
    assert "was changed after it was stored: its digest is" in str(live.fault)


# whoever edits a row and makes the digest and all columns anew

RAISED = {"current_stage": "MATURE", "size_factor": 1.0, "max_allocation_pct": 10.0}
CONTRADICTIONS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("its stage is MATURE, but its gates support PAPER", lambda d: d["lifecycle"].update(RAISED)),
    ("its stage is MATURE, but its gates support PAPER", lambda d: d["lifecycle"].update(RAISED, gates=[])),
    ("lifecycle.size_factor is 1, but PAPER gives 0", lambda d: d["lifecycle"].update(size_factor=1.0)),
    ("lifecycle.max_allocation_pct is 10, but PAPER gives 0", lambda d: d["lifecycle"].update(max_allocation_pct=10.0)),
    (
        "circuit_breakers.max_position_size_pct is 50, but PAPER gives 2",
        lambda d: d["circuit_breakers"].update(max_position_size_pct=50.0),
    ),
    ("the gate 'out-of-sample Sharpe of at least 0.5' says .*, and metrics.sharpe_ratio is 9.9",
     lambda d: d["metrics"].update(sharpe_ratio=9.9)),
    ("the gate 'permutation p of at most 0.05' passed with",
     lambda d: d["lifecycle"].update(gates=[g | {"passed": True} for g in d["lifecycle"]["gates"]])),
    ("provenance.experiment_digest is not that of provenance.experiment",
     lambda d: d["provenance"]["experiment"].update(permutations=199)),
    ("provenance.data_digest is 0000", lambda d: d["provenance"].update(data_digest="0" * 64)),
    ("context.pair is ETH/USDT, and its experiment is of ", lambda d: d["context"].update(pair="ETH/USDT")),
    ("strategy is LIQUIDITY_SWEEP, and its experiment is of SPIKE", lambda d: d.update(strategy="LIQUIDITY_SWEEP")),
]  # fmt: skip


@pytest.mark.parametrize(("why", "forge"), CONTRADICTIONS, ids=[str(n) for n in range(len(CONTRADICTIONS))])
def test_a_forged_document_contradicts_itself(why: str, forge: Callable[[dict[str, Any]], Any]) -> None:
    document = trained()
    assert contradiction(document) == ""
    forge(document)
    assert re.match(why, contradiction(sealed(document)))


def test_a_document_that_contradicts_itself_is_not_activated(registry: Registry, database_url: str) -> None:
    document = variant()
    document["lifecycle"] |= RAISED
    with by_hand(database_url) as execute:
        rewrite(execute, sealed(document))
    assert registry.get(NAME).change == ""
    why = f"{NAME} contradicts itself: its stage is MATURE, but its gates support VALIDATION"
    with pytest.raises(GateError, match=why):
        registry.activate(NAME, at_ms=4)
    with by_hand(database_url) as execute:
        edit(execute, NAME, is_active=True)
    with pytest.raises(GateError, match=why):
        load_configuration(*MARKET, database=registry.database)


def test_a_stage_above_the_one_that_was_asked_for_contradicts_it() -> None:
    document = variant(stage="MATURE")
    document["lifecycle"]["requested_stage"] = "DISCOVERY"
    assert contradiction(sealed(document)) == "its stage is MATURE, but DISCOVERY was asked for"
