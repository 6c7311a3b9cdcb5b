"""Score many combinations of one strategy on one stretch of bars."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import Combinations, Money, Rule, Signals, Span, from_sums, kernels, replay, sweep
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


def loosest_thresholds(strategy: Strategy, values: Mapping[str, tuple[Value, ...]]) -> dict[str, float]:
    """Return the loosest value of each threshold that a row has to pass: rows that fail it need not be made.

    The conditions of a vote need not be met one by one, and an `equals` has no loosest value.
    """
    found: dict[str, float] = {}
    directions: dict[str, set[str]] = {}
    for rule in strategy.rules:
        if isinstance(rule, Rule) and isinstance(rule.limit, str):
            directions.setdefault(rule.limit, set()).add(rule.comparison)
    for name, comparisons in directions.items():
        if comparisons == {"at_least"}:
            found[name] = min(float(v) for v in values[name])
        elif comparisons == {"at_most"}:
            found[name] = max(float(v) for v in values[name])
    return found


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
    space : mapping of str to tuple
        All values that the search may ask for, where they are known: setups then leave out the rows that would
        pass none of them. A value beyond it is answered all the same, from setups of its own.
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
    space: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    keep_setups: bool = True

    @classmethod
    def over(cls, strategy: Strategy, space: Mapping[str, tuple[Value, ...]], **terms: Any) -> Trial:  # noqa: ANN401
        """Return a trial for a search over these values: with their common warm-up."""
        return cls(strategy, warmup=common_warmup(strategy, space), space=space, **terms)

    @property
    def bracket(self) -> Bracket:
        """The strategy's bracket with the general options filled in."""
        bracket = self.strategy.bracket
        return dataclasses.replace(bracket, min_stop_costs=self.min_stop_costs) if self.min_stop_costs else bracket

    def _loosest(self, values: Mapping[str, tuple[Value, ...]]) -> dict[str, float]:
        """Loosest thresholds of the whole space and of the values asked for now; none where no space is known."""
        if not self.space:
            return {}
        both = {name: (*self.space[name], *asked) for name, asked in values.items()}
        return loosest_thresholds(self.strategy, both)

    def setups(
        self, bars: Bars, values: Mapping[str, Value], loosest: Mapping[str, float], *, keep: bool = True
    ) -> Setups:
        """Setups under a shape, shared between windows of the same bars."""
        shape = {n: values[n] for n in self.strategy.shape_names}
        if not keep:
            return self.strategy.all_setups(bars, shape, self.sides, loosest)
        key = ("setups", self.strategy, self.sides, *sorted(shape.items()), *sorted(loosest.items()))
        return bars.derived(key, lambda: self.strategy.all_setups(bars, shape, self.sides, loosest))

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
        keep = self.keep_setups and shapes <= MOST_CACHED_SHAPES
        loosest = self._loosest(combinations.values)
        return sweep(
            bars,
            lambda shape: self.setups(bars, shape, loosest, keep=keep),
            self.strategy.rules,
            self.bracket,
            combinations,
            [span],
            self.money,
            threads=threads,
        )

    def signals(self, bars: Bars, values: Mapping[str, Value], span: Span) -> Signals:
        """Signals of one set of parameters in a span."""
        setups = self.setups(bars, values, self._loosest({name: (value,) for name, value in values.items()}))
        return Signals.select(bars, setups, self.strategy.rules, self.bracket, values, span)

    def replay(self, bars: Bars, values: Mapping[str, Value], span: Span) -> Run:
        """Replay one set of parameters in a span."""
        return replay(bars, self.signals(bars, values, span), self.money, span)
