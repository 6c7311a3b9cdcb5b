"""FAILED_BREAKDOWN: the range with its edges and the break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from documentation.anatomy import Anatomy, feature, level, ratio_text
from documentation.candles import Box, Line, Note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine import Setups
    from assay.market import Bars

SIGNALS_DESIGNED = (20, 85)
"""Signals per 10,000 bars and side that the rules were designed for, on liquid 5-minute crypto markets."""


def anatomy(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
    """The range with its edges, the break and its recovery."""
    b = t - int(feature(rows, row, "delay"))
    first = b - values["range_lookback_periods"]
    seen = [j for j in range(first, b) if not bars.absent[j]]
    bottom, top = float(bars.low[seen].min()), level(rows, row, "target_limit")
    reach = 0.15 * (top - bottom)
    spring = b + int(np.argmin(bars.low[b : t + 1]))
    mean = float(bars.volume[[j for j in seen if bars.tradable[j]]].mean())
    usual = np.full(len(bars), np.nan)
    usual[first : t + 1] = mean
    return Anatomy(
        first=first,
        size=bottom - float(bars.low[spring]),
        usual=usual,
        marks=(
            Box(first, b - 1, bottom, bottom + reach, "zone"),
            Box(first, b - 1, top - reach, top, "zone"),
            Line.level(first, t, bottom, "pattern"),
            Line.level(first, b - 1, top, "pattern"),
            Note(first + 8, top, f"range of {b - first} bars", above=True, style="tp"),
            Note.of_bar(bars, spring, "break and recovery" if b == t else "spring", above=False),
        ),
        loud={t: ratio_text(bars, usual, t)},
        legend="Shaded: the edges of the range, 15 % of its height each, whose visits are counted.",
    )
