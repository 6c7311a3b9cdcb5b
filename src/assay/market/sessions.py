"""Session ids: which bars belong to one stretch of trading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.market.market import DAY_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray


def utc_day(time: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the UTC day ordinal (days since 1970-01-01) of each stamp in milliseconds, shape (n,)."""
    return np.floor_divide(time, DAY_MS)
