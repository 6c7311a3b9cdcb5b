"""`Case`: a strategy, the bars it is tried on, and the parameters it is tried with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine import Rule, Side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.market import Bars
    from assay.parameters import Parameter, Value
    from assay.strategies import Strategy

    Values = dict[str, Value]


@dataclass(frozen=True)
class Case:
    """What a rule of the suite judges.

    Attributes
    ----------
    strategy : Strategy
    bars : Bars
        On which it trades.
    sides : Side
        Those it is meant to trade.
    """

    strategy: Strategy
    bars: Bars
    sides: Side = Side.BOTH

    @property
    def points(self) -> list[Values]:
        """The defaults, the loosest thresholds, and these under every mode."""
        strategy = self.strategy
        loose = loose_values(strategy)
        modes = [{p.name: choice} for p in strategy.parameters if not p.is_number for choice in p.choices]
        found = [strategy.parameters.defaults, loose, *(loose | mode for mode in modes)]
        return [values for values in found if strategy.constraint(values) is None]

    @property
    def shapes(self) -> list[Values]:
        """All parameters at their defaults, then each shape parameter at its ends, or at each of its choices."""
        strategy = self.strategy
        found = [strategy.parameters.defaults]
        for name in strategy.shape_names:
            parameter = strategy.parameters[name]
            values = tried(parameter)
            ends = (values[0], values[-1]) if parameter.is_number else values
            found += [found[0] | {name: value} for value in ends if value != parameter.default]
        return [values for values in found if strategy.constraint(values) is None]

    def shape(self, values: Mapping[str, Value]) -> Values:
        """Return the values that `Strategy.setups` reads."""
        return {name: values[name] for name in self.strategy.shape_names}


def tried(parameter: Parameter) -> tuple[Value, ...]:
    """Return values of a parameter all over its search range, in order, the default among them."""
    if not parameter.is_number:
        return parameter.choices
    ends = [end for end in (parameter.low, parameter.high) if end is not None]
    values = (*ends, *parameter.choices, *parameter.grid, parameter.default)
    return tuple(sorted({parameter.check(value) for value in values}, key=float))


def _loosening(strategy: Strategy) -> Iterator[tuple[str, str]]:
    """Yield (threshold parameter, comparison) of every rule, those inside votes too."""
    for rule in strategy.rules:
        if isinstance(rule, Rule):
            yield from ((name, rule.comparison) for name in rule.parameters)
        else:
            yield rule.threshold, "at_least"
            yield from ((name, one.comparison) for _, one in rule.conditions for name in one.parameters)


def loose_values(strategy: Strategy) -> Values:
    """Return the parameters under which most rows pass: thresholds at the loose end of their search range.

    The defaults where the strategy's constraint refuses that.
    """
    defaults = strategy.parameters.defaults
    loose = dict(defaults)
    for name, comparison in _loosening(strategy):
        if comparison != "equals" and strategy.parameters[name].is_number:
            loose[name] = tried(strategy.parameters[name])[0 if comparison == "at_least" else -1]
    return loose if strategy.constraint(loose) is None else defaults
