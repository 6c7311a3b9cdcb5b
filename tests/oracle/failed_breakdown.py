"""The failed breakdown (spring; upthrust for shorts), read from its written rules in plain Python."""

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
    highest,
    lowest,
    mean_volume,
    plain_bars,
    wilder_atr,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars

DEFAULTS: dict[str, Any] = {
    "range_lookback_periods": 50,
    "range_tightness": 1.5,
    "min_touches": 2,
    "breakdown_depth_atr": 0.1,
    "breakdown_volume_threshold": 1.5,
    "recovery_volume_threshold": 0.8,
    "recovery_speed": 5,
    "accumulation_score_minimum": 0.45,
    "atr_multiplier_sl": 0.5,
    "target_mode": "reward",
    "risk_reward_ratio": 2.0,
    "max_holding_periods": 40,
}


def signals(bars: Bars | OracleBars, parameters: Mapping[str, Any], side: int, *, tick: float = 0.0) -> list[Signal]:
    """Return one signal per passing break bar, in the order of signal bars; of breaks that share one, the earliest."""
    p = complete(DEFAULTS, parameters)
    if p["target_mode"] not in {"reward", "range_high"}:
        raise ValueError(f"unknown target_mode {p['target_mode']!r}")
    plain = plain_bars(bars)
    atr = wilder_atr(plain)
    first: dict[int, Signal] = {}
    for b in range(len(plain)):
        signal = _judge(plain, p, side, b, atr, tick)
        if signal is not None and signal.bar not in first:
            first[signal.bar] = signal
    return [first[t] for t in sorted(first)]


def _visits(bars: OracleBars, begin: int, end: int, at_edge: list[bool]) -> int:
    """Return the number of maximal runs of bars at an edge; an absent bar breaks a run."""
    visits, inside = 0, False
    for j in range(begin, end):
        here = not bars.absent[j] and at_edge[j - begin]
        if here and not inside:
            visits += 1
        inside = here
    return visits


def _judge(bars: OracleBars, p: dict[str, Any], side: int, b: int, atr: list[float], tick: float) -> Signal | None:
    n = int(p["range_lookback_periods"])
    low, high = (bars.low, bars.high) if side > 0 else (bars.high, bars.low)
    close = bars.close

    # The range over [b - N, b - 1]: all of it lies on one side of every long hole.
    begin = b - n
    if begin < 0 or bars.absent[b] or bars.age[b] < n:
        return None
    present = [j for j in range(begin, b) if not bars.absent[j]]
    if not present:
        return None
    S = lowest([low[j] for j in present], side)
    R = highest([high[j] for j in present], side)
    H = distance(R, S, side)
    A = atr[b - 1]
    if not H > 0 or not A > 0:
        return None
    if not H / (A * math.sqrt(n)) <= p["range_tightness"]:
        return None

    # Break
    if not distance(S, low[b], side) / A >= p["breakdown_depth_atr"]:
        return None

    # Visits: low <= S + .15 H, high >= R - .15 H
    lower = _visits(bars, begin, b, [at_least(S + side * (0.15 * H), low[j], side) for j in range(begin, b)])
    upper = _visits(bars, begin, b, [at_least(high[j], R - side * (0.15 * H), side) for j in range(begin, b)])
    if lower < p["min_touches"] or upper < p["min_touches"]:
        return None

    # t = the first close > S in b..b + recovery_speed
    t = b
    while t < len(bars) and t <= b + int(p["recovery_speed"]):
        if not bars.absent[t] and above(close[t], S, side):
            break
        t += 1
    else:
        return None
    if not bars.valid[t] or bars.age[t] < t - begin:
        return None

    spring_low = lowest([low[j] for j in range(b, t + 1) if not bars.absent[j]], side)
    if not distance(S, spring_low, side) <= 2 * A:
        return None

    usual = mean_volume(bars, begin, b)
    breakdown = mean_volume(bars, b, max(t, b + 1)) / usual
    recovery = bars.volume[t] / usual
    if math.isnan(breakdown) or math.isnan(recovery):
        return None
    if t > b and not breakdown <= p["breakdown_volume_threshold"]:
        return None
    if not recovery >= p["recovery_volume_threshold"]:
        return None

    # close[t] <= S + .5 H
    if not at_least(S + side * (0.5 * H), close[t], side):
        return None

    score = (
        0.28 * (1 - min(1, breakdown / 2))
        + 0.33 * min(1, recovery / 3)
        + 0.22 * (1 - (t - b) / 8)
        + 0.17 * min(1, (lower + upper) / 10)
    )
    if not score >= p["accumulation_score_minimum"]:
        return None

    stop = round_to_tick(spring_low - side * (p["atr_multiplier_sl"] * A), tick, upwards=side < 0)
    risk = abs(close[t] - stop)
    if p["target_mode"] == "range_high":
        if distance(R, close[t], side) < risk:
            return None
        target = R
    else:
        target = close[t] + side * (p["risk_reward_ratio"] * risk)
    target = round_to_tick(target, tick, upwards=side > 0)
    return Signal(bar=t, side=side, stop=stop, target=target, pattern=b)
