"""CAPITULATION_REVERSAL: the panic window and its votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from documentation.anatomy import Anatomy, feature, ratio_text, usual_volume
from documentation.candles import Box, Line, Note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine import Setups
    from assay.market import Bars

SIGNALS_DESIGNED = (8, 90)
"""Signals per 10,000 bars and side that the rules were designed for, on liquid 5-minute crypto markets."""

VOTES = (
    ("volume", 30, "volume {:.1f} x"),
    ("speed", 25, "fall {:.1f} ATR"),
    ("burst", 20, "ATR x {:.2f}"),
    ("wick", 15, "wick {:.1f} bodies"),
    ("exhaustion", 10, "RSI {:.0f}"),
)


def anatomy(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
    """The panic window, what was voted on, the low and the middle of its bar."""
    m = t - values["reversal_confirmation_candles"]
    a = m - values["panic_window"] + 1
    low = float(bars.low[m])
    top = float(max(bars.high[a : m + 1].max(), bars.close[a - 1]))
    middle = 0.5 * (float(bars.high[m]) + low)
    usual = usual_volume(bars)
    loudest = a + int(np.nanargmax(bars.volume[a : m + 1] / usual[a : m + 1]))
    limits = (
        values["volume_explosion_threshold"], values["price_velocity_atr"], values["atr_explosion_threshold"],
        values["exhaustion_wick_ratio"], values["rsi_extreme_threshold"],
    )  # fmt: skip
    measured = [feature(rows, row, name) for name, _, _ in VOTES]
    met = [x <= limit if name == "exhaustion" else x >= limit
           for (name, _, _), x, limit in zip(VOTES, measured, limits, strict=True)]  # fmt: skip
    said = [text.format(x) for (_, _, text), x, yes in zip(VOTES, measured, met, strict=True) if yes]
    weight = sum(w for (_, w, _), yes in zip(VOTES, met, strict=True) if yes) / 100
    return Anatomy(
        first=a - 1,
        size=float(bars.close[a - 1]) - low,
        usual=usual,
        marks=(
            Box(a, m, low, top, "zone"),
            Line.level(m, t, middle, "pattern dash"),
            Note(a, top, f"panic: {', '.join(said)} = {weight:.2f}", above=True, style="tp"),
            Note.of_bar(bars, m, "low", above=False),
        ),
        loud={loudest: ratio_text(bars, usual, loudest)},
        legend="Shaded: the panic window; dashed: the middle of its low bar, which the signal closes above.",
    )
