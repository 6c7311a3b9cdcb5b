"""Search spaces: which values each parameter may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import ParameterError
from assay.parameters import MAX_NUMBER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.parameters import Parameter, Parameters, Value

GRID_LEVELS = 5
"""Levels that a continuous range takes in a grid."""

MAX_GRID = 50_000_000
"""Largest number of combinations that one search runs."""


MAX_LEVELS = 10_000
"""Most values of one parameter: beyond it a step is a slip, and a range without one is what samplers draw from."""


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of numbers.

    Attributes
    ----------
    low, high : float
        Both included.
    step : float or None
        None = continuous (5 levels in a grid).
    integer : bool
    """

    low: float
    high: float
    step: float | None = None
    integer: bool = False

    @property
    def levels(self) -> tuple[float | int, ...]:
        """The values that a grid takes."""
        if self.step is None:
            return tuple(float(x) for x in np.linspace(self.low, self.high, GRID_LEVELS))
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        values = [self.low + i * self.step for i in range(count)]
        # a step such as .1 is not a float: shortest decimals keep 0.30000000000000004 out of files
        return tuple(int(v) if self.integer else float(f"{v:.12g}") for v in values)


Dimension = tuple["Value", ...] | Range


def _dimension(parameter: Parameter, given: Any) -> Dimension:
    """Read one entry: a mapping or tuple is a range, a list is choices, anything else one value.

    A range without a step takes the declared step; without that an integer steps by 1, a float is continuous.
    """
    name = parameter.name
    if isinstance(given, dict):
        if unknown := set(given) - {"low", "high", "step"}:
            raise ParameterError(name, "a range has low, high and step", sorted(unknown))
        if not {"low", "high"} <= set(given):
            raise ParameterError(name, "a range needs low and high", given)
        given = tuple(given[k] for k in ("low", "high", "step") if k in given)
    if isinstance(given, (list, set, frozenset, np.ndarray)):
        _check_count(name, len(given), "Give a range: low, high and step")
        ordered = sorted(given, key=str) if isinstance(given, (set, frozenset)) else given
        values = tuple(dict.fromkeys(parameter.check(v) for v in ordered))
        if not values:
            raise ParameterError(name, "needs at least one value", given)
        return values
    return _range(parameter, given) if isinstance(given, tuple) else (parameter.check(given),)


_LARGER_STEP = "Take a larger step, or leave it out: a method that samples then draws from all of the range"


def _check_count(name: str, count: float, way_out: str) -> None:
    """Refuse more values than a search can look at one by one, before any of them is made."""
    if count > MAX_LEVELS:
        many = f"{count:,.0f}" if count < 1e15 else f"{count:.3g}"
        raise ParameterError(name, f"may have at most {MAX_LEVELS:,} values, here it has {many}", hint=way_out)


def _range(parameter: Parameter, given: tuple[Any, ...]) -> Range:
    """Read (low, high) or (low, high, step)."""
    name = parameter.name
    if len(given) not in (2, 3) or not parameter.is_number:
        raise ParameterError(name, "a range is (low, high) or (low, high, step)", given)
    low, high = (parameter.check(v) for v in given[:2])
    step = parameter.read(given[2]) if len(given) == 3 else parameter.step
    if step is None and parameter.is_integer:
        step = 1
    width = float(high) - float(low)
    if width < 0:
        raise ParameterError(name, "low must not exceed high", given)
    if width > MAX_NUMBER:
        raise ParameterError(name, "low and high are too far apart", given)
    if step is not None and not (isinstance(step, (int, float)) and 0 < step <= MAX_NUMBER):
        raise ParameterError(name, "step must be positive", step)
    if parameter.is_integer and step is not None and step != int(step):
        raise ParameterError(name, "step must be a whole number", step)
    if step is not None:
        _check_count(name, min(width / float(step) + 1, MAX_NUMBER), _LARGER_STEP)
    return Range(float(low), float(high), None if step is None else float(step), parameter.is_integer)


@dataclass(frozen=True, slots=True)
class Space:
    """A dimension for every parameter of a strategy, in declared order (the first varies slowest)."""

    dimensions: tuple[tuple[str, Dimension], ...]

    @property
    def values(self) -> dict[str, tuple[Value, ...]]:
        """Each parameter's values in a grid."""
        return {n: d.levels if isinstance(d, Range) else d for n, d in self.dimensions}

    @property
    def size(self) -> int:
        """Combinations of the grid."""
        return math.prod(len(v) for v in self.values.values())

    @property
    def is_discrete(self) -> bool:
        """Whether the grid holds every point of the space."""
        return all(not isinstance(d, Range) or d.step is not None for _, d in self.dimensions)

    @property
    def searched(self) -> tuple[str, ...]:
        """Parameters with more than one value."""
        return tuple(n for n, v in self.values.items() if len(v) > 1)

    def highest(self, name: str) -> float:
        """Return the largest value that a number may take."""
        return max(float(v) for v in self.values[name])

    def lowest(self, name: str) -> float:
        """Return the smallest value that a number may take."""
        return min(float(v) for v in self.values[name])

    def thinned(self, most: int) -> Space:
        """Return an evenly thinned grid of at most `most` points: the longest axes lose values first."""
        values = self.values
        keep = {name: len(axis) for name, axis in values.items()}
        while math.prod(keep.values()) > max(most, 1):
            keep[max(keep, key=lambda n: keep[n])] -= 1
        # from the whole axis at once: dropping one value after the other would tear a hole in its middle
        chosen = {n: np.linspace(0, len(axis) - 1, keep[n]).round().astype(int) for n, axis in values.items()}
        return Space(tuple((n, tuple(axis[i] for i in chosen[n].tolist())) for n, axis in values.items()))

    def canonical(self) -> list[list[Any]]:
        """Return the space as plain values, for digests and documents."""
        return [
            [n, {"low": d.low, "high": d.high, "step": d.step} if isinstance(d, Range) else list(d)]
            for n, d in self.dimensions
        ]


def parse_space(given: Mapping[str, Any], parameters: Parameters, fixed: Mapping[str, Any] | None = None) -> Space:
    """Build a space from a user's mapping.

    Parameters
    ----------
    given : mapping
        Per parameter: (low, high), (low, high, step), {low, high, step}, a list of choices, or a value.
        Parameters that are not named stay at their default.
    fixed : mapping, optional
        Values that override the space.

    Raises
    ------
    ParameterError
        For unknown names (with the near one) and values outside hard bounds.
    """
    entries: dict[str, Dimension] = {p.name: (p.default,) for p in parameters}
    for named in (given, fixed or {}):
        seen: dict[str, str] = {}
        for name, value in named.items():
            parameter = parameters[name]
            if parameter.name in seen:
                raise ParameterError(name, f"is given twice (also as {seen[parameter.name]!r})", value)
            seen[parameter.name] = name
            entries[parameter.name] = _dimension(parameter, value)
    return Space(tuple(entries.items()))
