"""Score many combinations of one strategy on one stretch of bars."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from assay.engine import OBJECTIVES, Execution, Rule, Signals, Span, layout, replay, sweep
from assay.evaluation.answers import SetupsQuestion
from assay.evaluation.constraint_mask import ConstraintMask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from assay.engine import Bracket, Combinations, Money, Run, Setups
    from assay.engine.sweep import Block
    from assay.evaluation.answers import Answers
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies.base import Strategy

    Scores = tuple[NDArray[np.float64], NDArray[np.float64]]

T = TypeVar("T")

MAX_CACHED_SHAPES = 24
"""Setups of this many shapes are kept for the next window; a continuous shape would fill the memory."""


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
class Evaluator:
    """A strategy with all that stays the same during a search.

    Attributes
    ----------
    strategy : Strategy
    execution : Execution
        With the market's tick (`Execution.on`).
    objective : str
        One of `assay.engine.OBJECTIVES`.
    warmup : int
        The largest over the space: every candidate starts on the same bar.
    space : mapping of str to tuple
        All values that the search may ask for, where they are known: setups then leave out the rows that would
        pass none of them. A value beyond it is answered all the same, from setups of its own.
    keep_setups : bool
        Whether the setups of few shapes are kept for the next search on these bars. A search that asks for a few
        new values of a continuous shape at a time must not.
    answers : Answers, optional
        Where it is recorded what the strategy answers.
    """

    strategy: Strategy
    execution: Execution = field(default_factory=Execution)
    objective: str = "sharpe_ratio"
    warmup: int = 0
    space: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    keep_setups: bool = True
    answers: Answers | None = None

    @classmethod
    def over(
        cls,
        strategy: Strategy,
        space: Mapping[str, tuple[Value, ...]],
        *,
        execution: Execution | None = None,
        objective: str = "sharpe_ratio",
        keep_setups: bool = True,
    ) -> Evaluator:
        """Return the evaluator of a search over these values: with their common warm-up."""
        return cls(
            strategy,
            execution or Execution(),
            objective,
            common_warmup(strategy, space),
            space,
            keep_setups,
        )

    @property
    def money(self) -> Money:
        """What turns prices into returns."""
        return self.execution.money

    @property
    def bracket(self) -> Bracket:
        """The strategy's bracket with the general options filled in."""
        return self.execution.applied_to(self.strategy.bracket)

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
        question = SetupsQuestion({n: values[n] for n in self.strategy.shape_names}, loosest, self.execution.sides)
        if not keep:
            return self._answer(bars, question)
        return bars.derived(("setups", self.strategy, question.key), lambda: self._answer(bars, question))

    def _answer(self, bars: Bars, question: SetupsQuestion) -> Setups:
        setups = question.of(self.strategy, bars)
        if self.answers is not None:
            self.answers.note(bars, question, setups)
        return setups

    def question(self, values: Mapping[str, Value]) -> SetupsQuestion:
        """Return what a search asks of the strategy for one set of parameters."""
        shape = {n: values[n] for n in self.strategy.shape_names}
        return SetupsQuestion(shape, self._loosest({n: (v,) for n, v in values.items()}), self.execution.sides)

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
    ) -> Scores:
        """Return (objective, trades) of every combination, shape (n,) each; objective NaN where senseless."""
        return self.scores(bars, [span], combinations, threads=threads, on_done=on_done)[0]

    def scores(
        self,
        bars: Bars,
        spans: Sequence[Span],
        combinations: Combinations,
        *,
        threads: int = 1,
        on_done: Callable[[int], None] | None = None,
    ) -> list[Scores]:
        """Score every combination in several spans at once: setups and outcomes are shared between them."""
        found = [(np.full(len(combinations), np.nan), np.zeros(len(combinations))) for _ in spans]
        scored = self.scored(bars, spans, combinations, lambda *block: block, threads=threads)
        for span, position, measure, trades in scored:
            found[span][0][position], found[span][1][position] = measure, trades
            if on_done is not None:
                on_done(len(position))
        return found

    def scored(
        self,
        bars: Bars,
        spans: Sequence[Span],
        combinations: Combinations,
        then: Callable[[int, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]], T],
        *,
        threads: int = 1,
        skip: int = 0,
    ) -> Iterator[T]:
        """Yield what `then` makes of each block, on the threads: (span, position, objective, trades).

        Objectives are counted from their neutral value: a profit factor is good from 1 on, others from 0 on. Where a
        combination is senseless the objective is NaN, and it has no trades.
        """
        objective, year = OBJECTIVES[self.objective], bars.market.days_per_year
        refused = ConstraintMask.of(self.strategy, combinations)

        def score(block: Block) -> T:
            measure = objective.worth(block.sums, year)
            out = refused.at(block.position)
            trades = np.where(out, 0.0, block.sums[:, layout.SUM_TRADES])
            return then(block.span, block.position, np.where(out, np.nan, measure), trades)

        return self.blocks(bars, spans, combinations, score, threads=threads, skip=skip)

    def blocks(
        self,
        bars: Bars,
        spans: Sequence[Span],
        combinations: Combinations,
        then: Callable[[Block], T],
        *,
        threads: int = 1,
        skip: int = 0,
    ) -> Iterator[T]:
        """Yield what `then` makes of the sweep's blocks (see `assay.engine.sweep`)."""
        shapes = math.prod(len(combinations.values[name]) for name in self.strategy.shape_names)
        keep = self.keep_setups and shapes <= MAX_CACHED_SHAPES
        loosest = self._loosest(combinations.values)
        return sweep(
            bars,
            lambda shape: self.setups(bars, shape, loosest, keep=keep),
            self.strategy.rules,
            self.bracket,
            combinations,
            spans,
            self.money,
            then,
            threads=threads,
            skip=skip,
        )

    def signals(self, bars: Bars, values: Mapping[str, Value], span: Span) -> Signals:
        """Signals of one set of parameters in a span."""
        setups = self.setups(bars, values, self._loosest({name: (value,) for name, value in values.items()}))
        return Signals.select(bars, setups, self.strategy.rules, self.bracket, values, span)

    def replay(self, bars: Bars, values: Mapping[str, Value], span: Span) -> Run:
        """Replay one set of parameters in a span."""
        return replay(bars, self.signals(bars, values, span), self.money, span)
