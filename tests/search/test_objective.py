from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine.objectives import NO_LOSS, PROFIT_SHARE
from assay.search import ADAPTIVE, Range, SearchPlan, Space, best, penalised, refused, run_search
from assay.search.objective import MAX_RATIO
from assay.search.search import HISTOGRAM_BINS

if TYPE_CHECKING:
    from assay.engine import Combinations

MEASURES = st.one_of(st.floats(-20, 20), st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -1e300, 0.0, -0.0]))
POINTS = st.lists(st.tuples(MEASURES, st.integers(0, 60)), min_size=1, max_size=30)


def one(measure: float, trades: float) -> float:
    return float(penalised(np.array([measure]), np.array([trades]))[0])


@pytest.mark.parametrize(
    ("measure", "trades", "expected"),
    [
        (3.0, 0, -5.0),
        (3.0, 9, -5.0),
        (3.0, 10, -5.0),  # w = 0
        (3.0, 15, 0.25 * 3.0 - 0.75 * 5.0),
        (3.0, 20, -1.0),  # w = 1/2
        (8.0, 20, 1.5 * 20 / 120),
        (3.0, 29, (0.95 * 3.0 - 0.05 * 5.0) * 29 / 129),
        (3.0, 30, 3.0 * 30 / 130),
        (3.0, 100, 1.5),
        (3.0, 200, 2.0),
        (3.0, 19_900, 3.0 * 0.995),
        (-7.0, 30, -7.0),
        (math.nan, 100, -5.0),
        (math.nan, 0, -5.0),
        (math.inf, 400, 0.8e6),
        (-math.inf, 100, -1e6),
    ],
)
def test_the_formula_by_hand(measure: float, trades: int, expected: float) -> None:
    assert one(measure, trades) == pytest.approx(expected, abs=1e-12)


@given(POINTS)
def test_scores_are_finite_and_agree_with_a_loop(points: list[tuple[float, int]]) -> None:
    measure = np.array([m for m, _ in points])
    trades = np.array([float(n) for _, n in points])
    score = penalised(measure, trades)
    out = refused(measure, trades)
    assert np.isfinite(score).all()
    winner: int | None = None
    for i, (m, n) in enumerate(points):
        assert bool(out[i]) == (n < 10 or math.isnan(m))
        if not out[i]:
            w = min(1.0, (n - 10) / 20)
            expected = w * max(min(m, 1e6), -1e6) + (1 - w) * -5.0
            expected *= n / (n + 100) if expected > 0 else 1
            assert score[i] == pytest.approx(expected, rel=1e-12, abs=1e-12)
            if score[i] > 0 and (winner is None or score[i] > score[winner]):
                winner = i
    assert best(score, out) == winner


@given(st.floats(-5, 20), st.integers(10, 100))
def test_more_trades_never_lower_a_score_above_the_refusal(measure: float, trades: int) -> None:
    assert one(measure, trades + 1) >= one(measure, trades) - 1e-12


def test_what_is_left_is_what_the_next_trades_bring() -> None:
    """Many strategies whose trades have a mean drawn around 0: the score is what the next trades show."""
    rng = np.random.default_rng(0)
    trades, spread = 60, 1.0
    edge = rng.normal(0.0, spread / math.sqrt(100), 200_000)
    seen = rng.normal(edge, spread / math.sqrt(trades))
    high = (seen > 0.2) & (seen < 0.25)
    promised = penalised(seen[high] / spread, np.full(high.sum(), float(trades)))
    assert edge[high].mean() / spread == pytest.approx(promised.mean(), rel=0.02)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(11, 5000), st.integers(11, 5000), st.floats(-10, 1e12))
def test_without_a_loss_trades_rank_first_and_then_the_profit(
    profit: float, other: float, trades: int, more: int, ratio: float
) -> None:
    perfect, second = one(NO_LOSS + PROFIT_SHARE * profit, trades), one(NO_LOSS + PROFIT_SHARE * other, more)
    assert math.isfinite(perfect)
    assert perfect > one(min(ratio, 0.5 * NO_LOSS), more)  # whatever the ratio, however many its trades
    if trades != more:
        assert (perfect > second) == (trades > more)
    elif abs(profit - other) > 1e-8:
        assert (perfect > second) == (profit > other)


def test_without_a_loss_ten_trades_are_as_few_as_ever() -> None:
    assert one(NO_LOSS + 1.0, 9) == one(NO_LOSS + 1.0, 10) == -5.0


def test_the_measure_of_a_winner_without_a_loss_is_unknown() -> None:
    plan = SearchPlan(Space((("a", (1, 2, 3, 4)),)))
    worth = np.array([NO_LOSS + 5.0, 40.0, NO_LOSS + 6.0, NO_LOSS + 7.0])
    found = run_search(plan, lambda _: (worth, np.array([50.0, 900.0, 50.0, 10.0])))
    assert found.best == {"a": 3}
    assert found.score > MAX_RATIO
    assert math.isnan(found.measure)
    assert math.isnan(found.variance)  # one ratio is known


def test_combinations_that_are_all_alike_have_no_variance() -> None:
    plan = SearchPlan(Space((("a", (1, 2, 3)),)))
    found = run_search(plan, lambda _: (np.full(3, 0.1), np.full(3, 50.0)))
    assert found.variance == 0.0


@pytest.mark.parametrize("method", ADAPTIVE)
def test_searches_that_learn_find_what_has_no_loss(method: str) -> None:
    plan = SearchPlan(Space((("a", Range(0.0, 1.0)),)), method=method, budget=24, seed=3)

    def evaluate(points: Combinations) -> tuple[np.ndarray, np.ndarray]:
        a = np.array([float(points.at(i)["a"]) for i in range(len(points))])
        return np.where(a > 0.7, NO_LOSS + a, a), np.full(len(a), 60.0)

    found = run_search(plan, evaluate)
    assert found.best is not None
    assert float(found.best["a"]) > 0.7
    assert np.isfinite(found.scores).all()


def test_ties_go_to_the_lowest_index() -> None:
    assert best(np.array([1.0, 2.0, 2.0, 2.0]), np.zeros(4, dtype=np.bool_)) == 1


def test_a_refused_point_never_wins() -> None:
    score = np.array([9.0, 2.0, 9.0])
    assert best(score, np.array([True, False, True])) == 1
    assert best(score, np.array([True, True, True])) is None


@pytest.mark.parametrize("score", [[-1.0, -3.0], [0.0, -0.0], [-5.0], []])
def test_without_a_positive_point_there_is_no_candidate(score: list[float]) -> None:
    assert best(np.array(score), np.zeros(len(score), dtype=np.bool_)) is None


def test_a_search_keeps_the_peak() -> None:
    plan = SearchPlan(Space((("a", (1, 2)), ("b", (10.0, 20.0, 30.0)))))
    measure = np.array([9.0, 1.0, math.nan, 2.5, 2.5, -1.0])
    trades = np.array([9.0, 100.0, 99.0, 100.0, 100.0, 30.0])
    found = run_search(plan, lambda _: (measure, trades))
    assert found.best == {"a": 2, "b": 10.0}
    assert (found.score, found.measure, found.trades, found.combinations) == (1.25, 2.5, 100, 6)
    assert found.scores.tolist() == [-5.0, 0.5, -5.0, 1.25, 1.25, -1.0]
    record = found.distribution()
    counts, edges = record["counts"], record["edges"]
    assert isinstance(counts, list)
    assert isinstance(edges, list)
    assert (sum(counts), len(counts), len(edges)) == (6, HISTOGRAM_BINS, HISTOGRAM_BINS + 1)
    assert record["quantiles"] == {"min": -5.0, "q25": -4.0, "median": -0.25, "q75": 1.0625, "q95": 1.25, "max": 1.25}


def test_a_search_without_a_candidate_shows_its_best_point() -> None:
    plan = SearchPlan(Space((("a", (1, 2, 3)),)))
    found = run_search(plan, lambda _: (np.array([-2.0, -1.0, 50.0]), np.array([30.0, 30.0, 3.0])))
    assert found.best is None
    assert (found.score, found.measure, found.trades) == (-1.0, -1.0, 30)
