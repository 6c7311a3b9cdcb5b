"""Every strategy that ships, in its default grid, both sides: backtests a second in the one kernel."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from assay.engine import Combinations
from assay.strategies import STRATEGIES
from benchmarks import grid as ours
from benchmarks.clock import timed
from benchmarks.report import Row, Section, Table, say
from benchmarks.user import SEED, replays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.market import Bars

SAMPLE = 50

NOTES = (
    "A backtest is a combination on both sides; those that a strategy's constraint refuses are not counted.",
    "Seconds include indicators and setups. rows are the moments that the loosest thresholds leave, over all shapes.",
    (
        f"replays is the time of {SAMPLE} replays, each with setups of its own, for as many combinations; their sums "
        "must have the bits of the sweep."
    ),
)


def section(markets: Sequence[Bars], size: int, threads: int, repeats: int, *, few: bool) -> Section:
    """Sweep each strategy's default grid on every market.

    Parameters
    ----------
    few : bool
        Two values of each parameter are enough: does it run?
    """
    found = Section("strategies", "Every strategy in its default grid, both sides")
    rows: list[Row] = []
    for market in markets:
        bars = ours.last(market, size)
        for name, kind in STRATEGIES.items():
            strategy = kind()
            grid = ours.thinned(strategy.default_grid, dict.fromkeys(strategy.default_grid, 2 if few else 99))
            ours.sweep_grid(strategy, bars, grid, "both", threads)  # compiled and warm
            took = timed(partial(ours.sweep_grid, strategy, bars, grid, "both", threads), repeats)
            combinations = Combinations(grid)
            sensible = sum(strategy.constraint(combinations.at(i)) is None for i in range(len(combinations)))
            began = time.perf_counter()
            equal = replays(strategy, bars, grid, took.result.sums, SAMPLE, SEED, "both")
            slow = (time.perf_counter() - began) / SAMPLE * sensible
            found.checks[f"{name}, {bars.market.symbol}: bit-equal to its replay"] = equal
            rate = sensible / took.wall
            say(f"strategies: {name} on {bars.market.symbol}: {rate:,.0f} backtests a second, equal: {equal}")
            rows.append(
                {
                    "strategy": name, "market": bars.market.symbol, "combinations": sensible, "rows": took.result.rows,
                    "trades": took.result.trades, "sweep_s": took.wall, "backtests_per_s": rate, "replays_s": slow,
                    "times_faster": slow / took.wall, "bit_equal": equal,
                }
            )  # fmt: skip
    found.tables = [Table(f"{size:,} bars, {threads} threads, warm, setups included", rows)]
    found.notes = list(NOTES)
    return found
