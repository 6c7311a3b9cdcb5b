"""SUPPLY_SHOCK: the shock and what may be given back of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from documentation.anatomy import Anatomy, feature, level, ratio_text, usual_volume
from documentation.candles import Line, Note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine import Setups
    from assay.market import Bars

SIGNALS_DESIGNED = (1, 50)
"""Signals per 10,000 bars and side that the rules were designed for, on liquid 5-minute crypto markets."""


def anatomy(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
    """The range before, the shock, how far it may be given back, and the close that refutes it."""
    s = t - values["momentum_persistence"]
    before, close = level(rows, row, "invalid_price"), float(bars.close[s])
    top = float(bars.high[[j for j in range(s - 20, s) if not bars.absent[j]]].max())
    usual = usual_volume(bars)
    return Anatomy(
        first=s - 20,
        size=close - before,
        usual=usual,
        marks=(
            Line.level(s - 20, s, top, "pattern"),
            Line.level(s + 1, t, close - values["max_retracement"] * (close - before), "pattern dash"),
            Line.level(s - 1, t + 8, before, "lead dash"),
            Note(s - 14, top, "highest of 20 bars", above=True, style="tp"),
            Note.of_bar(bars, s, f"shock: {feature(rows, row, 'move'):.1f} ATR", above=True),
        ),
        loud={s: ratio_text(bars, usual, s)},
        legend=(
            "Orange dashes: how far the move may be given back before the signal; grey dashes: the close before the "
            "shock, below which a close ends the trade; red: the stop, which trails."
        ),
    )
