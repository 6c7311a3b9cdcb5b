"""The simulated markets: a fair walk, an edge of the stated size and nothing else, an illiquid market."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Costs, Execution, Money
from assay.errors import InputError, ParameterError
from assay.evaluation import backtest
from assay.indicators import atr, volume_ratio
from assay.market.quality import measure_quality
from assay.sources.price_path import Texture
from assay.sources.simulated import (
    DRIFT_BARS,
    SimulatedMarket,
    Simulation,
    simulate,
    simulate_market,
    true_signals,
)
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.testing.oracle import OracleBars, OracleCosts
from oracle.sweep_rules import SweepParams, liquidity_sweep_orders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars

WALKS = 12
EDGES = 6
FREE = Money(costs=Costs(fee=0.0, slippage=0.0))


@cache
def walk(seed: int) -> Bars:
    return simulate_market(SimulatedMarket(seed=seed))


@cache
def edge(seed: int, size: float = 0.4) -> Simulation:
    return simulate(SimulatedMarket(seed=seed, edge_r=size))


def traded(bars: Bars, money: Money, **overrides: Any) -> NDArray[np.float64]:
    values = LiquiditySweep.parameters.complete({**SimulatedMarket().truth, **overrides})
    return backtest(
        LiquiditySweep(), bars, values, execution=Execution(costs=money.costs, sizing=money.sizing)
    ).trades.r_multiple


def t_statistic(values: NDArray[np.float64]) -> float:
    return float(values.mean() / (values.std(ddof=1) / np.sqrt(len(values))))


LOOSE: dict[str, Any] = {
    "pierce_depth": 0.001,
    "volume_spike_threshold": 1.5,
    "reversal_candles": 1,
    "min_level_touches": 1,
}


@pytest.mark.parametrize("overrides", [{}, LOOSE, {**LOOSE, "atr_multiplier_sl": 1.5, "risk_reward_ratio": 2.0}])
def test_without_an_edge_and_costs_a_trade_earns_nothing(overrides: dict[str, Any]) -> None:
    returns = np.concatenate([traded(walk(seed), FREE, **overrides) for seed in range(WALKS)])
    assert len(returns) > 1500
    assert abs(t_statistic(returns)) < 3


def test_without_an_edge_costs_are_lost() -> None:
    returns = np.concatenate([traded(walk(seed), Money()) for seed in range(WALKS)])
    assert -0.55 < returns.mean() < -0.3


def test_planted_edge_survives_the_costs_it_was_planted_for() -> None:
    returns = np.concatenate([traded(edge(seed).bars, Money()) for seed in range(EDGES)])
    assert 0.2 < returns.mean() < 0.5
    assert t_statistic(returns) > 4


def test_planted_edge_needs_no_costs_to_be_net_of_none() -> None:
    specs = [SimulatedMarket(seed=seed, edge_r=0.4, round_trip=0.0) for seed in range(EDGES)]
    returns = np.concatenate([traded(simulate_market(spec), FREE) for spec in specs])
    assert 0.2 < returns.mean() < 0.5
    assert t_statistic(returns) > 4


def test_prices_are_a_martingale() -> None:
    returns = np.concatenate([walk(seed).close / walk(seed).open - 1.0 for seed in range(WALKS)])
    assert abs(t_statistic(returns)) < 3


def autocorrelation(x: NDArray[np.float64], lag: int) -> float:
    return float(np.corrcoef(x[lag:], x[:-lag])[0, 1])


def test_the_walk_looks_like_a_market() -> None:
    for seed in range(4):
        bars = walk(seed)
        moves = np.log(bars.close / bars.open)
        ratio = volume_ratio(bars)[20:]
        assert moves.std() == pytest.approx(0.0013, rel=0.08)
        assert 10 < ((moves - moves.mean()) ** 4).mean() / moves.var() ** 2 < 150
        assert 0.18 < autocorrelation(np.abs(moves), 1) < 0.32
        assert abs(autocorrelation(moves, 1)) < 0.03
        assert 0.18 < (ratio > 1.5).mean() < 0.20
        assert 0.006 < (ratio > 5.0).mean() < 0.010
        assert 0.4 < np.corrcoef(np.abs(moves), bars.volume)[0, 1] < 0.6
        busy, calm = (bars.time // 3_600_000 % 24 == hour for hour in (14, 2))
        assert moves[busy].std() > 1.3 * moves[calm].std()
        assert bars.volume[busy].mean() > 1.3 * bars.volume[calm].mean()


@pytest.mark.parametrize("side", [1, -1])
def test_signals_are_as_frequent_as_on_real_markets(side: int) -> None:
    spec = SimulatedMarket()
    rates = [1e4 * np.count_nonzero(true_signals(spec, walk(s)).side == side) / len(walk(s)) for s in range(4)]
    assert 4 < min(rates) <= max(rates) < 35


@pytest.mark.parametrize("bars", [walk(0), edge(0).bars], ids=["walk", "edge"])
def test_bars_are_consistent(bars: Bars) -> None:
    assert len(bars) == 365 * 288
    assert bars.valid.all()
    assert not bars.absent.any()
    assert bars.open[0] == 100.0
    assert np.array_equal(bars.open[1:], bars.close[:-1])
    assert np.all(bars.high >= np.maximum(bars.open, bars.close))
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(bars.low > 0)


def test_seed_decides_everything() -> None:
    spec = SimulatedMarket(days=30, edge_r=0.4)
    assert simulate_market(spec).digest == simulate_market(SimulatedMarket(days=30, edge_r=0.4)).digest
    others = (
        SimulatedMarket(days=30, edge_r=0.4, seed=1),
        SimulatedMarket(days=30),
        SimulatedMarket(days=30, dirty=True),
    )
    digests = {simulate_market(s).digest for s in (spec, *others)}
    assert len(digests) == 4


def test_more_days_extend_the_same_market() -> None:
    short, long = (simulate(SimulatedMarket(days=days, edge_r=0.4)).bars for days in (40, 60))
    assert short.digest == long.head(len(short)).digest


def test_planted_signals_are_signals_of_the_final_path() -> None:
    for seed in range(EDGES):
        market = edge(seed)
        found = true_signals(SimulatedMarket(edge_r=0.4), market.bars)
        signals = set(zip(found.bar.tolist(), found.side.tolist(), strict=True))
        planted = list(zip(market.planted_bar.tolist(), market.planted_side.tolist(), strict=True))
        assert len(planted) > 100
        assert set(planted) <= signals
        assert np.diff(market.planted_bar).min() > DRIFT_BARS
        carried = np.concatenate([market.planted_bar + k for k in range(1, DRIFT_BARS + 1)])
        assert {bar for bar, _ in signals - set(planted)} <= set(carried.tolist())


def test_an_independent_reading_of_the_rules_finds_the_planted_signals() -> None:
    spec = SimulatedMarket(days=25, edge_r=0.4, volatility_pct=0.2)
    market = simulate(spec)
    bars = market.bars
    columns = {name: getattr(bars, name).tolist() for name in OracleBars.__dataclass_fields__}
    params = SweepParams(**spec.truth)  # type: ignore[arg-type]
    warmup = LiquiditySweep().warmup(spec.truth)
    orders = liquidity_sweep_orders(OracleBars(**columns), params, (1, -1), OracleCosts(), 0, len(bars), warmup)
    planted = set(zip(market.planted_bar.tolist(), market.planted_side.tolist(), strict=True))
    assert len(planted) > 10
    assert planted <= {(order.bar, order.side) for order in orders}


def test_the_drift_has_the_stated_size_and_nothing_else_is_changed() -> None:
    spec, market, base = SimulatedMarket(edge_r=0.4), edge(0), walk(0)
    bars, t, side = market.bars, market.planted_bar, market.planted_side
    risk = float(spec.truth["atr_multiplier_sl"]) * atr(bars)[t]
    size = (spec.edge_r * risk + spec.round_trip * bars.close[t]) / bars.close[t]
    assert market.planted_drift == pytest.approx(np.log1p(side * size), rel=1e-9)
    laid = np.zeros(len(bars))
    for k in range(1, DRIFT_BARS + 1):
        laid[(t + k)[t + k < len(bars)]] += (market.planted_drift / DRIFT_BARS)[t + k < len(bars)]
    assert np.log(bars.close / bars.open) == pytest.approx(np.log(base.close / base.open) + laid, abs=1e-12)
    calm = laid == 0.0
    for name in ("high", "low"):
        assert (getattr(bars, name) / bars.open)[calm] == pytest.approx((getattr(base, name) / base.open)[calm])
    assert np.array_equal(bars.volume, base.volume)
    assert np.array_equal(bars.time, base.time)
    before = slice(0, t[0] + 1)
    assert np.array_equal(bars.close[before], base.close[before])


def test_no_edge_leaves_the_walk_untouched() -> None:
    market = simulate(SimulatedMarket(days=60, edge_r=0.0, round_trip=0.05))
    assert market.bars.digest == simulate_market(SimulatedMarket(days=60)).digest
    assert len(market.planted_bar) == 0


def test_a_negative_edge_drives_against_the_signal() -> None:
    market = simulate(SimulatedMarket(days=60, edge_r=-2.0, round_trip=0.0))
    assert np.all(market.planted_side * market.planted_drift < 0)


def test_dirty_market_is_refused_by_the_quality_gate() -> None:
    for seed in range(3):
        report = measure_quality(simulate_market(SimulatedMarket(seed=seed, dirty=True)))
        assert not report.passes
        assert 55 < report.valid_pct < 70
        assert report.zero_volume / report.recorded == pytest.approx(0.20, abs=0.01)
        assert report.flat / report.recorded == pytest.approx(0.38, abs=0.01)
        assert report.absent > 500
        assert report.longest_hole >= 36
        assert report.outlier > 0


def test_markets_are_named_by_what_they_are() -> None:
    specs = SimulatedMarket(edge_r=0.1), SimulatedMarket(), SimulatedMarket(dirty=True), SimulatedMarket(symbol="A/B")
    assert [s.market.symbol for s in specs] == ["EDGE/USDT", "WALK/USDT", "DIRTY/USDT", "A/B"]
    assert {s.market.exchange for s in specs} == {"simulated"}


@pytest.mark.parametrize(("timeframe", "count"), [("1m", 1440 * 3), ("1h", 72), ("1d", 3)])
def test_other_timeframes(timeframe: str, count: int) -> None:
    bars = simulate_market(SimulatedMarket(days=3, timeframe=timeframe, edge_r=0.1, start="2023-05-06"))
    assert len(bars) == count
    assert bars.time[0] == 1683331200000


def test_true_parameters_can_be_others() -> None:
    spec = SimulatedMarket(days=60, edge_r=0.2, true_parameters={"stop_distance": 1.5, "min_level_touches": 1})
    assert spec.truth["atr_multiplier_sl"] == 1.5
    assert len(simulate(spec).planted_bar) > len(simulate(SimulatedMarket(days=60, edge_r=0.2)).planted_bar)


def test_description_holds_every_number() -> None:
    described = SimulatedMarket(edge_r=0.4, seed=7, true_parameters={"max_holding_periods": 20}).describe()
    assert json.loads(json.dumps(described)) == described
    assert set(SimulatedMarket.__dataclass_fields__) <= set(described)
    assert described["true_parameters"]["max_holding_periods"] == 20
    assert described["true_parameters"]["pierce_depth"] == 0.002
    assert described["symbol"] == "EDGE/USDT"
    assert described["texture"]["tail"] == Texture().tail


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("days", 0), ("seed", -1), ("edge_r", 9.0), ("volatility_pct", 0.0), ("round_trip", -0.1), ("start", "soon"),
        ("timeframe", "2d"), ("tail", Texture(tail=2.0)), ("news + memory", Texture(news=0.2)),
    ],
)  # fmt: skip
def test_impossible_specifications_are_refused(field: str, value: Any) -> None:
    name = "texture" if isinstance(value, Texture) else field
    with pytest.raises(InputError) as caught:
        SimulatedMarket(**{name: value})
    assert caught.value.field == field


def test_a_drift_beyond_the_price_is_refused() -> None:
    with pytest.raises(InputError, match="below the price"):
        simulate(SimulatedMarket(days=60, edge_r=5.0, volatility_pct=5.0))


def test_a_dirty_market_has_no_edge() -> None:
    with pytest.raises(InputError, match="has no edge"):
        SimulatedMarket(dirty=True, edge_r=0.1)


def test_an_unknown_true_parameter_is_refused() -> None:
    with pytest.raises(ParameterError, match="is not a parameter"):
        SimulatedMarket(true_parameters={"pierce": 0.1})
