"""CAPITULATION_REVERSAL: a fast fall on large volume whose low holds is bought (a selling climax).

A vote of five signs of panic is taken at the lowest bar of a short window; the bars after it must confirm. Shorts
mirror it at a buying climax.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.compiled import compiled
from assay.engine import Bracket, Setups, Vote, at_least, at_most, equals
from assay.indicators import atr, rsi, volume_ratio
from assay.parameters import Parameter, Parameters
from assay.strategies.base import Strategy
from assay.strategies.exact import largest_multiple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value

MAX_DELAY = 3
_FIELDS = 9


@compiled
def _is_extreme(m, first, side, edge, absent):
    """Whether no bar from `first` to m lies beyond m's low (side +1)."""
    for j in range(first, m):
        if not absent[j] and side * (edge[j] - edge[m]) < 0.0:
            return False
    return True


@compiled
def _rows(open_, high, low, close, absent, valid, unit, strength, ratio, side, window):
    """Find every (low bar, delay); columns: t, m, volume, speed, burst, wick, exhaustion, delay, anchor."""
    n = len(close)
    edge = low if side > 0 else high
    out = np.empty((1024, _FIELDS))
    made = 0
    # The window starts after bar 0, since ATR and close of the bar before it are asked for.
    for m in range(window, n):
        a = m - window + 1
        before = unit[a - 1]
        # Only a bar that is the lowest of its window can be the low: this costs least and ends most of them.
        if absent[m] or not _is_extreme(m, a, side, edge, absent):
            continue
        volume, exhaustion = np.nan, np.nan
        for j in range(a, m + 1):
            if absent[j]:
                continue
            # `not <=` lets the first number replace the NaN; a window without any keeps it, and its condition is not
            # met.
            if not np.isnan(ratio[j]) and not ratio[j] <= volume:
                volume = ratio[j]
            # shorts: max RSI >= 100 - limit; above 50 the difference to 100 is exact
            weak = strength[j] if side > 0 else 100.0 - strength[j]
            if not np.isnan(weak) and not weak >= exhaustion:
                exhaustion = weak
        # What cannot be computed is NaN and fails its own condition alone: the vote may pass by the others.
        speed, burst = np.nan, np.nan
        if before > 0.0:
            burst = largest_multiple(unit[m], before)
            if not absent[a - 1]:
                speed = side * (close[a - 1] - edge[m]) / before
        shadow = min(open_[m], close[m]) - low[m] if side > 0 else high[m] - max(open_[m], close[m])
        body = abs(close[m] - open_[m])
        wick = np.nan
        if shadow > 0.0:
            # A bar without a body has a wick of any multiple of it.
            wick = largest_multiple(shadow, body) if body > 0.0 else np.inf
        middle = 0.5 * (high[m] + low[m])
        for t in range(m + 1, min(m + MAX_DELAY, n - 1) + 1):
            if absent[t]:
                continue
            # A lower low makes bar m no low any more, for every longer delay.
            if side * (edge[t] - edge[m]) < 0.0:
                break
            # Only the signal bar must be valid: the panic itself may hold bars that never signal.
            if not valid[t] or np.isnan(unit[t]):
                continue
            if not (side * (close[t] - open_[t]) > 0.0 and side * (close[t] - middle) > 0.0):
                continue
            if made == len(out):
                grown = np.empty((2 * made, _FIELDS))
                grown[:made] = out
                out = grown
            out[made, 0] = t
            out[made, 1] = m
            out[made, 2] = volume
            out[made, 3] = speed
            out[made, 4] = burst
            out[made, 5] = wick
            out[made, 6] = exhaustion
            out[made, 7] = t - m
            out[made, 8] = edge[m]
            made += 1
    return out[:made]


class CapitulationReversal(Strategy):
    """Selling climax whose low holds (shorts: a buying climax)."""

    name = "CAPITULATION_REVERSAL"
    parameters = Parameters(
        Parameter(
            name="volume_explosion_threshold", default=3.0, low=2.0, high=8.0, hard_low=0.0, hard_high=100.0,
            grid=(2.0, 3.0, 4.5), unit="multiple of the mean of 20 bars", doc="Largest volume in the window, at least.",
        ),
        Parameter(
            name="price_velocity_atr", default=3.0, low=2.0, high=8.0, hard_low=0.0, hard_high=100.0,
            grid=(2.0, 3.0, 4.5), unit="ATR", doc="Fall from the close before the window to its low, at least.",
        ),
        Parameter(
            name="atr_explosion_threshold", default=1.3, low=1.05, high=1.8, hard_low=0.0, hard_high=20.0,
            grid=(1.15, 1.3, 1.5), unit="multiple of the ATR before", doc="ATR at the low, at least.",
        ),
        Parameter(
            name="exhaustion_wick_ratio", default=1.0, low=0.5, high=3.0, hard_low=0.0, hard_high=100.0,
            grid=(0.5, 1.0, 2.0), unit="bodies", doc="Lower wick of the low bar, at least.",
        ),
        Parameter(
            name="rsi_extreme_threshold", default=25.0, low=15.0, high=30.0, hard_low=0.0, hard_high=50.0,
            choices=(15.0, 20.0, 25.0, 30.0), grid=(20.0, 25.0), unit="RSI",
            doc="Lowest RSI in the window, at most (shorts: highest, at least 100 minus it).",
        ),
        Parameter(
            name="panic_score_minimum", default=0.6, low=0.5, high=0.9, step=0.05, hard_low=0.0, hard_high=1.0,
            grid=(0.55, 0.6, 0.7), unit="weight",
            doc="Volume .30, fall .25, ATR .20, wick .15 and RSI .10 that are met must weigh so much.",
        ),
        Parameter(
            name="reversal_confirmation_candles", default=1, low=1, high=3, step=1, choices=(1, 2, 3),
            grid=(1, 2), unit="bars", doc="The signal comes so many bars after the low.",
        ),
        Parameter(
            name="panic_window", default=5, low=3, high=12, step=1, hard_low=2, hard_high=200,
            choices=(3, 5, 8, 12), grid=(5, 8), unit="bars", doc="Length of the window that ends at the low.",
        ),
        Parameter(
            name="atr_multiplier_sl", default=1.5, low=1.0, high=3.0, hard_low=0.1, hard_high=10.0,
            grid=(1.5, 2.5), unit="ATR", doc="Least distance of the stop; it lies at the low or beyond.",
        ),
        Parameter(
            name="risk_reward_ratio", default=2.5, low=1.5, high=5.0, hard_low=0.1, hard_high=50.0,
            grid=(1.5, 2.5, 4.0), unit="risks", doc="Distance of the target in stop distances.",
        ),
        Parameter(
            name="max_holding_periods", default=50, low=12, high=75, step=1, hard_low=1, hard_high=5000,
            choices=(12, 24, 50, 75), grid=(24, 50), unit="bars", doc="Time stop.",
        ),
    )  # fmt: skip
    rules: ClassVar[tuple[AnyRule, ...]] = (
        Vote(
            (
                (30, at_least("volume", "volume_explosion_threshold")),
                (25, at_least("speed", "price_velocity_atr")),
                (20, at_least("burst", "atr_explosion_threshold")),
                (15, at_least("wick", "exhaustion_wick_ratio")),
                (10, at_most("exhaustion", "rsi_extreme_threshold")),
            ),
            "panic_score_minimum",
        ),
        equals("delay", "reversal_confirmation_candles"),
    )
    bracket = Bracket(stop="atr_multiplier_sl", target="risk_reward_ratio", max_bars="max_holding_periods")

    def warmup(self, shape: Mapping[str, Value]) -> int:
        """Twenty bars of volume before the window, the window and the longest delay."""
        return 21 + int(shape["panic_window"]) + MAX_DELAY

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        """One row per low bar and delay."""
        unit = bars.derived("atr14", lambda: atr(bars))
        strength = bars.derived("rsi14", lambda: rsi(bars))
        ratio = bars.derived("volume_ratio20", lambda: volume_ratio(bars))
        found = _rows(
            bars.open, bars.high, bars.low, bars.close, bars.absent, bars.valid, unit, strength, ratio, side,
            int(shape["panic_window"]),
        )  # fmt: skip
        t, _, volume, speed, burst, wick, exhaustion, delay, anchor = found.T
        signal = t.astype(np.int64)
        return Setups.build(
            bar=signal,
            side=np.full(len(signal), side),
            features={
                "volume": volume,
                "speed": speed,
                "burst": burst,
                "wick": wick,
                "exhaustion": exhaustion,
                "delay": delay,
            },
            stop_unit=unit[signal],
            anchor=anchor,
        )
