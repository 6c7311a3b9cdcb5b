"""Ideas and null permutations of the studies are what their names say."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from studies import nulls, power
from studies.edges import COSTS, NARROW, WIDE, planted
from studies.power import IDEAS, Task, best_hundredth, blended, ground_of, kept, smoothed, with_prior

from assay.engine import Execution, measure
from assay.search import penalised
from assay.search.objective import PRIOR_TRADES
from assay.sources.simulated import SimulatedMarket, simulate, simulate_market
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment, train
from assay.validation import SplitPlan


def test_the_score_as_it_is_has_its_prior() -> None:
    rng = np.random.default_rng(0)
    m, t = rng.normal(0, 3, 500), rng.integers(0, 300, 500).astype(float)
    m[::17] = np.nan
    np.testing.assert_allclose(with_prior(PRIOR_TRADES)(m, t, (500,)), penalised(m, t), rtol=1e-12)
    np.testing.assert_allclose(with_prior(0.0)(m, t, (500,)), blended(m, t), rtol=1e-12)


def test_smoothing_by_hand() -> None:
    m, t = np.array([0.0, 0.0, 13.0, 0.0]), np.full(4, 1e12)
    once = [0.0, 13 / 4, 13 / 2, 13 / 3]  # weights 1 2 1, at the ends 2 1
    twice = [(2 * once[0] + once[1]) / 3, (once[0] + 2 * once[1] + once[2]) / 4,
             (once[1] + 2 * once[2] + once[3]) / 4, (once[2] + 2 * once[3]) / 3]  # fmt: skip
    np.testing.assert_allclose(smoothed(m, t, (4,)), 0.5 * m + 0.5 * np.array(twice))


def test_the_best_hundredth() -> None:
    scores = np.arange(1000.0)
    assert best_hundredth(np.random.default_rng(0).permutation(scores)) == np.mean(np.arange(990, 1000))
    assert best_hundredth(np.array([3.0])) == 3.0


def test_ideas_search_what_they_say() -> None:
    bars = simulate_market(SimulatedMarket(days=3))
    ground = ground_of([bars], Experiment(LiquiditySweep(), permutations=0))
    by_name = {idea.name: ground.chosen(idea) for idea in IDEAS}
    assert by_name["as it is"].all()
    small = by_name["48 combinations chosen beforehand"]
    assert small.sum() == 48
    (one,) = np.flatnonzero(by_name["one combination chosen beforehand: the defaults"])
    assert ground.points.at(int(one)) == LiquiditySweep.parameters.defaults
    allowed = dict(power.SMALL)
    for i in np.flatnonzero(small)[::7]:
        point = ground.points.at(int(i))
        assert all(point[name] in values for name, values in allowed.items())


def test_an_idea_that_changes_nothing_is_a_training() -> None:
    bars = simulate_market(SimulatedMarket(days=150, timeframe="15m", seed=5))
    experiment = Experiment(LiquiditySweep(), execution=Execution(costs=COSTS["zero"]), permutations=2)
    ground = ground_of([bars], experiment)
    found, (idea,) = train(experiment, bars), [i for i in IDEAS if i.name == "as it is"]
    walked = power.walked(ground, [idea])[idea.name]
    assert walked["sharpe_ratio"] == pytest.approx(found.metrics["sharpe_ratio"], rel=1e-12)
    assert power.compared(ground, [idea], 2)[idea.name] == found.tests.permutation.p_value


def test_promoted_means_all_three() -> None:
    for net, sharpe, p in product((-1.0, 1.0), (0.4, 0.5), (0.05, 0.1)):
        found = {"net_profit_pct": net, "sharpe_ratio": sharpe, "p": p}
        assert kept(found) == (net > 0 and sharpe >= 0.5 and p == 0.05)


def test_every_plan_is_one_that_can_be_walked() -> None:
    assert {idea.plan for idea in IDEAS} >= {SplitPlan(), SplitPlan("rolling")}
    assert {task.truth for task in power.tasks_of(1, Path()).values()} == {"none", "wide", "narrow", "recorded"}
    assert Task("wide", "zero", 0.1, 7).key == "wide zero 0.1 7"


def test_edges_are_called_by_what_their_trades_earn() -> None:
    """Pooled over two years of two markets: some 3,300 trades of a spread of 1.3 R."""
    earned = []
    for seed in range(2):
        spec = SimulatedMarket(
            days=730,
            seed=90_000 + seed,
            edge_r=planted("wide", "exchange", 0.4),
            round_trip=COSTS["exchange"].round_trip,
            true_parameters=WIDE,
        )
        bars = simulate(spec).bars
        evaluator = Experiment(LiquiditySweep()).evaluator(bars)
        run = evaluator.replay(bars, spec.truth, evaluator.span(evaluator.warmup, len(bars)))
        earned.append((measure(run, bars)["expectancy_r"], len(run.trades)))
    mean = sum(r * n for r, n in earned) / sum(n for _, n in earned)
    assert mean == pytest.approx(0.4, abs=0.07)
    assert planted("none", "zero", 0.0) == 0.0
    assert NARROW == {}


def test_a_shuffle_moves_whole_bars() -> None:
    bars = simulate_market(SimulatedMarket(days=20))
    found = nulls.shuffle(bars, 0)
    assert sorted(found.volume) == pytest.approx(sorted(bars.volume))
    for name in ("high", "low", "close"):
        np.testing.assert_allclose(
            np.sort(getattr(found, name) / found.open), np.sort(getattr(bars, name) / bars.open), rtol=1e-9
        )
    order = np.argsort(found.volume)
    np.testing.assert_allclose(
        (found.high / found.low)[order], (bars.high / bars.low)[np.argsort(bars.volume)], rtol=1e-9
    )


def test_the_row_of_a_market_counts_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nulls, "DAYS", 15)
    monkeypatch.setattr(nulls, "PERMUTATIONS", 3)
    row = nulls.permuted(nulls.Task("zero", 1))
    assert set(nulls.NULLS) <= set(row)
    assert all(0 <= row[name]["above"] + row[name]["ties"] <= 3 for name in nulls.NULLS)
    text = nulls.figures([row | {"costs": costs, "seed": seed} for seed in (1, 2) for costs in COSTS])
    assert text.count("| mirror |") == text.count("| shuffle |") == 2
