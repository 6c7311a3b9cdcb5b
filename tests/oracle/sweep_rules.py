"""The liquidity sweep, read from its written rules in plain Python."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from assay.testing.oracle import (
    NAN,
    OracleBars,
    OracleCosts,
    OracleOrder,
    OracleStop,
    OracleTarget,
    make_order,
    resolve_signals,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

ATR_LENGTH = 14
VOLUME_LENGTH = 20
RECLAIM_BARS = 3


@dataclass(frozen=True)
class SweepParams:
    """Parameters of the liquidity sweep at their defaults."""

    pierce_depth: float = 0.002
    volume_spike_threshold: float = 2.0
    reversal_candles: int = 2
    min_distance_from_level: float = 0.001
    atr_multiplier_sl: float = 1.5
    risk_reward_ratio: float = 2.0
    max_holding_periods: int = 30
    key_level_lookback: int = 100
    min_level_touches: int = 2
    reversal_candle_size: float = 0.0


class SweepRow(TypedDict):
    """One passing (sweep, level); ``pierce``, ``volume`` and ``body`` are the quantities judged."""

    t: int
    side: int
    sweep: int
    reclaim: int
    level: float
    touches: int
    nearness: float
    pierce: float
    volume: float
    body: float
    atr: float


def wilder_atr(bars: OracleBars) -> list[float]:
    """Return Wilder's ATR(14); untradable bars keep the last value, a new segment starts anew."""
    result: list[float] = []
    previous, total, count, atr = NAN, 0.0, 0, NAN
    for j in range(len(bars)):
        if bars.age[j] == 0:
            previous, total, count, atr = NAN, 0.0, 0, NAN
        if bars.tradable[j]:
            if not math.isnan(previous):
                high, low = bars.high[j], bars.low[j]
                true_range = max(high - low, abs(high - previous), abs(low - previous))
                count += 1
                if count <= ATR_LENGTH:
                    total += true_range
                    if count == ATR_LENGTH:
                        atr = total / ATR_LENGTH
                else:
                    atr = ((ATR_LENGTH - 1) * atr + true_range) / ATR_LENGTH
            previous = bars.close[j]
        result.append(atr)
    return result


def volume_ratio(bars: OracleBars) -> list[float]:
    """Return volume over the mean of the 20 tradable bars before; nan where untradable or with fewer."""
    result: list[float] = []
    window: list[float] = []
    for j in range(len(bars)):
        if bars.age[j] == 0:
            window = []
        ratio = NAN
        if bars.tradable[j]:
            if len(window) == VOLUME_LENGTH:
                total = 0.0
                for volume in window:
                    total += volume
                ratio = bars.volume[j] / (total / VOLUME_LENGTH)
            window = [*window[-(VOLUME_LENGTH - 1) :], bars.volume[j]]
        result.append(ratio)
    return result


def _is_swing(bars: OracleBars, s: int, side: int) -> bool:
    """Tell whether s is a swing low (long) or high (short); an absent neighbour makes it none."""
    if s < 2 or s + 2 >= len(bars) or any(bars.absent[s - 2 : s + 3]):
        return False
    if side > 0:
        x = bars.low
        return x[s] < x[s - 2] and x[s] < x[s - 1] and x[s] <= x[s + 1] and x[s] <= x[s + 2]
    x = bars.high
    return x[s] > x[s - 2] and x[s] > x[s - 1] and x[s] >= x[s + 1] and x[s] >= x[s + 2]


def _cluster(prices: list[float], min_distance: float) -> list[tuple[float, int]]:
    """Join prices in the given order into levels (mean, members)."""
    found: list[tuple[float, int]] = []
    members: list[float] = []
    total, mean = 0.0, NAN
    for x in prices:
        if members and abs(x - mean) <= min_distance * abs(mean):
            members.append(x)
            total += x
            # n times a price over n may differ from the price in its last bit, and a level of identical
            # members is exact (the prices are sorted: x equals the first member only when all do).
            mean = x if x == members[0] else total / len(members)
        else:
            if members:
                found.append((mean, len(members)))
            members, total, mean = [x], x, x
    if members:
        found.append((mean, len(members)))
    return found


def levels(bars: OracleBars, p: int, side: int, lookback: int, min_distance: float) -> list[tuple[float, int]]:
    """Return the (level, touches) known before bar p, from the lowest up (shorts: from the highest down)."""
    prices = bars.low if side > 0 else bars.high
    swings = [prices[s] for s in range(max(0, p - lookback), p - 2) if _is_swing(bars, s, side)]
    return _cluster(sorted(swings, reverse=side < 0), min_distance)


def signals(bars: OracleBars, params: SweepParams, side: int, start: int, stop: int, warmup: int) -> list[SweepRow]:
    """Return all passing rows with start <= t < stop by t, then touches, then nearness to close[p-1]."""
    atr, ratio = wilder_atr(bars), volume_ratio(bars)
    swing = [_is_swing(bars, s, side) for s in range(len(bars))]
    prices = bars.low if side > 0 else bars.high
    rows: list[SweepRow] = []
    earliest = max(1, start - RECLAIM_BARS - params.reversal_candles + 1)
    for p in range(earliest, min(stop, len(bars))):
        if bars.absent[p] or bars.absent[p - 1]:
            continue
        first = max(0, p - params.key_level_lookback)
        known = sorted([prices[s] for s in range(first, p - 2) if swing[s]], reverse=side < 0)
        for level, touches in _cluster(known, params.min_distance_from_level):
            row = _judge(bars, params, side, p, level, touches, atr, ratio)
            if row is not None and start <= row["t"] < stop and bars.age[row["t"]] >= warmup:
                rows.append(row)
    rows.sort(key=lambda row: (row["t"], -row["touches"], row["nearness"], row["sweep"]))
    return rows


def _judge(
    bars: OracleBars,
    params: SweepParams,
    side: int,
    p: int,
    level: float,
    touches: int,
    atr: list[float],
    ratio: list[float],
) -> SweepRow | None:
    """Return the row of sweep bar p and one level when it passes every rule but the window's."""
    n, close = len(bars), bars.close

    def beyond(j: int) -> bool:
        """Tell whether bar j exists and closes on the trade's side of the level."""
        return not bars.absent[j] and (close[j] > level if side > 0 else close[j] < level)

    if touches < params.min_level_touches or not beyond(p - 1):
        return None
    depth = params.pierce_depth * level
    if not (bars.low[p] <= level - depth if side > 0 else bars.high[p] >= level + depth):
        return None

    reclaims = [j for j in range(p, min(p + RECLAIM_BARS + 1, n)) if beyond(j)]
    if not reclaims:
        return None
    r = reclaims[0]
    t = r + params.reversal_candles - 1
    if t >= n or not bars.valid[t] or not math.isfinite(atr[t]):
        return None

    volumes = [ratio[j] for j in range(p, r + 1) if not math.isnan(ratio[j])]
    volume = max(volumes, default=NAN)
    if not volume >= params.volume_spike_threshold:
        return None

    present = [j for j in range(p, r + 1) if not bars.absent[j]]
    if side > 0:
        excess = level - min(bars.low[j] for j in present)
    else:
        excess = max(bars.high[j] for j in present) - level
    if math.isnan(atr[p - 1]) or not excess <= max(2 * atr[p - 1], 0.01 * level):
        return None

    held = [j for j in range(r, t + 1) if not bars.absent[j]]
    if not all(beyond(j) for j in held):
        return None
    bodies = [close[j] - bars.open[j] if side > 0 else bars.open[j] - close[j] for j in held]
    if not bodies[-1] > 0:
        return None
    body = max(bodies)
    if params.reversal_candle_size > 0 and not body >= params.reversal_candle_size * atr[t]:
        return None
    return SweepRow(
        t=t,
        side=side,
        sweep=p,
        reclaim=r,
        level=level,
        touches=touches,
        nearness=abs(close[p - 1] - level),
        pierce=(level - bars.low[p]) / level if side > 0 else (bars.high[p] - level) / level,
        volume=volume,
        body=body / atr[t],
        atr=atr[t],
    )


def liquidity_sweep_orders(
    bars: OracleBars,
    params: SweepParams,
    sides: Iterable[int],
    costs: OracleCosts,
    start: int,
    stop: int,
    warmup: int,
) -> list[OracleOrder]:
    """Return the resolved orders of the strategy, at most one per bar."""
    orders: list[OracleOrder] = []
    for side in sides:
        for row in signals(bars, params, side, start, stop, warmup):
            t = row["t"]
            order = make_order(
                t,
                side,
                bars.close[t],
                row["atr"],
                OracleStop(params.atr_multiplier_sl),
                OracleTarget(params.risk_reward_ratio),
                tick=costs.tick,
                max_bars=params.max_holding_periods,
            )
            if order is not None:
                orders.append(order)
    return resolve_signals(orders)
