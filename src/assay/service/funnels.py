"""The signal funnel of a stored market: for one answer, and for somebody who moves a threshold and looks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import Span
from assay.evaluation import PreparedFunnel, SignalFunnel, first_signal_bar
from assay.market import refuse_futures
from assay.service.kernels import compile_kernels
from assay.service.points import funnel_document
from assay.service.reporter import Silent
from assay.service.spans import check_warmup, finished

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from assay.engine import Execution
    from assay.engine.execution import ExecutionTerms
    from assay.engine.funnel import Funnel
    from assay.evaluation import Followed
    from assay.market import Bars, Market
    from assay.parameters import Value
    from assay.service.spans import SpanTerms
    from assay.store import BarStore
    from assay.strategies import Strategy

MAX_ROWS = 1_000_000
"""Rows of setups that are kept between two questions, about 140 MB; a year of 5-minute bars has up to 75,000."""

MAX_MARKS = 5_000
"""Moments that are shown one by one, the newest ones."""


@dataclass(frozen=True, kw_only=True)
class FunnelQuestion:
    """Whose funnel is asked for, where and on what terms; the parameters are asked apart.

    Attributes
    ----------
    strategy : Strategy
    market : Market
        Stored, or made of finer bars that are.
    span : SpanTerms
    terms : ExecutionTerms
    """

    strategy: Strategy
    market: Market
    span: SpanTerms
    terms: ExecutionTerms

    def on(self, bars: Bars, values: Mapping[str, Value]) -> Funnelled:
        """Return what is looked at, under complete parameters.

        Raises
        ------
        InputError
            When the span does not lie within the bars, or holds no bar with enough history before it.
        """
        refuse_futures(bars.market)
        start, stop = self.span.on(bars)
        warmup = self.strategy.warmup(values)
        check_warmup(bars, start, stop, warmup, self.strategy.name)
        compile_kernels(Silent(), self.strategy, bars)
        span = Span(first_signal_bar(bars, start, warmup), stop, warmup)
        return Funnelled(bars, span, self.terms.on(bars.market))

    def document(self, store: BarStore, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return the funnel of parameters as plain values, with what a step of each threshold adds."""
        values = self.strategy.parameters.complete(values)
        found = self.on(finished(store.read_resampled(self.market)), values)
        return funnel_document(self.strategy, found.bars, found.span, values, found.execution)


@dataclass(frozen=True, eq=False)
class Funnelled:
    """What a funnel looks at.

    Attributes
    ----------
    bars : Bars
    span : Span
        Bars that may signal.
    execution : Execution
    """

    bars: Bars
    span: Span
    execution: Execution


@dataclass(frozen=True, eq=False)
class Explored:
    """A funnel, and the bars of its signals.

    Attributes
    ----------
    prepared : PreparedFunnel
    followed : Followed
    """

    prepared: PreparedFunnel
    followed: Followed

    @property
    def bars(self) -> Bars:
        """What was looked at."""
        return self.prepared.prepared.bars

    @property
    def span(self) -> Span:
        """Bars that may signal."""
        return self.prepared.prepared.span

    def with_steps(self) -> SignalFunnel:
        """Return the funnel with what a step of each threshold would add: one more funnel for each of them."""
        name, found = self.prepared.prepared.strategy.name, self.followed
        return SignalFunnel(name, found.values, found.funnel, self.prepared.relaxed(found))

    def marks(self) -> list[tuple[int, int, bool]]:
        """Return the newest signals: when the bar opens (milliseconds UTC), +1 or -1, whether a trade came of it."""
        shown = slice(max(len(self.followed.bar) - MAX_MARKS, 0), None)
        times = self.bars.time[self.followed.bar[shown]]
        sides, filled = self.followed.side[shown], self.followed.filled[shown]
        return list(zip(times.tolist(), sides.tolist(), filled.tolist(), strict=True))

    @property
    def span_ms(self) -> tuple[int, int]:
        """The bars that may signal: opens of the first, end of the last, milliseconds UTC."""
        return int(self.bars.time[self.span.start]), self.bars.moment(self.span.stop)


@dataclass(frozen=True, eq=False)
class FunnelExplorer:
    """Answers the same question again and again under other parameters; what they share is found once.

    Parameters
    ----------
    store : BarStore
    """

    store: BarStore
    _kept: dict[Hashable, tuple[Bars, PreparedFunnel]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def explore(self, question: FunnelQuestion, values: Mapping[str, Value]) -> Explored:
        """Return the funnel of parameters; those not given stay at their default.

        Raises
        ------
        InputError
            As `FunnelQuestion.on` does, for parameters out of bounds and for those that make no sense together.
        NotFoundError
            When the market is not stored.
        """
        values = question.strategy.parameters.complete(values)
        stored = self.store.read_resampled(question.market)
        prepared = self._prepared(question, stored, values)
        return Explored(prepared, prepared.follow(values))

    def _prepared(self, question: FunnelQuestion, stored: Bars, values: Mapping[str, Value]) -> PreparedFunnel:
        strategy = question.strategy
        bars = finished(stored)
        shape = tuple(sorted((name, values[name]) for name in strategy.shape_names))
        # the bars are kept with what was made of them, so their number in memory is theirs alone as long as it is kept
        key = (id(stored), len(bars), strategy.name, strategy.identity(), shape, question.span, question.terms)
        with self._lock:
            kept = self._kept.pop(key, None)
            if kept is not None:
                self._kept[key] = kept  # the newest is the last
                return kept[1]
        found = question.on(bars, values)
        prepared = PreparedFunnel.of(strategy, found.bars, values, found.execution, found.span)
        with self._lock:
            self._kept[key] = stored, prepared
            while len(self._kept) > 1 and sum(len(one.rows) for _, one in self._kept.values()) > MAX_ROWS:
                self._kept.pop(next(iter(self._kept)))
        return prepared


def lost_at(funnel: Funnel) -> list[int]:
    """Return how many moments each stage of a funnel loses, shape (stages,); none at the first."""
    passed = np.array([stage.passed for stage in funnel.stages], dtype=np.int64)
    return [0, *(-np.diff(passed)).tolist()]
