"""Replay: single points, trade lists and schedules of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from assay.engine import kernels
from assay.engine.layout import (
    OUTCOME_EXIT_BAR,
    OUTCOME_FIELDS,
    SUM_DAYS,
    SUM_FIELDS,
    Days,
    Groups,
    Orders,
    Pauses,
    Prices,
    Records,
)
from assay.engine.limits import NO_PAUSES
from assay.engine.rules import passing
from assay.engine.setups import Setups
from assay.engine.trades import Run, Trades
from assay.errors import InputError, StrategyError

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

    def refuse_outside(self, bars: int) -> None:
        """Raise where the span does not lie inside so many bars.

        Raises
        ------
        InputError
            Naming the rule and the span.
        """
        if not 0 <= self.start <= self.stop <= bars or self.start == bars:
            rule = f"must lie inside the bars, 0 <= start <= stop <= {bars:,} and start below it"
            raise InputError("span", rule, f"{self.start} to {self.stop}")


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
    span.refuse_outside(len(bars))
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


class _Traded(NamedTuple):
    """One way through the bars: what it wrote, its signals, orders sent and orders filled."""

    records: Records
    signals: int
    sent: int
    filled: int


@dataclass(frozen=True, slots=True)
class _Replay:
    """What a replay trades and how, as `replay` takes it, without what a trader pauses at."""

    bars: Bars
    signals: Signals
    money: Money
    span: Span
    entry_delay: int
    exit_on_opposite: bool

    @property
    def span_days(self) -> tuple[int, int]:
        return span_days(days_of(self.bars), self.span)

    def trade(self, pauses: Pauses) -> _Traded:
        rows = self.signals.rows
        records = new_records(len(rows))
        counts = kernels.replay(
            orders_of(rows),
            compact_groups(rows.groups),
            self.signals.exit_of,
            self.signals.exits,
            self.money.vector,
            self.entry_delay,
            self.exit_on_opposite,
            prices_of(self.bars),
            days_of(self.bars),
            self.span_days,
            pauses,
            records,
        )
        return _Traded(records, *(int(count) for count in counts))

    def equity(self, traded: _Traded, length: int) -> NDArray[np.float64]:
        """Equity at the end of so many days from the first on, shape (length,)."""
        records, filled = traded.records, traded.filled
        sides, days = self.signals.rows.side[records.rows[:filled]], days_of(self.bars)
        first_day, _ = self.span_days
        values: NDArray[np.float64] = kernels.daily_values(
            records.outcomes, sides, filled, days, self.money.vector, first_day, length
        )
        return values

    def pauses(self, limits: Limits | None) -> Pauses:
        """Return the limits with what they judge that is not of the run itself: the Sharpe ratio of its shadow."""
        if limits is None:
            return NO_PAUSES
        vector = limits.vector(self.bars.market)
        if np.isnan(limits.min_sharpe_ratio):
            return Pauses(vector, NO_PAUSES.shadow_sharpe)
        shadow, day = self.trade(NO_PAUSES), days_of(self.bars).day
        first_day, _ = self.span_days
        # to the last day of the bars: an order at the end of the span may belong to a day after it
        values = self.equity(shadow, int(day[-1]) - first_day + 1)
        exit_bars = shadow.records.outcomes[: shadow.filled, OUTCOME_EXIT_BAR].astype(np.int64)
        year = self.bars.market.days_per_year
        return Pauses(vector, kernels.rolling_sharpe(values, day[exit_bars] - first_day, year))


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
        What a trader would pause at. A limit of the Sharpe ratio trades the signals without limits first.

    Raises
    ------
    InputError
        When the span does not lie inside the bars.
    """
    span.refuse_outside(len(bars))
    plan = _Replay(bars, signals, money, span, entry_delay, exit_on_opposite)
    traded = plan.trade(plan.pauses(limits))
    records, filled = traded.records, traded.filled
    taken = records.rows[:filled]
    trades = Trades.from_outcomes(signals.rows.bar[taken], signals.rows.side[taken], records.outcomes[:filled])
    return Run(
        trades=trades,
        equity=plan.equity(traded, int(records.sums[SUM_DAYS])),
        first_day=plan.span_days[0],
        bars=int(max(span.stop, trades.exit_bar.max(initial=span.start) + 1)) - span.start,
        sums=records.sums,
        signals=traded.signals,
        orders_sent=traded.sent,
        fates=records.fates,
    )
