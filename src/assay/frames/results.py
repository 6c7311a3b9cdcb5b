"""Results of the classes for frames: frozen, with their fields also as keys of a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from assay.engine import REASONS, measure
from assay.engine.measures import STARTING_BALANCE
from assay.market.calendar import ROUND_THE_CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from assay.engine import Run
    from assay.market import Bars

_COUNTS = ("total_trades", "sample_size", "drawdown_duration", "ambiguous_trades", "days")


class Result(Mapping[Any, Any]):  # keys are texts; `Any`, so that a result may unpack as something else
    """A result whose `KEYS` can be read as attributes and as keys. Equal only to itself."""

    KEYS: ClassVar[tuple[str, ...]] = ()

    def __getitem__(self, key: str) -> Any:
        if key not in self.KEYS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.KEYS)

    def __len__(self) -> int:
        return len(self.KEYS)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


def completed(measures: Mapping[str, float]) -> dict[str, float]:
    """Return measures with whole counts and the plan's names.

    Adds ``max_drawdown``, ``avg_win`` and ``avg_loss``, the fractions of the measures in percent (a drawdown
    and a loss are negative there too).
    """
    result = dict(measures)
    for name in ("max_drawdown", "avg_win", "avg_loss"):
        result[name] = result[f"{name}_pct"] / 100.0 + 0.0  # never -0.0
    return result | {name: int(result[name]) for name in _COUNTS}


def metrics_of(run: Run, bars: Bars) -> dict[str, float]:
    """Return every measure of a run; NaN where undefined."""
    return completed(measure(run, bars))


def stamps(time_ms: NDArray[np.int64]) -> pd.DatetimeIndex:
    """Return moments in milliseconds UTC as times with their zone, shape (n,)."""
    return pd.DatetimeIndex(time_ms.astype("datetime64[ms]")).tz_localize("UTC")


def trades_frame(run: Run, bars: Bars) -> pd.DataFrame:
    """Return the trades of a run, one row each in order; see `BacktestResult.trades`."""
    t = run.trades
    return pd.DataFrame(
        {
            "signal_time": stamps(bars.time[t.signal_bar]),
            "entry_time": stamps(bars.time[t.entry_bar]),
            "exit_time": stamps(bars.time[t.exit_bar]),
            "direction": np.where(t.side > 0, "LONG", "SHORT").astype(object),
            "entry_price": t.entry_price,
            "exit_price": t.exit_price,
            "stop_loss": t.stop,
            "take_profit": t.target,
            "size": t.size,
            "pnl_pct": 100.0 * t.net_return,
            "gross_pnl_pct": 100.0 * t.gross_return,
            "r_multiple": t.r_multiple,
            "bars_held": t.bars_held,
            "reason": np.array(REASONS, dtype=object)[t.reason],
            "ambiguous": t.ambiguous,
        }
    )


def equity_frame(run: Run) -> pd.DataFrame:
    """Return the equity at the end of each day, what the day brought and how far below the highest day end it is."""
    equity = equity_series(run)
    peak = np.maximum.accumulate(np.maximum(run.equity, 1.0))
    columns = {"return_pct": 100.0 * run.daily_returns, "drawdown_pct": 100.0 * (run.equity / peak - 1.0)}
    return pd.DataFrame({"equity": equity, **columns})


def equity_series(run: Run) -> pd.Series[float]:
    """Return the equity at the end of each day in account currency."""
    days = ROUND_THE_CLOCK.day_starts_ms(run.first_day, len(run.equity))
    return pd.Series(STARTING_BALANCE * run.equity, index=stamps(days), name="equity")
