"""vectorbt: `Portfolio.from_signals`, one column per combination.

An order stands at the signal bar and fills at the next open, so that the entry bar's own range is the first to be
asked for stops: they are given relative to the close of the signal bar, as our rules fix them. A time stop exists
only through its callback (numba engine).
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import pandas as pd

from benchmarks.plan import PeerTrades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from assay.market import Bars
    from benchmarks.plan import Plan

PACKAGES = ("vectorbt", "vectorbt_rust")
ENGINES = ("numba", "rust")
CASH = 1e6


def _time_stop(
    c: Any,
    entries: NDArray[np.bool_],
    price: NDArray[np.float64],
    close: NDArray[np.float64],
    entered: NDArray[np.int64],
    hold: NDArray[np.int64],
) -> tuple[bool, bool, bool, bool]:
    """Enter on a signal, leave at the close of the n-th held bar.

    The engine reads an order's price before it asks for signals, hence the price of a coming exit is set one bar
    ahead; unless a stop takes the position first, that exit happens.
    """
    i, col = c.i, c.col
    due = False
    if c.position_now == 0.0:
        if not entries[i, col]:
            return False, False, False, False
        entered[col] = i
        enters = True
    else:
        enters = False
        due = hold[col] > 0 and i - entered[col] >= hold[col]
    if hold[col] > 0 and i + 1 - entered[col] == hold[col] and i + 1 < len(close):
        price[i + 1, col] = close[i + 1]
    return enters, due, False, False


time_stop = numba.njit(_time_stop)


@dataclass(frozen=True, eq=False)
class Columns:
    """Input arrays of some plans, shape (bars, plans); their making is not timed."""

    close: Any
    entries: NDArray[np.bool_]
    stop: NDArray[np.float64]
    target: NDArray[np.float64]
    hold: NDArray[np.int64]
    next_open: NDArray[np.float64]

    @property
    def orders(self) -> int:
        """Orders at most."""
        return 2 * int(self.entries.sum()) + 2


def columns(bars: Bars, plans: Sequence[Plan]) -> Columns:
    """Lay out plans as vectorbt reads them."""
    shape = (len(bars), len(plans))
    entries = np.zeros(shape, dtype=np.bool_)
    stop, target = np.full(shape, np.nan), np.full(shape, np.nan)
    for j, p in enumerate(plans):
        close = bars.close[p.signal]
        entries[p.signal, j] = True
        stop[p.signal, j] = (close - p.stop) / close
        target[p.signal, j] = (p.target - close) / close
    frame = pd.DataFrame(bars.close, index=pd.DatetimeIndex(bars.time.astype("datetime64[ms]")))
    next_open = np.append(bars.open[1:], bars.close[-1])
    return Columns(frame, entries, stop, target, np.array([p.hold for p in plans], dtype=np.int64), next_open)


def run(bars: Bars, c: Columns, engine: str, *, hold: bool = False, fee: float = 0.001, slip: float = 0.0005) -> Any:
    """Simulate every column and return the portfolio."""
    portfolio = importlib.import_module("vectorbt").Portfolio
    signals: dict[str, Any] = {"entries": c.entries, "price": c.next_open[:, None]}
    if hold:
        price = np.repeat(c.next_open[:, None], c.entries.shape[1], axis=1)
        entered = np.full(c.entries.shape[1], -1, dtype=np.int64)
        arguments = (c.entries, price, bars.close, entered, c.hold)
        signals = {"signal_func_nb": time_stop, "signal_args": arguments, "price": price}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return portfolio.from_signals(
            c.close, open=bars.open[:, None], high=bars.high[:, None], low=bars.low[:, None],
            sl_stop=c.stop, tp_stop=c.target, stop_entry_price="close", stop_exit_price="stopmarket",
            fees=fee, slippage=slip, freq="5min", init_cash=CASH, max_orders=c.orders, engine=engine, **signals,
        )  # fmt: skip


def measures(portfolio: Any) -> list[Any]:
    """Its own six: trades, win rate, return, profit factor, drawdown, Sharpe (of bar returns)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trades = portfolio.trades
        return [
            trades.count(), trades.win_rate(), portfolio.total_return(), trades.profit_factor(),
            portfolio.max_drawdown(), portfolio.sharpe_ratio(),
        ]  # fmt: skip


def trades(portfolio: Any) -> list[PeerTrades]:
    """Trades per column; an entry stands one bar before its fill."""
    records = portfolio.trades.values  # noqa: PD011  (an array of records, not a frame)
    column = records["col"]
    return [
        PeerTrades(
            records["entry_idx"][column == j] + 1,
            records["exit_idx"][column == j],
            records["exit_price"][column == j],
            records["return"][column == j],
            records["status"][column == j] == 0,
        )
        for j in range(portfolio.wrapper.shape_2d[1])
    ]
