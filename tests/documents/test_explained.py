"""Stored sentences in a trader's words: every gate and every sentence that has them is one that the code still says."""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import assay
from assay.documents import Document
from assay.documents.configuration import lifecycle
from assay.documents.explained import SENTENCES, explained, gate_condition, gate_failure, why_not_promoted
from assay.documents.sections.common import Gate
from assay.validation import Facts
from assay.validation.lifecycle import GATES, HOLDOUT, Answer
from reports.samples import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_RELEASE = sorted((Path(__file__).parents[1] / "compatibility" / "documents").glob("*.json"))
ROOMS = ("engine", "evaluation", "training", "validation", "documents")
"""Whose sentences stand in documents."""

NOTHING = Facts(
    has_candidate=False, net_profit_pct=-1.7715, sharpe=-1.2991, trades=15.0, fill_rate=0.6, p_value=0.04,
    data_override=True, adverse_selection=0.4, similarity=0.1, lean=0.6, alpha_t=math.nan, campaign_known=True,
    p_adjusted=0.2, permutations_run=199, fresh_process="it was made with arguments", fragile=("costs x 1.5",),
)  # fmt: skip


def stored(answer: Answer) -> dict[str, Any]:
    value = None if math.isnan(answer.value) else answer.value
    names = ("name", "limit", "passed", "stage", "next_step", "at_most")
    return {name: getattr(answer, name) for name in names} | {"value": value}


def gate(name: str, value: float | None, limit: float, *, at_most: bool = False) -> Gate:
    return Gate(name=name, value=value, limit=limit, passed=False, stage="DISCOVERY", next_step="", at_most=at_most)


@pytest.mark.parametrize("asked", [*GATES, HOLDOUT], ids=lambda asked: asked.name(NOTHING))
def test_every_gate_is_said_in_words_and_without_a_margin(asked: Any) -> None:
    name = asked.name(NOTHING)
    assert gate_condition(name) != name
    said = gate_failure(Gate(**stored(asked.ask(NOTHING))))
    assert not said.startswith(name)
    assert "{" not in said
    assert "margin" not in said


@pytest.mark.parametrize(
    ("failed", "sentence"),
    [
        (gate("a combination with a positive objective exists", 0.0, 1.0), "no combination earns on the days that we"),
        (
            gate("out-of-sample net profit above 0 %", -1.7715, 0.0),
            "the net profit out of sample is -1.77 % and must be",
        ),
        (gate("out-of-sample net profit above 0 %", None, 0.0), "the net profit out of sample is unknown and must be"),
        (gate("out-of-sample Sharpe of at least 0.5", 0.49999, 0.5), "is 0.49999 and must be at least 0.5"),
        (gate("permutation p of at most 0.05", 0.2, 0.05, at_most=True), "test is 0.2 and must be at most 0.05"),
        (
            gate("permutation p of at most 0.05", 0.02, 0.05, at_most=True),
            "at most 0.05: not certain yet (0.02 so far)",
        ),
        (gate("profit survives small changes", 0.0, 1.0), "whether the profit survives small changes is unknown"),
        (gate("profit survives costs x 1.5, entry one bar late", 0.0, 1.0), "survive: costs x 1.5, entry one bar late"),
        (gate("of another version", 0.25, 1.0), "of another version: 0.25"),
    ],
)
def test_what_failed(failed: Gate, sentence: str) -> None:
    assert sentence in gate_failure(failed)


def test_why_names_all_that_failed_and_the_step_of_the_first() -> None:
    document = sample("refused")[0]
    gates = [stored(asked.ask(replace(NOTHING, break_even=0.0))) for asked in GATES[2:4]]
    why = (
        "out-of-sample net profit above 0 %: -1.771 (margin -1.771). Also failed: ... It loses even without costs: ..."
    )
    document["lifecycle"] = lifecycle("PAPER", None, None, why, gates)
    assert why_not_promoted(Document.of(document)) == (
        "the net profit out of sample is -1.77 % and must be above 0 %; the Sharpe ratio out of sample is -1.30 and "
        "must be at least 0.5. It loses even without costs: try another market, another timeframe or another idea."
    )
    document["lifecycle"] = lifecycle("PAPER", "PAPER", None, "PAPER was asked for", gates)
    assert why_not_promoted(Document.of(document)) == "no more than PAPER was asked for"


@pytest.mark.parametrize("path", FIRST_RELEASE, ids=lambda path: path.stem[:20])
def test_documents_of_the_first_release_are_said_anew(path: Path) -> None:
    document = Document.of(json.loads(path.read_text()))
    why = why_not_promoted(document)
    assert bool(why) == bool(document.lifecycle.why_not_promoted)
    assert "margin" not in why
    assert "binds" not in why


def templates() -> Iterator[str]:
    """Every sentence of the rooms, 7 standing for what is filled in."""
    for room in ROOMS:
        for file in (Path(assay.__file__).parent / room).rglob("*.py"):
            if file.name == "explained.py":
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(str(v.value) if isinstance(v, ast.Constant) else "7" for v in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{node.value}7" if node.value.endswith(" ") else node.value


def test_every_sentence_with_other_words_is_one_that_is_stored() -> None:
    said = set(templates())
    for pattern, shown in SENTENCES:
        found = {sentence for sentence in said if re.search(pattern, sentence)}
        assert found, pattern.pattern
        assert all(explained(sentence) != sentence for sentence in found)
        assert set(re.findall(r"\\(\d)", shown)) == {f"{i + 1}" for i in range(pattern.groups)}
