"""The sweep under measurement: a strategy, a grid, bars; setups timed apart."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.engine import Combinations, Money, Rule, Setups, Span, layout, sweep
from assay.evaluation.evaluator import loosest_thresholds
from assay.sources import read_bars
from assay.sources.simulated import SimulatedMarket, simulate_market

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies.base import Strategy

Sums = NDArray[np.float64]
Grid = dict[str, tuple[Any, ...]]


def last(bars: Bars, n: int) -> Bars:
    """Return the last n bars as bars of their own."""
    names = ("time", "open", "high", "low", "close", "volume", "absent", "valid", "tradable", "session")
    return dataclasses.replace(bars, **{name: getattr(bars, name)[-n:] for name in names})


def load(path: Path | None, days: int, seed: int = 1) -> Bars:
    """Read a file, or simulate a market."""
    return read_bars(path) if path else simulate_market(SimulatedMarket(days=days, seed=seed))


def whole_span(strategy: Strategy, bars: Bars, grid: Grid) -> Span:
    """Every bar after the largest warm-up of the grid."""
    shapes = [{n: v for n in strategy.shape_names for v in [max(grid[n])]}]
    return Span(0, len(bars), max(strategy.warmup(shape) for shape in shapes))


@dataclass(frozen=True)
class Swept:
    """Sums of every combination, and what of the time went into the setups."""

    sums: Sums
    setups_cpu: float
    rows: int

    @property
    def trades(self) -> int:
        """Simulated trades of all combinations."""
        return int(self.sums[:, layout.SUM_TRADES].sum())


def sweep_grid(strategy: Strategy, bars: Bars, grid: Grid, sides: str, threads: int, span: Span | None = None) -> Swept:
    """Sweep a whole grid, setups and indicators included."""
    fresh = dataclasses.replace(bars)  # nothing derived from an earlier run
    combinations, loosest = Combinations(grid), loosest_thresholds(strategy, grid)
    sums = np.empty((len(combinations), layout.SUM_FIELDS))
    spent: list[tuple[float, int]] = []

    def make(values: Mapping[str, Value]) -> Setups:
        began = time.thread_time()
        made = strategy.all_setups(fresh, values, sides, loosest)  # as every search does
        spent.append((time.thread_time() - began, len(made)))
        return made

    where = span or whole_span(strategy, bars, grid)
    rules, bracket, money = strategy.rules, strategy.bracket, Money()
    blocks = sweep(fresh, make, rules, bracket, combinations, [where], money, lambda block: block, threads=threads)
    for block in blocks:
        sums[block.position] = block.sums
    return Swept(sums, sum(seconds for seconds, _ in spent), sum(rows for _, rows in spent))


@dataclass(frozen=True)
class Work:
    """What a grid asks of the kernel, counted from the rules alone.

    Attributes
    ----------
    rows : int
        Rows that pass the loosest thresholds, over all shapes.
    pairs : int
        Pairs of a row and a combination in which the row passes: each is a signal to be judged.
    """

    rows: int
    pairs: int


def work(strategy: Strategy, bars: Bars, grid: Grid, sides: str, span: Span) -> Work:
    """Count rows and accepted (row, combination) pairs; every rule reads a parameter of its own."""
    rows = pairs = 0
    exits = int(np.prod([len(grid[n]) for n in strategy.exit_names]))
    shapes: list[dict[str, float | int]] = [{}]
    for name in strategy.shape_names:
        shapes = [{**s, name: v} for s in shapes for v in grid[name]]
    for shape in shapes:
        setups = strategy.all_setups(bars, {**{n: v[0] for n, v in grid.items()}, **shape}, sides)
        t = setups.bar
        inside = (t >= span.start) & (t < span.stop) & bars.valid[t] & (bars.age[t] >= span.warmup)
        inside &= t + 1 < len(bars)
        passed = [
            sum(rule.passes(setups.features, {rule.limit: v}).astype(np.int64) for v in grid[str(rule.limit)])
            for rule in strategy.rules
            if isinstance(rule, Rule) and isinstance(rule.limit, str)
        ]
        combinations = reduce(np.multiply, passed, inside.astype(np.int64))
        rows += int(np.count_nonzero(combinations))
        pairs += int(combinations.sum()) * exits
    return Work(rows, pairs)


def thinned(grid: Grid, keep: Mapping[str, int]) -> Grid:
    """The grid with only the first so many values of some parameters."""
    return {n: v[: keep.get(n, len(v))] for n, v in grid.items()}
