"""What the oracles of several strategies share: bars as lists, signals, and quantities of the written rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.testing.oracle import NAN, OracleBars

from .sweep_rules import ATR_LENGTH, wilder_atr
from .sweep_rules import volume_ratio as _volume_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.market import Bars

__all__ = [
    "Signal",
    "above",
    "at_least",
    "complete",
    "distance",
    "highest",
    "lowest",
    "mean_volume",
    "plain_bars",
    "volume_ratio",
    "wilder_atr",
    "wilder_rsi",
]

RSI_LENGTH = ATR_LENGTH


@dataclass(frozen=True)
class Signal:
    """One instance of a pattern that passes every rule, before anything is known of positions.

    ``pattern`` is the low bar, break bar or shock bar. ``invalidation`` is the price whose crossing by a close
    ends the trade; the trail terms are distances in price units.
    """

    bar: int
    side: int
    stop: float
    target: float | None
    pattern: int
    invalidation: float | None = None
    trail_activation: float | None = None
    trail_distance: float | None = None


def plain_bars(bars: Bars | OracleBars) -> OracleBars:
    """Return bars as lists of Python numbers."""
    return OracleBars(
        time=[int(x) for x in bars.time],
        open=[float(x) for x in bars.open],
        high=[float(x) for x in bars.high],
        low=[float(x) for x in bars.low],
        close=[float(x) for x in bars.close],
        volume=[float(x) for x in bars.volume],
        absent=[bool(x) for x in bars.absent],
        tradable=[bool(x) for x in bars.tradable],
        valid=[bool(x) for x in bars.valid],
        day=[int(x) for x in bars.day],
        age=[int(x) for x in bars.age],
    )


def complete(defaults: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with the defaults of those left out; an unknown name is an error."""
    if unknown := set(parameters) - set(defaults):
        raise KeyError(f"unknown parameters {sorted(unknown)}")
    return {**defaults, **parameters}


# Rules are written for longs; shorts flip the comparisons. Prices are never negated.


def above(x: float, y: float, side: int) -> bool:
    """Long: x > y."""
    return x > y if side > 0 else x < y


def at_least(x: float, y: float, side: int) -> bool:
    """Long: x >= y."""
    return x >= y if side > 0 else x <= y


def distance(x: float, y: float, side: int) -> float:
    """Long: x - y."""
    return x - y if side > 0 else y - x


def lowest(prices: Iterable[float], side: int) -> float:
    """Long: the minimum."""
    return min(prices) if side > 0 else max(prices)


def highest(prices: Iterable[float], side: int) -> float:
    """Long: the maximum."""
    return max(prices) if side > 0 else min(prices)


def wilder_rsi(bars: OracleBars) -> list[float]:
    """Return Wilder's RSI(14), 50 where nothing moved; untradable bars keep the last value, a segment starts anew."""
    result: list[float] = []
    previous, count, gains, losses, rsi = NAN, 0, 0.0, 0.0, NAN
    for j in range(len(bars)):
        if bars.age[j] == 0:
            previous, count, gains, losses, rsi = NAN, 0, 0.0, 0.0, NAN
        if bars.tradable[j]:
            if not math.isnan(previous):
                change = bars.close[j] - previous
                gain = change if change > 0 else 0.0
                loss = -change if change < 0 else 0.0
                count += 1
                if count < RSI_LENGTH:
                    gains, losses = gains + gain, losses + loss
                elif count == RSI_LENGTH:
                    gains, losses = (gains + gain) / RSI_LENGTH, (losses + loss) / RSI_LENGTH
                else:
                    gains = ((RSI_LENGTH - 1) * gains + gain) / RSI_LENGTH
                    losses = ((RSI_LENGTH - 1) * losses + loss) / RSI_LENGTH
                if count >= RSI_LENGTH:
                    rsi = 50.0 if gains + losses == 0 else 100 * gains / (gains + losses)
            previous = bars.close[j]
        result.append(rsi)
    return result


def volume_ratio(bars: OracleBars) -> list[float]:
    """Return volume over the mean of the 20 tradable bars before; nan throughout where volume is missing as such."""
    for j in range(len(bars)):
        if bars.tradable[j] and bars.volume[j] == 0:  # only a market without volume trades without volume
            return [NAN] * len(bars)
    return _volume_ratio(bars)


def mean_volume(bars: OracleBars, begin: int, end: int) -> float:
    """Return the mean volume of the tradable bars in [begin, end); nan without any or without volume."""
    total, count = 0.0, 0
    for j in range(begin, end):
        if bars.tradable[j]:
            total += bars.volume[j]
            count += 1
    return total / count if total > 0 else NAN
