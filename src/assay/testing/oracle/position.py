"""One position, followed bar by bar from its fill to its exit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from assay.testing.oracle.orders import NAN, OracleTrade, entry_fill, exit_fill, leg_return, position_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.testing.oracle.orders import OracleBars, OracleCosts, OracleOrder


class OraclePosition:
    """A filled order, followed bar by bar until it is closed."""

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
        """Follow it until the exit; ``marks`` then holds one mark per bar from the entry bar to the exit bar."""
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
