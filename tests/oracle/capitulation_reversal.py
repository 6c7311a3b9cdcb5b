"""The capitulation reversal (selling climax; buying climax for shorts), read from its written rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from assay.testing.oracle import OracleBars, round_to_tick

from .indicators import (
    Signal,
    above,
    at_least,
    complete,
    distance,
    lowest,
    plain_bars,
    volume_ratio,
    wilder_atr,
    wilder_rsi,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars

DEFAULTS: dict[str, Any] = {
    "volume_explosion_threshold": 3.0,
    "price_velocity_atr": 3.0,
    "atr_explosion_threshold": 1.3,
    "exhaustion_wick_ratio": 1.0,
    "rsi_extreme_threshold": 25.0,
    "panic_score_minimum": 0.6,
    "reversal_confirmation_candles": 1,
    "panic_window": 5,
    "atr_multiplier_sl": 1.5,
    "risk_reward_ratio": 2.5,
    "max_holding_periods": 50,
}


def signals(bars: Bars | OracleBars, parameters: Mapping[str, Any], side: int, *, tick: float = 0.0) -> list[Signal]:
    """Return one signal per passing low bar (shorts: high bar), in the order of bars."""
    p = complete(DEFAULTS, parameters)
    b = plain_bars(bars)
    atr, ratio, rsi = wilder_atr(b), volume_ratio(b), wilder_rsi(b)
    found = []
    for m in range(len(b)):
        signal = _judge(b, p, side, m, atr, ratio, rsi, tick)
        if signal is not None:
            found.append(signal)
    return found


def _judge(
    b: OracleBars,
    p: dict[str, Any],
    side: int,
    m: int,
    atr: list[float],
    ratio: list[float],
    rsi: list[float],
    tick: float,
) -> Signal | None:
    low = b.low if side > 0 else b.high
    a = m - int(p["panic_window"]) + 1
    t = m + int(p["reversal_confirmation_candles"])
    # The pattern reaches from a - 1 to t: all of it lies within the data and on one side of every long hole.
    if a < 1 or t >= len(b) or b.age[t] < t - (a - 1):
        return None
    if not b.valid[t] or math.isnan(atr[t]) or b.absent[m]:
        return None

    # low[m] <= every low of a..t
    if not all(at_least(low[j], low[m], side) for j in range(a, t + 1) if not b.absent[j]):
        return None

    if not _vote(b, p, side, a, m, atr, ratio, rsi) >= round(100 * p["panic_score_minimum"]):
        return None

    # close[t] > open[t] and close[t] > midpoint of bar m
    if not above(b.close[t], b.open[t], side):
        return None
    if not above(b.close[t], (b.high[m] + b.low[m]) / 2, side):
        return None

    stop = lowest([low[m], b.close[t] - side * (p["atr_multiplier_sl"] * atr[t])], side)
    stop = round_to_tick(stop, tick, upwards=side < 0)
    risk = abs(b.close[t] - stop)
    target = round_to_tick(b.close[t] + side * (p["risk_reward_ratio"] * risk), tick, upwards=side > 0)
    return Signal(bar=t, side=side, stop=stop, target=target, pattern=m)


def _vote(
    b: OracleBars,
    p: dict[str, Any],
    side: int,
    a: int,
    m: int,
    atr: list[float],
    ratio: list[float],
    rsi: list[float],
) -> int:
    """Return the vote in hundredths; a condition on something undefined is not met."""
    vote = 0

    ratios = [ratio[j] for j in range(a, m + 1) if not math.isnan(ratio[j])]
    if ratios and max(ratios) >= p["volume_explosion_threshold"]:
        vote += 30

    low = b.low if side > 0 else b.high
    a0 = atr[a - 1]
    if a0 > 0:  # nan: not warm; 0: nothing has moved, and no move can be measured in it
        if not b.absent[a - 1] and distance(b.close[a - 1], low[m], side) / a0 >= p["price_velocity_atr"]:
            vote += 25
        if atr[m] >= p["atr_explosion_threshold"] * a0:
            vote += 20

    body = abs(b.close[m] - b.open[m])
    wick = distance(lowest([b.open[m], b.close[m]], side), low[m], side)
    if wick >= p["exhaustion_wick_ratio"] * body and wick > 0:
        vote += 15

    values = [rsi[j] for j in range(a, m + 1) if not b.absent[j] and not math.isnan(rsi[j])]
    if values:
        if side > 0:
            extreme = min(values) <= p["rsi_extreme_threshold"]
        else:
            extreme = max(values) >= 100 - p["rsi_extreme_threshold"]
        if extreme:
            vote += 10
    return vote
