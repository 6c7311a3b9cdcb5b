"""How far each trade went against its entry and in its favour while it was open (Sweeney, 1996: MAE and MFE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine.layout import REASON_END_OF_DATA, REASON_MAX_HOLDING, REASON_SESSION_END

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine.trades import Run
    from assay.market import Bars

AT_THE_CLOSE = (REASON_MAX_HOLDING, REASON_SESSION_END, REASON_END_OF_DATA)
"""Reasons for which a trade leaves at a close, so that it saw all of its last bar."""


@dataclass(frozen=True, eq=False)
class Excursions:
    """The furthest prices of trades, all of shape (n,), never negative.

    Attributes
    ----------
    adverse, favourable : float64
        From the price of entry, slippage inside, as a fraction of it.
    adverse_r, favourable_r : float64
        In multiples of the risk, |close - stop| at the signal.
    """

    adverse: NDArray[np.float64]
    favourable: NDArray[np.float64]
    adverse_r: NDArray[np.float64]
    favourable_r: NDArray[np.float64]


def excursions(run: Run, bars: Bars) -> Excursions:
    """Return how far each trade went either way, at least.

    A bar does not say in which order its prices came, so of the bar on which a trade leaves only its open and the fills
    count, unless it leaves at the close. Bars without trades move nothing.

    Parameters
    ----------
    run : Run
    bars : Bars
        Those that it was replayed on.
    """
    t = run.trades
    lows = np.where(bars.tradable, bars.low, np.inf)
    highs = np.where(bars.tradable, bars.high, -np.inf)
    low, high = np.empty(len(t)), np.empty(len(t))
    whole = np.isin(t.reason, AT_THE_CLOSE)
    for i, (entry, last) in enumerate(zip(t.entry_bar.tolist(), t.exit_bar.tolist(), strict=True)):
        seen = slice(entry, last + 1 if whole[i] else last)
        low[i], high[i] = lows[seen].min(initial=np.inf), highs[seen].max(initial=-np.inf)
    for prices in (bars.open[t.exit_bar], t.exit_raw, t.partial_raw):
        low, high = np.fmin(low, prices), np.fmax(high, prices)
    adverse = np.maximum(np.where(t.side > 0, t.entry_price - low, high - t.entry_price), 0.0)
    favourable = np.maximum(np.where(t.side > 0, high - t.entry_price, t.entry_price - low), 0.0)
    risk = np.abs(bars.close[t.signal_bar] - t.stop)
    return Excursions(adverse / t.entry_price, favourable / t.entry_price, adverse / risk, favourable / risk)
