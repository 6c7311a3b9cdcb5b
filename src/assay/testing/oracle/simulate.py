"""A run: one position at a time, and what it is worth day by day."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from assay.testing.oracle.orders import NAN, OracleResult
from assay.testing.oracle.position import OraclePosition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.testing.oracle.orders import OracleBars, OracleCosts, OracleOrder, OracleTrade


ROUNDING = 2.0**-46
"""What is no larger may be 0 but for the rounding of floats."""


class OracleGate(Protocol):
    """What may hold back an order that would otherwise be sent."""

    def reason(self, bar: int, entry_bar: int) -> str:
        """Return why the order of this signal bar is held back, "" to send it."""

    def closed(self, trade: OracleTrade, marks: Sequence[float]) -> None:
        """Hear of a filled order, once it is closed, with the marks of its bars."""


def simulate(
    bars: OracleBars,
    orders: Sequence[OracleOrder],
    costs: OracleCosts,
    start: int,
    stop: int,
    entry_delay: int = 0,
    *,
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
        position = OraclePosition(bars, order, costs, entry_bar, next_tradable, signal_bars[-order.side])
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
    returns: list[float] = []
    previous = 1.0
    for value in by_day:
        r = value / previous - 1.0 if previous > 0 else 0.0
        s1 += r
        s2 += r * r
        if r < 0:
            sdown += r * r
        previous = value
        returns.append(r)
    mean = s1 / days
    var = (s2 - s1 * mean) / (days - 1) if _vary(returns) else NAN
    count = len(trades)
    bars_of_run = max([start + 1, stop] + [trade.exit_bar + 1 for trade in trades]) - start
    measures = {
        "total_trades": float(count),
        "win_rate": wins / count if count else NAN,
        "gross_win_rate": gross_wins / count if count else NAN,
        "net_profit_pct": 100.0 * (path.equity - 1.0),
        "net_profit_pct_optimistic": 100.0 * (optimistic - 1.0),
        "profit_factor": gain / loss if loss > count * ROUNDING else NAN,
        "max_drawdown_pct": -100.0 * path.drawdown,
        "sharpe_ratio": mean / math.sqrt(var) * math.sqrt(365) if var > 0 else NAN,
        "sortino_ratio": mean / math.sqrt(sdown / days) * math.sqrt(365) if sdown > days * ROUNDING**2 else NAN,
        "expectancy_pct": 100.0 * (total / count) if count else NAN,
        "expectancy_r": total_r / count if count else NAN,
        "fill_rate": count / orders_sent if orders_sent else NAN,
        "ambiguous_trades": float(ambiguous),
        "exposure": sum(trade.bars_held for trade in trades) / bars_of_run,
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


def _vary(returns: list[float]) -> bool:
    """Whether returns vary by more than rounding, as docs/measures.md says it, without any rounding of its own."""
    n = len(returns)
    exact = [Fraction(r) for r in returns]
    squares, mean = sum(r * r for r in exact), sum(exact) / n
    return n > 1 and sum((r - mean) ** 2 for r in exact) > n * (4 * squares / 2**53 + Fraction(ROUNDING) ** 2)


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
