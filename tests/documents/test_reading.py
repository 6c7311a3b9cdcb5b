"""Documents as values: typed sections beside the stored mapping, which stays as it is."""

from __future__ import annotations

import ast
import copy
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ValidationError

from assay.documents import Document, TrainedDocument, UnverifiedDocument, read
from assay.documents.schema import TrainedConfiguration, UnverifiedConfiguration, sealed
from assay.documents.sections.base import Section
from assay.documents.sections.common import REQUIRED_MEASURES
from assay.documents.sections.evidence import Evidence, Permutation
from assay.documents.sections.provenance import Provenance
from assay.documents.sections.validation import Validation
from assay.documents.unverified import unverified
from assay.errors import FileFormatError
from store.documents import CREATED, trained

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[2] / "src" / "assay"
MAX_LOOK_UPS = 19

# words of the document that other tables of the package have, too
EVERYDAY = {
    "method", "objective", "combinations", "trials", "summary", "seed", "data_digest", "costs", "sizing", "label",
    "holdout", "windows", "ambiguity", "fragility", "funnel", "data", "version", "strategy", "parameters", "metrics",
    "market", "p_value",
}  # fmt: skip
DOCUMENTS = {"document", "configuration", "live", "raw", "d"}


def plain() -> dict[str, Any]:
    return unverified("OWN", {"a": 1}, {"win_rate": 0.5, "total_trades": 4}, CREATED, market=("x", "A/B", "1h"))


def keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_a_trained_document_has_every_section() -> None:
    raw = trained()
    found = read(raw)
    assert isinstance(found, TrainedDocument)
    assert found.is_proven
    assert (found.config_id, found.version, found.strategy) == (raw["configId"], "3.0.0", "SPIKE")
    assert (found.context.pair, found.context.from_) == (raw["context"]["pair"], raw["context"]["from"])
    assert found.evidence.permutation.requested == raw["evidence"]["permutation"]["asked"]
    assert found.evidence.permutation.exceedances == raw["evidence"]["permutation"]["as_good_or_better"]
    assert (
        found.evidence.search.distribution.quantiles.q95
        == raw["evidence"]["search"]["distribution"]["quantiles"]["q95"]
    )
    assert [w.test for w in found.validation.windows] == [w["test"] for w in raw["validation"]["windows"]]
    assert found.validation.holdout.share == raw["validation"]["holdout"]["share"]
    assert found.provenance.experiment.plan.train_days == raw["provenance"]["experiment"]["plan"]["train_days"]
    assert found.provenance.experiment.procedure_version == 3
    assert found.metrics.p_value == found.measures["p_value"] == raw["metrics"]["p_value"]
    assert found.circuit_breakers.by_key() == raw["circuit_breakers"]
    assert json.dumps(found.portfolio_circuit_breakers.by_key()) == json.dumps(raw["portfolio_circuit_breakers"])
    assert found.raw == raw


def test_every_key_that_is_written_has_a_field_and_every_field_is_written() -> None:
    def same(raw: Any, value: Any, path: str) -> None:
        if isinstance(value, Section):
            assert set(raw) == keys(type(value)), path
            for name, part in value.by_key().items():
                if name in raw:
                    same(raw[name], part, f"{path}.{name}")
        elif isinstance(value, tuple):
            for i, (a, b) in enumerate(zip(raw, value, strict=True)):
                same(a, b, f"{path}.{i}")
        elif isinstance(value, BaseModel):
            assert set(raw) >= set(REQUIRED_MEASURES), path
        elif isinstance(value, Mapping):
            assert set(raw) == set(value), path
            for name, part in value.items():
                same(raw[name], part, f"{path}.{name}")
        else:
            assert raw == value, path

    for raw, model in ((trained(), TrainedConfiguration), (plain(), UnverifiedConfiguration)):
        same(raw, model.model_validate(raw), "document")


def test_reading_changes_no_byte() -> None:
    for raw in (trained(), plain()):
        before = json.dumps(raw)
        found = read(raw)
        assert found.lifecycle.gates is not None
        assert (json.dumps(raw), json.dumps(found.raw)) == (before, before)


def test_what_nothing_proves_has_no_evidence_to_look_at() -> None:
    found = read(plain())
    assert isinstance(found, UnverifiedDocument)
    assert not found.is_proven
    assert (found.context.exchange, found.context.from_, found.metrics.win_rate) == ("x", None, 0.5)
    assert found.provenance.experiment is None
    for name in ("evidence", "validation", "execution"):
        assert not hasattr(found, name)


def test_sections_are_frozen() -> None:
    found = read(trained())
    with pytest.raises(ValidationError, match="frozen"):
        found.lifecycle.current_stage = "MATURE"
    with pytest.raises(FrozenInstanceError):
        found.raw = {}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("evidence.search.combinations", "many", "configuration evidence.search.combinations"),
        ("evidence.search.more", 1, "configuration evidence.search.more: Extra inputs"),
        ("evidence.permutation.asked", None, "configuration evidence.permutation.asked"),
        ("validation.windows.0.train_score", "high", "configuration validation.windows.0.train_score"),
        ("validation.holdout.share", None, "configuration validation.holdout.share"),
        ("execution.costs.fee", None, "configuration execution.costs.fee"),
        ("provenance.quality.valid", 0.5, "configuration provenance.quality.valid"),
        ("provenance.experiment.procedure", "guess", "configuration provenance.experiment.procedure"),
        ("lifecycle.gates.0.stage", "GOLD", "configuration lifecycle.gates.0.stage"),
    ],
)
def test_a_fault_in_any_depth_is_named(path: str, value: Any, named: str) -> None:
    raw = trained()
    *parents, name = path.split(".")
    at: Any = raw
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at[part]
    at[name] = value
    with pytest.raises(FileFormatError, match=named):
        sealed(raw)


def test_a_section_is_checked_when_it_is_used() -> None:
    raw = trained()
    raw["evidence"]["search"]["combinations"] = "many"
    found = Document.of(raw)
    assert isinstance(found, TrainedDocument)
    assert found.lifecycle.current_stage == "PAPER"
    with pytest.raises(FileFormatError, match=r"configuration evidence\.search\.combinations"):
        _ = found.evidence


def test_parts_that_were_added_later_may_be_missing() -> None:
    raw = trained()
    for name in ("funnel", "circuit_breakers", "sizing", "opinions", "second_opinion", "ambiguity", "intervals"):
        del raw["evidence"][name]
    del raw["validation"]["matrix"]
    found = read(sealed(copy.deepcopy(raw)))
    assert isinstance(found, TrainedDocument)
    assert (found.evidence.funnel, found.evidence.sizing, found.validation.matrix) == (None, None, None)


def test_neither_help_nor_the_package_needs_the_library_of_the_sections() -> None:
    code = (
        "import sys, assay; from assay.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    )
    code += "assert 'pydantic' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- nobody else looks into a document by string


def looked_up(node: ast.AST) -> tuple[ast.expr, str] | None:
    """Return the value and the key of ``value["key"]`` and of ``value.get("key")``."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        value, key = node.value, node.slice.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        value, key = node.func.value, getattr(node.args[0], "value", None)
    else:
        return None
    return (value, key) if isinstance(key, str) else None


def look_ups(source: str) -> Iterator[int]:
    """Yield the line of every look-up with a key of the document: a word that only it has, an everyday word on what is
    named like a document, and any key inside of one."""
    all_keys = set().union(*(keys(m) for m in (TrainedConfiguration, Validation, Evidence, Provenance, Permutation)))

    def counts(node: ast.AST) -> bool:
        found = looked_up(node)
        if found is None:
            return False
        value, key = found
        named = isinstance(value, ast.Name) and value.id in DOCUMENTS
        return (key in all_keys and (named or key not in EVERYDAY)) or counts(value)

    yield from (getattr(node, "lineno", 0) for node in ast.walk(ast.parse(source)) if counts(node))


def test_the_count_finds_what_it_looks_for() -> None:
    assert list(look_ups('document["evidence"]["search"]["combinations"]')) == [1, 1, 1]
    assert list(look_ups('x["lifecycle"]; live.get("parameters"); row["strategy"]; found.evidence.search')) == [1, 1]


def test_other_rooms_look_into_documents_by_typed_sections() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] != "documents"
        for line in look_ups(path.read_text())
    ]
    assert len(found) <= MAX_LOOK_UPS, "\n".join(found)
