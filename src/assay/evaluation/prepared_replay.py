"""Replay one set of a strategy's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine import Execution, Signals, Span, replay
from assay.engine.replay import eligible
from assay.errors import InputError, ParameterError, require
from assay.evaluation.answers import SetupsQuestion
from assay.market import require_bars
from assay.strategies import instance_of

if TYPE_CHECKING:
    from typing import Self

    from assay.engine import Bracket, Run, Setups
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy


def first_signal_bar(bars: Bars, start: int, warmup: int) -> int:
    """Return where a span begins: days before any signal is possible would dilute every measure."""
    return min(max(start, warmup), len(bars) - 1)


@dataclass(frozen=True, eq=False)
class PreparedReplay:
    """All that a replay of one set of parameters needs, completed and checked.

    Attributes
    ----------
    strategy : Strategy
    bars : Bars
    values : dict
        All parameters.
    execution : Execution
        With the market's tick.
    span : Span
    """

    strategy: Strategy
    bars: Bars
    values: dict[str, Value]
    execution: Execution
    span: Span

    @classmethod
    def of(
        cls,
        strategy: Strategy | type[Strategy],
        bars: Bars,
        values: Mapping[str, Value],
        execution: Execution | None = None,
        span: Span | None = None,
    ) -> Self:
        """Complete parameters, terms and span; refuse parameters that make no sense together.

        Parameters
        ----------
        values : mapping
            Parameters; those not given stay at their default.
        execution : Execution, optional
            The usual terms of an exchange by default.
        span : Span, optional
            All bars after the warm-up by default.
        """
        strategy = instance_of(strategy)
        require_bars(bars)
        if not isinstance(values, Mapping):
            raise InputError("values", "must be a mapping of parameters to values", type(values).__name__)
        for name, term, kind in (("execution", execution, Execution), ("span", span, Span)):
            if term is not None:
                require(name, term, kind)
        complete = strategy.parameters.complete(values)
        if reason := strategy.constraint(complete):
            raise ParameterError("parameters", reason)
        warmup = strategy.warmup(complete)
        span = span or Span(first_signal_bar(bars, 0, warmup), len(bars), warmup)
        return cls(strategy, bars, complete, (execution or Execution()).on(bars.market), span)

    @property
    def bracket(self) -> Bracket:
        """The strategy's bracket with the general options filled in."""
        return self.execution.applied_to(self.strategy.bracket)

    def rows(self) -> Setups:
        """Return the rows that may be signals, judged by no rule yet."""
        setups = SetupsQuestion(self.values, {}, self.execution.sides).of(self.strategy, self.bars)
        return eligible(self.bars, setups, self.span)

    def signals(self, rows: Setups, values: Mapping[str, Value] | None = None) -> Signals:
        """Return the rows that pass the rules, under these parameters or others of the same shape."""
        point = self.values if values is None else values
        return Signals.select(self.bars, rows, self.strategy.rules, self.bracket, point, self.span)

    def run(self, signals: Signals, *, exit_on_opposite: bool = False) -> Run:
        """Trade signals one after the other."""
        return replay(self.bars, signals, self.execution.money, self.span, exit_on_opposite=exit_on_opposite)


def backtest(
    strategy: Strategy | type[Strategy],
    bars: Bars,
    values: Mapping[str, Value],
    *,
    execution: Execution | None = None,
    span: Span | None = None,
    exit_on_opposite: bool = False,
) -> Run:
    """Replay one set of parameters.

    Parameters
    ----------
    values : mapping
        Parameters; those not given stay at their default.
    execution : Execution, optional
        Sides, costs, sizing and the least distance of a stop; the usual terms of an exchange by default.
    span : Span, optional
        All bars after the warm-up by default.
    exit_on_opposite : bool
        Leave at the open after a signal of the other side.
    """
    prepared = PreparedReplay.of(strategy, bars, values, execution, span)
    return prepared.run(prepared.signals(prepared.rows()), exit_on_opposite=exit_on_opposite)
