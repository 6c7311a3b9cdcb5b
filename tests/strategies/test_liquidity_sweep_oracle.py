"""LIQUIDITY_SWEEP against an independent reading of its rules, on real and on simulated bars."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Costs, Money, Sizing, Span
from assay.engine.replay import eligible
from assay.engine.rules import passing
from assay.market import Bars, Market, Timeframe
from assay.sources import read_bars
from assay.strategies import SIDES, backtest, liquidity_sweep
from assay.strategies.liquidity_sweep import LiquiditySweep
from engine.bridge import differences, oracle_bars, oracle_costs
from oracle.simulate import simulate
from oracle.sweep_rules import SweepParams, liquidity_sweep_orders

if TYPE_CHECKING:
    from pathlib import Path

STRATEGY = LiquiditySweep()
FIVE_MINUTES = Market("test", "BTC/USDT", Timeframe.parse("5m"))
LIQUID = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "AVAX", "MATIC")


@cache
def load(path: Path) -> Bars:
    return read_bars(path)


def cut(bars: Bars, begin: int, end: int) -> Bars:
    """Return bars[begin:end] as a history of their own."""
    names = ("time", "open", "high", "low", "close", "volume", "absent", "valid", "tradable", "session")
    return replace(bars, **{name: getattr(bars, name)[begin:end] for name in names})


def simulated(seed: int, n: int, *, grid: float = 0.0) -> Bars:
    """A mean-reverting walk with fat tails, bursts of volume and absent stamps."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_t(4, n) * 0.2 * np.exp(0.4 * np.sin(np.arange(n) / 90))
    close = np.empty(n)
    price = 100.0
    for i in range(n):
        price += steps[i] + 0.01 * (100.0 - price)
        close[i] = price
    open_ = np.concatenate(([100.0], close[:-1])) + rng.normal(0, 0.01, n)
    if grid > 0:
        open_, close = np.round(open_ / grid) * grid, np.round(close / grid) * grid
    up, down = rng.exponential(0.3, (2, n)) * (rng.random((2, n)) < 0.9)
    high, low = np.maximum(open_, close) + up, np.minimum(open_, close) - down
    if grid > 0:
        high, low = np.ceil(high / grid) * grid, np.floor(low / grid) * grid
    volume = np.round(rng.lognormal(3.0, 0.8, n))
    volume[rng.random(n) < 0.02] = 0.0
    present = rng.random(n) > 0.01
    hole = int(rng.integers(n // 3, n // 2))
    present[hole : hole + int(rng.choice([0, 15, 21, 60]))] = False
    present[[0, -1]] = True
    time = np.arange(n, dtype=np.int64) * 300_000 + 1_600_000_200_000
    columns = (c[present] for c in (open_, high, low, close, volume))
    return Bars.from_columns(FIVE_MINUTES, time[present], *columns)


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


def random_money(rng: np.random.Generator, tick: float) -> Money:
    costs = Costs(
        fee=float(rng.choice([0.0, 0.001])),
        slippage=float(rng.choice([0.0, 0.0005])),
        tick=tick if rng.random() < 0.4 else 0.0,
    )
    return Money(costs, Sizing("risk" if rng.random() < 0.6 else "notional"))


def compare(bars: Bars, values: dict[str, Any], money: Money, sides: str, span: Span) -> int:
    """Trade once with either; return the number of trades."""
    run = backtest(STRATEGY, bars, values, money=money, span=span, sides=sides)
    other, costs = oracle_bars(bars), oracle_costs(money)
    orders = liquidity_sweep_orders(
        other, SweepParams(**values), SIDES[sides], costs, span.start, span.stop, span.warmup
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
    return compare(bars, values, random_money(rng, tick), str(rng.choice(list(SIDES))), span)


SLICES = (
    ("BINANCE_BTCUSDT_5m", 28_000, 33_000, 0.01),
    ("BINANCE_ETHUSDT_5m", 65_700, 70_500, 0.01),  # the exchange's halt of 16 bars
    ("BINANCE_SOLUSDT_5m", 27_500, 32_500, 0.01),
    ("BINANCE_DOGEUSDT_5m", 10_000, 14_500, 0.0),
    ("BINANCE_CVCUSDT_5m", 35_400, 38_000, 0.0),  # delisted at 37,475
    ("BINANCE_CVCUSDT_5m", 81_500, 86_500, 0.0),  # listed again at 81,888
    ("BINANCE_ONGUSDT_5m", 40_000, 45_000, 0.0),  # a fifth of its bars has no volume
    ("BINANCE_PERLUSDT_5m", 41_000, 45_000, 0.0),
    ("BINANCEUS_BTCUSD_5m", 36_000, 40_500, 0.01),  # a hole of 93 bars
    ("BINANCEUS_USDCUSD_5m", 9_000, 13_500, 0.0),  # a bad print of 5 USD
    ("BITTREX_PAYBTC_1m", 20_000, 25_000, 0.0),
    ("CME_NQ_1m", 1_000, 6_000, 0.25),
)


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
    whole = load(shared_data / "BINANCE_CVCUSDT_5m.parquet")
    hole = np.flatnonzero(whole.absent)
    assert len(hole) == 44_412
    around = np.r_[hole[0] - 2500 : hole[0] + 400, hole[-1] - 20 : hole[-1] + 2500]
    shortened = cut(whole, 0, len(around))
    names = ("open", "high", "low", "close", "volume", "absent", "valid", "tradable")
    bars = replace(shortened, **{name: getattr(whole, name)[around] for name in names})
    trades = sum(compare_at_random(bars, seed, 0.0) for seed in range(3))
    assert trades > 0


@pytest.mark.parametrize("grid", [0.0, 0.125, 0.25])
def test_simulated_bars_agree(grid: float) -> None:
    trades = 0
    for seed in range(30):
        trades += compare_at_random(simulated(seed, 2500, grid=grid), 100 + seed, 0.125)
    assert trades > 150


@pytest.mark.parametrize("coin", LIQUID)
def test_rate_of_signals_at_the_defaults(shared_data: Path, coin: str) -> None:
    bars = load(shared_data / f"BINANCE_{coin}USDT_5m.parquet")
    values = STRATEGY.parameters.defaults
    span = Span(0, len(bars), STRATEGY.warmup(values))
    for side in (1, -1):
        rows = eligible(bars, STRATEGY.setups(bars, side, values), span)
        signals = np.unique(rows.bar[passing(STRATEGY.rules, rows.features, values, len(rows))])
        assert 4 <= round(10_000 * len(signals) / len(bars)) <= 35


@pytest.mark.parametrize("ratio", [1.0001, 2.0, 10.0, 18.0, 100.0, 1e6])
@pytest.mark.parametrize("side", [1, -1])
def test_the_largest_fraction_is_found_for_bad_ticks_too(ratio: float, side: int) -> None:
    level = 100.0
    price = level / ratio if side > 0 else level * ratio
    d = liquidity_sweep._largest_fraction(price, level, side)
    above = np.nextafter(d, np.inf)
    if side > 0:
        assert price <= level - d * level
        assert not price <= level - above * level
    else:
        assert price >= level + d * level
        assert not price >= level + above * level
