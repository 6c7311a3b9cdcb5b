"""Circuit breakers of a run, written from the rules alone.

Each limit is judged at the close of a signal bar whose order would otherwise be sent, by the trades closed until
then. An order belongs to the day of the bar at which it would fill. Every limit is judged for itself there, so one
that stops a run for good does so even where another limit is named first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from assay.testing.oracle import NAN, EquityPath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.testing.oracle import OracleBars, OracleTrade

SHARPE_DAYS = 30


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
    """The books of one run from the bar ``start`` on, and the judgement of its limits (a gate of ``simulate``)."""

    def __init__(
        self, bars: OracleBars, limits: OracleLimits, start: int, *, bar_minutes: float, days_per_year: int
    ) -> None:
        self.limits = limits
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
        self.sharpe_stopped = False

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
        sharpe = self.rolling_sharpe(today)
        if sharpe < limits.min_sharpe_ratio:
            self.sharpe_stopped = True
        judged = {
            "max_daily_loss_pct": loss >= limits.max_daily_loss_pct / 100.0,
            "max_drawdown_pct": self.path.drawdown >= limits.max_drawdown_pct / 100.0,
            "max_consecutive_losses": today <= self.streak_day,
            "daily_trade_limit": self.fills_of_day.get(today, 0) >= limits.daily_trade_limit,
            "cooldown_after_loss_minutes": self.last_loss is not None and bar - self.last_loss < self.pause,
            "min_sharpe_ratio": self.sharpe_stopped,
        }
        return next((name for name, binds in judged.items() if binds), "")

    def equity_in_the_evening(self, day: int) -> float:
        """Return the equity at the end of a day: that of the last day with a position until then, else 1."""
        held = [d for d in self.evening if d <= day]
        return self.evening[max(held)] if held else 1.0

    def rolling_sharpe(self, today: int) -> float:
        """Return the annual Sharpe ratio of the last 30 days before today, nan where it is unknown."""
        if today - self.first_day < SHARPE_DAYS:
            return NAN
        values = [self.equity_in_the_evening(d) for d in range(today - SHARPE_DAYS - 1, today)]
        returns = [b / a - 1.0 if a > 0 else 0.0 for a, b in pairwise(values)]
        if min(returns) == max(returns):
            return NAN
        mean = math.fsum(returns) / SHARPE_DAYS
        variance = math.fsum((r - mean) * (r - mean) for r in returns) / (SHARPE_DAYS - 1)
        return mean / math.sqrt(variance) * math.sqrt(self.days_per_year)
