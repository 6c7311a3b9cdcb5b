"""Orders that peers and we trade alike: made from our setups, prices fixed at the close of the signal bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Bracket, Costs, Money, Setups, Signals, Sizing, Span, replay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Run, Trades
    from assay.market import Bars


@dataclass(frozen=True, eq=False)
class Plan:
    """The signals of one combination, long, at most one per bar.

    Attributes
    ----------
    signal : int64, shape (n,)
        Bars at whose close the signal is known; the order fills at the next open.
    stop, target : float64, shape (n,)
    unit : float64, shape (n,)
        Distance that `stop_multiple` multiplies.
    hold : int
        Time stop in held bars; 0 = none.
    """

    signal: NDArray[np.int64]
    unit: NDArray[np.float64]
    stop: NDArray[np.float64]
    target: NDArray[np.float64]
    stop_multiple: float
    reward: float
    hold: int

    def __len__(self) -> int:
        return len(self.signal)


def plan(
    bars: Bars, signal: NDArray[np.int64], unit: NDArray[np.float64], stop_multiple: float, reward: float, hold: int
) -> Plan:
    """Fix stops and targets as the bracket does; orders that could not fill are left out."""
    fills = signal + 1 < len(bars)
    fills[fills] = bars.tradable[signal[fills] + 1]
    t, unit = signal[fills], unit[fills]
    close = bars.close[t]
    stop = close - stop_multiple * unit
    return Plan(t, unit, stop, close + reward * np.abs(close - stop), stop_multiple, reward, hold)


def own(bars: Bars, orders: Plan, *, hold: bool, cooldown: int = 0, fee: float = 0.001, slip: float = 0.0005) -> Trades:
    """Trade a plan with our replay: all the equity, under the asked exits and costs."""
    return own_run(bars, orders, hold=hold, cooldown=cooldown, fee=fee, slip=slip).trades


def own_run(bars: Bars, orders: Plan, *, hold: bool, cooldown: int, fee: float, slip: float) -> Run:
    """As `own`, with equity and sums."""
    bracket = Bracket(
        stop=orders.stop_multiple, target=orders.reward, max_bars=orders.hold if hold else None, cooldown=cooldown
    )
    n = len(orders)
    setups = Setups.build(bar=orders.signal, side=np.ones(n), features={}, stop_unit=orders.unit)
    signals = Signals(setups, np.zeros(n, dtype=np.int64), bracket.vectors([{}]))
    money = Money(Costs(fee=fee, slippage=slip), Sizing("notional"))
    return replay(bars, signals, money, Span(0, len(bars)))


@dataclass(frozen=True, eq=False)
class PeerTrades:
    """A peer's trades in order; prices with the peer's slippage inside."""

    entry_bar: NDArray[np.int64]
    exit_bar: NDArray[np.int64]
    exit_price: NDArray[np.float64]
    net_return: NDArray[np.float64]
    still_open: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.entry_bar)


@dataclass
class Agreement:
    """How many combinations agree, trade by trade."""

    combinations: int = 0
    trades: int = 0
    same_count: int = 0
    same_entries: int = 0
    same_trades: int = 0
    largest: float = 0.0
    refused: int = 0

    def add(self, mine: Trades, theirs: PeerTrades) -> None:
        """Compare one combination."""
        self.combinations += 1
        self.trades += len(mine)
        if len(mine) != len(theirs):
            return
        self.same_count += 1
        if not np.array_equal(mine.entry_bar, theirs.entry_bar):
            return
        self.same_entries += 1
        if not np.array_equal(mine.exit_bar, theirs.exit_bar):
            return
        self.same_trades += 1
        if len(mine):
            self.largest = max(self.largest, float(np.abs(mine.net_return - theirs.net_return).max()))

    @property
    def exact(self) -> bool:
        """Every trade of every combination: same bars, same return to rounding."""
        return self.same_trades == self.combinations and self.largest < 1e-12
