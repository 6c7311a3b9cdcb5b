"""Score many combinations of one strategy on one stretch of bars."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Combinations, Money, Signals, Span, from_sums, kernels, replay, sweep
from assay.strategies.base import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from assay.engine import Bracket, Run, Setups
    from assay.engine.sweep import Block
    from assay.market import Bars
    from assay.parameters import Value

MOST_CACHED_SHAPES = 24
"""Setups of this many shapes are kept for the next window; a continuous shape would fill the memory."""


def senseless(strategy: Strategy, combinations: Combinations) -> list[int]:
    """Return the combinations that the strategy's constraint refuses."""
    if type(strategy).constraint is Strategy.constraint:
        return []
    return [i for i in range(len(combinations)) if strategy.constraint(combinations.at(i))]


def common_warmup(strategy: Strategy, values: Mapping[str, tuple[Value, ...]]) -> int:
    """Return the largest warm-up over the shapes of a grid: every combination starts on the same bar."""
    first = {name: v[0] for name, v in values.items()}
    shapes = product(*(values[name] for name in strategy.shape_names))
    return max(strategy.warmup({**first, **dict(zip(strategy.shape_names, s, strict=True))}) for s in shapes)


@dataclass(frozen=True)
class Trial:
    """A strategy with all that stays the same during a search.

    Attributes
    ----------
    strategy : Strategy
    money : Money
    sides : str
        "both", "long" or "short".
    objective : str
        One of `assay.engine.OBJECTIVES`.
    warmup : int
        The largest over the space: every candidate starts on the same bar.
    min_stop_costs : float
        Stops stay at least this many round trips of cost away; 0 = off.
    keep_setups : bool
        Whether the setups of few shapes are kept for the next search on these bars. A search that asks for a few
        new values of a continuous shape at a time must not.
    """

    strategy: Strategy
    money: Money = field(default_factory=Money)
    sides: str = "both"
    objective: str = "sharpe_ratio"
    warmup: int = 0
    min_stop_costs: float = 0.0
    keep_setups: bool = True

    @property
    def bracket(self) -> Bracket:
        """The strategy's bracket with the general options filled in."""
        bracket = self.strategy.bracket
        return dataclasses.replace(bracket, min_stop_costs=self.min_stop_costs) if self.min_stop_costs else bracket

    def setups(self, bars: Bars, values: Mapping[str, Value], *, keep: bool = True) -> Setups:
        """Setups under a shape, shared between windows of the same bars."""
        shape = {n: values[n] for n in self.strategy.shape_names}
        if not keep:
            return self.strategy.all_setups(bars, shape, self.sides)
        key = ("setups", self.strategy, self.sides, *sorted(shape.items()))
        return bars.derived(key, lambda: self.strategy.all_setups(bars, shape, self.sides))

    def span(self, start: int, stop: int) -> Span:
        """Return a span of signal bars with the common warm-up."""
        return Span(start, stop, self.warmup)

    def score(
        self,
        bars: Bars,
        span: Span,
        combinations: Combinations,
        *,
        threads: int = 1,
        on_done: Callable[[int], None] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (objective, trades) of every combination, shape (n,) each; objective NaN where senseless.

        A profit factor is counted from 1: what is positive earns.
        """
        measure = np.full(len(combinations), np.nan)
        trades = np.zeros(len(combinations))
        year = bars.market.days_per_year
        for block in self.blocks(bars, span, combinations, threads=threads):
            found = from_sums(block.sums, self.objective, year)
            # a profit factor is good from 1 on, as other objectives are from 0 on: a loser is no candidate
            measure[block.position] = found - 1.0 if self.objective == "profit_factor" else found
            trades[block.position] = block.sums[:, kernels.TRADES]
            if on_done is not None:
                on_done(len(block.position))
        rows = senseless(self.strategy, combinations)
        measure[rows], trades[rows] = np.nan, 0.0
        return measure, trades

    def blocks(self, bars: Bars, span: Span, combinations: Combinations, *, threads: int = 1) -> Iterator[Block]:
        """Yield the sweep's blocks (see `assay.engine.sweep`)."""
        shapes = 1
        for name in self.strategy.shape_names:
            shapes *= len(combinations.values[name])
        return sweep(
            bars,
            lambda shape: self.setups(bars, shape, keep=self.keep_setups and shapes <= MOST_CACHED_SHAPES),
            self.strategy.rules,
            self.bracket,
            combinations,
            span,
            self.money,
            threads=threads,
        )

    def signals(self, bars: Bars, values: Mapping[str, Value], span: Span) -> Signals:
        """Signals of one set of parameters in a span."""
        setups = self.setups(bars, values)
        return Signals.select(bars, setups, self.strategy.rules, self.bracket, values, span)

    def replay(self, bars: Bars, values: Mapping[str, Value], span: Span) -> Run:
        """Replay one set of parameters in a span."""
        return replay(bars, self.signals(bars, values, span), self.money, span)
