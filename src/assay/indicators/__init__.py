"""Causal indicators: f(arrays, periods) -> array of the same length.

A value at t uses bars up to t. Untradable bars are not entered: a mean runs over tradable bars and an
average keeps its last value. Where `age` is 0 (the start, and after a long hole) everything restarts.
"""

from assay.indicators.volume import volume_ratio
from assay.indicators.wilder import atr, rsi, true_range

__all__ = ["atr", "rsi", "true_range", "volume_ratio"]
