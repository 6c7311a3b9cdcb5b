"""Sweep: every combination of a grid, or of a list of points, on the replay's own walk.

A parameter changes the rows (shape), filters them (threshold) or fills the bracket (exit). Setups are
made once per shape, outcomes once per order and exit combination, bitsets once per threshold level; a
combination is then an AND of bitsets and a walk over the rows that remain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import kernels
from assay.engine.replay import Money, Span, calendar, compact_groups, eligible
from assay.engine.rules import axes, passing
from assay.threads import ordered_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from assay.engine.bracket import Bracket
    from assay.engine.rules import AnyRule
    from assay.engine.setups import Setups
    from assay.market import Bars
    from assay.parameters import Value

BLOCK = 65_536
"""Combinations per block, about."""

TABLE_BYTES = 64 * 2**20
"""Memory of one table of outcomes, at most: exit combinations are computed, swept and dropped in blocks."""

PIECES = 4
"""Blocks per group at least: enough to share between threads, and the same for any number of them."""

USES_PER_EXIT = 4
"""Where exit combinations are used less often than this (random points), each pair is replayed on its own."""


@dataclass(frozen=True, eq=False)
class Block:
    """Results of some combinations.

    Attributes
    ----------
    position : int64, shape (n,)
        Index of each combination in the grid or list that was asked for.
    sums : float64, shape (n, 11)
        See `kernels`.
    """

    position: NDArray[np.int64]
    sums: NDArray[np.float64]


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

    values: Mapping[str, tuple[Value, ...]]
    points: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        if self.points is not None:
            return len(self.points)
        total = 1
        for v in self.values.values():
            total *= len(v)
        return total

    def at(self, position: int) -> dict[str, Value]:
        """Return the parameter values of one combination."""
        if self.points is not None:
            index = self.points[position].tolist()
        else:
            index = [int(i) for i in np.unravel_index(position, [len(v) for v in self.values.values()])]
        return {name: v[i] for (name, v), i in zip(self.values.items(), index, strict=True)}


@dataclass(frozen=True, eq=False)
class _Group:
    """The combinations of one shape: entry combinations, exit combinations, and which go together."""

    shape: dict[str, Value]
    levels: tuple[tuple[dict[str, Value], ...], ...]  # per axis
    entries: NDArray[np.int64]  # (entries, axes), index into levels
    exits: tuple[dict[str, Value], ...]
    exit_start: NDArray[np.int64]
    exit_index: NDArray[np.int64]
    position: NDArray[np.int64]


def _pick(values: Mapping[str, tuple[Value, ...]], names: tuple[str, ...], index: tuple[int, ...]) -> dict[str, Value]:
    return {name: values[name][i] for name, i in zip(names, index, strict=True)}


def _grid_groups(
    combinations: Combinations,
    shape_names: tuple[str, ...],
    axis_names: list[tuple[str, ...]],
    exit_names: tuple[str, ...],
) -> Iterator[_Group]:
    values = combinations.values
    sizes = [len(v) for v in values.values()]
    strides = {name: math.prod(sizes[i + 1 :]) for i, name in enumerate(values)}

    def table(names: tuple[str, ...]) -> tuple[list[tuple[int, ...]], NDArray[np.int64]]:
        index = list(product(*(range(len(values[n])) for n in names)))
        offset = [sum(i * strides[n] for n, i in zip(names, row, strict=True)) for row in index]
        return index, np.array(offset, dtype=np.int64)

    shapes, shape_offset = table(shape_names)
    exits, exit_offset = table(exit_names)
    per_axis = [table(names) for names in axis_names]
    entries = np.array(list(product(*(range(len(t[0])) for t in per_axis))), dtype=np.int64)
    entry_offset = np.zeros(len(entries), dtype=np.int64)
    for a, (_, offset) in enumerate(per_axis):
        entry_offset += offset[entries[:, a]]
    pairs = (entry_offset[:, None] + exit_offset[None, :]).ravel()
    for row, offset in zip(shapes, shape_offset, strict=True):
        yield _Group(
            shape=_pick(values, shape_names, row),
            levels=tuple(
                tuple(_pick(values, names, i) for i in t[0]) for names, t in zip(axis_names, per_axis, strict=True)
            ),
            entries=entries,
            exits=tuple(_pick(values, exit_names, i) for i in exits),
            exit_start=np.arange(len(entries) + 1, dtype=np.int64) * len(exits),
            exit_index=np.tile(np.arange(len(exits), dtype=np.int64), len(entries)),
            position=pairs + offset,
        )


def _point_groups(
    combinations: Combinations,
    shape_names: tuple[str, ...],
    axis_names: list[tuple[str, ...]],
    exit_names: tuple[str, ...],
) -> Iterator[_Group]:
    values, points = combinations.values, combinations.points
    assert points is not None  # noqa: S101  (the caller asked for points)
    column = {name: i for i, name in enumerate(values)}

    def unique(names: tuple[str, ...], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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
        yield _Group(
            shape=_pick(values, shape_names, tuple(shape)),
            levels=tuple(
                tuple(_pick(values, names, tuple(i)) for i in found)
                for names, found in zip(axis_names, levels, strict=True)
            ),
            entries=entries.astype(np.int64),
            exits=tuple(_pick(values, exit_names, tuple(i)) for i in exits),
            exit_start=np.searchsorted(entry_of.ravel()[order], np.arange(len(entries) + 1)).astype(np.int64),
            exit_index=exit_of[order].astype(np.int64),
            position=members[order],
        )


def _bitsets(masks: list[NDArray[np.bool_]]) -> NDArray[np.uint64]:
    """Pack masks of shape (n,) into rows of words, bit i of word w = row 64 w + i."""
    n = len(masks[0])
    padded = np.zeros((len(masks), -(-max(n, 1) // 64) * 64), dtype=np.bool_)
    for i, mask in enumerate(masks):
        padded[i, :n] = mask
    words: NDArray[np.uint64] = np.packbits(padded, axis=1, bitorder="little").view(np.uint64)
    return words


@dataclass(frozen=True, eq=False)
class _Prepared:
    """One shape group with everything the kernel reads."""

    group: _Group
    words: NDArray[np.uint64]
    entries: NDArray[np.int64]
    rows: Setups
    heads: NDArray[np.int64]
    order: NDArray[np.int64]
    groups: NDArray[np.int64]
    group_sizes: NDArray[np.int64]
    exits: NDArray[np.float64]


def _orders(rows: Setups) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of one bar and side with the same levels are one order: (first row of each order, order of row)."""
    if not len(rows):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    same = (rows.bar[1:] == rows.bar[:-1]) & (rows.side[1:] == rows.side[:-1])
    same &= rows.flat_by[1:] == rows.flat_by[:-1]
    a, b = rows.levels[1:], rows.levels[:-1]
    same &= np.all((a == b) | (np.isnan(a) & np.isnan(b)), axis=1)
    starts = np.concatenate(([True], ~same))
    return np.flatnonzero(starts), np.cumsum(starts) - 1


def sweep(
    bars: Bars,
    make_setups: Callable[[Mapping[str, Value]], Setups],
    rules: tuple[AnyRule, ...],
    bracket: Bracket,
    combinations: Combinations,
    span: Span,
    money: Money,
    *,
    threads: int = 1,
) -> Iterator[Block]:
    """Yield the sums of every combination, in an order that does not depend on `threads`.

    Parameters
    ----------
    bars : Bars
        Outcomes are computed over all of them; `span` limits the signal bars.
    make_setups : callable
        From all parameter values of a shape to its setups; called once per shape.
    rules, bracket
        The strategy's.
    combinations : Combinations
        A value for every parameter of the strategy.
    """
    axis_of_rules = axes(rules) or (((), ()),)
    axis_names = [names for names, _ in axis_of_rules]
    taken = {n for names in axis_names for n in names}
    exit_names = tuple(n for n in combinations.values if n in bracket.parameters and n not in taken)
    shape_names = tuple(n for n in combinations.values if n not in taken and n not in exit_names)
    day, day_end, marks = calendar(bars)
    vector = money.vector
    first_day, last_day = int(day[span.start]), int(day[max(span.stop - 1, span.start)])

    def prepare(group: _Group) -> _Prepared:
        rows = eligible(bars, make_setups(group.shape), span)
        rows = rows.take(rows.bar + 1 < len(bars))
        masks = [
            [passing(members, rows.features, level, len(rows)) for level in levels]
            for (_, members), levels in zip(axis_of_rules, group.levels, strict=True)
        ]
        loosest = np.ones(len(rows), dtype=np.bool_)
        for axis in masks:
            loosest &= np.logical_or.reduce(axis)
        rows = rows.take(loosest)
        first = np.cumsum([0, *(len(axis) for axis in masks[:-1])])
        heads, order = _orders(rows)
        groups, sizes = compact_groups(rows.groups)
        return _Prepared(
            group, _bitsets([m[loosest] for axis in masks for m in axis]), group.entries + first, rows,
            heads, order, groups, sizes, bracket.vectors(group.exits),
        )  # fmt: skip

    prices = (bars.open, bars.high, bars.low, bars.close, bars.tradable)

    def run(piece: _Piece) -> Block:
        p = piece.prepared
        sums = np.empty((len(piece.pairs), kernels.SUM_FIELDS))
        exits = p.exits[piece.exits]
        table = np.empty((len(exits), len(p.heads), kernels.TABLE_FIELDS))
        r, h = p.rows, p.heads
        kernels.outcomes(r.bar[h], r.side[h], r.levels[h], r.flat_by[h], exits, vector, *prices, table)
        kernels.sweep(
            p.words, p.entries[piece.entries], piece.starts, p.group.exit_index[piece.pairs] - piece.exits.start,
            table, np.all(table[:, :, kernels.STATUS] >= 0, axis=1), r.bar, r.side, p.order, p.groups, p.group_sizes,
            np.ascontiguousarray(exits[:, 12]), np.ascontiguousarray(exits[:, 13:15]),
            day, day_end, marks, vector, first_day, last_day, sums,
        )  # fmt: skip
        return Block(p.group.position[piece.pairs], sums)

    def run_apart(p: _Prepared) -> Block:
        """Replay pair by pair: where nearly every pair has exits of its own, a table of all would be mostly unused."""
        sums = np.empty((len(p.group.position), kernels.SUM_FIELDS))
        records = np.empty((len(p.rows) + 1, kernels.OUTCOME_FIELDS))
        numbers = np.empty(len(p.rows) + 1, dtype=np.int64)
        for k in range(len(p.entries)):
            passed = np.bitwise_and.reduce(p.words[p.entries[k]], axis=0).view(np.uint8)
            rows = np.flatnonzero(np.unpackbits(passed, bitorder="little", count=len(p.rows)))
            few, groups, one = p.rows.take(rows), p.groups[rows], np.zeros(len(rows), dtype=np.int64)
            for x in range(p.group.exit_start[k], p.group.exit_start[k + 1]):
                e = p.group.exit_index[x]
                kernels.replay(
                    few.bar, few.side, few.levels, few.flat_by, groups, p.group_sizes, one, p.exits[e : e + 1],
                    vector, 0, 0, *prices, day, day_end, marks, first_day, last_day, records, numbers, sums[x],
                )  # fmt: skip
        return Block(p.group.position, sums)

    def work(piece: _Piece | _Prepared) -> Block:
        return run(piece) if isinstance(piece, _Piece) else run_apart(piece)

    make = _grid_groups if combinations.points is None else _point_groups
    prepared = ordered_map(prepare, make(combinations, shape_names, axis_names, exit_names), threads)
    yield from ordered_map(work, (piece for p in prepared for piece in _pieces(p)), threads)


@dataclass(frozen=True, eq=False)
class _Piece:
    """Some exit combinations of a group with some of its entry combinations."""

    prepared: _Prepared
    exits: slice
    entries: slice
    pairs: NDArray[np.int64]
    starts: NDArray[np.int64]


def _edges(count: int, pieces: int) -> list[tuple[int, int]]:
    cuts = np.linspace(0, count, pieces + 1).astype(int).tolist()
    return [(begin, end) for begin, end in pairwise(cuts) if end > begin]


def _pieces(p: _Prepared) -> Iterator[_Piece | _Prepared]:
    """Cut a group so that no table of outcomes is large and there is work for several threads."""
    group = p.group
    pairs, exits, entries = len(group.exit_index), len(group.exits), len(p.entries)
    if pairs < USES_PER_EXIT * exits and exits > PIECES:
        yield p
        return
    size = max(len(p.heads), 1) * kernels.TABLE_FIELDS * 8
    entry_of = np.repeat(np.arange(entries), np.diff(group.exit_start))
    for first, last in _edges(exits, max(-(-exits * size // TABLE_BYTES), min(PIECES, exits))):
        for begin, end in _edges(entries, max(1, -(-pairs * (last - first) // (exits * BLOCK)))):
            span = np.arange(group.exit_start[begin], group.exit_start[end])
            inside = (group.exit_index[span] >= first) & (group.exit_index[span] < last)
            chosen = span[inside]
            starts = np.searchsorted(entry_of[chosen], np.arange(begin, end + 1)).astype(np.int64)
            yield _Piece(p, slice(first, last), slice(begin, end), chosen, starts)
