from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.engine import Costs, Execution
from assay.search import run_search
from assay.validation import NULLS, PermutationTest, decide, mirror, permutation_test
from validation.test_lifecycle import GOOD
from validation.toys import Spike, grid_of, market, trial_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from assay.market import Bars

BARS = market(0, 20)


def returning(values: Iterable[float]) -> Callable[[Bars], tuple[float, float]]:
    iterator = iter(values)
    return lambda _: (next(iterator), 7.0)


def run(values: list[float], statistic: float, n: int) -> PermutationTest:
    return permutation_test(BARS, returning(values), statistic, permutations=n)


@pytest.mark.parametrize(
    ("values", "statistic", "exceedances", "p"),
    [
        ([0.0] * 39, 1.0, 0, 1 / 40),
        ([0.0] * 38 + [1.0], 1.0, 1, 2 / 40),  # as good counts
        ([0.0] * 37 + [1.5, 0.99999], 1.0, 1, 2 / 40),
        ([2.0] * 9 + [0.0] * 30, 1.0, 9, 10 / 40),
    ],
)
def test_the_formula(values: list[float], statistic: float, exceedances: int, p: float) -> None:
    test = run(values, statistic, 39)
    assert (test.exceedances, test.done, test.asked) == (exceedances, 39, 39)
    assert test.p_value == pytest.approx(p, abs=1e-15)
    assert not test.stopped_early
    assert not test.stopped_by_budget
    assert test.maxima.tolist() == values
    assert (test.statistic, test.method) == (statistic, "mirror")


def test_it_stops_at_ten_exceedances() -> None:
    test = run([0.0, 5.0] * 100, 1.0, 199)
    assert (test.done, test.exceedances, test.stopped_early) == (20, 10, True)
    assert test.p_value == pytest.approx(11 / 21)
    assert not test.stopped_by_budget


def test_ten_exceedances_at_the_very_end_are_no_early_stop() -> None:
    test = run([0.0] * 29 + [5.0] * 10, 1.0, 39)
    assert (test.done, test.stopped_early) == (39, False)
    assert test.p_value == pytest.approx(11 / 40)


def test_none_asked_none_known() -> None:
    test = run([], 1.0, 0)
    assert math.isnan(test.p_value)
    assert (test.done, test.exceedances, len(test.maxima)) == (0, 0, 0)


def test_a_budget_that_ends_it_blocks_promotion() -> None:
    seen: list[tuple[int, int]] = []

    def on_done(done: int, exceedances: int) -> bool:
        seen.append((done, exceedances))
        return done == 40

    test = permutation_test(BARS, returning([0.0, 1.0, *[0.0] * 98]), 1.0, permutations=99, on_done=on_done)
    assert (test.done, test.stopped_by_budget, test.stopped_early) == (40, True, False)
    assert test.p_value == pytest.approx(2 / 41)
    assert seen[:3] == [(1, 0), (2, 1), (3, 1)]
    facts = replace(GOOD, p_value=test.p_value, stopped_by_budget=test.stopped_by_budget)
    assert test.p_value < 0.05
    assert decide(replace(facts, holdout_sharpe=1.0)).stage == "PAPER"


def test_a_budget_that_ends_with_the_last_one_blocks_nothing() -> None:
    test = permutation_test(BARS, returning([0.0] * 9), 1.0, permutations=9, on_done=lambda done, _: done == 9)
    assert not test.stopped_by_budget


def test_the_search_sees_mirrored_bars_by_index() -> None:
    seen: list[Bars] = []

    def search(bars: Bars) -> tuple[float, float]:
        seen.append(bars)
        return 0.0, math.nan

    for method, permute in NULLS.items():
        seen.clear()
        test = permutation_test(BARS, search, 1.0, permutations=4, method=method)
        assert test.method == method
        assert test.measures.tolist() == [0.0] * 4  # nothing traded: what cash earns
        for index, bars in enumerate(seen):
            assert np.array_equal(bars.close, permute(BARS, index).close)


@pytest.mark.parametrize("statistic", [1e9, -1e9, 0.35])
def test_threads_change_nothing(statistic: float) -> None:
    trial = trial_of(execution=Execution(costs=Costs(fee=0.0, slippage=0.0)))
    plan = grid_of(Spike())

    def search(bars: Bars) -> tuple[float, float]:
        found = run_search(plan, lambda c: trial.score(bars, trial.span(40, len(bars)), c))
        return found.score, found.measure

    bars = market(4, 60)
    first, *others = (permutation_test(bars, search, statistic, permutations=30, threads=n) for n in (1, 2, 3))
    assert len(set(first.maxima.tolist())) > 1
    for other in others:
        assert other.maxima.tolist() == first.maxima.tolist()
        assert other.measures.tolist() == first.measures.tolist()
        assert (other.p_value, other.done, other.exceedances) == (first.p_value, first.done, first.exceedances)
        assert other.stopped_early == first.stopped_early
    assert first.done == (10 if statistic < -1e8 else first.done)


def kolmogorov_p(sample: NDArray[np.float64]) -> float:
    """Asymptotic p of the distance of a sample from the uniform distribution, as in the textbooks."""
    x = np.sort(sample)
    n = len(x)
    d = max(float((np.arange(1, n + 1) / n - x).max()), float((x - np.arange(n) / n).max()))
    z = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * d
    terms = [math.exp(-2.0 * k * k * z * z) * (1.0 if k % 2 else -1.0) for k in range(1, 101)]
    return min(1.0, max(0.0, 2.0 * math.fsum(terms)))


def test_the_distance_of_uniform_and_of_other_samples() -> None:
    assert kolmogorov_p((np.arange(60) + 0.5) / 60) > 0.99
    assert kolmogorov_p(np.linspace(0, 1, 60) ** 2) < 0.01


@pytest.mark.parametrize("costs", [Costs(fee=0.0, slippage=0.0), Costs()], ids=["free", "costs"])
def test_p_is_uniform_without_an_edge(costs: Costs) -> None:
    # 60 markets of 3,000 bars, 12 combinations, 39 permutations, no sequential stopping
    trial = trial_of(execution=Execution(costs=costs))
    plan = grid_of(Spike(), memory=[20], volume=[1.5, 2.5, 4.0])
    assert plan.size == 12
    rng = np.random.default_rng(99)
    sample = []
    for seed in range(60):
        bars = market(1000 + seed, 125)

        def search(b: Bars) -> float:
            return run_search(plan, lambda c, b=b: trial.score(b, trial.span(40, len(b)), c)).score  # type: ignore[misc]

        observed = search(bars)
        null = np.array([search(mirror(bars, i)) for i in range(39)])
        as_good, ties = np.count_nonzero(null > observed), np.count_nonzero(null == observed)
        sample.append((as_good + rng.random() * (1 + ties)) / 40)  # a discrete p, spread evenly over its step
    assert kolmogorov_p(np.array(sample)) > 0.01
    assert 0.3 < float(np.mean(sample)) < 0.7


def test_an_edge_is_seen() -> None:
    trial = trial_of()
    plan = grid_of(Spike())

    def search(b: Bars) -> tuple[float, float]:
        found = run_search(plan, lambda c: trial.score(b, trial.span(40, len(b)), c))
        return found.score, found.measure

    bars = market(5, 125, edge=0.015)
    assert permutation_test(bars, search, search(bars)[0], permutations=39, threads=2).p_value == 1 / 40
