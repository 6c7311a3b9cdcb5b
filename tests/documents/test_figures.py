"""Figures: what the charts of a training draw is what its document says, and nothing from behind the door."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.documents.configuration import configuration
from assay.documents.figures import figures
from assay.search import parse_space
from assay.validation import SplitPlan
from store.documents import BARS, CREATED, evidence, experiment
from training.test_train import planted, spike_experiment
from validation.toys import HOUR_MS, Spike, changed_from, market, train

if TYPE_CHECKING:
    from assay.training import Evidence

DAY_MS = 86_400_000


def text(found: Evidence) -> str:
    return json.dumps(figures(found), allow_nan=False)


@pytest.fixture(scope="module")
def mature() -> Evidence:
    found = train(spike_experiment(permutations=39), planted())
    assert found.stage == "MATURE"
    return found


@pytest.fixture(scope="module", params=["sealed", "opened"])
def known(request: pytest.FixtureRequest, mature: Evidence) -> tuple[dict[str, Any], dict[str, Any], Evidence]:
    found = mature if request.param == "opened" else evidence()
    return figures(found), json.loads(json.dumps(configuration(found, CREATED))), found


def slow_drawdown(equity: list[float]) -> list[float]:
    peak, out = 1.0, []
    for value in equity:
        peak = max(peak, value)
        out.append(100 * (value / peak - 1))
    return out


def slow_market(found: Evidence, first_bar: int, start_ms: int, days: int) -> list[float]:
    """Last tradable close of each day over the one before the first bar."""
    bars = found.bars

    def close_before(ms: int) -> float:
        return next(float(bars.close[i]) for i in range(len(bars))[::-1] if bars.time[i] < ms and bars.tradable[i])

    bought = close_before(int(bars.time[first_bar]))
    return [close_before(start_ms + DAY_MS * (i + 1)) / bought for i in range(days)]


def test_they_agree_with_the_document(known: tuple[dict[str, Any], dict[str, Any], Evidence]) -> None:
    drawn, document, found = known
    metrics, run, trades = document["metrics"], drawn["stitched"], drawn["trades"]
    assert 100 * (run["equity"][-1] - 1) == pytest.approx(metrics["net_profit_pct"], rel=1e-12)
    assert len(run["equity"]) == len(run["market"]) == metrics["days"]
    compounded = np.prod([1 + s * r for s, r in zip(trades["size"], trades["return"], strict=True)])
    assert compounded == pytest.approx(run["equity"][-1], rel=1e-12)
    assert {len(column) for column in trades.values()} == {metrics["total_trades"]}
    assert sum(r > 0 for r in trades["return"]) == round(metrics["win_rate"] * metrics["total_trades"])
    assert run["drawdown_pct"] == pytest.approx(slow_drawdown(run["equity"]), abs=1e-12)
    assert min(run["drawdown_pct"]) >= metrics["max_drawdown_pct"] - 1e-9  # day ends see less than bar closes
    windows = document["validation"]["windows"]
    told = [[np.datetime64(w[n][:-1], "ms").astype(int) for n in ("test_from", "test_to")] for w in windows]
    assert drawn["windows"] == [[start, last + HOUR_MS] for start, last in told]
    first = found.splits.windows[0].test_start
    assert run["market"] == pytest.approx(slow_market(found, first, run["start_ms"], len(run["market"])), rel=1e-12)


def test_an_opened_holdout_is_drawn_and_a_sealed_one_is_not(mature: Evidence) -> None:
    assert figures(evidence())["holdout"]["run"] is None
    holdout, measured = figures(mature)["holdout"], mature.holdout_measures
    assert 100 * (holdout["run"]["equity"][-1] - 1) == pytest.approx(measured["net_profit_pct"], rel=1e-12)
    assert len(holdout["run"]["equity"]) == measured["days"]
    assert holdout["span"][0] == mature.bars.time[mature.splits.holdout_start]
    assert holdout["span"][1] == mature.bars.time[-1] + HOUR_MS


def test_nothing_of_a_sealed_holdout_is_in_them() -> None:
    split = experiment(plan=SplitPlan("split"), permutations=0)  # whose test ends on the day of the door
    first = train(split, BARS)
    door = first.splits.holdout_start
    assert (
        BARS.day[door]
        == BARS.day[door - 1]
        == first.walk_forward.run.first_day + len(first.walk_forward.run.equity) - 1
    )
    other = train(split, changed_from(BARS, door))
    assert other.provenance.data_digest != first.provenance.data_digest
    assert text(other) == text(first)


def test_threads_change_no_byte() -> None:
    assert text(train(experiment(), BARS, threads=2)) == text(evidence())


def test_every_cell_of_a_map_is_the_score_of_its_point() -> None:
    space = parse_space({"volume": [6.0, 1.5, 3.0], "target": [1.0, 3.0], "hold": [6, 3]}, Spike.parameters)
    found = train(experiment(space=space, permutations=0), BARS)
    scores = {
        tuple(found.search.result.tried.at(i).items()): s for i, s in enumerate(found.search.result.scores.tolist())
    }
    drawn = figures(found)["map"]
    axes = {axis["name"]: axis["values"] for axis in drawn["axes"]}
    assert axes == {"volume": [1.5, 3.0, 6.0], "target": [1.0, 3.0], "hold": [3, 6]}
    winner = found.search.result.best
    assert winner is not None
    assert {name: axes[name][i] for name, i in drawn["at"].items()} == {n: winner[n] for n in axes}
    assert [(p["x"], p["y"]) for p in drawn["planes"]] == [("volume", "target"), ("volume", "hold"), ("target", "hold")]
    for plane in drawn["planes"]:
        x, y = plane["x"], plane["y"]
        wanted = [[scores[tuple((winner | {x: a, y: b}).items())] for a in axes[x]] for b in axes[y]]
        assert plane["scores"] == wanted


def test_one_axis_no_axis_and_no_grid() -> None:
    one = parse_space({"volume": [6.0, 1.5]}, Spike.parameters)
    drawn = figures(train(experiment(space=one, permutations=0), BARS))["map"]
    ((plane),) = drawn["planes"]
    assert (plane["x"], plane["y"], len(plane["scores"]), len(plane["scores"][0])) == ("volume", None, 1, 2)
    point = parse_space({"volume": [1.5]}, Spike.parameters)
    assert figures(train(experiment(space=point, permutations=0), BARS))["map"]["planes"] == []
    sampled = train(experiment(method="random", budget=4, permutations=0), BARS)
    assert figures(sampled)["map"] is None


def test_without_a_candidate_the_best_point_is_marked() -> None:
    losing = train(experiment(), market(5, 130, edge=-0.02))
    assert losing.search.result.best is None
    drawn = figures(losing)
    assert drawn["map"]["candidate"] is False
    at = {n: drawn["map"]["at"][n] for n in drawn["map"]["at"]}
    (plane,) = (p for p in drawn["map"]["planes"] if (p["x"], p["y"]) == ("memory", "volume"))
    assert plane["scores"][at["volume"]][at["memory"]] == losing.search.result.score == max(losing.search.result.scores)
    assert drawn["trades"]["R"] == []
    assert set(drawn["stitched"]["equity"]) == {1.0}


def test_a_trade_without_a_target_has_none() -> None:
    found = evidence()
    trades = found.walk_forward.run.trades
    run = replace(found.walk_forward.run, trades=replace(trades, target=np.full(len(trades), np.nan)))
    walk = replace(found.walk_forward, run=run)
    without = replace(found, validation=replace(found.validation, walk_forward=walk))
    assert set(figures(without)["trades"]["target"]) == {None}
