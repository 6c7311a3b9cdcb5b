"""Replay: single points, trade lists and schedules of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import kernels
from assay.engine.layout import OUTCOME_FIELDS, SUM_DAYS, SUM_FIELDS, Days, Groups, Orders, Prices, Records
from assay.engine.limits import NO_LIMITS
from assay.engine.rules import passing
from assay.engine.setups import Setups
from assay.engine.trades import Run, Trades
from assay.errors import StrategyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from assay.engine.bracket import Bracket
    from assay.engine.costs import Money
    from assay.engine.limits import Limits
    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value


@dataclass(frozen=True, slots=True)
class Span:
    """Signal bars start <= t < stop; positions run on to their own exit.

    Attributes
    ----------
    warmup : int
        Bars of history that a signal needs since the start of data or the last long hole.
    """

    start: int
    stop: int
    warmup: int = 0


def prices_of(bars: Bars) -> Prices:
    """Return what kernels read of the bars' prices."""
    return Prices(bars.open, bars.high, bars.low, bars.close, bars.tradable)


def days_of(bars: Bars) -> Days:
    """Return what kernels read of the bars' trading days."""

    def build() -> Days:
        day = np.ascontiguousarray(bars.day, dtype=np.int64)
        ordinals = np.arange(day[0], day[-1] + 1)
        return Days(day, np.searchsorted(day, ordinals, side="right") - 1, bars.mark)

    return bars.derived("days", build)


def span_days(days: Days, span: Span) -> tuple[int, int]:
    """Return the first and the last day of a span."""
    return int(days.day[span.start]), int(days.day[max(span.stop - 1, span.start)])


def orders_of(rows: Setups) -> Orders:
    """Return rows as kernels read them."""
    return Orders(rows.bar, rows.side, rows.levels, rows.flat_by)


def eligible(bars: Bars, setups: Setups, span: Span) -> Setups:
    """Return the rows that may be signals in a span: on a valid bar, warmed up, inside."""
    if len(setups) and int(setups.bar[-1]) >= len(bars):
        raise StrategyError("setups bar", f"must be below the number of bars {len(bars)}", int(setups.bar[-1]))
    t = setups.bar
    return setups.take((t >= span.start) & (t < span.stop) & bars.valid[t] & (bars.age[t] >= span.warmup))


def compact_groups(groups: NDArray[np.int64]) -> Groups:
    """Number the ids of each limit group from 0."""
    numbered = np.full(groups.shape, -1, dtype=np.int64)
    sizes = np.zeros(2, dtype=np.int64)
    for g in range(2):
        used = groups[:, g] >= 0
        ids, inverse = np.unique(groups[used, g], return_inverse=True)
        numbered[used, g] = inverse
        sizes[g] = len(ids)
    return Groups(numbered, sizes)


def new_records(n: int) -> Records:
    """Return room for what a replay of n rows writes."""
    return Records(
        outcomes=np.empty((n + 1, OUTCOME_FIELDS)),
        rows=np.empty(n + 1, dtype=np.int64),
        sums=np.zeros(SUM_FIELDS),
        fates=np.empty(n, dtype=np.int64),
    )


@dataclass(frozen=True, eq=False)
class Signals:
    """Rows that passed, each with its exit combination: what a replay trades.

    Attributes
    ----------
    rows : Setups
        In order of time.
    exit_of : int64, shape (n,)
        Index into `exits` of each row.
    exits : float64, shape (m, 16)
    """

    rows: Setups
    exit_of: NDArray[np.int64]
    exits: NDArray[np.float64]

    @classmethod
    def select(
        cls,
        bars: Bars,
        setups: Setups,
        rules: tuple[AnyRule, ...],
        bracket: Bracket,
        values: Mapping[str, Value],
        span: Span,
    ) -> Signals:
        """Apply the rules to setups under one set of parameters."""
        rows = eligible(bars, setups, span)
        rows = rows.take(passing(rules, rows.features, values, len(rows)))
        exits = bracket.vectors([values])
        return cls(rows, np.zeros(len(rows), dtype=np.int64), exits)

    @classmethod
    def schedule(cls, parts: Sequence[Signals]) -> Signals:
        """Join signals of consecutive spans, each with its own parameters."""
        if np.any(np.diff(np.concatenate([p.rows.bar for p in parts])) < 0):
            raise StrategyError("schedule", "spans must follow each other in time")
        offsets = np.cumsum([0, *(len(p.exits) for p in parts[:-1])])
        exit_of = np.concatenate([p.exit_of + o for p, o in zip(parts, offsets, strict=True)])
        return cls(Setups.concatenate([p.rows for p in parts]), exit_of, np.concatenate([p.exits for p in parts]))


def replay(
    bars: Bars,
    signals: Signals,
    money: Money,
    span: Span,
    *,
    entry_delay: int = 0,
    exit_on_opposite: bool = False,
    limits: Limits | None = None,
) -> Run:
    """Trade signals one after the other, one position at a time.

    Parameters
    ----------
    bars : Bars
        The run ends with them: a position still open is closed at the last tradable close.
    signals : Signals
    money : Money
    span : Span
        Days are counted from its first bar to its last, or to the last exit if that is later.
    entry_delay : int
        Bars by which every fill is late (a fragility test).
    exit_on_opposite : bool
        Leave at the open after a signal of the other side.
    limits : Limits, optional
        What a trader would pause at.
    """
    rows = signals.rows
    days, costs = days_of(bars), money.vector
    records = new_records(len(rows))
    counted = span_days(days, span)
    found, sent, filled = kernels.replay(
        orders_of(rows),
        compact_groups(rows.groups),
        signals.exit_of,
        signals.exits,
        costs,
        entry_delay,
        exit_on_opposite,
        prices_of(bars),
        days,
        counted,
        NO_LIMITS if limits is None else limits.vector(bars.market),
        records,
    )
    taken = records.rows[:filled]
    sides = rows.side[taken]
    length = int(records.sums[SUM_DAYS])
    return Run(
        trades=Trades.from_outcomes(rows.bar[taken], sides, records.outcomes[:filled]),
        equity=kernels.daily_values(records.outcomes, sides, filled, days, costs, counted[0], length),
        first_day=counted[0],
        sums=records.sums,
        signals=int(found),
        orders_sent=int(sent),
        fates=records.fates,
    )
