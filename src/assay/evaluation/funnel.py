"""The funnel of a strategy, with what one step of each threshold would add."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine.funnel import Funnel, count
from assay.engine.rules import Vote
from assay.errors import ParameterError
from assay.evaluation.prepared_replay import PreparedReplay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from numpy.typing import NDArray

    from assay.engine import Execution, Setups, Span
    from assay.engine.rules import AnyRule, Comparison
    from assay.market import Bars
    from assay.parameters import Parameter, Value
    from assay.strategies.base import Strategy

STEPS_OF_A_RANGE = 10
"""Into how many steps the range of a parameter without step, choices or grid is divided."""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """What a run would gain, were one threshold a step looser.

    Attributes
    ----------
    parameter : str
    value, looser : float
        As it is, and a step looser.
    signals, trades : int
        Added by the step; trades may fall, since each blocks those that come while it is open.
    """

    parameter: str
    value: float
    looser: float
    signals: int
    trades: int


@dataclass(frozen=True, slots=True)
class SignalFunnel:
    """The funnel of one set of parameters on one market.

    Attributes
    ----------
    strategy : str
    values : mapping
    funnel : Funnel
    relaxed : tuple of Relaxed
        Thresholds that can be looser, those that add most signals first.
    """

    strategy: str
    values: Mapping[str, Value]
    funnel: Funnel
    relaxed: tuple[Relaxed, ...]

    @property
    def binding(self) -> Relaxed | None:
        """The threshold whose next step adds most signals; None where no step adds any."""
        return self.relaxed[0] if self.relaxed and self.relaxed[0].signals > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Return it as a document holds it."""
        stages = [asdict(stage) | {"passed": stage.passed} for stage in self.funnel.stages]
        return {
            "stages": [stage | {"parts": [list(part) for part in stage["parts"]]} for stage in stages],
            "exits": dict(self.funnel.exits),
            "relaxed": [asdict(step) for step in self.relaxed],
            "binding": None if self.binding is None else self.binding.parameter,
            "sentence": self.sentence,
        }

    @property
    def sentence(self) -> str:
        """What keeps the trades few, for a person."""
        f, b = self.funnel, self.binding
        if not f.pattern.passed:
            return "The pattern never occurs on these bars."
        if b is None:
            return f"No threshold can be a step looser and add signals; the pattern occurs {f.pattern.passed:,} times."
        return (
            f"{b.parameter} binds: at {b.looser:g} instead of {b.value:g} there would be {b.signals:+,} signals and "
            f"{b.trades:+,} trades."
        )


@dataclass(frozen=True, eq=False)
class Followed:
    """One set of parameters, followed from the pattern to its trades.

    Attributes
    ----------
    values : mapping
    funnel : Funnel
    bar : int64, shape (m,)
        Bars of the moments that pass every rule, in order of time.
    side : int8, shape (m,)
        +1 long, -1 short.
    filled : bool, shape (m,)
        Whether a trade came of it.
    """

    values: Mapping[str, Value]
    funnel: Funnel
    bar: NDArray[np.int64]
    side: NDArray[np.int8]
    filled: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PreparedFunnel:
    """The moments of a pattern, found once: thresholds and exits are then moved without looking at all bars again.

    Attributes
    ----------
    prepared : PreparedReplay
        With the parameters that shape the pattern.
    rows : Setups
        The moments' rows, judged by no threshold.
    """

    prepared: PreparedReplay
    rows: Setups

    @classmethod
    def of(
        cls,
        strategy: Strategy | type[Strategy],
        bars: Bars,
        values: Mapping[str, Value],
        execution: Execution | None = None,
        span: Span | None = None,
    ) -> Self:
        """Look for the pattern; arguments as those of `signal_funnel`."""
        prepared = PreparedReplay.of(strategy, bars, values, execution, span)
        return cls(prepared, prepared.rows())

    def follow(self, values: Mapping[str, Value]) -> Followed:
        """Follow the moments under other thresholds and exits.

        Parameters
        ----------
        values : mapping
            Parameters; those not given stay as they were prepared.

        Raises
        ------
        ParameterError
            When one that shapes the pattern differs, or they make no sense together.
        """
        strategy = self.prepared.strategy
        point = strategy.parameters.complete({**self.prepared.values, **values})
        for name in strategy.shape_names:
            if point[name] != self.prepared.values[name]:
                raise ParameterError(name, "shapes the pattern: other rows have to be found for it", point[name])
        if reason := strategy.constraint(point):
            raise ParameterError("parameters", reason)
        return self._follow(point)

    def _follow(self, point: Mapping[str, Value]) -> Followed:
        prepared, rows = self.prepared, self.rows
        rules, signs = prepared.strategy.rules, prepared.execution.sides.signs
        signals = prepared.signals(rows, point)
        run = prepared.run(signals)
        funnel = count(prepared.bars, rows, rules, point, prepared.span, run, signs)
        moment, first = np.unique(_moment(signals.rows.bar, signals.rows.side), return_index=True)
        traded = _moment(run.trades.signal_bar, run.trades.side)
        return Followed(
            point,
            funnel,
            signals.rows.bar[first],
            signals.rows.side[first],
            np.isin(moment, traded, assume_unique=True),
        )

    def relaxed(self, found: Followed, space: Mapping[str, tuple[Value, ...]] | None = None) -> tuple[Relaxed, ...]:
        """Return what a step of each threshold would add, those that add most signals first.

        Parameters
        ----------
        found : Followed
            As `follow` gave it.
        space : mapping of str to tuple, optional
            As in `signal_funnel`.
        """
        strategy, values, funnel = self.prepared.strategy, found.values, found.funnel
        steps = []
        for name, comparison in _thresholds(strategy.rules):
            given = (space or {}).get(name, ())
            for looser in _looser(strategy.parameters[name], float(values[name]), comparison, given):
                point = {**values, name: looser}
                if strategy.constraint(point) is None:
                    then = self._follow(point).funnel
                    gained = then.signals - funnel.signals, then.trades - funnel.trades
                    steps.append(Relaxed(name, float(values[name]), float(looser), *gained))
                    break
        return tuple(sorted(steps, key=lambda r: (-r.signals, -r.trades, r.parameter)))


def _moment(bar: NDArray[np.int64], side: NDArray[np.int8]) -> NDArray[np.int64]:
    """Number moments in order of time, longs before shorts on one bar, as setups are ordered."""
    return 2 * bar + (side < 0)


def signal_funnel(
    strategy: Strategy | type[Strategy],
    bars: Bars,
    values: Mapping[str, Value],
    *,
    execution: Execution | None = None,
    span: Span | None = None,
    space: Mapping[str, tuple[Value, ...]] | None = None,
) -> SignalFunnel:
    """Follow the moments of a pattern to their trades, and loosen each threshold by one step.

    Parameters
    ----------
    values : mapping
        Parameters; those not given stay at their default.
    execution : Execution, optional
        As in `backtest`.
    span : Span, optional
        All bars after the warm-up by default.
    space : mapping of str to tuple, optional
        Values of a search, whose steps are taken; else those of the default grid, the declared step, or a tenth of the
        search range.
    """
    prepared = PreparedFunnel.of(strategy, bars, values, execution, span)
    found = prepared.follow({})
    return SignalFunnel(prepared.prepared.strategy.name, found.values, found.funnel, prepared.relaxed(found, space))


def _thresholds(rules: tuple[AnyRule, ...]) -> Iterator[tuple[str, Comparison]]:
    """Every parameter that can be looser, once, with the comparison that reads it.

    One that is a lower limit here and an upper one there has no looser value, nor has one that must be equalled.
    """
    read: dict[str, set[Comparison]] = {}
    for rule in rules:
        if isinstance(rule, Vote):
            read.setdefault(rule.threshold, set()).add("at_least")
        for one in [member for _, member in rule.conditions] if isinstance(rule, Vote) else [rule]:
            if isinstance(one.limit, str):
                read.setdefault(one.limit, set()).add(one.comparison)
    for name, (comparison, *others) in read.items():
        if not others and comparison != "equals":
            yield name, comparison


def _looser(parameter: Parameter, value: float, comparison: Comparison, given: tuple[Value, ...]) -> Iterator[Value]:
    """Values one step looser and beyond, the nearest first."""
    sign = -1.0 if comparison == "at_least" else 1.0
    known = {float(v) for v in given or (*parameter.grid, *parameter.choices)}
    low, high = parameter.bounds
    if parameter.low is not None and parameter.high is not None and not given:
        low, high = parameter.low, parameter.high
        step = parameter.step or (high - low) / STEPS_OF_A_RANGE
        if not any(sign * (v - value) > 0 for v in known):
            known.add(min(max(round(value + sign * step, 12), low), high))
    for v in sorted(known, key=lambda v: sign * v):
        if sign * (v - value) > 0 and low <= v <= high:
            yield parameter.check(v)
