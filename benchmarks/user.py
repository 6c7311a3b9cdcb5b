"""A user's strategy beside the built-in one: the same kernel at the same cost per accepted row and combination."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Combinations, Money, Signals, replay
from assay.strategies.liquidity_sweep import LiquiditySweep
from benchmarks import grid as ours
from benchmarks.clock import timed
from benchmarks.report import Row, Section, Table
from benchmarks.user_strategy import GRID, RangeBreak

if TYPE_CHECKING:
    from assay.market import Bars
    from assay.strategies.base import Strategy
    from benchmarks.grid import Grid, Sums

SEED = 2
LOOSER = 0.75
"""Thresholds of volume and body of the built-in strategy are multiplied by it."""

NOTES = (
    (
        "ns per accepted pair (a row that passes the thresholds of a combination) is the cost per row and "
        "combination. It depends on how many rows pass, not on who wrote them: compare lines with like counts."
    ),
    "Setups are the strategy's own code: numba in the built-in one, numpy and pandas in the user's.",
)


def replays(strategy: Strategy, bars: Bars, grid: Grid, sums: Sums, count: int, seed: int, sides: str) -> bool:
    """Whether combinations drawn from the sweep have the bits of a replay of their own."""
    combinations, span = Combinations(grid), ours.whole_span(strategy, bars, grid)
    equal = True
    for position in np.random.default_rng(seed).integers(0, len(combinations), count).tolist():
        values = combinations.at(position)
        setups = strategy.all_setups(bars, values, sides)
        signals = Signals.select(bars, setups, strategy.rules, strategy.bracket, values, span)
        run = replay(bars, signals, Money(), span)
        equal = equal and np.array_equal(run.sums, sums[position], equal_nan=True)
    return equal


def section(market: Bars, size: int, grid: Grid, repeats: int) -> Section:
    """The user's grid, and the built-in one with as many rows: its thresholds loosened."""
    found = Section("user", "A user's strategy of 30 lines beside the built-in one, long side, one thread")
    bars = ours.last(market, size)
    loose: Grid = {
        n: tuple(round(v * LOOSER, 6) for v in values)
        if n in ("volume_spike_threshold", "reversal_candle_size")
        else values
        for n, values in grid.items()
    }
    rows: list[Row] = []
    user_grid: Grid = ours.thinned(GRID, {n: len(v) for n, v in GRID.items()})
    if len(Combinations(grid)) < len(Combinations(GRID)):
        user_grid = ours.thinned(GRID, dict.fromkeys(GRID, 2))
    for name, strategy, its_grid in (
        ("LIQUIDITY_SWEEP, benchmark grid", LiquiditySweep(), grid),
        ("LIQUIDITY_SWEEP, looser thresholds", LiquiditySweep(), loose),
        ("RANGE_BREAK, a user's", RangeBreak(), user_grid),
    ):
        ours.sweep_grid(strategy, bars, its_grid, "long", 1)
        took = timed(partial(ours.sweep_grid, strategy, bars, its_grid, "long", 1), repeats)
        sums = took.result.sums
        count = ours.work(strategy, bars, its_grid, "long", ours.whole_span(strategy, bars, its_grid))
        kernel = took.cpu - took.result.setups_cpu
        found.checks[f"{name}: bit-equal to its replay"] = replays(strategy, bars, its_grid, sums, 50, SEED, "long")
        rows.append(
            {
                "strategy": name, "combinations": len(sums), "rows": count.rows, "trades": took.result.trades,
                "setups_CPU_ms": 1e3 * took.result.setups_cpu, "sweep_CPU_ms": 1e3 * kernel,
                "us_per_combination": 1e6 * kernel / len(sums),
                "ns_per_trade": 1e9 * kernel / max(took.result.trades, 1),
                "ns_per_accepted_pair": 1e9 * kernel / max(count.pairs, 1),
            }
        )  # fmt: skip
    found.tables = [Table(f"{bars.market.symbol}, {len(bars):,} bars", rows)]
    found.notes = list(NOTES)
    return found
