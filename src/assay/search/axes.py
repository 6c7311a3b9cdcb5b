"""The axes that a search moves along, scaled to [0, 1]: what samplers that learn see of a space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.search.space import Range

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from assay.parameters import Value
    from assay.search.space import Dimension, Space

Point = tuple["Value", ...]
"""A value for every searched axis, in order."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One searched parameter.

    Attributes
    ----------
    name : str
    levels : tuple
        Its values, numbers in rising order; empty where it is continuous.
    low, high : float
        Ends of a continuous axis.
    ordered : bool
        Whether the next level is a near one: numbers, and not strings or switches.
    """

    name: str
    levels: tuple[Value, ...]
    low: float = 0.0
    high: float = 1.0
    ordered: bool = True

    @classmethod
    def of(cls, name: str, dimension: Dimension) -> Axis | None:
        """Return the axis of a dimension; None where it holds one value."""
        if isinstance(dimension, Range) and dimension.step is None:
            return cls(name, (), dimension.low, dimension.high) if dimension.low < dimension.high else None
        values = tuple(dict.fromkeys(dimension.levels if isinstance(dimension, Range) else dimension))
        ordered = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
        return cls(name, tuple(sorted(values)) if ordered else values, ordered=ordered) if len(values) > 1 else None

    @property
    def step(self) -> float:
        """Distance of neighbouring levels on the scale of [0, 1]; 0 where the axis is continuous."""
        return 1.0 / (len(self.levels) - 1) if self.levels else 0.0

    def place(self, value: Value) -> float:
        """Return where a value lies in [0, 1]; levels are evenly apart, whatever their numbers."""
        if self.levels:
            return self.levels.index(value) * self.step
        return (float(value) - self.low) / (self.high - self.low)

    def value(self, place: float) -> Value:
        """Return the value at a place, or the level nearest to it."""
        if self.levels:
            return self.levels[min(max(round(place / self.step), 0), len(self.levels) - 1)]
        # the sum may round past an end
        return min(max(self.low + place * (self.high - self.low), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Axes:
    """The searched axes of a space, in its order."""

    all: tuple[Axis, ...]

    @classmethod
    def of(cls, space: Space, names: Container[str] | None = None) -> Axes:
        """Return the axes of a space, or those of some names, that hold more than one value."""
        found = (Axis.of(name, dimension) for name, dimension in space.dimensions if names is None or name in names)
        return cls(tuple(axis for axis in found if axis is not None))

    def __len__(self) -> int:
        return len(self.all)

    @property
    def reach(self) -> float:
        """How many points there are: infinite where an axis is continuous."""
        return math.prod(len(axis.levels) or math.inf for axis in self.all)

    def places(self, points: Iterable[Point]) -> NDArray[np.float64]:
        """Return points on the scale of [0, 1], shape (n, axes)."""
        rows = [[axis.place(v) for axis, v in zip(self.all, point, strict=True)] for point in points]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self))

    def points(self, places: NDArray[np.float64]) -> list[Point]:
        """Return the points nearest to places of shape (n, axes)."""
        return [tuple(axis.value(x) for axis, x in zip(self.all, row, strict=True)) for row in places.tolist()]

    def spread(self, uniform: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return places for uniform numbers of shape (n, axes): every level gets an equal share of [0, 1)."""
        counts = np.array([len(axis.levels) for axis in self.all])
        steps = np.array([axis.step for axis in self.all])
        return np.where(counts > 0, np.floor(uniform * counts) * steps, uniform)

    def features(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return places with a column per level where levels have no order, shape (n, features)."""
        columns = []
        for axis, column in zip(self.all, places.T, strict=True):
            if axis.ordered:
                columns.append(column[:, None])
            else:
                level = np.rint(column / axis.step).astype(np.int64)
                columns.append(np.eye(len(axis.levels))[level])
        return np.hstack(columns)

    def unknown(
        self, wished: Iterable[Point], known: AbstractSet[Point], n: int, rng: np.random.Generator
    ) -> list[Point]:
        """Return n points, none of them known: the first of those wished, then any.

        There must be as many; the search through the levels from a drawn one ends after `len(known) + n` steps.
        """
        found = dict.fromkeys(point for point in wished if point not in known)
        chosen = dict.fromkeys(list(found)[:n])
        while len(chosen) < n:
            place = self.spread(rng.random((1, len(self))))[0]
            while (point := self.points(place[None, :])[0]) in known or point in chosen:
                place = self._after(place)
            chosen[point] = None
        return list(chosen)

    def _after(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the next place in the order of the grid, the last axis fastest, round and round."""
        following = place.copy()
        for i in reversed(range(len(self))):
            axis = self.all[i]
            if axis.levels:
                level = axis.levels.index(axis.value(place[i])) + 1
                following[i] = level % len(axis.levels) * axis.step
                if level < len(axis.levels):
                    break
        return following
