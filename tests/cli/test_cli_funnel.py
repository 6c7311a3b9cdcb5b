"""`assay funnel`: the counts of the Python API, for a person and for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.documents.explained import explained
from assay.evaluation import signal_funnel
from assay.strategies import find_strategy

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars
    from cli.conftest import Assay


def test_the_table_has_the_counts_of_the_api(assay: Assay, market_file: Path, bars: Bars) -> None:
    asked = ("funnel", "--file", market_file, "--set", "min_level_touches=1")
    document = assay(*asked, "--json").document
    expected = signal_funnel(find_strategy("LIQUIDITY_SWEEP")(), bars, {"min_level_touches": 1})
    stages = document["funnel"]["stages"]
    assert [(s["name"], s["long"], s["short"]) for s in stages] == [
        (s.name, s.long, s.short) for s in expected.funnel.stages
    ]
    assert document["funnel"]["sentence"] == expected.sentence
    assert sum(document["funnel"]["exits"].values()) == stages[-1]["passed"] > 0
    shown = assay(*asked).out
    assert explained(expected.sentence) in shown
    for stage in expected.funnel.conditions:
        assert any(stage.name in line and f"{stage.passed:,}" in line for line in shown.splitlines())


def test_one_side_and_a_span_are_counted_alone(assay: Assay, market_file: Path) -> None:
    document = assay("funnel", "--file", market_file, "--side", "short", "--days", "5", "--json").document
    bars = document["funnel"]["stages"][0]
    assert (bars["long"], bars["short"]) == (0, 5 * 288)


def test_a_users_strategy_has_a_funnel(assay: Assay, market_file: Path, rising: Path) -> None:
    ran = assay("funnel", "--file", market_file, "--strategy", f"{rising}:Rising")
    assert ran.code == 0
    assert "body >= 1 (strength)" in ran.out
    assert "The threshold to look at first is strength: at 0.5 instead of 1 there would be" in ran.out


def test_wrong_input_is_named(assay: Assay, market_file: Path) -> None:
    ran = assay("funnel", "--file", market_file, "--set", "pierce=1")
    assert ran.code == 2
    assert "pierce_depth" in ran.err
