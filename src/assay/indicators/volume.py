"""Volume against its own recent past."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.compiled import compiled
from assay.market import require_bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars


@compiled
def _volume_mean(volume, tradable, age, period):
    n = len(volume)
    out = np.full(n, np.nan)
    ring = np.zeros(period)
    seen = 0
    for i in range(n):
        if age[i] == 0:
            seen = 0
        if not tradable[i]:
            continue
        if seen >= period:
            total = 0.0
            for k in range(period):  # oldest first: the order of summation is part of the definition
                total += ring[(seen + k) % period]
            out[i] = total / period
        ring[seen % period] = volume[i]
        seen += 1
    return out


def volume_mean(bars: Bars, period: int = 20) -> NDArray[np.float64]:
    """Mean volume of the `period` tradable bars before each bar, shape (n,).

    NaN with fewer than `period` bars before, on an untradable bar, and where the market has no volume at all.
    """
    if not bars.has_volume:
        return np.full(len(bars), np.nan)
    out: NDArray[np.float64] = _volume_mean(bars.volume, bars.tradable, bars.age, period)
    return out


def volume_ratio(bars: Bars, period: int = 20) -> NDArray[np.float64]:
    """Volume over the mean of the `period` tradable bars before it, shape (n,).

    NaN (every condition on it is false) with fewer than `period` bars before, on an untradable bar, and
    where the market has no volume at all.
    """
    require_bars(bars)
    return bars.volume / volume_mean(bars, period)
