"""`Limits`: at what a trader pauses a configuration; a replay can do the same."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import layout
from assay.errors import InputError
from assay.market.calendar import MINUTE_MS

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from assay.market import Market

NO_PAUSES = layout.Pauses(np.empty(0), np.empty(0))
"""A run without limits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Pauses of one configuration; NaN = off. Names are those of the document's circuit breakers.

    Each is judged at the close of a signal bar, when no position is open, by what had been closed until then. An order
    belongs to the day on which it would fill. All but the last look at the run that they pause; the last looks at its
    shadow, the run of the same signals without any limit, which goes on while entries are paused: a run that has
    stopped cannot show that it would earn again.

    Attributes
    ----------
    max_daily_loss_pct : float
        Loss since the morning, % of its equity: no entry for the rest of the day.
    max_drawdown_pct : float
        Largest fall from the highest equity at bar closes, %: no entry any more. It ends for good: what fell so deep
        was expected not to, and whether it may go on is for a person to say.
    max_consecutive_losses : float
        Losses in a row: no entry for the rest of the day of the last; the count then starts again.
    daily_trade_limit : float
        Entries a day.
    cooldown_after_loss_minutes : float
        No signal within so many minutes after the exit bar of a loss.
    min_sharpe_ratio : float
        Annual Sharpe ratio of the shadow below which there is no entry until it is back at it or above. It is that of
        the last 90 days that are over, or of all since the start of the run where there are fewer: mean of the daily
        returns, marked to the market and with those of days without a trade, over their sample standard deviation,
        times the root of the days of the market's year. It is judged once 30 days are over and 30 trades of the
        shadow were closed on them, and nowhere where the days do not vary.
    """

    max_daily_loss_pct: float = math.nan
    max_drawdown_pct: float = math.nan
    max_consecutive_losses: float = math.nan
    daily_trade_limit: float = math.nan
    cooldown_after_loss_minutes: float = math.nan
    min_sharpe_ratio: float = math.nan

    def __post_init__(self) -> None:
        for name in self.names():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(name, "must be a number (NaN switches it off)", value)
            if name != "min_sharpe_ratio" and value <= 0:
                raise InputError(name, "must be above 0 (NaN switches it off)", value)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the limits in the kernel's order."""
        return tuple(f.name for f in fields(cls))

    def alone(self, name: str) -> Self:
        """Return one of the limits without the others."""
        return type(self)(**{name: getattr(self, name)})

    def vector(self, market: Market) -> NDArray[np.float64]:
        """Return the kernel's form, shape (6,)."""
        found = np.full(len(layout.LIMITS), math.nan)
        found[layout.LIMIT_MAX_DAILY_LOSS] = self.max_daily_loss_pct / 100.0
        found[layout.LIMIT_MAX_DRAWDOWN] = self.max_drawdown_pct / 100.0
        found[layout.LIMIT_MAX_LOSSES] = self.max_consecutive_losses
        found[layout.LIMIT_MAX_DAILY_TRADES] = self.daily_trade_limit
        found[layout.LIMIT_PAUSE_AFTER_LOSS] = np.ceil(
            self.cooldown_after_loss_minutes * MINUTE_MS / market.timeframe.ms
        )
        found[layout.LIMIT_MIN_SHARPE] = self.min_sharpe_ratio
        return found
