"""Bar-by-bar trade simulator written from the rules alone.

It shares no code with the engine, uses the standard library only and prefers clarity to speed. Every float
expression has one fixed form and order, so that the engine can be required to agree to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAN = math.nan
GRID_TOLERANCE = 1e-9


@dataclass
class OracleBars:
    """Bars of one market, one list element per stamp of its calendar.

    ``time`` is the open in milliseconds, ``absent`` marks an inserted stamp, ``day`` is a consecutive day
    ordinal and ``age`` counts bars since the start of the data or since the end of the last hole longer than
    20 bars.
    """

    time: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    absent: list[bool]
    tradable: list[bool]
    valid: list[bool]
    day: list[int]
    age: list[int]

    def __len__(self) -> int:
        return len(self.time)


@dataclass
class OracleOrder:
    """One passing signal with its levels resolved: everything that a trade needs to know."""

    bar: int
    side: int
    close: float
    stop: float
    target: float = NAN
    unit: float = NAN
    partial: float = NAN
    max_bars: int = 0
    invalid_price: float = NAN
    flat_by: int = -1
    trail_kind: str = ""
    trail_activation: float = 0.0
    trail_activation_in: str = "unit"
    trail_distance: float = 0.0
    trail_bars: int = 0
    cooldown: int = 0
    group_a: int = -1
    cap_a: int = 0
    group_b: int = -1
    cap_b: int = 0


@dataclass
class OracleCosts:
    """Costs per side and sizing; ``commission`` is in price points per side."""

    fee: float = 0.001
    slippage: float = 0.0005
    tick: float = 0.0
    commission: float = 0.0
    sizing: str = "risk"
    risk_fraction: float = 0.01
    leverage_cap: float = 1.0


@dataclass
class OracleTrade:
    """One closed position; the exit fields are those of its last leg."""

    signal_bar: int
    side: int
    entry_bar: int
    exit_bar: int
    entry_raw: float
    entry_price: float
    exit_raw: float
    exit_price: float
    partial_raw: float
    size: float
    net_return: float
    gross_return: float
    r_multiple: float
    reason: str
    ambiguous: bool
    net_return_optimistic: float
    bars_held: int
    flag: str


@dataclass
class OracleResult:
    """Trades, orders sent, the value of every day from the start on, and the measures of the run.

    ``held_back`` names, by signal bar, why a gate kept an order from being sent.
    """

    trades: list[OracleTrade]
    orders_sent: int
    equity_by_day: list[float]
    measures: dict[str, float]
    sums: dict[str, float] = field(default_factory=dict)
    held_back: dict[int, str] = field(default_factory=dict)


class OracleGate(Protocol):
    """What may hold back an order that would otherwise be sent."""

    def reason(self, bar: int, entry_bar: int) -> str:
        """Return why the order of this signal bar is held back, "" to send it."""

    def closed(self, trade: OracleTrade, marks: Sequence[float]) -> None:
        """Hear of a filled order, once it is closed, with the marks of its bars."""


# Levels


def round_to_tick(price: float, tick: float, upwards: bool) -> float:
    """Move a price onto the tick grid in one direction; a price on the grid (within 1e-9 ticks) stays."""
    if tick <= 0.0 or not math.isfinite(price):
        return price
    if upwards:
        return math.ceil(price / tick - GRID_TOLERANCE) * tick
    return math.floor(price / tick + GRID_TOLERANCE) * tick


def make_order(
    bar: int,
    side: int,
    close: float,
    unit: float,
    *,
    multiple: float,
    floor: float = 0.0,
    base: float = NAN,
    anchor: float = NAN,
    tick: float = 0.0,
    target_multiple: float = NAN,
    target_unit: float = NAN,
    target_floor: float = 0.0,
    target_limit: float = NAN,
    r1: float = NAN,
    min_target_r: float = 0.0,
    max_bars: int = 0,
    invalid_price: float = NAN,
    flat_by: int = -1,
    trail_kind: str = "",
    trail_activation: float = 0.0,
    trail_activation_in: str = "unit",
    trail_distance: float = 0.0,
    trail_bars: int = 0,
    cooldown: int = 0,
    group_a: int = -1,
    cap_a: int = 0,
    group_b: int = -1,
    cap_b: int = 0,
) -> OracleOrder | None:
    """Resolve the bracket of one row.

    Parameters
    ----------
    multiple, floor, base, anchor
        The stop is ``base - side*max(floor, multiple*unit)`` (base: the close unless given), and the further
        of it and the anchor.
    target_multiple, target_unit, target_floor, target_limit
        Target distance in ``target_unit`` or, without one, in the risk; nan multiple: no target.
    r1
        Partial exit in multiples of the risk; nan: none.

    Returns
    -------
    The order, or None when the row is no signal.
    """
    if 0 <= flat_by <= bar:
        return None
    distance = max(floor, multiple * unit) if not math.isnan(multiple * unit) else NAN
    stop = (close if math.isnan(base) else base) - side * distance
    if math.isnan(stop):
        return None
    if math.isfinite(anchor):
        stop = min(stop, anchor) if side > 0 else max(stop, anchor)
    stop = round_to_tick(stop, tick, upwards=side < 0)
    risk = abs(close - stop)
    if not risk > 0.0:
        return None

    target = NAN
    if not math.isnan(target_multiple):
        reach = target_multiple * (risk if math.isnan(target_unit) else target_unit)
        target = close + side * max(target_floor, reach)
        if math.isfinite(target_limit):
            target = min(target, target_limit) if side > 0 else max(target, target_limit)
        target = round_to_tick(target, tick, upwards=side > 0)
        worth = side * (target - close)
        if not worth > 0.0 or worth < min_target_r * risk:
            return None
    partial = NAN
    if not math.isnan(r1):
        partial = round_to_tick(close + side * r1 * risk, tick, upwards=side > 0)

    return OracleOrder(
        bar=bar,
        side=side,
        close=close,
        stop=stop,
        target=target,
        unit=unit,
        partial=partial,
        max_bars=max_bars,
        invalid_price=invalid_price,
        flat_by=flat_by,
        trail_kind=trail_kind,
        trail_activation=trail_activation,
        trail_activation_in=trail_activation_in,
        trail_distance=trail_distance,
        trail_bars=trail_bars,
        cooldown=cooldown,
        group_a=group_a,
        cap_a=cap_a,
        group_b=group_b,
        cap_b=cap_b,
    )


def resolve_signals(orders: Iterable[OracleOrder]) -> list[OracleOrder]:
    """Keep the first order per bar and side, none where both sides signal; sorted by bar."""
    first: dict[int, dict[int, OracleOrder]] = {}
    for order in orders:
        first.setdefault(order.bar, {}).setdefault(order.side, order)
    return [next(iter(sides.values())) for _, sides in sorted(first.items()) if len(sides) == 1]


# Money


def entry_fill(price: float, side: int, costs: OracleCosts) -> float:
    """Return the entry price after slippage, at least one tick where the tick is known."""
    if costs.tick > price * costs.slippage:
        return price + side * costs.tick
    return price * (1.0 + side * costs.slippage)


def exit_fill(level: float, side: int, costs: OracleCosts) -> float:
    """Return the exit price after slippage, at least one tick where the tick is known."""
    if costs.tick > level * costs.slippage:
        return level - side * costs.tick
    return level * (1.0 - side * costs.slippage)


def leg_return(raw: float, entry: float, side: int, costs: OracleCosts) -> float:
    """Return the net return on notional of a leg that leaves at the raw price."""
    x = exit_fill(raw, side, costs)
    return side * (x / entry - 1.0) - costs.fee * (1.0 + x / entry) - (costs.commission + costs.commission) / entry


def position_size(order: OracleOrder, costs: OracleCosts) -> float:
    """Return the notional as a share of equity, fixed at the signal."""
    if costs.sizing == "notional":
        return 1.0
    if costs.sizing != "risk":
        raise ValueError(f"unknown sizing {costs.sizing!r}")
    return min(costs.leverage_cap, costs.risk_fraction * order.close / abs(order.close - order.stop))


# One position


class _Position:
    """A filled order, walked bar by bar until it is closed."""

    def __init__(
        self,
        bars: OracleBars,
        order: OracleOrder,
        costs: OracleCosts,
        entry_bar: int,
        next_tradable: Sequence[int],
        opposite_bars: frozenset[int],
    ) -> None:
        self.bars = bars
        self.order = order
        self.costs = costs
        self.side = order.side
        self.entry_bar = entry_bar
        self.next_tradable = next_tradable
        self.opposite_bars = opposite_bars
        self.entry_raw = bars.open[entry_bar]
        self.entry = entry_fill(self.entry_raw, self.side, costs)
        self.size = position_size(order, costs)
        self.risk = abs(order.close - order.stop)
        self.stop = order.stop
        self.stop_reason = "STOP_LOSS"
        self.target = order.target
        # A target at or before R1 takes everything out there: such a partial can never matter.
        self.partial = NAN if self.side * (order.target - order.partial) <= 0 else order.partial
        self.first_raw = NAN
        self.best = NAN
        self.pending = ""
        self.marks: list[float] = []

    def run(self) -> OracleTrade:
        """Walk until the exit; ``marks`` then holds one mark per bar from the entry bar to the exit bar."""
        for j in range(self.entry_bar, len(self.bars)):
            if not self.bars.tradable[j]:
                self.marks.append(self.marks[-1])
                self._hear_opposite(j)
                continue
            trade = self._step(j)
            if trade is not None:
                self.marks.append(max(0.0, 1.0 + self.size * trade.net_return))
                return trade
            self.marks.append(self._mark(self.bars.close[j]))
        raise AssertionError("a position ends at the last tradable close at the latest")

    def _step(self, j: int) -> OracleTrade | None:
        return self._at_open(j) or self._in_range(j) or self._at_close(j)

    # A price comparison with nan (no such level) is false, as wanted.
    def _gained(self, price: float, level: float) -> bool:
        return self.side * (price - level) >= 0

    def _lost(self, price: float, level: float) -> bool:
        return self.side * (price - level) <= 0

    def _at_open(self, j: int) -> OracleTrade | None:
        price = self.bars.open[j]
        self.partial_at_open = False
        if self.pending:
            return self._exit(j, price, self.pending)
        if self._lost(price, self.stop):
            return self._exit(j, price, self.stop_reason)
        if self._gained(price, self.target):
            if not math.isnan(self.partial):
                self.first_raw = price
            return self._exit(j, price, "TAKE_PROFIT")
        if self._gained(price, self.partial):
            self.first_raw, self.partial = price, NAN
            self.partial_at_open = True
        return None

    def _in_range(self, j: int) -> OracleTrade | None:
        long = self.side > 0
        adverse = self.bars.low[j] if long else self.bars.high[j]
        favour = self.bars.high[j] if long else self.bars.low[j]
        later = j > self.entry_bar

        stop, reason = self.stop, self.stop_reason
        if self.partial_at_open and later and self.side * (self.entry - stop) > 0:
            # The first leg left at this bar's open, so whatever the range does comes after it.
            stop, reason = self.entry, "BREAK_EVEN"
        if self._lost(adverse, stop):
            nearest = self.target if math.isnan(self.partial) else self.partial
            if not self._gained(favour, nearest):
                return self._exit(j, stop, reason)
            second = self.target if self._gained(favour, self.target) else nearest
            first = self.first_raw if math.isnan(self.partial) else self.partial
            return self._exit(j, stop, reason, optimistic=(first, second))
        if self._gained(favour, self.partial):
            self.first_raw, self.partial = self.partial, NAN
            if later and self._lost(adverse, self.entry):
                second = self.target if self._gained(favour, self.target) else self.first_raw
                return self._exit(j, self.entry, "BREAK_EVEN", optimistic=(self.first_raw, second))
        if self._gained(favour, self.target):
            return self._exit(j, self.target, "TAKE_PROFIT")
        return None

    def _at_close(self, j: int) -> OracleTrade | None:
        order, close = self.order, self.bars.close[j]
        following = self.next_tradable[j]
        # Flat-by beyond the data is unknown to the data: the position then ends with it.
        if 0 <= order.flat_by < len(self.bars) and following > order.flat_by:
            return self._exit(j, close, "SESSION_END", flag="" if j == order.flat_by else "flat_bar_absent")
        if 0 < order.max_bars <= j - self.entry_bar + 1:
            return self._exit(j, close, "MAX_HOLDING")
        if following >= len(self.bars):
            # No later open exists that an ordered exit could fill at.
            return self._exit(j, close, "END_OF_DATA")
        if self.side * (close - order.invalid_price) < 0:
            self.pending = "INVALIDATION"
        self._hear_opposite(j)
        self._move_stop(j)
        return None

    def _hear_opposite(self, j: int) -> None:
        if j in self.opposite_bars and not self.pending:
            self.pending = "OPPOSITE_SIGNAL"

    def _move_stop(self, j: int) -> None:
        """Set the stop that is in force from the next bar on."""
        if not math.isnan(self.first_raw):
            self._raise_stop(self.entry, "BREAK_EVEN")
        order, close = self.order, self.bars.close[j]
        if not order.trail_kind:
            return
        if math.isnan(self.best) or self.side * (close - self.best) > 0:
            self.best = close
        scale = order.unit if order.trail_activation_in == "unit" else self.risk
        if not self.side * (self.best - order.close) >= order.trail_activation * scale:
            return
        if order.trail_kind == "distance":
            candidate = self.best - self.side * (order.trail_distance * order.unit)
        elif order.trail_kind == "extreme":
            window = [k for k in range(max(0, j - order.trail_bars + 1), j + 1) if self.bars.tradable[k]]
            if self.side > 0:
                candidate = min(self.bars.low[k] for k in window)
            else:
                candidate = max(self.bars.high[k] for k in window)
        else:
            raise ValueError(f"unknown trail {order.trail_kind!r}")
        self._raise_stop(candidate, "TRAILING_STOP")

    def _raise_stop(self, candidate: float, reason: str) -> None:
        if self.side * (candidate - self.stop) > 0:
            self.stop, self.stop_reason = candidate, reason

    def _mark(self, close: float) -> float:
        entry, costs = self.entry, self.costs
        if math.isnan(self.first_raw):
            return max(
                0.0, 1.0 + self.size * (self.side * (close / entry - 1.0) - costs.fee - costs.commission / entry)
            )
        first = leg_return(self.first_raw, entry, self.side, costs)
        rest = self.side * (close / entry - 1.0) - costs.fee - costs.commission / entry
        return max(0.0, 1.0 + self.size * (0.5 * first + 0.5 * rest))

    def _net(self, first_raw: float, last_raw: float) -> float:
        last = leg_return(last_raw, self.entry, self.side, self.costs)
        if math.isnan(first_raw):
            return last
        return 0.5 * leg_return(first_raw, self.entry, self.side, self.costs) + 0.5 * last

    def _exit(
        self,
        j: int,
        raw: float,
        reason: str,
        *,
        flag: str = "",
        optimistic: tuple[float, float] | None = None,
    ) -> OracleTrade:
        """Close the rest at the raw price; ``optimistic``: both raw prices in the other order of events."""
        net = self._net(self.first_raw, raw)
        gross = self.side * (raw / self.entry_raw - 1.0)
        if not math.isnan(self.first_raw):
            gross = 0.5 * (self.side * (self.first_raw / self.entry_raw - 1.0)) + 0.5 * gross
        return OracleTrade(
            signal_bar=self.order.bar,
            side=self.side,
            entry_bar=self.entry_bar,
            exit_bar=j,
            entry_raw=self.entry_raw,
            entry_price=self.entry,
            exit_raw=raw,
            exit_price=exit_fill(raw, self.side, self.costs),
            partial_raw=self.first_raw,
            size=self.size,
            net_return=net,
            gross_return=gross,
            r_multiple=net * self.entry / self.risk,
            reason=reason,
            ambiguous=optimistic is not None,
            net_return_optimistic=net if optimistic is None else self._net(*optimistic),
            bars_held=j - self.entry_bar + 1,
            flag=flag,
        )


# One run


def simulate(
    bars: OracleBars,
    orders: Sequence[OracleOrder],
    costs: OracleCosts,
    start: int,
    stop: int,
    entry_delay: int = 0,
    exit_on_opposite: bool = False,
    gate: OracleGate | None = None,
) -> OracleResult:
    """Trade resolved signals of ``start <= bar < stop``, one position at a time.

    Parameters
    ----------
    orders
        All passing signals sorted by bar, at most one per bar (see ``resolve_signals``).
    entry_delay
        Bars by which every fill is late; levels and size stay those of the signal.
    exit_on_opposite
        Leave at the next tradable open after a signal of the other side.
    gate
        Asked last, when nothing else keeps an order from being sent.

    Returns
    -------
    The trades, the orders sent, the value of every day and the measures.
    """
    if any(a.bar >= b.bar for a, b in pairwise(orders)):
        raise ValueError("orders must be sorted by bar, one per bar")
    n = len(bars)
    signals = [order for order in orders if start <= order.bar < stop]
    signal_bars = {
        side: frozenset(order.bar for order in signals if order.side == side and exit_on_opposite) for side in (1, -1)
    }
    next_tradable = _next_tradable(bars)

    trades: list[OracleTrade] = []
    marks_of: list[list[float]] = []
    fills: dict[tuple[str, int], int] = {}
    held_back: dict[int, str] = {}
    orders_sent = 0
    free_from = start
    for order in signals:
        entry_bar = order.bar + 1 + entry_delay
        if order.bar < free_from or entry_bar >= n or 0 <= order.flat_by < entry_bar:
            continue
        groups = [("a", order.group_a, order.cap_a), ("b", order.group_b, order.cap_b)]
        limited = [((name, group), cap) for name, group, cap in groups if group >= 0]
        if any(fills.get(key, 0) >= cap for key, cap in limited):
            continue
        if gate is not None and (reason := gate.reason(order.bar, entry_bar)):
            held_back[order.bar] = reason
            continue
        orders_sent += 1
        if not bars.tradable[entry_bar]:
            continue
        for key, _ in limited:
            fills[key] = fills.get(key, 0) + 1
        position = _Position(bars, order, costs, entry_bar, next_tradable, signal_bars[-order.side])
        trade = position.run()
        trades.append(trade)
        marks_of.append(position.marks)
        if gate is not None:
            gate.closed(trade, position.marks)
        if position.marks[-1] == 0.0:
            break  # ruin: nothing is left to trade with
        free_from = trade.exit_bar + order.cooldown
    result = _account(bars, trades, marks_of, orders_sent, start, stop)
    result.held_back = held_back
    return result


def _next_tradable(bars: OracleBars) -> list[int]:
    """Return for every bar the first tradable bar after it, or the number of bars."""
    following = len(bars)
    result = [following] * len(bars)
    for j in range(len(bars) - 1, -1, -1):
        result[j] = following
        if bars.tradable[j]:
            following = j
    return result


class EquityPath:
    """Equity compounded trade by trade, marked at the bars of every position."""

    def __init__(self) -> None:
        self.equity = 1.0
        self.peak = 1.0
        self.drawdown = 0.0
        self.value_at: dict[int, float] = {}

    def add(self, trade: OracleTrade, marks: Sequence[float]) -> None:
        """Compound a trade whose marks run from its entry bar to its exit bar."""
        highest = -math.inf
        for offset, mark in enumerate(marks):
            highest = max(highest, mark)
            inner = 1.0 - mark / highest if highest > 0 else 0.0
            self.drawdown = max(self.drawdown, inner, 1.0 - (self.equity * mark) / self.peak)
            self.value_at[trade.entry_bar + offset] = self.equity * mark
        self.peak = max(self.peak, self.equity * highest)
        self.equity *= max(0.0, 1.0 + trade.size * trade.net_return)


def _account(
    bars: OracleBars,
    trades: list[OracleTrade],
    marks_of: list[list[float]],
    orders_sent: int,
    start: int,
    stop: int,
) -> OracleResult:
    """Compound the trades and take the measures of the run."""
    path, optimistic = EquityPath(), 1.0
    wins, ambiguous, gross_wins = 0, 0, 0
    gain, loss, total, total_r = 0.0, 0.0, 0.0, 0.0
    for trade, marks in zip(trades, marks_of, strict=True):
        path.add(trade, marks)
        optimistic *= max(0.0, 1.0 + trade.size * trade.net_return_optimistic)
        total += trade.net_return
        total_r += trade.r_multiple
        ambiguous += trade.ambiguous
        gross_wins += trade.gross_return > 0
        if trade.net_return > 0:
            wins += 1
            gain += trade.size * trade.net_return
        else:
            loss += -trade.size * trade.net_return

    first_day = bars.day[start]
    last_day = bars.day[stop - 1]
    if trades:
        last_day = max(last_day, bars.day[trades[-1].exit_bar])
    days = 1 + last_day - first_day
    by_day = _values_by_day(bars, path.value_at, start, first_day, days)

    s1 = s2 = sdown = 0.0
    previous = 1.0
    for value in by_day:
        r = value / previous - 1.0 if previous > 0 else 0.0
        s1 += r
        s2 += r * r
        if r < 0:
            sdown += r * r
        previous = value
    mean = s1 / days
    var = (s2 - s1 * mean) / (days - 1) if days >= 2 else NAN
    count = len(trades)
    measures = {
        "total_trades": float(count),
        "win_rate": wins / count if count else NAN,
        "gross_win_rate": gross_wins / count if count else NAN,
        "net_profit_pct": 100.0 * (path.equity - 1.0),
        "net_profit_pct_optimistic": 100.0 * (optimistic - 1.0),
        "profit_factor": gain / loss if loss > 0 else NAN,
        "max_drawdown_pct": -100.0 * path.drawdown,
        "sharpe_ratio": mean / math.sqrt(var) * math.sqrt(365) if var > 0 else NAN,
        "sortino_ratio": mean / math.sqrt(sdown / days) * math.sqrt(365) if sdown > 0 else NAN,
        "expectancy_pct": 100.0 * (total / count) if count else NAN,
        "expectancy_r": total_r / count if count else NAN,
        "fill_rate": count / orders_sent if orders_sent else NAN,
        "ambiguous_trades": float(ambiguous),
    }
    sums = {
        "equity": path.equity,
        "gain": gain,
        "loss": loss,
        "drawdown": path.drawdown,
        "days": float(days),
        "s1": s1,
        "s2": s2,
        "sdown": sdown,
    }
    return OracleResult(trades, orders_sent, by_day, measures, sums)


def _values_by_day(bars: OracleBars, value_at: dict[int, float], start: int, first_day: int, days: int) -> list[float]:
    """Return the value at the last bar of every day; a day without bars repeats the day before."""
    last_of: dict[int, float] = {}
    value = 1.0
    for j in range(start, len(bars)):
        if bars.day[j] >= first_day + days:
            break
        # Between trades the equity is that of the last exit bar's mark.
        value = value_at.get(j, value)
        last_of[bars.day[j]] = value
    values = []
    value = 1.0
    for day in range(first_day, first_day + days):
        value = last_of.get(day, value)
        values.append(value)
    return values
