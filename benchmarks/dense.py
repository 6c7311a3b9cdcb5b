"""The benchmark grid against a dense numba loop that walks every bar for every combination."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numba
import numpy as np

from assay.engine import TABLE, Combinations, from_sums
from assay.strategies.liquidity_sweep import LiquiditySweep
from benchmarks import grid as ours
from benchmarks.clock import timed
from benchmarks.report import Row, Section, Table, say
from oracle.dense import FEATURES, ORDER, dense_sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.engine import Span
    from assay.market import Bars
    from benchmarks.grid import Grid, Sums

NOTES = (
    "The sweep's seconds include indicators and setups, the dense loop's do not; both use as many threads.",
    "Ratios by CPU seconds hold on a busy machine; those by wall need a quiet one.",
    (
        "ns per trade is the sweep without its setups (outcomes of every order under every exit, bitsets, the "
        "walk) over the trades of all combinations. Outcomes are made once per order and exit: the more "
        "combinations accept an order, the less a trade costs. The prototype's 2.7-2.9 ns were its walk alone, on"
        " simulated bars with ten times the trades per combination."
    ),
    ("An accepted pair is a row that passes the thresholds of a combination, whether or not a position is open."),
    (
        "dense ns per bar is its CPU time over bars and combinations; the prototype's dense loop took 2.2 ns, on "
        "other bars and with fewer rules (longs only, every bar tradable): beside that one the ratios would be "
        "smaller by as much."
    ),
)


def dense_grid(strategy: LiquiditySweep, bars: Bars, grid: Grid, sides: str, span: Span) -> tuple[Sums, float, float]:
    """Measures of every combination by the dense loop, its wall and CPU seconds without the setups."""
    sizes = [len(v) for v in grid.values()]
    index = np.indices(sizes).reshape(len(sizes), -1)
    columns = {n: np.array(v, dtype=float)[i] for (n, v), i in zip(grid.items(), index, strict=True)}
    combos = np.stack([columns[n] for n in ORDER], axis=1)
    result = np.empty((len(combos), len(TABLE)))
    wall = cpu = 0.0
    for lookback in grid["key_level_lookback"]:
        shape = {"key_level_lookback": lookback, "min_distance_from_level": grid["min_distance_from_level"][0]}
        rows = strategy.all_setups(bars, shape, sides)
        members = columns["key_level_lookback"] == lookback
        rows = rows.take(bars.valid[rows.bar] & (bars.age[rows.bar] >= span.warmup))
        row_start = np.searchsorted(rows.bar, np.arange(len(bars) + 1))
        features = np.stack([rows.features[f] for f in FEATURES], axis=1)
        began, began_cpu = time.perf_counter(), time.process_time()
        result[members] = dense_sweep(
            bars.open, bars.high, bars.low, bars.close, bars.tradable, bars.day, row_start, rows.side,
            features, np.ascontiguousarray(rows.levels[:, 1]), combos[members],
            0.001, 0.0005, 0.01, 1.0, risk_sizing=True, start=span.start, stop=span.stop,
        )  # fmt: skip
        wall += time.perf_counter() - began
        cpu += time.process_time() - began_cpu
    return result, wall, cpu


def section(markets: Sequence[Bars], sizes: Sequence[int], grid: Grid, threads: int, repeats: int) -> Section:
    """Compare on every market, size and side: the same bits, and how much faster."""
    before = int(numba.get_num_threads())
    numba.set_num_threads(min(threads, before))
    try:
        return _section(markets, sizes, grid, min(threads, before), repeats)
    finally:
        numba.set_num_threads(before)


def _section(markets: Sequence[Bars], sizes: Sequence[int], grid: Grid, threads: int, repeats: int) -> Section:
    strategy = LiquiditySweep()
    found = Section("dense", "Benchmark grid against the dense numba loop")
    speed: list[Row] = []
    costs: list[Row] = []
    few = ours.last(markets[0], min(2_000, sizes[0]))
    dense_grid(strategy, few, ours.thinned(grid, dict.fromkeys(grid, 1)), "both", ours.whole_span(strategy, few, grid))
    for market in markets:
        for size in sizes:
            bars = ours.last(market, size)
            span = ours.whole_span(strategy, bars, grid)
            for sides in ("long", "both"):
                ours.sweep_grid(strategy, bars, grid, sides, threads)  # compiled and warm
                fast = timed(partial(ours.sweep_grid, strategy, bars, grid, sides, threads), repeats)
                one = timed(partial(ours.sweep_grid, strategy, bars, grid, sides, 1), repeats)
                slow, wall, cpu = dense_grid(strategy, bars, grid, sides, span)
                sums = fast.result.sums
                table = np.stack([from_sums(sums, name, 365) for name in TABLE], axis=1)
                equal = bool(np.array_equal(table, slow, equal_nan=True))
                equal = equal and bool(np.array_equal(sums, one.result.sums))
                name = f"{bars.market.symbol}, {len(bars):,} bars, {sides}"
                found.checks[f"{name}: bit-equal"] = equal
                say(f"dense: {name}: {wall / fast.wall:.0f} times faster, equal: {equal}")
                n, trades = len(sums), fast.result.trades
                kernel = one.cpu - one.result.setups_cpu
                count = ours.work(strategy, bars, grid, sides, span)
                speed.append(
                    {
                        "market": bars.market.symbol, "bars": len(bars), "side": sides, "combinations": n,
                        "sweep_s": fast.wall, "sweep_CPU_s": fast.cpu, "dense_s": wall, "dense_CPU_s": cpu,
                        "times_faster": wall / fast.wall, "by_CPU": cpu / fast.cpu,
                        "backtests_per_s": n / fast.wall, "bit_equal": equal,
                    }
                )  # fmt: skip
                costs.append(
                    {
                        "market": bars.market.symbol, "bars": len(bars), "side": sides,
                        "setups_CPU_ms": 1e3 * one.result.setups_cpu, "sweep_CPU_ms": 1e3 * kernel,
                        "rows": count.rows, "trades": trades, "trades_per_combination": trades / n,
                        "us_per_backtest": 1e6 * one.cpu / n, "ns_per_trade": 1e9 * kernel / max(trades, 1),
                        "ns_per_accepted_pair": 1e9 * kernel / max(count.pairs, 1),
                        "dense_ns_per_bar": 1e9 * cpu / (n * len(bars)),
                    }
                )  # fmt: skip
    found.tables = [
        Table(f"{len(Combinations(grid)):,} combinations, {threads} threads, warm, setups included", speed),
        Table("One thread, setups apart from the sweep", costs),
    ]
    found.notes = list(NOTES)
    return found
