"""Sweep: every combination of a grid, or of a list of points, by the replay's own rules.

A parameter changes the rows (shape), filters them (threshold) or fills the bracket (exit). Setups are made once
per shape, outcomes once per order and exit combination, bitsets once per threshold level. A combination is then an
AND of bitsets and one pass over the rows that remain, `LANES` exit combinations side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

from assay.engine import kernels, sweep_kernels
from assay.engine.bitsets import loosest, unpacked, words_of_axis
from assay.engine.combinations import Combinations, groups
from assay.engine.layout import EXIT_CAP_A, EXIT_CAP_B, SUM_FIELDS, Groups, Orders
from assay.engine.limits import NO_PAUSES
from assay.engine.replay import (
    Span,
    compact_groups,
    days_of,
    eligible,
    new_records,
    orders_of,
    prices_of,
    span_days,
)
from assay.engine.rules import axes
from assay.engine.sweep_kernels import LANES, Marks, Table
from assay.threads import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from assay.engine.bracket import Bracket
    from assay.engine.combinations import Group
    from assay.engine.costs import Money
    from assay.engine.rules import AnyRule
    from assay.engine.setups import Setups
    from assay.market import Bars
    from assay.parameters import Value

T = TypeVar("T")

RUNS = 1024
"""Entry combinations per block: enough to be worth a call, few enough to share between threads."""

SHAPES = 16
"""Shapes whose orders are followed together: most orders of one shape are those of the next, too."""

TABLE_BYTES = 512 * 2**20
"""Largest table of outcomes; where rows are more than that allows, combinations are replayed one by one."""

USES_PER_EXIT = 4
"""Where exit combinations are used less often than this (random points), each pair is replayed on its own."""

PARTS = 8
"""Parts in which orders are followed, to share them between threads."""


@dataclass(frozen=True, eq=False)
class Block:
    """Results of some combinations in one span.

    Attributes
    ----------
    span : int
        Index of the span.
    position : int64, shape (n,)
        Index of each combination in the grid or list that was asked for.
    sums : float64, shape (n, 11)
        See `kernels`.
    """

    span: int
    position: NDArray[np.int64]
    sums: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of one shape group, as the kernel reads them."""

    group: Group
    rows: Setups
    words: NDArray[np.uint64]
    first_level: NDArray[np.int64]
    groups: Groups


@dataclass(frozen=True, eq=False)
class _Orders:
    """The distinct orders of several shape groups, and the order of each row, per group."""

    distinct: Orders
    of_rows: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        return len(self.distinct.bar)

    @classmethod
    def of(cls, parts: Sequence[Setups], bars: int) -> Self:
        rows = Orders._make(np.concatenate(column) for column in zip(*map(orders_of, parts), strict=True))
        n = len(rows.bar)
        order, first = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        count = sweep_kernels.distinct_orders(rows, bars, order, first)
        # in order of time, so that a run reads the table from front to back
        by_time = np.argsort(rows.bar[first[:count]], kind="stable")
        rank = np.empty(count, dtype=np.int64)
        rank[by_time] = np.arange(count)
        heads = first[by_time]
        cuts = np.cumsum([len(p) for p in parts])[:-1]
        of_rows = tuple(np.split(rank[order], cuts))
        return cls(Orders._make(column[heads] for column in rows), of_rows)

    def part(self, part: slice) -> Orders:
        """Return a stretch of the distinct orders."""
        return Orders._make(column[part] for column in self.distinct)


@dataclass(frozen=True, eq=False)
class _Job:
    """A block to run: entry combinations begin <= k < stop of a part, in a span."""

    part: int
    span: int
    begin: int
    stop: int


@dataclass(frozen=True, eq=False)
class _Task:
    """What all blocks of a sweep have in common."""

    bars: Bars
    spans: Sequence[Span]
    money: Money

    def jobs(self, parts: Sequence[_Rows]) -> list[_Job]:
        """Cut parts and spans into blocks."""
        return [
            _Job(number, span, begin, min(begin + RUNS, p.group.runs))
            for number, p in enumerate(parts)
            for span in range(len(self.spans))
            for begin in range(0, p.group.runs, RUNS)
        ]


@dataclass(frozen=True, eq=False)
class _Lanes:
    """Parts under up to `LANES` exit combinations side by side, from one table of outcomes."""

    task: _Task
    parts: Sequence[_Rows]
    orders: _Orders
    first: int
    last: int

    @property
    def jobs(self) -> list[_Job]:
        """The blocks."""
        return self.task.jobs(self.parts)

    def begin(self, workers: Workers) -> Callable[[_Job], Block]:
        """Follow every order to its exit and return what runs a block."""
        task, orders = self.task, self.orders
        days, prices, costs = days_of(task.bars), prices_of(task.bars), task.money.vector
        exits = self.parts[0].group.exits[np.minimum(np.arange(self.first, self.first + LANES), self.last - 1)]
        used, n = self.last - self.first, len(orders)
        table = Table(
            outcomes=np.empty((n, sweep_kernels.TABLE_FIELDS * LANES)),
            refused=np.empty(n, dtype=np.uint64),
            filled=np.empty(n, dtype=np.bool_),
        )
        day_ends = np.empty(n, dtype=np.int64)

        def follow(part: slice) -> NDArray[np.float64]:
            piece = Table._make(column[part] for column in table)
            factors: NDArray[np.float64] = sweep_kernels.outcomes(
                orders.part(part), exits, used, costs, prices, days, piece, day_ends[part]
            )
            return factors

        cuts = np.linspace(0, n, PARTS + 1).astype(int).tolist()
        factors = np.concatenate(list(workers.map(follow, [slice(a, b) for a, b in pairwise(cuts)])))
        marks = Marks(np.concatenate(([0], np.cumsum(day_ends))), factors)
        caps = np.ascontiguousarray(exits[:, [EXIT_CAP_A, EXIT_CAP_B]].T)

        def run(job: _Job) -> Block:
            part, span = self.parts[job.part], task.spans[job.span]
            piece = part.group.piece(job.begin, job.stop, self.first, self.last)
            rows = part.rows
            begin, end = np.searchsorted(rows.bar, [span.start, span.stop])
            results = int(piece.result[-1]) + 1 if len(piece.result) else 0
            sums = np.empty((results, SUM_FIELDS))
            sweep_kernels.sweep(
                part.words,
                piece.entries + part.first_level,
                piece.slots,
                (begin, end),
                table,
                marks,
                sweep_kernels.Rows(rows.bar, rows.side, orders.of_rows[job.part], days.day[rows.bar + 1]),
                part.groups,
                caps,
                span_days(days, span),
                sums,
            )
            return Block(job.span, piece.position, sums if results == len(piece.result) else sums[piece.result])

        return run


@dataclass(frozen=True, eq=False)
class _OneByOne:
    """One part, every pair of entry and exit combination replayed on its own: no table at all."""

    task: _Task
    part: _Rows

    @property
    def jobs(self) -> list[_Job]:
        """The blocks."""
        return self.task.jobs([self.part])

    def begin(self, workers: Workers) -> Callable[[_Job], Block]:
        """Return what runs a block."""
        task, part = self.task, self.part
        on_opposite = False
        days, prices, costs = days_of(task.bars), prices_of(task.bars), task.money.vector

        def run(job: _Job) -> Block:
            rows, span = part.rows, task.spans[job.span]
            begin, end = np.searchsorted(rows.bar, [span.start, span.stop])
            records = new_records(end - begin)
            blocks = []
            for first in range(0, len(part.group.exits), LANES):
                piece = part.group.piece(job.begin, job.stop, first, min(first + LANES, len(part.group.exits)))
                sums = np.empty((int(piece.result.max(initial=-1)) + 1, SUM_FIELDS))
                for levels, slots in zip(piece.entries + part.first_level, piece.slots, strict=True):
                    passed = unpacked(np.bitwise_and.reduce(part.words[levels], axis=0), len(rows))
                    passed = passed[(passed >= begin) & (passed < end)]
                    few, one = rows.take(passed), np.zeros(len(passed), dtype=np.int64)
                    limit_groups = Groups(part.groups.of_row[passed], part.groups.sizes)
                    for lane in np.flatnonzero(slots >= 0).tolist():
                        kernels.replay(
                            orders_of(few),
                            limit_groups,
                            one,
                            part.group.exits[first + lane : first + lane + 1],
                            costs,
                            0,
                            on_opposite,
                            prices,
                            days,
                            span_days(days, span),
                            NO_PAUSES,
                            records._replace(sums=sums[slots[lane]]),
                        )
                blocks.append((piece.position, sums[piece.result]))
            position, sums = (np.concatenate(column) for column in zip(*blocks, strict=True))
            return Block(job.span, position, sums)

        return run


def sweep(
    bars: Bars,
    make_setups: Callable[[Mapping[str, Value]], Setups],
    rules: tuple[AnyRule, ...],
    bracket: Bracket,
    combinations: Combinations,
    spans: Sequence[Span],
    money: Money,
    then: Callable[[Block], T],
    *,
    threads: int = 1,
    skip: int = 0,
) -> Iterator[T]:
    """Yield what `then` makes of the sums of every block, in an order that does not depend on `threads`.

    A block holds some combinations in one span; every combination is in one block of each span.

    Parameters
    ----------
    bars : Bars
        Outcomes are computed over all of them; the spans limit the signal bars.
    make_setups : callable
        From all parameter values of a shape to its setups; called once per shape.
    rules, bracket
        The strategy's.
    combinations : Combinations
        A value for every parameter of the strategy.
    spans : sequence of Span
        Each is a run of its own; setups and outcomes are shared. All have the same warm-up.
    then : callable
        Called on the threads.
    skip : int
        Blocks to leave out at the beginning: those that an interrupted sweep has seen.

    Raises
    ------
    InputError
        When a span does not lie inside the bars.
    """
    for span in spans:
        span.refuse_outside(len(bars))
    task = _Task(bars, spans, money)
    hull = Span(min(s.start for s in spans), max(s.stop for s in spans), spans[0].warmup)
    axis_of_rules = axes(rules) or (((), ()),)
    axis_names = [names for names, _ in axis_of_rules]
    taken = {n for names in axis_names for n in names}
    exit_names = tuple(n for n in combinations.values if n in bracket.parameters and n not in taken)
    shape_names = tuple(n for n in combinations.values if n not in taken and n not in exit_names)

    def prepare(group: Group) -> _Rows:
        rows = eligible(bars, make_setups(group.shape), hull)
        kept = rows.bar + 1 < len(bars)
        for (_, members), levels in zip(axis_of_rules, group.levels, strict=True):
            kept &= loosest(members, rows.features, levels, len(rows))
        rows = rows.take(kept)
        words = [
            words_of_axis(members, rows.features, levels, len(rows))
            for (_, members), levels in zip(axis_of_rules, group.levels, strict=True)
        ]
        first = np.cumsum([0, *(len(w) for w in words[:-1])])
        return _Rows(group, rows, np.concatenate(words), first, compact_groups(rows.groups))

    found = groups(combinations, shape_names, axis_names, exit_names, bracket)
    # the groups of a grid have the same exit combinations, those of a list their own
    together = SHAPES if combinations.points is None else 1
    with Workers(threads) as workers:
        while parts := list(workers.map(prepare, islice(found, together))):
            for stage in _stages(task, parts):
                jobs = stage.jobs
                if skip < len(jobs):
                    run = stage.begin(workers)
                    yield from workers.map(lambda job, run=run: then(run(job)), jobs[skip:])  # type: ignore[misc]
                skip = max(0, skip - len(jobs))


def _stages(task: _Task, parts: list[_Rows]) -> Iterator[_Lanes | _OneByOne]:
    """Choose how the combinations of some parts with common exit combinations are run."""
    group = parts[0].group
    exits = len(group.exits)
    sparse = exits > LANES and group.uses_per_exit < USES_PER_EXIT
    orders = None if sparse else _Orders.of([p.rows for p in parts], len(task.bars))
    if orders is None or len(orders) * LANES * sweep_kernels.TABLE_FIELDS * 8 > TABLE_BYTES:
        for part in parts:
            yield _OneByOne(task, part)
        return
    for first in range(0, exits, LANES):
        yield _Lanes(task, parts, orders, first, min(first + LANES, exits))
