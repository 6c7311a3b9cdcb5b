"""backtesting.py: a `Strategy` that places one market order with stop and target per signal."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.plan import PeerTrades

if TYPE_CHECKING:
    from assay.market import Bars
    from benchmarks.plan import Plan

os.environ.setdefault("TQDM_DISABLE", "1")  # before its import: one bar of progress per run

PACKAGES = ("backtesting",)
CASH = 1e15
"""It trades whole units only: so much cash makes the rounding vanish."""

ALL_EQUITY = 1.0 - 1e-9


def frame(bars: Bars) -> Any:
    """Bars as it reads them."""
    index = pd.DatetimeIndex(bars.time.astype("datetime64[ms]"))
    prices = {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close, "Volume": bars.volume}
    return pd.DataFrame(prices, index=index)


def _strategy(base: Any, orders: Plan, *, hold: bool) -> Any:
    levels = {
        t: (s, g) for t, s, g in zip(orders.signal.tolist(), orders.stop.tolist(), orders.target.tolist(), strict=True)
    }
    limit = orders.hold if hold else 0
    refused: list[int] = []

    def init(_: Any) -> None:
        pass

    def step(self: Any) -> None:
        t = len(self.data) - 1
        if self.trades:
            if not limit or t - self.trades[0].entry_bar + 1 < limit:
                return
            self.trades[0].close()
        if t in levels:
            stop, target = levels[t]
            try:
                self.buy(size=ALL_EQUITY, sl=stop, tp=target)
            except ValueError:
                refused.append(t)

    return type("Planned", (base,), {"init": init, "next": step, "refused": refused})


def run(data: Any, orders: Plan, *, hold: bool, fee: float = 0.001, spread: float = 0.0) -> Any:
    """Run one combination and return its statistics."""
    peer = importlib.import_module("backtesting")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strategy = _strategy(peer.Strategy, orders, hold=hold)
        test = peer.Backtest(data, strategy, cash=CASH, commission=fee, spread=spread, finalize_trades=True)
        return test.run()


def trades(result: Any) -> PeerTrades:
    """Trades in order of entry."""
    found = result["_trades"].sort_values("EntryBar", kind="stable")
    columns = ("EntryBar", "ExitBar", "ExitPrice", "ReturnPct")
    entry, leave, price, net = (found[name].to_numpy() for name in columns)
    return PeerTrades(entry, leave, price, net, np.zeros(len(entry), dtype=np.bool_))


def refused(result: Any) -> int:
    """Orders that it did not accept."""
    return len(result["_strategy"].refused)
