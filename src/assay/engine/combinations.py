"""`Combinations`: which points a sweep runs, and how they fall into groups that share their setups."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from assay.engine.sweep_kernels import LANES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from assay.engine.bracket import Bracket
    from assay.parameters import Value

    Values = Mapping[str, tuple[Value, ...]]
    Names = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Combinations:
    """Parameter values and the combinations of them to run.

    Attributes
    ----------
    values : mapping of str to tuple
        Per parameter, in order; the first varies slowest.
    points : int64, shape (n, parameters), or None
        Index of each parameter's value per combination; None = the full grid.
    """

    values: Values
    points: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        if self.points is not None:
            return len(self.points)
        return math.prod(len(v) for v in self.values.values())

    def at(self, position: int) -> dict[str, Value]:
        """Return the parameter values of one combination."""
        if self.points is not None:
            index = self.points[position].tolist()
        else:
            index = [int(i) for i in np.unravel_index(position, [len(v) for v in self.values.values()])]
        return {name: v[i] for (name, v), i in zip(self.values.items(), index, strict=True)}


@dataclass(frozen=True, eq=False)
class Piece:
    """Entry combinations to run with some exit combinations side by side.

    Attributes
    ----------
    entries : int64, shape (runs, axes)
        Level of each axis.
    slots : int64, shape (runs, LANES)
        Which result each lane is; -1 = none.
    position : int64, shape (n,)
        Index of each combination of the block.
    result : int64, shape (n,)
        Its result.
    """

    entries: NDArray[np.int64]
    slots: NDArray[np.int64]
    position: NDArray[np.int64]
    result: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Group(ABC):
    """The combinations of one shape.

    Attributes
    ----------
    shape : dict
        Values of the shape parameters.
    levels : tuple of tuple of dict
        Values of the threshold parameters: per axis, per level.
    exits : float64, shape (exits, 16)
        Distinct exit combinations.
    runs : int
        Distinct entry combinations: one level of each axis.
    """

    shape: dict[str, Value]
    levels: tuple[tuple[dict[str, Value], ...], ...]
    exits: NDArray[np.float64]
    runs: int

    @abstractmethod
    def piece(self, begin: int, stop: int, first: int, last: int) -> Piece:
        """Return entry combinations begin <= k < stop with exit combinations first <= e < last (at most LANES)."""

    @property
    @abstractmethod
    def uses_per_exit(self) -> float:
        """How many entry combinations an exit combination is run with, on average."""


@dataclass(frozen=True, eq=False)
class GridGroup(Group):
    """Every entry combination with every exit combination; nothing of the grid is held in memory.

    Attributes
    ----------
    offset : int
        Position of the shape's first combination.
    axis_offsets, exit_offsets
        What each level of an axis and each exit combination adds to it.
    """

    offset: int
    axis_offsets: tuple[NDArray[np.int64], ...]
    exit_offsets: NDArray[np.int64]

    @property
    def uses_per_exit(self) -> float:
        """All entry combinations."""
        return float(self.runs)

    def piece(self, begin: int, stop: int, first: int, last: int) -> Piece:
        """Return a block of the product."""
        index = np.unravel_index(np.arange(begin, stop), [len(o) for o in self.axis_offsets])
        start = np.full(stop - begin, self.offset, dtype=np.int64)
        for offsets, levels in zip(self.axis_offsets, index, strict=True):
            start += offsets[levels]
        position = (start[:, None] + self.exit_offsets[first:last]).ravel()
        result = np.arange(len(position))
        slots = np.full((stop - begin, LANES), -1, dtype=np.int64)
        slots[:, : last - first] = result.reshape(stop - begin, last - first)
        return Piece(np.stack(index, axis=1).astype(np.int64), slots, position, result)


@dataclass(frozen=True, eq=False)
class ListGroup(Group):
    """Some pairs of entry and exit combinations, sorted by entry.

    Attributes
    ----------
    entries : int64, shape (runs, axes)
    entry_of, exit_of, position : int64, shape (pairs,)
    """

    entries: NDArray[np.int64]
    entry_of: NDArray[np.int64]
    exit_of: NDArray[np.int64]
    position: NDArray[np.int64]

    @property
    def uses_per_exit(self) -> float:
        """Pairs per exit combination."""
        return len(self.position) / len(self.exits)

    def piece(self, begin: int, stop: int, first: int, last: int) -> Piece:
        """Return the pairs of a block."""
        pairs = np.arange(*np.searchsorted(self.entry_of, [begin, stop]))
        pairs = pairs[(self.exit_of[pairs] >= first) & (self.exit_of[pairs] < last)]
        entry, exit_ = self.entry_of[pairs], self.exit_of[pairs]
        new = np.ones(len(pairs), dtype=np.bool_)
        new[1:] = (np.diff(entry) != 0) | (np.diff(exit_) != 0)  # a pair may be asked for twice
        runs, run_of = np.unique(entry, return_inverse=True)
        result = np.cumsum(new) - 1
        slots = np.full((len(runs), LANES), -1, dtype=np.int64)
        slots[run_of.ravel(), exit_ - first] = result
        return Piece(self.entries[runs], slots, self.position[pairs], result)


def _pick(values: Values, names: Names, index: Sequence[int]) -> dict[str, Value]:
    return {name: values[name][i] for name, i in zip(names, index, strict=True)}


def groups(
    combinations: Combinations, shape_names: Names, axis_names: Sequence[Names], exit_names: Names, bracket: Bracket
) -> Iterator[Group]:
    """Cut combinations into one group per shape."""
    if combinations.points is None:
        yield from _grid_groups(combinations.values, shape_names, axis_names, exit_names, bracket)
    else:
        yield from _list_groups(combinations.values, combinations.points, shape_names, axis_names, exit_names, bracket)


def _grid_groups(
    values: Values, shape_names: Names, axis_names: Sequence[Names], exit_names: Names, bracket: Bracket
) -> Iterator[Group]:
    sizes = [len(v) for v in values.values()]
    strides = {name: math.prod(sizes[i + 1 :]) for i, name in enumerate(values)}

    def table(names: Names) -> tuple[list[dict[str, Value]], NDArray[np.int64]]:
        index = list(product(*(range(len(values[n])) for n in names)))
        offset = [sum(i * strides[n] for n, i in zip(names, row, strict=True)) for row in index]
        return [_pick(values, names, row) for row in index], np.array(offset, dtype=np.int64)

    exits, exit_offsets = table(exit_names)
    vectors = bracket.vectors(exits)
    per_axis = [table(names) for names in axis_names]
    for shape, offset in zip(*table(shape_names), strict=True):
        yield GridGroup(
            shape=shape,
            levels=tuple(tuple(levels) for levels, _ in per_axis),
            exits=vectors,
            runs=math.prod(len(levels) for levels, _ in per_axis),
            offset=int(offset),
            axis_offsets=tuple(offsets for _, offsets in per_axis),
            exit_offsets=exit_offsets,
        )


def _list_groups(
    values: Values,
    points: NDArray[np.int64],
    shape_names: Names,
    axis_names: Sequence[Names],
    exit_names: Names,
    bracket: Bracket,
) -> Iterator[Group]:
    column = {name: i for i, name in enumerate(values)}

    def unique(names: Names, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if not names:
            return np.zeros((1, 0), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
        found, inverse = np.unique(points[rows][:, [column[n] for n in names]], axis=0, return_inverse=True)
        return found, inverse.ravel()

    everything = np.arange(len(points))
    shapes, shape_of = unique(shape_names, everything)
    for s, shape in enumerate(shapes):
        members = everything[shape_of == s]
        exits, exit_of = unique(exit_names, members)
        levels, level_of = zip(*(unique(names, members) for names in axis_names), strict=True)
        entries, entry_of = np.unique(np.stack(level_of, axis=1), axis=0, return_inverse=True)
        order = np.lexsort((exit_of, entry_of.ravel()))
        yield ListGroup(
            shape=_pick(values, shape_names, shape.tolist()),
            levels=tuple(
                tuple(_pick(values, names, row) for row in found.tolist())
                for names, found in zip(axis_names, levels, strict=True)
            ),
            exits=bracket.vectors(_pick(values, exit_names, row) for row in exits.tolist()),
            runs=len(entries),
            entries=entries.astype(np.int64),
            entry_of=entry_of.ravel()[order],
            exit_of=exit_of[order].astype(np.int64),
            position=members[order],
        )
