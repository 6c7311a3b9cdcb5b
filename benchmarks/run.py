"""Speed of the sweep, as a ratio to a dense loop run beside it, with an equality check.

The benchmark grid (201,600 combinations of LIQUIDITY_SWEEP) on the last 25,920 bars of a file, both from
the same setups; the dense loop walks every bar for every combination, with all cores.

    python benchmarks/run.py [FILE.parquet] [--bars N]

Without a file the bars are simulated.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from assay.engine import TABLE, Combinations, Money, Span, from_sums, sweep
from assay.sources import read_bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies import STRATEGIES
from assay.strategies.liquidity_sweep import BENCHMARK_GRID, LiquiditySweep
from oracle.dense import dense_sweep

SHARED = Path(os.environ.get("ASSAY_SHARED", Path(__file__).resolve().parents[2] / "shared"))
Sums = NDArray[np.float64]

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars

DENSE_ORDER = (
    "pierce_depth",
    "reversal_candles",
    "volume_spike_threshold",
    "min_level_touches",
    "reversal_candle_size",
    "atr_multiplier_sl",
    "risk_reward_ratio",
    "max_holding_periods",
)
FEATURES = ("pierce", "delay", "volume", "touches", "body")


def last(bars: Bars, n: int) -> Bars:
    """Return the last n bars as bars of their own."""
    names = ("time", "open", "high", "low", "close", "volume", "absent", "valid", "tradable", "session")
    return dataclasses.replace(bars, **{name: getattr(bars, name)[-n:] for name in names})


def ours(strategy: LiquiditySweep, bars: Bars, span: Span, sides: str, threads: int) -> Sums:
    """Sums of every combination, setups included."""
    fresh = dataclasses.replace(bars)  # nothing derived from an earlier run
    combinations = Combinations(BENCHMARK_GRID)
    sums = np.empty((len(combinations), 11))
    for block in sweep(
        fresh,
        lambda v: strategy.all_setups(fresh, v, sides),
        strategy.rules,
        strategy.bracket,
        combinations,
        [span],
        Money(),
        lambda block: block,
        threads=threads,
    ):
        sums[block.position] = block.sums
    return sums


def dense(strategy: LiquiditySweep, bars: Bars, span: Span, sides: str) -> tuple[Sums, float]:
    """Measures of every combination by the dense loop, and its seconds without the setups."""
    sizes = [len(v) for v in BENCHMARK_GRID.values()]
    index = np.indices(sizes).reshape(len(sizes), -1)
    columns = {n: np.array(v, dtype=float)[i] for (n, v), i in zip(BENCHMARK_GRID.items(), index, strict=True)}
    combos = np.stack([columns[n] for n in DENSE_ORDER], axis=1)
    result = np.empty((len(combos), 6))
    seconds = 0.0
    for lookback in BENCHMARK_GRID["key_level_lookback"]:
        rows = strategy.all_setups(bars, {"key_level_lookback": lookback, "min_distance_from_level": 0.001}, sides)
        members = columns["key_level_lookback"] == lookback
        rows = rows.take(bars.valid[rows.bar] & (bars.age[rows.bar] >= span.warmup))
        row_start = np.searchsorted(rows.bar, np.arange(len(bars) + 1))
        features = np.stack([rows.features[f] for f in FEATURES], axis=1)
        began = time.perf_counter()
        result[members] = dense_sweep(
            bars.open, bars.high, bars.low, bars.close, bars.tradable, bars.day, row_start, rows.side,
            features, np.ascontiguousarray(rows.levels[:, 1]), combos[members],
            0.001, 0.0005, 0.01, 1.0, risk_sizing=True, start=span.start, stop=span.stop,
        )  # fmt: skip
        seconds += time.perf_counter() - began
    return result, seconds


def timed(call: Callable[[], Sums], repeats: int) -> tuple[float, Sums]:
    """Return (seconds of the fastest call, its result)."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        result = call()
        best = min(best, time.perf_counter() - began)
    return best, result


def main() -> int:
    """Measure, check equality, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default=None)
    parser.add_argument("--bars", type=int, default=25_920)
    options = parser.parse_args()
    default = SHARED / "data" / "BINANCE_BTCUSDT_5m.parquet"
    path = Path(options.file) if options.file else default
    if path.exists():
        whole = read_bars(path)
    else:
        print("no file: simulated bars")
        whole = simulate_market(SimulatedMarket(days=365, seed=1))
    bars = last(whole, options.bars)
    strategy = STRATEGIES["LIQUIDITY_SWEEP"]()
    assert isinstance(strategy, LiquiditySweep)  # noqa: S101
    threads = os.cpu_count() or 1
    span = Span(0, len(bars), strategy.warmup({"key_level_lookback": 200}))
    report = []
    for sides in ("long", "both"):
        ours(strategy, bars, span, sides, threads)  # warm
        fast, sums = timed(partial(ours, strategy, bars, span, sides, threads), 5)
        single, _ = timed(partial(ours, strategy, bars, span, sides, 1), 3)
        dense(strategy, last(bars, 2_000), Span(0, 2_000, 0), sides)  # compile
        slow, seconds = dense(strategy, bars, span, sides)
        table = np.stack([from_sums(sums, name, 365) for name in TABLE], axis=1)
        equal = bool(np.array_equal(table, slow, equal_nan=True))
        trades = float(sums[:, 0].sum())
        report.append(
            {
                "market": str(bars.market), "bars": len(bars), "sides": sides, "combinations": len(sums),
                "threads": threads, "sweep_seconds": fast, "sweep_seconds_one_thread": single,
                "dense_seconds": seconds, "ratio": seconds / fast, "backtests_per_second": len(sums) / fast,
                "trades": trades, "bit_equal": equal,
            }
        )  # fmt: skip
        print(
            f"{bars.market}, {len(bars):,} bars, {sides}: sweep {fast:.3f} s with setups ({len(sums) / fast:,.0f} "
            f"backtests/s), dense loop {seconds:.2f} s: {seconds / fast:.0f} times faster; bit-equal: {equal}"
        )
    print(json.dumps(report))
    return 0 if all(r["bit_equal"] for r in report) else 1


if __name__ == "__main__":
    sys.exit(main())
