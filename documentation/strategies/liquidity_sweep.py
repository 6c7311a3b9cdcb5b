"""LIQUIDITY_SWEEP: the level with its swings, found again from the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.indicators import atr
from documentation.anatomy import Anatomy, ratio_text, usual_volume
from documentation.candles import Dot, Line, Note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine import Setups
    from assay.market import Bars

SIGNALS_DESIGNED = (4, 35)
"""Signals per 10,000 bars and side that the rules were designed for, on liquid 5-minute crypto markets."""

RECLAIM_BARS = 3


def swing_lows(bars: Bars, first: int, last: int) -> list[int]:
    """Return the bars in [first, last] whose low is below the two before and not above the two after."""
    low, absent = bars.low, bars.absent
    return [
        s
        for s in range(max(first, 2), last + 1)
        if not absent[s - 2 : s + 3].any()
        and low[s] < min(low[s - 1], low[s - 2])
        and low[s] <= min(low[s + 1], low[s + 2])
    ]


def clusters(prices: Mapping[int, float], distance: float) -> list[tuple[float, list[int]]]:
    """Join prices from the lowest up while within a distance of their mean; return (mean, bars) of each level."""
    found: list[tuple[float, list[int]]] = []
    for bar in sorted(prices, key=prices.__getitem__):
        if found and abs(prices[bar] - found[-1][0]) <= distance * abs(found[-1][0]):
            members = [*found.pop()[1], bar]
            found.append((sum(prices[b] for b in members) / len(members), members))
        else:
            found.append((prices[bar], [bar]))
    return found


def swept(bars: Bars, t: int, values: Mapping[str, Any]) -> tuple[int, int, float, list[int]]:
    """Return (sweep bar, reclaim bar, level, bars of its swings) of a LIQUIDITY_SWEEP signal; the preferred level."""
    low, close = bars.low, bars.close
    unit = bars.derived("atr14", lambda: atr(bars))
    ratio = bars.volume / usual_volume(bars)
    r = t - values["reversal_candles"] + 1
    found = []
    for p in range(r - RECLAIM_BARS, r + 1):
        lows = swing_lows(bars, p - values["key_level_lookback"], p - 3)
        for price, members in clusters({s: float(low[s]) for s in lows}, values["min_distance_from_level"]):
            rules = (
                len(members) >= values["min_level_touches"],
                close[p - 1] > price,
                low[p] <= price - values["pierce_depth"] * price,
                close[r] > price and not (close[p:r] > price).any(),
                np.nanmax(ratio[p : r + 1], initial=0.0) >= values["volume_spike_threshold"],
                price - low[p : r + 1].min() <= max(2.0 * unit[p - 1], 0.01 * price),
            )
            if all(rules):
                found.append((-len(members), abs(close[p - 1] - price), p, price, members))
    _, _, p, price, members = min(found)
    return p, r, price, sorted(members)


def anatomy(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
    """The level with its swings, the sweep and the reclaim."""
    del rows, row
    p, r, price, members = swept(bars, t, values)
    usual = usual_volume(bars)
    loudest = p + int(np.argmax(bars.volume[p : r + 1] / usual[p : r + 1]))
    middle = members[len(members) // 2]
    return Anatomy(
        first=members[0],
        size=price - float(bars.low[p : r + 1].min()),
        usual=usual,
        marks=(
            Line.level(members[0], t, price, "pattern dash"),
            *(Dot(s, float(bars.low[s]), "key") for s in members),
            Note.of_bar(bars, p, "sweep" if p < r else "sweep and reclaim", above=False),
            *((Note.of_bar(bars, r, "reclaim", above=True),) if p < r < t else ()),
            Note(middle, float(bars.low[middle]), f"level of {len(members)} swing lows", above=False, style="tp"),
        ),
        loud={loudest: ratio_text(bars, usual, loudest)},
        legend="Dots: the swing lows; dashed: their mean, which is the level.",
    )
