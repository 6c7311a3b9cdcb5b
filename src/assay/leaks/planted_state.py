"""A module that a planted leak keeps its memory in: no variable of a strategy's own shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST: dict[tuple[float, float], NDArray[np.float64]] = {}
"""The longest closes that were seen, by how they begin."""
