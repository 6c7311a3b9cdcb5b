"""Trades and equity of a run as columns: of a file, of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine.layout import REASONS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from assay.engine.trades import Run
    from assay.market import Bars


TRADE_TEXTS = ("entry_time", "exit_time", "side", "reason", "window")
TRADE_SWITCHES = ("ambiguous",)
"""Columns of trades that are no numbers."""


def _times(time_ms: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return moments as ISO texts in UTC, shape (n,)."""
    return np.datetime_as_string(time_ms.astype("datetime64[ms]"), unit="s", timezone="UTC").astype(np.str_)


def trade_columns(bars: Bars, run: Run, windows: ArrayLike | None = None) -> dict[str, NDArray[Any]]:
    """Return one row per trade, from which win rate and net profit can be recomputed.

    win rate = share of return > 0; net profit = product of (1 + size x return) - 1.

    Parameters
    ----------
    bars : Bars
        Those of the run.
    windows : array_like, shape (n,), optional
        The validation window of each trade; empty texts without.

    Returns
    -------
    dict of str to ndarray, shape (n,) each
        Times are the opens of the bars (ISO, UTC); entry and exit are prices after slippage; return is
        net of costs, a fraction of the notional; size is the share of the equity moved.
    """
    t = run.trades
    window = np.full(len(t), "") if windows is None else np.asarray(windows).astype(np.str_)
    return {
        "entry_time": _times(bars.time[t.entry_bar]),
        "exit_time": _times(bars.time[t.exit_bar]),
        "side": np.where(t.side > 0, "long", "short"),
        "entry": t.entry_price,
        "stop": t.stop,
        "target": t.target,
        "exit": t.exit_price,
        "size": t.size,
        "return": t.net_return,
        "R": t.r_multiple,
        "reason": np.array(REASONS)[t.reason],
        "ambiguous": t.ambiguous,
        "window": window,
    }


def equity_columns(run: Run) -> dict[str, NDArray[Any]]:
    """Return one row per day: its date and the equity at its end, from 1 before the first day."""
    return daily_columns(run.first_day, run.equity)


def daily_columns(first_day: int, equity: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Return dates and equity of consecutive days, shape (n,) each, from the ordinal of the first."""
    days = (first_day + np.arange(len(equity))).astype("datetime64[D]")
    return {"date": np.datetime_as_string(days).astype(np.str_), "equity": equity}
