"""Features that decide a rule as its own expression does: a quotient would decide ties in floats differently."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from assay.compiled import compiled


@compiled
def largest_multiple(value, unit):
    """Largest x with value >= x unit; unit > 0; NaN of a NaN."""
    x = value / unit
    while value < x * unit:
        x = np.nextafter(x, -np.inf)
    while True:
        up = np.nextafter(x, np.inf)
        if not value >= up * unit:
            return x
        x = up


@compiled
def reaches(price, start, move, x, side):
    """Whether a price is at or beyond start - x move (side +1: at or below; -1: at or above start + x move)."""
    return side * ((start - side * (x * move)) - price) >= 0.0


@compiled
def largest_reach(price, start, move, side):
    """Largest x for which `price` reaches start - x move; move > 0.

    Found by bisection: steps from float to float would not end where it is 0.
    """
    x = side * (start - price) / move
    step = 1e-15 * max(1.0, abs(x))
    lowest, highest = x - step, x + step
    while not reaches(price, start, move, lowest, side):
        step *= 2.0  # a fixed step would vanish beside a large x: two bad ticks must not hang a search
        lowest -= step
    while reaches(price, start, move, highest, side):
        step *= 2.0
        highest += step
    while True:
        middle = 0.5 * (lowest + highest)
        if middle <= lowest or middle >= highest:
            return lowest
        if reaches(price, start, move, middle, side):
            lowest = middle
        else:
            highest = middle


@compiled
def smallest_hold(price, start, move, side):
    """Smallest x for which `price` is not beyond start - x move; move > 0."""
    return -largest_reach(price, start, move, -side)  # what holds from above reaches from below
