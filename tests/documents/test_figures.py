"""Figures: what the charts of a training draw is what its document says, and nothing from behind the door."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.documents.candles import candles
from assay.documents.configuration import configuration
from assay.documents.figures import figures, run_figures
from assay.engine import REASONS, Bracket, Costs, Money, Setups, Signals, Span, Trades, replay
from assay.engine.excursions import excursions
from assay.engine.layout import OUTCOME_FIELDS
from assay.market import Bars, Timeframe, resample
from assay.market.bars import PRICES
from assay.search import parse_space
from assay.validation import SplitPlan
from store.documents import BARS, CREATED, evidence, experiment
from training.test_train import planted, spike_experiment
from validation.toys import HOUR_MS, HOURLY, Spike, changed_from, market, train

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


def slow_market(found: Evidence, start_ms: int, days: int) -> list[float]:
    """Last tradable close of each day over the one before the first day."""
    bars = found.bars

    def close_before(ms: int) -> float:
        return next(float(bars.close[i]) for i in range(len(bars))[::-1] if bars.time[i] < ms and bars.tradable[i])

    bought = close_before(start_ms)
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
    assert run["market"] == pytest.approx(slow_market(found, run["start_ms"], len(run["market"])), rel=1e-12)
    held = document["evidence"]["market"]
    assert 100 * (run["market"][-1] - 1) == pytest.approx(held["market_pct"], rel=1e-12)
    assert 100 * (run["same_exposure"][-1] - 1) == pytest.approx(held["same_exposure_pct"], rel=1e-12)


def slow_excursions(found: Evidence, i: int) -> tuple[float, float]:
    """Furthest prices of one trade against its entry and in its favour, by a walk over its bars."""
    bars, t = found.bars, found.walk_forward.run.trades
    seen = [float(t.exit_raw[i]), float(bars.open[t.exit_bar[i]])]
    at_the_close = REASONS[t.reason[i]] in ("MAX_HOLDING", "SESSION_END", "END_OF_DATA")
    for bar in range(t.entry_bar[i], t.exit_bar[i] + at_the_close):
        if bars.tradable[bar]:
            seen += [float(bars.low[bar]), float(bars.high[bar])]
    moves = [int(t.side[i]) * (price / float(t.entry_price[i]) - 1) for price in seen]
    return max(0.0, -min(moves)), max(0.0, *moves)


def test_excursions_are_those_of_a_slow_walk(known: tuple[dict[str, Any], dict[str, Any], Evidence]) -> None:
    drawn, document, found = known
    told, trades = drawn["excursions"], drawn["trades"]
    t = found.walk_forward.run.trades
    slow = [slow_excursions(found, i) for i in range(len(t))]
    assert told["mae"] == pytest.approx([against for against, _ in slow], abs=6e-8)
    assert told["mfe"] == pytest.approx([favour for _, favour in slow], abs=6e-8)
    share = np.abs(found.bars.close[t.signal_bar] - t.stop) / t.entry_price
    assert told["mae_r"] == pytest.approx((told["mae"] / share).tolist(), abs=1e-4)
    assert told["mfe_r"] == pytest.approx((told["mfe"] / share).tolist(), abs=1e-4)
    assert np.mean(told["bars"]) == pytest.approx(document["metrics"]["avg_holding_periods"])
    for i, reason in enumerate(trades["reason"]):  # what was lost was gone through, and what was won
        gross = int(t.side[i]) * (trades["exit"][i] / trades["entry"][i] - 1)
        assert -told["mae"][i] - 1e-3 <= gross <= told["mfe"][i] + 1e-3, reason


def test_what_a_stop_cuts_off_is_no_excursion() -> None:
    """A trade that is stopped saw the stop, and not how far its last bar fell after it."""
    open_, low, close = np.full(8, 100.0), np.full(8, 99.5), np.full(8, 100.0)
    low[4] = 80.0  # stopped at 97 on the way down
    high = np.full(8, 101.0)
    high[4] = 130.0  # before the fall or after it: nobody knows
    time = HOUR_MS * np.arange(8)
    bars = Bars.from_columns(HOURLY, time=time, open=open_, high=high, low=low, close=close, volume=np.full(8, 1.0))
    rows = Setups.build(bar=np.array([1]), side=np.array([1]), features={}, stop_unit=np.array([100.0]))
    exits = Bracket(stop="stop", target="target", max_bars="hold").vectors([{"stop": 0.03, "target": 50.0, "hold": 6}])
    signals = Signals(rows, np.zeros(1, dtype=np.int64), exits)
    run = replay(bars, signals, Money(Costs(fee=0.0, slippage=0.0)), Span(1, 8))
    found = excursions(run, bars)
    assert found.adverse.tolist() == pytest.approx([0.03])
    assert found.favourable.tolist() == pytest.approx([0.01])
    assert (found.adverse_r.tolist(), found.favourable_r.tolist()) == (pytest.approx([1.0]), pytest.approx([1 / 3]))


def prices_of(block: dict[str, Any], unit: float) -> dict[int, list[float]]:
    """Open, high, low and close of each candle of a block, as the page reads them."""
    out, close = {}, 0
    for i in range(0, len(block["moves"]), 4):
        first, body, above, below = block["moves"][i : i + 4]
        if above < 0:
            continue
        opened = close + first
        close = opened + body
        prices = [opened, max(opened, close) + above, min(opened, close) - below, close]
        out[block["start_ms"] + block["step_ms"] * i // 4] = [price * unit for price in prices]
    return out


def test_candles_are_the_markets_over_the_span_and_around_each_trade() -> None:
    found = evidence()
    told = figures(found)["candles"]
    before = found.bars.head(found.splits.holdout_start)
    start = found.splits.windows[0].test_start
    whole = resample(before.between(start), Timeframe(told["whole"]["step_ms"]))
    half = 0.5000001 * told["unit"]
    drawn = prices_of(told["whole"], told["unit"])
    assert list(drawn) == whole.time[~whole.absent].tolist()
    for i, ms in enumerate(drawn):
        assert drawn[ms] == pytest.approx([float(getattr(whole, n)[i]) for n in PRICES], abs=half)
    assert told["unit"] <= np.median(before.high - before.low) / 20
    t = found.walk_forward.run.trades
    assert (told["first_near"], len(told["near"])) == (0, len(t))
    assert {block is None for block in told["near"]} == {told["whole"]["step_ms"] == told["own_ms"]}


def test_candles_of_many_bars_are_coarse_and_those_of_trades_fine() -> None:
    """A year of five minutes, a part of it never recorded, and a trade a day."""
    random = np.random.default_rng(1)
    keep = np.flatnonzero(random.random(105_120) > 0.001)
    close = 100.0 * np.exp(np.cumsum(random.normal(0, 0.001, len(keep))))
    market = replace(HOURLY, timeframe=Timeframe.parse("5m"))
    bars = Bars.from_columns(
        market, time=300_000 * keep, open=close, high=close * 1.002, low=close * 0.998, close=close, volume=close
    )
    entry = np.arange(200, 105_000, 288)
    n = len(entry)
    trades = Trades.from_outcomes(entry - 1, np.ones(n, dtype=np.int8), np.zeros((n, OUTCOME_FIELDS)))
    trades = replace(trades, entry_bar=entry, exit_bar=entry + 20)
    told = candles(bars, 100, len(bars), trades)
    assert told["whole"]["step_ms"] == Timeframe.parse("4h").ms
    assert len(told["whole"]["moves"]) // 4 <= 3_000
    assert sum(len(block["moves"]) // 4 for block in told["near"]) <= 18_000
    for i, block in enumerate(told["near"]):
        drawn = prices_of(block, told["unit"])
        assert block["step_ms"] == 300_000
        assert min(drawn) <= bars.time[entry[i]] <= bars.time[entry[i] + 20] <= max(drawn)
        rows = np.searchsorted(bars.time, list(drawn))
        assert not bars.absent[rows].any()
        assert list(drawn.values())[5] == pytest.approx(
            [float(getattr(bars, n)[rows[5]]) for n in PRICES], abs=0.5000001 * told["unit"]
        )
    assert len(json.dumps(told, separators=(",", ":"))) < 300_000


def test_a_backtest_has_the_figures_of_a_training() -> None:
    found = evidence()
    run, start = found.walk_forward.run, found.splits.windows[0].test_start
    before = found.bars.head(found.splits.holdout_start)
    drawn, trained = run_figures(run, before, start), figures(found)
    assert drawn.keys() == trained.keys()
    assert (drawn["stitched"], drawn["excursions"]) == (trained["stitched"], trained["excursions"])
    assert drawn["trades"] | {"window": None} == trained["trades"] | {"window": None}
    assert drawn["windows"] == [[int(before.time[start]), before.moment(start + run.bars)]]
    assert (drawn["map"], drawn["holdout"]["run"]) == (None, None)


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
