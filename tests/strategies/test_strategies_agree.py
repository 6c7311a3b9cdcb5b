"""Every other strategy against an independent reading of its rules, trade by trade, on real and on simulated bars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Costs, Execution, Money, Side, Span
from assay.evaluation import backtest
from assay.strategies import find_strategy
from assay.testing import practice_bars
from assay.testing.markets import cut
from assay.testing.oracle import OracleOrder, oracle_bars, oracle_costs, resolve_signals, simulate
from engine.bridge import differences
from oracle import capitulation_reversal, failed_breakdown, supply_shock
from strategies.markets import SLICES, around_the_long_hole, load, random_money, simulated
from strategies.sweeps import same_sums, sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from assay.market import Bars
    from assay.strategies import Strategy
    from oracle.indicators import Signal

Draws = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Reading:
    """A strategy, its oracle, and values that random parameters are drawn from: the first set lets most pass."""

    name: str
    signals: Callable[..., list[Signal]]
    holding: str
    draws: Draws

    @property
    def strategy(self) -> Strategy:
        return find_strategy(self.name)()

    def values(self, rng: np.random.Generator) -> dict[str, Any]:
        strategy = self.strategy
        while True:
            drawn = {name: options[int(rng.integers(len(options)))] for name, options in self.draws.items()}
            values = strategy.parameters.complete(drawn)
            if strategy.constraint(values) is None:
                return values


READINGS = {
    reading.name: reading
    for reading in (
        Reading(
            "CAPITULATION_REVERSAL", capitulation_reversal.signals, "max_holding_periods",
            {
                "volume_explosion_threshold": (1.0, 1.5, 2.0, 3.0, 2.37), "price_velocity_atr": (0.5, 1.0, 2.0, 3.0),
                "atr_explosion_threshold": (0.9, 1.0, 1.05, 1.1, 1.3), "exhaustion_wick_ratio": (0.0, 0.5, 1.0, 1.7),
                "rsi_extreme_threshold": (30.0, 25.0, 20.0, 33.3, 50.0),
                "panic_score_minimum": (0.1, 0.25, 0.4, 0.45, 0.5, 0.55, 0.6, 0.85, 1.0),
                "reversal_confirmation_candles": (1, 2, 3), "panic_window": (2, 3, 5, 8, 12, 31),
                "atr_multiplier_sl": (0.1, 0.5, 1.0, 1.5, 3.0), "risk_reward_ratio": (0.5, 1.5, 2.5, 4.0),
                "max_holding_periods": (1, 3, 12, 50, 500),
            },
        ),
        Reading(
            "FAILED_BREAKDOWN", failed_breakdown.signals, "max_holding_periods",
            {
                "range_lookback_periods": (10, 20, 30, 50, 75, 141), "range_tightness": (1.0, 1.5, 2.0, 20.0),
                "min_touches": (1, 2, 3), "breakdown_depth_atr": (0.001, 0.05, 0.1, 0.3, 0.7),
                "breakdown_volume_threshold": (0.7, 1.0, 1.5, 100.0), "recovery_volume_threshold": (0.0, 0.5, 0.8, 1.2),
                "recovery_speed": (0, 1, 3, 5, 6), "accumulation_score_minimum": (0.0, 0.3, 0.45, 0.5),
                "atr_multiplier_sl": (0.01, 0.1, 0.5, 1.5), "target_mode": ("reward", "range_high"),
                "risk_reward_ratio": (2.0, 2.0, 0.7, 4.0), "max_holding_periods": (1, 3, 15, 40, 500),
            },
        ),
        Reading(
            "SUPPLY_SHOCK", supply_shock.signals, "position_hold_maximum",
            {
                "gap_threshold_atr": (0.1, 0.1, 0.5, 1.0, 1.5, 2.0), "volume_surge_multiplier": (0.0, 0.0, 1.0, 1.5),
                "momentum_persistence": (1, 2, 3, 4, 5), "max_retracement": (0.0, 0.5, 0.61, 1.0, 2.0),
                "catalyst_strength_minimum": (0.0, 0.0, 0.1, 0.25), "atr_multiplier_sl": (0.1, 0.7, 2.0, 3.0),
                "trail_stop_activation": (0.0, 0.5, 1.0, 1.5, 3.0), "trail_distance": (0.1, 0.5, 1.0, 2.5),
                "position_hold_maximum": (1, 3, 12, 20, 500), "allow_short": (True, True, False),
            },
        ),
    )
}  # fmt: skip


def orders(
    reading: Reading, bars: Bars, values: Mapping[str, Any], sides: str, tick: float, span: Span
) -> list[OracleOrder]:
    """Return what the oracle would send, were no position ever open."""
    found = []
    for side in Side(sides).signs:
        for s in reading.signals(bars, values, side, tick=tick):
            if not (span.start <= s.bar < span.stop and bars.age[s.bar] >= span.warmup):
                continue
            found.append(
                OracleOrder(
                    bar=s.bar,
                    side=s.side,
                    close=float(bars.close[s.bar]),
                    stop=s.stop,
                    target=np.nan if s.target is None else s.target,
                    unit=1.0,  # the signal's distances are in prices
                    max_bars=int(values[reading.holding]),
                    invalid_price=np.nan if s.invalidation is None else s.invalidation,
                    trail_kind="" if s.trail_distance is None else "distance",
                    trail_activation=s.trail_activation or 0.0,
                    trail_distance=s.trail_distance or 0.0,
                )
            )
    return resolve_signals(found)


def compare(reading: Reading, bars: Bars, values: dict[str, Any], money: Money, sides: str, span: Span) -> int:
    """Trade once with either; return the number of trades."""
    run = backtest(
        reading.strategy, bars, values, execution=Execution(Side(sides), money.costs, money.sizing), span=span
    )
    expected = orders(reading, bars, values, sides, money.costs.tick, span)
    answer = simulate(oracle_bars(bars), expected, oracle_costs(money), span.start, span.stop)
    found = differences(run, answer, bars, expected)
    assert not found, (values, sides, span, found[:6])
    return len(run.trades)


def compare_at_random(reading: Reading, bars: Bars, seed: int, tick: float) -> int:
    rng = np.random.default_rng(seed)
    values = reading.values(rng)
    begin = int(rng.integers(0, 300)) if rng.random() < 0.5 else 0
    stop = int(rng.integers(len(bars) // 2, len(bars))) if rng.random() < 0.5 else len(bars)
    span = Span(begin, stop, reading.strategy.warmup(values))
    return compare(reading, bars, values, random_money(rng, tick), str(rng.choice(list(Side))), span)


@pytest.fixture(params=READINGS.values(), ids=lambda reading: reading.name)
def reading(request: pytest.FixtureRequest) -> Reading:
    chosen: Reading = request.param
    return chosen


@pytest.mark.parametrize(("market", "begin", "end", "tick"), SLICES)
def test_trades_on_real_bars_agree(
    shared_data: Path, reading: Reading, market: str, begin: int, end: int, tick: float
) -> None:
    bars = cut(load(shared_data / f"{market}.parquet"), begin, begin + (end - begin) // 2)
    bars = replace(bars, market=replace(bars.market, kind="spot"))  # the oracle's years have 365 days
    trades = [compare_at_random(reading, bars, seed, tick) for seed in range(begin, begin + 4)]
    values = reading.strategy.parameters.defaults
    span = Span(0, len(bars), reading.strategy.warmup(values))
    trades.append(compare(reading, bars, values, Money(Costs(tick=tick)), "both", span))
    assert sum(trades) > 0


def test_trades_across_the_long_hole_agree(shared_data: Path, reading: Reading) -> None:
    bars = around_the_long_hole(shared_data)
    assert sum(compare_at_random(reading, bars, seed, 0.0) for seed in range(4)) > 0


@pytest.mark.parametrize("grid", [0.0, 0.125, 0.25])
def test_trades_on_simulated_bars_agree(reading: Reading, grid: float) -> None:
    trades = sum(compare_at_random(reading, simulated(seed, 1500, grid=grid), 500 + seed, 0.125) for seed in range(40))
    assert trades > 20


def test_a_sweep_of_the_default_grid_agrees(reading: Reading) -> None:
    bars, money = practice_bars().head(3000), Money()
    for values, span, sums in sampled(reading.strategy, bars, money, 4):
        answer = simulate(
            oracle_bars(bars),
            orders(reading, bars, values, "both", 0.0, span),
            oracle_costs(money),
            span.start,
            span.stop,
        )
        assert same_sums(sums, answer), values
