"""Strategies with the questions that a bar-by-bar loop asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from assay.engine import Signals, Span
from assay.engine import calculate_position_size as position_size
from assay.errors import InputError
from assay.frames.inputs import as_bars, is_history
from assay.lazy import lazy
from assay.market import Bars
from assay.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    import pandas as pd

    from assay.sources.bar_files import fields
    from assay.strategies.capitulation_reversal import CapitulationReversal
    from assay.strategies.failed_breakdown import FailedBreakdown
    from assay.strategies.liquidity_sweep import LiquiditySweep
    from assay.strategies.supply_shock import SupplyShock
else:
    fields = lazy("assay.sources.bar_files.fields")  # pyarrow comes with its room, for frames only


def _row(data: Any, index: int) -> int:
    """Return a row's number; one that is not there is refused."""
    if not is_history(data):
        raise InputError("data", "must be a pandas data frame or Bars", type(data).__name__)
    if not 0 <= index < len(data):
        raise InputError("index", f"must lie in [0, {len(data) - 1}]", index)
    return int(index)


def _until(data: Bars | pd.DataFrame, index: int) -> Bars:
    """Return the bars up to a row and nothing later."""
    if isinstance(data, Bars):
        return data.head(index + 1)
    return as_bars(data.iloc[: index + 1])


def _traded_range(data: Any, index: int) -> tuple[float, float] | None:
    """Return low and high of a row; None where no fill is possible."""
    if isinstance(data, Bars):
        return (float(data.low[index]), float(data.high[index])) if data.tradable[index] else None
    columns = {fields.field_of(str(name)): name for name in data.columns}
    row = {name: float(data[columns[name]].iloc[index]) for name in ("low", "high", "volume") if name in columns}
    if missing := {"low", "high"} - set(row):
        raise InputError("data", f"needs the columns {', '.join(sorted(missing))}", list(map(str, data.columns)))
    return (row["low"], row["high"]) if row.get("volume", 1.0) > 0 else None


def _of_trade(trade: Any, name: str) -> Any:
    value = trade.get(name) if isinstance(trade, Mapping) else getattr(trade, name, None)
    if value is None and name != "take_profit":
        raise InputError(f"trade {name}", "is needed to judge an exit", trade)
    return math.nan if value is None else value


class BarByBar(Strategy):
    """A strategy for optimizers and engines, and for loops that ask it bar by bar.

    A loop over many bars is far slower than `BacktestEngine`, and gives the same signals.
    """

    def check_entry_signal(
        self,
        data: Bars | pd.DataFrame,
        index: int,
        params: Mapping[str, Any],
    ) -> bool:
        """Whether the close of a bar is a signal, long or short; the order fills at the next open.

        Only bars up to `index` are read, so what comes later makes no difference. Where both sides pass there
        is no signal, as in the engine.

        Parameters
        ----------
        data : DataFrame or Bars
        index : int
            Number of the row, from 0.
        params : mapping
            Those not given stay at their defaults.
        """
        values = self.parameters.complete(params)
        index = _row(data, index)
        if index == 0:
            return False
        bars = _until(data, index)
        last = len(bars) - 1  # absent stamps are bars too
        setups = self.all_setups(bars, values, "both")
        span = Span(last, last + 1, self.warmup(values))
        rows = Signals.select(bars, setups, self.rules, self.bracket, values, span).rows
        return len(np.unique(rows.side)) == 1

    def check_exit_signal(
        self,
        data: Bars | pd.DataFrame,
        index: int,
        trade: Any,
        params: Mapping[str, Any] | None = None,
    ) -> tuple[bool, str | None]:
        """Whether a bar's range takes a trade out, and why: (True, "STOP_LOSS" or "TAKE_PROFIT") or (False, None).

        A long leaves below its stop or above its target, a short above its stop or below its target; a touch
        is enough, and a bar that touches both counts as stopped. The time stop needs the trade's history and
        is the engine's.

        Parameters
        ----------
        data : DataFrame or Bars
        index : int
            Number of the row, from 0.
        trade : mapping or object
            direction ("LONG" or "SHORT"), stop_loss, take_profit (None or NaN = none); a row of
            `BacktestResult.trades` will do.
        params : mapping, optional
            Checked; the prices stand in the trade.
        """
        self.parameters.complete(params or {})
        traded = _traded_range(data, _row(data, index))
        direction = str(_of_trade(trade, "direction")).upper()
        if direction not in ("LONG", "SHORT"):
            raise InputError("trade direction", "must be LONG or SHORT", direction)
        if traded is None:
            return False, None
        low, high = traded
        side, worst, best = (1, low, high) if direction == "LONG" else (-1, high, low)
        if side * (_of_trade(trade, "stop_loss") - worst) >= 0:
            return True, "STOP_LOSS"
        if side * (best - _of_trade(trade, "take_profit")) >= 0:
            return True, "TAKE_PROFIT"
        return False, None

    def calculate_position_size(
        self, entry_price: float, stop_loss: float, account_balance: float, risk_percent: float = 0.01
    ) -> float:
        """Return the units that lose `risk_percent` (a fraction) of the balance when the stop is hit."""
        return position_size(entry_price, stop_loss, account_balance, risk_percent)


def bar_by_bar(kind: type[Strategy]) -> type[BarByBar]:
    """Return a strategy that can be asked bar by bar too, named as its class with "Strategy" at the end."""
    about = {"__doc__": f"{kind.name}, bar by bar too.", "__module__": __name__}
    return cast("type[BarByBar]", type(twin_name(kind), (BarByBar, kind), about))


def twin_name(kind: type[Strategy]) -> str:
    """Return the public name of a registered strategy that is asked bar by bar."""
    return f"{kind.__name__}Strategy"


if TYPE_CHECKING:
    # a type checker follows no registry: the classes from which users derive their own are named for it
    class LiquiditySweepStrategy(BarByBar, LiquiditySweep):
        """LIQUIDITY_SWEEP, bar by bar too."""

    class CapitulationReversalStrategy(BarByBar, CapitulationReversal):
        """CAPITULATION_REVERSAL, bar by bar too."""

    class FailedBreakdownStrategy(BarByBar, FailedBreakdown):
        """FAILED_BREAKDOWN, bar by bar too."""

    class SupplyShockStrategy(BarByBar, SupplyShock):
        """SUPPLY_SHOCK, bar by bar too."""


def __getattr__(name: str) -> type[BarByBar]:
    """Make the class of a registered strategy when it is first asked for."""
    for kind in STRATEGIES.values():
        if twin_name(kind) == name:
            made = bar_by_bar(kind)
            globals()[name] = made  # the next use does not come here
            return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
