"""The honesty study in small: 40 simulated markets; luck is refused, planted edges are kept."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom
from studies.honesty_figures import by_cell, goals, reached
from studies.rows import RowFile, made_by, work_off
from studies.simulated import PERMUTATION_GATE, Task, Terms, judged, permutation_of, trained

from assay.training import train
from assay.validation import PermutationTest

SPACE = (
    ("pierce_depth", (0.001, 0.002)),
    ("volume_spike_threshold", (1.5, 2.0, 3.0)),
    ("reversal_candles", (1, 2, 3)),
    ("atr_multiplier_sl", (1.5, 3.0)),
    ("risk_reward_ratio", (2.0, 4.0)),
)
SHORT, YEAR = Terms(120, 39, SPACE), Terms(365, 19, SPACE)
WALK_COUNT, EDGE_COUNT = 32, 8
WALKS = [Task(SHORT, "zero", 0.0, 30_000 + i) for i in range(WALK_COUNT)]
EDGES = [Task(YEAR, "exchange", 0.4, 30_000 + i) for i in range(EDGE_COUNT)]


def most(n: int, share: float) -> int:
    """Most hits that a true share leaves possible but for once in a thousand."""
    return int(binom.ppf(0.999, n, share))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    file = RowFile(tmp_path_factory.mktemp("honesty") / "rows.jsonl", made_by(asdict(YEAR), "simulated", "documents"))
    # the long ones first: both processes end at about the same time
    return work_off(file, {t.key: t for t in [*EDGES, *WALKS]}, judged, min(2, os.cpu_count() or 1))


def test_luck_is_refused_and_edges_are_kept(rows: list[dict[str, Any]]) -> None:
    cells = by_cell(rows)
    walks, edges = cells["zero", 0.0], cells["exchange", 0.4]
    assert (len(walks), len(edges)) == (WALK_COUNT, EDGE_COUNT)
    assert reached(walks, "VALIDATION or better") <= most(WALK_COUNT, 0.05)
    assert reached(walks, "any money") <= most(WALK_COUNT, 0.05)
    assert reached(walks, "MATURE") <= most(WALK_COUNT, 0.01)
    assert reached(edges, "VALIDATION or better") >= 6


def test_the_study_sees_a_rule_that_believes_luck(rows: list[dict[str, Any]]) -> None:
    walks = by_cell(rows)["zero", 0.0]
    assert sum(r["documents"]["stage"] != "PAPER" for r in walks) > most(WALK_COUNT, 0.05)
    in_sample = sum(r["in_sample_sharpe"] > 0.5 and r["best_score"] > 0 for r in walks)
    assert in_sample > most(WALK_COUNT, 0.05)


def test_p_is_uniform_without_an_edge(rows: list[dict[str, Any]]) -> None:
    walks = by_cell(rows)["zero", 0.0]
    assert all(r["permutations"] for r in walks)
    (uniform,) = (line for line in goals(by_cell(rows)) if line["goal"] == "no edge, p is uniform")
    assert uniform["met"]
    for level in (0.05, 0.1, 0.25, 0.5):
        hits = sum((1 + r["exceedances"]) / (1 + r["permutations"]) <= level for r in walks)
        assert hits <= most(WALK_COUNT, level)


def test_skipped_permutations_change_no_stage() -> None:
    skipped, stages = set(), set()
    terms = replace(SHORT, permutations=19)
    for edge, seed in ((0.0, 30_001), (0.0, 30_004), (0.4, 30_001), (0.4, 30_003)):
        task = Task(terms, "zero", edge, seed)
        bars, experiment = task.bars(), task.experiment()
        short, whole = trained(experiment, bars), train(experiment, bars)
        assert short.stage == whole.stage
        assert whole.tests.permutation.done
        skipped.add(not short.tests.permutation.done)
        stages.add(short.stage)
    assert skipped == {True, False}
    assert len(stages) > 1


def test_what_skips_the_permutations_is_named_as_the_gate_is() -> None:
    task = replace(WALKS[0], terms=replace(SHORT, permutations=0))
    assert PERMUTATION_GATE in [g.name for g in train(task.experiment(), task.bars()).verdict.failed]


def test_the_test_of_a_market_without_a_candidate_is_that_of_a_training() -> None:
    task = WALKS[3]
    whole = train(task.experiment(), task.bars())
    again = permutation_of(replace(whole, tests=replace(whole.tests, permutation=PermutationTest.not_run())))
    assert permutation_of(whole) is whole.tests.permutation
    assert again.p_value == whole.tests.permutation.p_value
    np.testing.assert_array_equal(again.maxima, whole.tests.permutation.maxima)
