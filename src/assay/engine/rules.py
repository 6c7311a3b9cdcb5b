"""The vocabulary of rules: which features a row must have to be a signal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.parameters import Value

Comparison = Literal["at_least", "at_most", "equals"]

SIGNS: dict[Comparison, str] = {"at_least": ">=", "at_most": "<=", "equals": "="}
"""How a comparison is written."""

_COMPARE = {"at_least": np.greater_equal, "at_most": np.less_equal, "equals": np.equal}


@dataclass(frozen=True, slots=True)
class Rule:
    """A feature compared with a parameter, or with a constant.

    Attributes
    ----------
    feature : str
        A column of `Setups.features`.
    limit : str or float
        The name of a parameter, or a fixed number.
    """

    feature: str
    comparison: Comparison
    limit: str | float

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that the rule reads."""
        return (self.limit,) if isinstance(self.limit, str) else ()

    def number(self, values: Mapping[str, Value]) -> float:
        """The number that the feature is compared with."""
        return float(values[self.limit] if isinstance(self.limit, str) else self.limit)

    def compare(self, features: Mapping[str, NDArray[np.float64]], limits: Any) -> NDArray[np.bool_]:
        """Which rows pass one limit, shape (n,), or each of several of shape (m, 1), shape (m, n); NaN passes none."""
        passed: NDArray[np.bool_] = _COMPARE[self.comparison](features[self.feature], limits)
        return passed

    def passes(self, features: Mapping[str, NDArray[np.float64]], values: Mapping[str, Value]) -> NDArray[np.bool_]:
        """Which rows pass, shape (n,); NaN passes nothing."""
        return self.compare(features, self.number(values))


def at_least(feature: str, limit: str | float) -> Rule:
    """The feature must be >= the parameter."""
    return Rule(feature, "at_least", limit)


def at_most(feature: str, limit: str | float) -> Rule:
    """The feature must be <= the parameter."""
    return Rule(feature, "at_most", limit)


def equals(feature: str, limit: str | float) -> Rule:
    """The feature must equal the parameter (a delay in bars, a mode)."""
    return Rule(feature, "equals", limit)


@dataclass(frozen=True, slots=True)
class Vote:
    """The weights of the met conditions must reach a threshold.

    Weights are whole hundredths: sums of floats would decide .30 + .15 + .10 >= .55 wrongly.

    Attributes
    ----------
    conditions : tuple of (int, Rule)
        Weight in hundredths and the condition.
    threshold : str
        The parameter, a fraction; compared as round(100 x value).
    """

    conditions: tuple[tuple[int, Rule], ...]
    threshold: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that the vote reads."""
        return (*(name for _, rule in self.conditions for name in rule.parameters), self.threshold)

    def hundredths(self, values: Mapping[str, Value]) -> int:
        """Return the sum of weights that must be reached."""
        return round(100 * float(values[self.threshold]))

    def minimal_subsets(self, hundredths: int) -> list[tuple[int, ...]]:
        """Return the smallest sets of conditions (indices) whose weights reach the threshold.

        A row passes when it meets all conditions of any of them. A threshold of 0 or less is reached by the empty set.
        """
        weights = [weight for weight, _ in self.conditions]
        found: list[tuple[int, ...]] = []
        for size in range(len(weights) + 1):
            for subset in combinations(range(len(weights)), size):
                if sum(weights[i] for i in subset) >= hundredths and not any(set(f) <= set(subset) for f in found):
                    found.append(subset)
        return found

    def passes(self, features: Mapping[str, NDArray[np.float64]], values: Mapping[str, Value]) -> NDArray[np.bool_]:
        """Which rows reach the threshold, shape (n,)."""
        met = sum(weight * rule.passes(features, values).astype(np.int64) for weight, rule in self.conditions)
        reached: NDArray[np.bool_] = np.asarray(met) >= self.hundredths(values)
        return reached


AnyRule = Rule | Vote


def passing(
    rules: tuple[AnyRule, ...],
    features: Mapping[str, NDArray[np.float64]],
    values: Mapping[str, Value],
    n: int,
) -> NDArray[np.bool_]:
    """Which of n rows pass every rule."""
    mask = np.ones(n, dtype=np.bool_)
    for rule in rules:
        mask &= rule.passes(features, values)
    return mask


def axes(rules: tuple[AnyRule, ...]) -> tuple[tuple[tuple[str, ...], tuple[AnyRule, ...]], ...]:
    """Group rules that share parameters: each group can be judged apart from the others.

    Returns
    -------
    tuple of (parameter names, rules)
        Names in order of first mention; rules without a parameter form a group with no names.
    """
    groups: list[tuple[list[str], list[AnyRule]]] = []
    for rule in rules:
        names, members = list(dict.fromkeys(rule.parameters)), [rule]
        for group in [g for g in groups if set(g[0]) & set(names) or not (g[0] or names)]:
            groups.remove(group)
            names = list(dict.fromkeys([*group[0], *names]))
            members = [*group[1], *members]
        groups.append((names, members))
    return tuple((tuple(names), tuple(members)) for names, members in groups)
