"""What masking bars changes in what strategies see: indicators with the mask and without it, day by day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.indicators import atr, volume_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.market import Bars

SPIKE = 2.0
"""Times the mean of the 20 bars before from which on a volume counts as a spike here."""


@dataclass(frozen=True, eq=False)
class MaskEffect:
    """Measures of each trading day with the mask and without it.

    Attributes
    ----------
    first_day : int
        Ordinal of the first day.
    masked, unmasked : mapping of str to float64, shape (days,)
        ``volume`` (mean of the bars that count), ``atr_pct`` (mean of the ATR of 14 bars, percent of the close) and
        ``volume_spikes`` (how many bars); NaN where a day has no such bar.
    """

    first_day: int
    masked: Mapping[str, NDArray[np.float64]]
    unmasked: Mapping[str, NDArray[np.float64]]


def mask_effect(bars: Bars) -> MaskEffect:
    """Measure bars as strategies see them, and once more as if every recorded bar had traded and moved."""
    there = ~bars.absent
    bare = replace(bars, valid=there, tradable=there)
    return MaskEffect(int(bars.day[0]), _measures(bars), _measures(bare))


def _measures(bars: Bars) -> dict[str, NDArray[np.float64]]:
    place = bars.day - bars.day[0]

    def per_day(values: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.float64]:
        used = used & np.isfinite(values)
        return np.asarray(np.bincount(place[used], weights=values[used], minlength=int(place[-1]) + 1), np.float64)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total, number = per_day(values, bars.valid), per_day(np.isfinite(values).astype(np.float64), bars.valid)
        mean_of: NDArray[np.float64] = np.full(len(total), np.nan)
        np.divide(total, number, out=mean_of, where=number > 0)
        return mean_of

    spikes = np.where(volume_ratio(bars) >= SPIKE, 1.0, 0.0)
    volume = bars.volume if bars.has_volume else np.full(len(bars), np.nan)
    return {
        "volume": mean(volume),
        "atr_pct": mean(100.0 * atr(bars) / bars.close),
        "volume_spikes": per_day(spikes, bars.valid),
    }
