"""LIQUIDITY_SWEEP: price dips below a level of earlier lows on volume and is bought back.

Stops rest below obvious lows. A bar that trades through such a level (the sweep) and is reclaimed within
three bars shows that the orders there were taken by a buyer. Shorts mirror it at swing highs.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.compiled import compiled
from assay.engine import Bracket, Setups, at_least, equals
from assay.indicators import atr, volume_ratio
from assay.parameters import Parameter, Parameters
from assay.strategies.base import Strategy
from assay.strategies.exact import largest_multiple, largest_reach, reaches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value

RECLAIM_BARS = 3
MAX_DELAY = 5
MIN_PIERCE = 0.0001  # the parameter's hard bound
_FIELDS = 9


@compiled
def _is_swing(s, side, edge, absent):
    """Whether bar s is a swing low (side +1): below the 2 bars before, not above the 2 after."""
    if s < 2 or absent[s] or absent[s - 1] or absent[s - 2] or absent[s + 1] or absent[s + 2]:
        return False
    x = edge[s]
    return (
        side * (edge[s - 1] - x) > 0.0
        and side * (edge[s - 2] - x) > 0.0
        and side * (edge[s + 1] - x) >= 0.0
        and side * (edge[s + 2] - x) >= 0.0
    )


@compiled
def _cluster(prices, count, distance, side, before, extreme, levels, touches):
    """Join sorted prices while |x - mean| <= distance |mean|, mean before joining; return how many levels.

    Only levels that may lie between `extreme` and `before` are made. Prices further apart than twice the
    distance never join, so the chain may start at such a gap and gives the same levels.
    """
    made = 0
    i = 0
    while i < count - 1 and side * (extreme - prices[i]) >= 0.0:
        i += 1
    while i > 0 and abs(prices[i] - prices[i - 1]) <= 2.0 * distance * abs(prices[i - 1]) + 1e-12 * prices[i]:
        i -= 1
    while i < count and side * (before - prices[i]) > 0.0:
        total, members, mean, same = prices[i], 1, prices[i], True
        i += 1
        while i < count and abs(prices[i] - mean) <= distance * abs(mean):
            total += prices[i]
            members += 1
            same = same and prices[i] == prices[i - 1]
            # identical members make that very price the level: sum / n may be off by a rounding
            mean = prices[i] if same else total / members
            i += 1
        levels[made] = mean
        touches[made] = members
        made += 1
    return made


@compiled
def _rows(open_, high, low, close, absent, valid, unit, ratio, side, lookback, distance, least):
    """Find every (sweep, level, delay); columns: t, p, pierce, delay, volume, touches, body, level, nearness.

    least: thresholds of pierce, volume, touches and body below which a row is of no use to the search.
    """
    least_pierce, least_volume, least_touches, least_body = least
    n = len(close)
    edge = low if side > 0 else high
    out = np.empty((1024, _FIELDS))
    made = 0
    window = np.empty(lookback + 1)  # swing prices in the window, from the first to join
    held = 0
    levels = np.empty(lookback + 1)
    touches = np.empty(lookback + 1, dtype=np.int64)
    swing = np.zeros(n, dtype=np.bool_)
    # The sweep bar has no say in its own level: the newest swing is that of p - 3, which the two bars after it, up to
    # p - 1, confirm. It needs two bars before it as well.
    for p in range(5, n):
        enter = p - RECLAIM_BARS
        if _is_swing(enter, side, edge, absent):
            swing[enter] = True
            # Sorted as the level's means are summed. One swing enters and one leaves per bar at most: shifting them
            # is cheaper than sorting the window again.
            k = held
            while k > 0 and side * (window[k - 1] - edge[enter]) > 0.0:
                window[k] = window[k - 1]
                k -= 1
            window[k] = edge[enter]
            held += 1
        leave = p - lookback - 1
        if leave >= 0 and swing[leave]:
            k = 0
            while window[k] != edge[leave]:
                k += 1
            for m in range(k, held - 1):
                window[m] = window[m + 1]
            held -= 1
        if absent[p] or absent[p - 1] or held == 0 or np.isnan(unit[p - 1]):
            continue
        before, extreme = close[p - 1], edge[p]
        # a level lies between its lowest and highest member: none can be pierced outside of these
        if side * (before - window[0]) <= 0.0 or side * (window[held - 1] - extreme) <= 0.0:
            continue
        # The loudest bar of the longest reclaim bounds the volume of any: many bars end here, before the dear
        # clustering.
        loudest = -np.inf
        for j in range(p, min(p + RECLAIM_BARS, n - 1) + 1):
            loudest = max(loudest, ratio[j])
        if loudest < least_volume:
            continue
        count = _cluster(window, held, distance, side, before, extreme, levels, touches)
        for c in range(count):
            level = levels[c]
            if not (side * (before - level) > 0.0 and side * (level - extreme) > 0.0):
                continue
            # What the loosest thresholds of the search refuse no combination can use: such a row is not made.
            if touches[c] < least_touches or not reaches(extreme, level, level, least_pierce, side):
                continue
            worst = extreme
            volume = -np.inf
            r = -1
            for j in range(p, min(p + RECLAIM_BARS, n - 1) + 1):
                if absent[j]:
                    continue
                if side * (worst - edge[j]) > 0.0:
                    worst = edge[j]
                volume = max(volume, ratio[j])
                # The first close beyond the level is the reclaim for every delay; the deepest price and the volume up
                # to it count.
                if side * (close[j] - level) > 0.0:
                    r = j
                    break
            # Deeper than that it is a breakdown that came back, not a sweep of the orders behind the level.
            if r < 0 or side * (level - worst) > max(2.0 * unit[p - 1], 0.01 * level) or volume < least_volume:
                continue
            # Found by bisection, hence only for a sweep that is reclaimed.
            pierce = largest_reach(extreme, level, level, side)
            body = -np.inf
            for t in range(r, min(r + MAX_DELAY, n)):
                if absent[t]:
                    continue
                # A close back beyond the level ends the pattern for every longer delay.
                if side * (close[t] - level) <= 0.0:
                    break
                rise = side * (close[t] - open_[t])
                # The largest body so far, before the bar itself is judged: one of the closes may be strong and
                # another give the signal.
                body = max(body, rise)
                if rise <= 0.0 or not valid[t] or not unit[t] > 0.0 or body < least_body * unit[t]:
                    continue
                if made == len(out):
                    grown = np.empty((2 * made, _FIELDS))
                    grown[:made] = out
                    out = grown
                out[made, 0] = t
                out[made, 1] = p
                out[made, 2] = pierce
                out[made, 3] = t - r + 1
                out[made, 4] = volume
                out[made, 5] = touches[c]
                out[made, 6] = largest_multiple(body, unit[t])
                out[made, 7] = level
                out[made, 8] = abs(before - level)
                made += 1
    return out[:made]


class LiquiditySweep(Strategy):
    """Sweep of a level of swing lows and its reclaim (shorts: of swing highs)."""

    name = "LIQUIDITY_SWEEP"
    parameters = Parameters(
        Parameter(
            name="pierce_depth", default=0.002, low=0.001, high=0.005, hard_low=MIN_PIERCE, hard_high=0.05,
            grid=(0.001, 0.002, 0.003, 0.005), unit="fraction of the level",
            doc="How far the sweep must trade beyond the level, at least.",
        ),
        Parameter(
            name="volume_spike_threshold", default=2.0, low=1.5, high=5.0, hard_low=0.0, hard_high=100.0,
            grid=(1.5, 2.0, 3.0, 4.5), unit="multiple of the mean of 20 bars",
            doc="Largest volume between sweep and reclaim, at least.",
        ),
        Parameter(
            name="reversal_candles", default=2, low=1, high=5, step=1, choices=(1, 2, 3, 4, 5),
            grid=(1, 2, 3), unit="bars",
            doc="Closes beyond the level, the reclaim included, before the signal.",
        ),
        Parameter(
            name="min_level_touches", default=2, low=1, high=5, step=1, choices=(1, 2, 3, 4, 5),
            hard_high=50, grid=(1, 2), unit="swings", doc="Swing points that make up the level, at least.",
        ),
        Parameter(
            name="reversal_candle_size", default=0.0, low=0.0, high=2.0, hard_low=0.0, hard_high=20.0,
            grid=(0.0, 1.0), unit="ATR", doc="Largest body in the signal's direction since the reclaim; 0 = off.",
        ),
        Parameter(
            name="key_level_lookback", default=100, low=20, high=200, step=1, hard_low=10, hard_high=2000,
            choices=(20, 50, 100, 150, 200), grid=(50, 100, 200), unit="bars",
            doc="Bars in which swing points are looked for.",
        ),
        Parameter(
            name="atr_multiplier_sl", default=1.5, low=1.0, high=3.0, hard_low=0.25, hard_high=10.0,
            grid=(1.0, 1.5, 2.0, 3.0), unit="ATR", doc="Distance of the stop from the signal's close.",
        ),
        Parameter(
            name="risk_reward_ratio", default=2.0, low=1.5, high=4.0, hard_low=0.1, hard_high=50.0,
            grid=(1.5, 2.0, 3.0, 4.0), unit="risks", doc="Distance of the target in stop distances.",
        ),
        Parameter(
            name="max_holding_periods", default=30, low=10, high=100, step=1, hard_low=1, hard_high=5000,
            choices=(10, 20, 30, 50, 100), grid=(30, 100), unit="bars", doc="Time stop.",
        ),
        Parameter(
            name="min_distance_from_level", default=0.001, low=0.0005, high=0.003, hard_low=0.0, hard_high=0.05,
            grid=(0.001,), unit="fraction of the level", doc="Swing points this close belong to one level.",
        ),
        aliases={
            "rejection_candles": "reversal_candles",
            "stop_distance": "atr_multiplier_sl",
            "target_multiple": "risk_reward_ratio",
        },
        refused={
            "min_stop_density_score": "needs order-book data, which bars (OHLCV) do not hold",
            "max_spread_tolerance": "needs quotes, which bars (OHLCV) do not hold",
        },
    )  # fmt: skip
    rules: ClassVar[tuple[AnyRule, ...]] = (
        at_least("pierce", "pierce_depth"),
        at_least("volume", "volume_spike_threshold"),
        equals("delay", "reversal_candles"),
        at_least("touches", "min_level_touches"),
        at_least("body", "reversal_candle_size"),
    )
    bracket = Bracket(stop="atr_multiplier_sl", target="risk_reward_ratio", max_bars="max_holding_periods")

    def warmup(self, shape: Mapping[str, Value]) -> int:
        """The level's window with the two bars before its first swing, the reclaim and the longest delay."""
        return max(int(shape["key_level_lookback"]) + 2, 21) + RECLAIM_BARS + MAX_DELAY - 1

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        """One row per (sweep, level, delay), preferred by touches, then nearness to the close before."""
        unit = bars.derived("atr14", lambda: atr(bars))
        ratio = bars.derived("volume_ratio20", lambda: volume_ratio(bars))
        found = _rows(
            bars.open, bars.high, bars.low, bars.close, bars.absent, bars.valid, unit, ratio, side,
            int(shape["key_level_lookback"]), float(shape["min_distance_from_level"]),
            (
                float(shape.get("pierce_depth", MIN_PIERCE)), float(shape.get("volume_spike_threshold", -np.inf)),
                float(shape.get("min_level_touches", 0.0)), float(shape.get("reversal_candle_size", 0.0)),
            ),
        )  # fmt: skip
        t, _, pierce, delay, volume, touches, body, _, near = found.T
        order = np.lexsort((near, -touches, t))
        signal = t[order].astype(np.int64)
        return Setups.build(
            bar=signal,
            side=np.full(len(order), side),
            features={
                "pierce": pierce[order],
                "delay": delay[order],
                "volume": volume[order],
                "touches": touches[order],
                "body": body[order],
            },
            stop_unit=unit[signal],
        )


BENCHMARK_GRID: dict[str, tuple[float | int, ...]] = {
    "pierce_depth": (0.0005, 0.001, 0.002, 0.003, 0.004, 0.005),
    "volume_spike_threshold": (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0),
    "reversal_candles": (1, 2, 3, 4, 5),
    "min_level_touches": (1,),
    "reversal_candle_size": (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0),
    "key_level_lookback": (20, 50, 100, 150, 200),
    "atr_multiplier_sl": (0.5, 1.0, 1.5, 2.0),
    "risk_reward_ratio": (1.5, 2.0, 2.5, 3.0, 3.5, 4.0),
    "max_holding_periods": (30,),
    "min_distance_from_level": (0.001,),
}
"""The 201,600 combinations of the plan that the project was measured against from the start."""
