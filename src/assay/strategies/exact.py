"""Features that decide a rule as its own expression does: a quotient would decide ties in floats differently."""

from __future__ import annotations

import numpy as np

from assay.compiled import compiled


@compiled
def largest_multiple(value, unit):
    """Largest x with value >= x unit, exact in floats; unit > 0."""
    x = value / unit
    while value < x * unit:
        x = np.nextafter(x, -np.inf)
    while True:
        up = np.nextafter(x, np.inf)
        if value < up * unit:
            return x
        x = up


@compiled
def smallest_retracement(peak, move, worst, side):
    """Smallest x with worst >= peak - x move (shorts: worst <= peak + x |move|), exact in floats; move > 0."""
    x = side * (peak - worst) / move
    while side * (worst - (peak - side * (x * move))) < 0.0:
        x = np.nextafter(x, np.inf)
    while True:
        down = np.nextafter(x, -np.inf)
        if side * (worst - (peak - side * (down * move))) < 0.0:
            return x
        x = down
