"""Wilder's averages: true range, ATR and RSI (J. W. Wilder, New Concepts in Technical Trading Systems, 1978)."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.compiled import compiled
from assay.market import require_bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars


@compiled
def _true_range(high, low, close, tradable, age):
    n = len(close)
    out = np.full(n, np.nan)
    previous = np.nan
    for i in range(n):
        if age[i] == 0:
            previous = np.nan
        if not tradable[i]:
            continue
        if not np.isnan(previous):
            out[i] = max(high[i] - low[i], abs(high[i] - previous), abs(low[i] - previous))
        previous = close[i]
    return out


@compiled
def _wilder(values, age, period):
    """Average of the non-NaN values: first their mean over `period`, then ((period-1) a + x)/period."""
    n = len(values)
    out = np.full(n, np.nan)
    count = 0
    total = 0.0
    average = np.nan
    for i in range(n):
        if age[i] == 0:
            count, total, average = 0, 0.0, np.nan
        x = values[i]
        if not np.isnan(x):
            count += 1
            if count <= period:
                total += x
                if count == period:
                    average = total / period
            else:
                average = ((period - 1) * average + x) / period
        out[i] = average
    return out


@compiled
def _moves(close, tradable, age):
    n = len(close)
    gain = np.full(n, np.nan)
    loss = np.full(n, np.nan)
    previous = np.nan
    for i in range(n):
        if age[i] == 0:
            previous = np.nan
        if not tradable[i]:
            continue
        if not np.isnan(previous):
            change = close[i] - previous
            gain[i] = max(change, 0.0)
            loss[i] = max(-change, 0.0)
        previous = close[i]
    return gain, loss


def true_range(bars: Bars) -> NDArray[np.float64]:
    """True range, shape (n,), in price units; NaN without a previous close and on untradable bars."""
    require_bars(bars)
    out: NDArray[np.float64] = _true_range(bars.high, bars.low, bars.close, bars.tradable, bars.age)
    return out


def atr(bars: Bars, period: int = 14) -> NDArray[np.float64]:
    """Wilder's average true range, shape (n,), in price units; NaN during the warm-up.

    The first value is the mean of the first `period` true ranges; then ATR[i] = ((period - 1) ATR[i-1] +
    TR[i]) / period.
    """
    out: NDArray[np.float64] = _wilder(true_range(bars), bars.age, period)
    return out


def rsi(bars: Bars, period: int = 14) -> NDArray[np.float64]:
    """Wilder's relative strength index in [0, 100], shape (n,); 50 where nothing moved, NaN during the warm-up."""
    require_bars(bars)
    gain, loss = _moves(bars.close, bars.tradable, bars.age)
    g, s = _wilder(gain, bars.age, period), _wilder(loss, bars.age, period)
    with np.errstate(invalid="ignore"):
        total = g + s
        out: NDArray[np.float64] = np.where(total == 0, 50.0, 100.0 * g / np.where(total == 0, 1.0, total))
    return out
