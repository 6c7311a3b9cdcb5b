"""Circuit breakers of a run, written from the rules alone.

Each limit is judged at the close of a signal bar whose order would otherwise be sent, by the trades closed until
then. An order belongs to the day of the bar at which it would fill. Every limit is judged for itself there, so one
that stops a run for good does so even where another limit is named first.

The Sharpe ratio is that of the shadow: the run of the same orders that nothing holds back. What counts of it are days
that are over at the close of the signal bar, and trades that were closed on them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from assay.testing.oracle import NAN, EquityPath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.testing.oracle import OracleBars, OracleResult, OracleTrade

FEWEST_DAYS = 30
FEWEST_TRADES = 30
MOST_DAYS = 90


@dataclass
class OracleLimits:
    """Limits in the order in which they are named; nan: no such limit."""

    max_daily_loss_pct: float = NAN
    max_drawdown_pct: float = NAN
    max_consecutive_losses: float = NAN
    daily_trade_limit: float = NAN
    cooldown_after_loss_minutes: float = NAN
    min_sharpe_ratio: float = NAN


class CircuitBreakers:
    """The books of one run from the bar ``start`` on, and the judgement of its limits (a gate of ``simulate``).

    ``shadow`` is what the same orders make of the same bars without a gate.
    """

    def __init__(
        self,
        bars: OracleBars,
        limits: OracleLimits,
        start: int,
        shadow: OracleResult,
        *,
        bar_minutes: float,
        days_per_year: int,
    ) -> None:
        self.limits = limits
        self.shadow = shadow
        self.day = bars.day
        self.first_day = bars.day[start]
        self.days_per_year = days_per_year
        self.path = EquityPath()
        self.evening: dict[int, float] = {}
        self.fills_of_day: dict[int, int] = {}
        self.streak = 0
        self.streak_day = self.first_day - 1
        self.last_loss: int | None = None
        self.pause = NAN
        if not math.isnan(limits.cooldown_after_loss_minutes):
            self.pause = math.ceil(limits.cooldown_after_loss_minutes / bar_minutes)

    def closed(self, trade: OracleTrade, marks: Sequence[float]) -> None:
        """Enter a trade into the books."""
        self.path.add(trade, marks)
        for j in range(trade.entry_bar, trade.exit_bar + 1):
            self.evening[self.day[j]] = self.path.value_at[j]
        entry_day = self.day[trade.entry_bar]
        self.fills_of_day[entry_day] = self.fills_of_day.get(entry_day, 0) + 1
        if trade.net_return > 0:
            self.streak = 0
            return
        self.last_loss = trade.exit_bar
        self.streak += 1
        # With nan, no such limit, the comparison is false.
        if self.streak >= self.limits.max_consecutive_losses:
            self.streak = 0
            self.streak_day = self.day[trade.exit_bar]

    def reason(self, bar: int, entry_bar: int) -> str:
        """Return the first limit that holds the order back, "" when none does."""
        limits, today = self.limits, self.day[entry_bar]
        morning = self.equity_in_the_evening(today - 1)
        loss = 1.0 - self.path.equity / morning if morning > 0 else 0.0
        judged = {
            "max_daily_loss_pct": loss >= limits.max_daily_loss_pct / 100.0,
            "max_drawdown_pct": self.path.drawdown >= limits.max_drawdown_pct / 100.0,
            "max_consecutive_losses": today <= self.streak_day,
            "daily_trade_limit": self.fills_of_day.get(today, 0) >= limits.daily_trade_limit,
            "cooldown_after_loss_minutes": self.last_loss is not None and bar - self.last_loss < self.pause,
            "min_sharpe_ratio": self.sharpe_of_the_shadow(bar) < limits.min_sharpe_ratio,
        }
        return next((name for name, binds in judged.items() if binds), "")

    def equity_in_the_evening(self, day: int) -> float:
        """Return the equity at the end of a day: that of the last day with a position until then, else 1."""
        held = [d for d in self.evening if d <= day]
        return self.evening[max(held)] if held else 1.0

    def sharpe_of_the_shadow(self, bar: int) -> float:
        """Return its annual Sharpe ratio as it is known at the close of a bar, nan where it is not judged."""
        unfinished = self.day[bar + 1]  # the next bar opens on the first day that is not over
        evenings = [1.0]
        for day in range(self.first_day, unfinished):
            after = day - self.first_day
            known = self.shadow.equity_by_day
            evenings.append(known[after] if after < len(known) else known[-1])
        closed = sum(self.day[trade.exit_bar] < unfinished for trade in self.shadow.trades)
        if len(evenings) - 1 < FEWEST_DAYS or closed < FEWEST_TRADES:
            return NAN
        returns = [b / a - 1.0 if a > 0 else 0.0 for a, b in pairwise(evenings)][-MOST_DAYS:]
        if min(returns) == max(returns):
            return NAN
        mean = math.fsum(returns) / len(returns)
        variance = math.fsum((r - mean) * (r - mean) for r in returns) / (len(returns) - 1)
        return mean / math.sqrt(variance) * math.sqrt(self.days_per_year)
