"""Where the parts of a strategy's pattern lie in the bars: read again from the rules, for a picture of one signal.

A function of `ANATOMIES` takes the bars, the signal bar of a long, the row of `Setups` that passed and the parameters.
A strategy without one is drawn with its trade alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine.layout import LEVELS
from assay.indicators import atr, volume_mean
from studies.candles import Box, Dot, Line, Mark, Note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from assay.engine import Setups
    from assay.market import Bars

RECLAIM_BARS = 3


@dataclass(frozen=True)
class Anatomy:
    """The parts of one signal.

    Attributes
    ----------
    first : int
        First bar of the pattern.
    size : float
        Its characteristic distance in price: how well it can be seen.
    marks : tuple
    loud : mapping of int to str
        Bars whose volume the rules ask about.
    usual : float64, shape (n,)
        What their volume is compared with.
    legend : str
        What the marks without a text are.
    """

    first: int
    size: float
    usual: NDArray[np.float64]
    marks: tuple[Mark, ...] = ()
    loud: dict[int, str] = field(default_factory=dict)
    legend: str = ""


def feature(rows: Setups, row: int, name: str) -> float:
    """Return a feature of a row."""
    return float(rows.features[name][row])


def level(rows: Setups, row: int, name: str) -> float:
    """Return a column of a row from which the bracket makes prices."""
    return float(rows.levels[row, LEVELS.index(name)])


def usual_volume(bars: Bars) -> NDArray[np.float64]:
    """Return the mean volume of the 20 tradable bars before each bar, shape (n,), kept with the bars."""
    found: NDArray[np.float64] = bars.derived("volume_mean20", lambda: volume_mean(bars))
    return found


def ratio_text(bars: Bars, usual: NDArray[np.float64], bar: int) -> str:
    """Say how large the volume of a bar was against what is usual."""
    return f"{bars.volume[bar] / usual[bar]:.1f} x usual"


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


def liquidity_sweep(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
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


VOTES = (
    ("volume", 30, "volume {:.1f} x"),
    ("speed", 25, "fall {:.1f} ATR"),
    ("burst", 20, "ATR x {:.2f}"),
    ("wick", 15, "wick {:.1f} bodies"),
    ("exhaustion", 10, "RSI {:.0f}"),
)


def capitulation_reversal(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
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


def failed_breakdown(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
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


def supply_shock(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
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


ANATOMIES: dict[str, Callable[[Bars, int, Setups, int, Mapping[str, Any]], Anatomy]] = {
    "LIQUIDITY_SWEEP": liquidity_sweep,
    "CAPITULATION_REVERSAL": capitulation_reversal,
    "FAILED_BREAKDOWN": failed_breakdown,
    "SUPPLY_SHOCK": supply_shock,
}


def trade_alone(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
    """What is shown of a strategy that has no anatomy: the forty bars before its signal."""
    del rows, row, values
    first = max(t - 40, 0)
    return Anatomy(first=first, size=float(np.ptp(bars.close[first : t + 1])), usual=usual_volume(bars))
