"""Causal indicators: f(arrays, periods) -> array of the same length.

A value at t uses bars up to t. Untradable bars are not entered: a mean runs over tradable bars and an
average keeps its last value. Where `age` is 0 (the start, and after a long hole) everything restarts.
"""

from assay.indicators.swings import swing_high, swing_low
from assay.indicators.volume import volume_mean, volume_ratio
from assay.indicators.wilder import atr, rsi, true_range

__all__ = ["atr", "rsi", "swing_high", "swing_low", "true_range", "volume_mean", "volume_ratio"]
