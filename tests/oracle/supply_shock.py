"""The supply shock (displacement with volume that does not retrace), read from its written rules in plain Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from assay.testing.oracle import OracleBars, round_to_tick

from .indicators import Signal, above, at_least, complete, distance, highest, plain_bars, volume_ratio, wilder_atr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars

BREAKOUT_BARS = 20

DEFAULTS: dict[str, Any] = {
    "gap_threshold_atr": 2.0,
    "volume_surge_multiplier": 3.0,
    "momentum_persistence": 1,
    "max_retracement": 0.5,
    "catalyst_strength_minimum": 0.4,
    "atr_multiplier_sl": 2.0,
    "trail_stop_activation": 1.5,
    "trail_distance": 1.5,
    "position_hold_maximum": 20,
    "allow_short": False,
}


def signals(bars: Bars | OracleBars, parameters: Mapping[str, Any], side: int, *, tick: float = 0.0) -> list[Signal]:
    """Return one signal per passing shock bar, in the order of bars; shorts only where they are allowed."""
    p = complete(DEFAULTS, parameters)
    if side < 0 and not p["allow_short"]:
        return []
    b = plain_bars(bars)
    atr, ratio = wilder_atr(b), volume_ratio(b)
    found = []
    for s in range(len(b)):
        signal = _judge(b, p, side, s, atr, ratio, tick)
        if signal is not None:
            found.append(signal)
    return found


def _judge(
    b: OracleBars, p: dict[str, Any], side: int, s: int, atr: list[float], ratio: list[float], tick: float
) -> Signal | None:
    low, high = (b.low, b.high) if side > 0 else (b.high, b.low)
    t = s + int(p["momentum_persistence"])
    begin = s - BREAKOUT_BARS
    # The pattern reaches from s - 20 to t: all of it lies within the data and on one side of every long hole.
    if begin < 0 or t >= len(b) or b.age[t] < t - begin:
        return None
    if b.absent[s] or b.absent[s - 1] or not b.valid[t] or math.isnan(atr[t]):
        return None

    # The move in ATR[s-1]
    if not atr[s - 1] > 0:
        return None
    move = distance(b.close[s], b.close[s - 1], side) / atr[s - 1]
    if not move >= p["gap_threshold_atr"]:
        return None

    # The surge of volume
    if math.isnan(ratio[s]) or not ratio[s] >= p["volume_surge_multiplier"]:
        return None

    # The close in the upper part of its bar
    if not b.high[s] > b.low[s] or not distance(b.close[s], low[s], side) / (b.high[s] - b.low[s]) >= 0.7:
        return None

    # close[s] > highest high of s-20..s-1
    if not above(b.close[s], highest([high[j] for j in range(begin, s) if not b.absent[j]], side), side):
        return None

    catalyst = 0.5 * min(1, move / 6) + 0.5 * min(1, ratio[s] / 12)
    if not catalyst >= p["catalyst_strength_minimum"]:
        return None

    # no low in s+1..t below close[s] - max_retracement x (close[s] - close[s-1])
    floor = b.close[s] - p["max_retracement"] * (b.close[s] - b.close[s - 1])
    if not all(at_least(low[j], floor, side) for j in range(s + 1, t + 1) if not b.absent[j]):
        return None

    stop = round_to_tick(b.close[t] - side * (p["atr_multiplier_sl"] * atr[t]), tick, upwards=side < 0)
    return Signal(
        bar=t,
        side=side,
        stop=stop,
        target=None,
        pattern=s,
        invalidation=b.close[s - 1],
        trail_activation=p["trail_stop_activation"] * atr[t],
        trail_distance=p["trail_distance"] * atr[t],
    )
