"""LIQUIDITY_SWEEP against an independent reading of its rules, on real and on simulated bars."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Costs, Execution, Money, Side, Span
from assay.engine.replay import eligible
from assay.engine.rules import passing
from assay.evaluation import backtest
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.testing import practice_bars
from assay.testing.markets import cut
from assay.testing.oracle import oracle_bars, oracle_costs, simulate
from engine.bridge import differences
from oracle.sweep_rules import SweepParams, liquidity_sweep_orders
from strategies.markets import LIQUID, SLICES, around_the_long_hole, load, random_money, simulated
from strategies.sweeps import same_sums, sampled

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars

STRATEGY = LiquiditySweep()


def random_values(rng: np.random.Generator) -> dict[str, Any]:
    """Parameters inside their hard bounds, mostly where signals are, often round."""

    def one(*values: float) -> float:
        return float(rng.choice(values))

    def some(usual: tuple[float, ...], low: float, high: float) -> float:
        return one(*usual) if rng.random() < 0.6 else float(rng.uniform(low, high))

    return STRATEGY.parameters.complete(
        {
            "pierce_depth": some((0.0001, 0.001, 0.002, 0.0025, 0.005), 0.0001, 0.006),
            "volume_spike_threshold": some((0.0, 1.0, 1.5, 2.0), 0.0, 3.0),
            "reversal_candles": int(rng.integers(1, 6)),
            "min_level_touches": int(one(1, 1, 1, 2, 3)),
            "reversal_candle_size": some((0.0, 0.0, 0.5, 1.0), 0.0, 1.5),
            "key_level_lookback": int(one(10, 20, 50, 100, 137, 200, 400)),
            "atr_multiplier_sl": some((0.25, 1.0, 1.5, 10.0), 0.25, 5.0),
            "risk_reward_ratio": some((0.1, 1.0, 2.0, 4.0), 0.1, 6.0),
            "max_holding_periods": int(one(1, 2, 10, 30, 100, 5000)),
            "min_distance_from_level": some((0.0, 0.0005, 0.001, 0.003, 0.05), 0.0, 0.005),
        }
    )


def compare(bars: Bars, values: dict[str, Any], money: Money, sides: str, span: Span) -> int:
    """Trade once with either; return the number of trades."""
    run = backtest(STRATEGY, bars, values, execution=Execution(Side(sides), money.costs, money.sizing), span=span)
    other, costs = oracle_bars(bars), oracle_costs(money)
    orders = liquidity_sweep_orders(
        other, SweepParams(**values), Side(sides).signs, costs, span.start, span.stop, span.warmup
    )
    answer = simulate(other, orders, costs, span.start, span.stop)
    found = differences(run, answer, bars, orders)
    assert not found, (values, sides, span, found[:6])
    return len(run.trades)


def compare_at_random(bars: Bars, seed: int, tick: float) -> int:
    rng = np.random.default_rng(seed)
    values = random_values(rng)
    begin = int(rng.integers(0, 300)) if rng.random() < 0.5 else 0
    stop = int(rng.integers(len(bars) // 2, len(bars))) if rng.random() < 0.5 else len(bars)
    span = Span(begin, stop, STRATEGY.warmup(values))
    return compare(bars, values, random_money(rng, tick), str(rng.choice(list(Side))), span)


@pytest.mark.parametrize(("market", "begin", "end", "tick"), SLICES)
def test_real_bars_agree(shared_data: Path, market: str, begin: int, end: int, tick: float) -> None:
    bars = cut(load(shared_data / f"{market}.parquet"), begin, end)
    bars = replace(bars, market=replace(bars.market, kind="spot"))  # the oracle's years have 365 days
    trades = [compare_at_random(bars, seed, tick) for seed in range(begin, begin + 3)]
    values = STRATEGY.parameters.complete({"min_level_touches": 1, "volume_spike_threshold": 1.5})
    span = Span(0, len(bars), STRATEGY.warmup(values))
    trades.append(compare(bars, values, Money(Costs(tick=tick)), "both", span))
    assert sum(trades) > 0


def test_bars_across_the_long_hole_agree(shared_data: Path) -> None:
    bars = around_the_long_hole(shared_data)
    trades = sum(compare_at_random(bars, seed, 0.0) for seed in range(3))
    assert trades > 0


@pytest.mark.parametrize("grid", [0.0, 0.125, 0.25])
def test_simulated_bars_agree(grid: float) -> None:
    trades = 0
    for seed in range(30):
        trades += compare_at_random(simulated(seed, 2500, grid=grid), 100 + seed, 0.125)
    assert trades > 150


def test_a_sweep_of_the_default_grid_agrees() -> None:
    bars, money = practice_bars().head(3000), Money()
    other, costs = oracle_bars(bars), oracle_costs(money)
    for values, span, sums in sampled(STRATEGY, bars, money, 4):
        orders = liquidity_sweep_orders(
            other, SweepParams(**values), Side.BOTH.signs, costs, span.start, span.stop, span.warmup
        )
        assert same_sums(sums, simulate(other, orders, costs, span.start, span.stop)), values


@pytest.mark.parametrize("coin", LIQUID)
def test_rate_of_signals_at_the_defaults(shared_data: Path, coin: str) -> None:
    bars = load(shared_data / f"BINANCE_{coin}USDT_5m.parquet")
    values = STRATEGY.parameters.defaults
    span = Span(0, len(bars), STRATEGY.warmup(values))
    for side in (1, -1):
        rows = eligible(bars, STRATEGY.setups(bars, side, values), span)
        signals = np.unique(rows.bar[passing(STRATEGY.rules, rows.features, values, len(rows))])
        assert 4 <= round(10_000 * len(signals) / len(bars)) <= 35
