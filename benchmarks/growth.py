"""How the cost grows: with bars, with rows, with combinations. Slopes are exponents k of cost ~ x^k."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from assay.engine import Span
from assay.strategies.liquidity_sweep import LiquiditySweep
from benchmarks import grid as ours
from benchmarks.clock import slope, timed
from benchmarks.report import Row, Section, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.market import Bars
    from benchmarks.grid import Grid

KEEPS: tuple[dict[str, int], ...] = (
    {},
    {"volume_spike_threshold": 4},
    {"volume_spike_threshold": 2},
    {"volume_spike_threshold": 2, "pierce_depth": 3},
    {"volume_spike_threshold": 1, "pierce_depth": 2},
    {"volume_spike_threshold": 1, "pierce_depth": 1, "reversal_candles": 2},
)
FACTORS = (2.0, 1.4, 1.0, 0.7, 0.4, 0.0)
"""Thresholds of volume and body are multiplied by these: fewer rows to more, combinations as many."""


def _measure(bars: Bars, grid: Grid, span: Span, repeats: int) -> Row:
    strategy = LiquiditySweep()
    ours.sweep_grid(strategy, bars, grid, "long", 1, span)
    took = timed(partial(ours.sweep_grid, strategy, bars, grid, "long", 1, span), repeats, budget=5.0)
    count = ours.work(strategy, bars, grid, "long", span)
    kernel = max(took.cpu - took.result.setups_cpu, 1e-9)
    return {
        "bars": len(bars),
        "rows": count.rows,
        "combinations": len(took.result.sums),
        "accepted_pairs": count.pairs,
        "trades": took.result.trades,
        "setups_CPU_ms": 1e3 * took.result.setups_cpu,
        "sweep_CPU_ms": 1e3 * kernel,
    }


def _slopes(title: str, rows: list[Row], by: str, found: Section) -> None:
    def column(name: str) -> list[float]:
        return [max(float(row[name] or 0.0), 1e-9) for row in rows]

    found.tables.append(Table(title, rows))
    if len(rows) < 2:
        return
    found.notes.append(
        f"{title}: sweep ~ {by}^{slope(column(by), column('sweep_CPU_ms')):.2f}, "
        f"setups ~ {by}^{slope(column(by), column('setups_CPU_ms')):.2f}."
    )


def section(market: Bars, sizes: Sequence[int], grid: Grid, repeats: int) -> Section:
    """Vary one thing at a time, one thread, long side."""
    found = Section("growth", f"Growth, {market.market.symbol}, one thread")
    strategy = LiquiditySweep()

    def whole(bars: Bars, grid: Grid) -> Row:
        return _measure(bars, grid, ours.whole_span(strategy, bars, grid), repeats)

    _slopes("More bars, and with them more rows", [whole(ours.last(market, n), grid) for n in sizes], "bars", found)

    few = sizes[min(1, len(sizes) - 1)]
    fixed = []
    for n in sizes[min(1, len(sizes) - 1) :]:
        bars = ours.last(market, n)
        warmup = ours.whole_span(strategy, bars, grid).warmup
        fixed.append(_measure(bars, grid, Span(len(bars) - few + warmup, len(bars), warmup), repeats))
    _slopes(f"More bars, signals in the last {few:,} only: the same rows", fixed, "bars", found)

    bars = ours.last(market, few)
    loosened = []
    for factor in FACTORS:
        scaled = {
            n: tuple(round(v * factor, 6) for v in values)
            if n in ("volume_spike_threshold", "reversal_candle_size")
            else values
            for n, values in grid.items()
        }
        loosened.append(whole(bars, scaled))
    _slopes("Looser thresholds: more rows pass, as many combinations", loosened, "accepted_pairs", found)
    thinner = [whole(bars, ours.thinned(grid, keep)) for keep in reversed(KEEPS)]
    _slopes("More combinations of the same rules", thinner, "combinations", found)
    return found
