"""Swing points: highs and lows that stand out from the bars around them, known only when those have closed."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars


@compiled
def _last_swing(edge, absent, age, order):
    n = len(edge)
    out = np.full(n, np.nan)
    last = np.nan
    for i in range(n):
        if age[i] == 0:
            last = np.nan
        s = i - order
        if age[i] >= 2 * order and not absent[s]:
            is_swing = True
            for k in range(1, order + 1):
                if absent[s - k] or absent[s + k] or not edge[s] > edge[s - k] or edge[s] < edge[s + k]:
                    is_swing = False
            if is_swing:
                last = edge[s]
        out[i] = last
    return out


def swing_high(bars: Bars, order: int = 2) -> NDArray[np.float64]:
    """Price of the newest swing high that was known at the close of each bar, shape (n,); NaN before the first.

    A swing high stands above the `order` bars before it and not below the `order` after it, none of them absent; it
    is known when the last of these has closed, and not a bar earlier.
    """
    out: NDArray[np.float64] = _last_swing(bars.high, bars.absent, bars.age, order)
    return out


def swing_low(bars: Bars, order: int = 2) -> NDArray[np.float64]:
    """Price of the newest swing low that was known at the close of each bar, as `swing_high`."""
    out: NDArray[np.float64] = -_last_swing(-bars.low, bars.absent, bars.age, order)
    return out
