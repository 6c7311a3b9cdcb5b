"""Whether bars without an edge are comparable to the real ones, for the pattern that a search looks for.

The permutation test compares searches. Where the pattern itself is far rarer or more frequent on permuted bars than on
the real ones, the searches there had other material, and their best scores say nothing about the real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.validation.null_bars import NULLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars

PERMUTATIONS = 8
"""Permuted bars that are looked at; their median counts."""

MIN_ROWS = 50
"""With fewer rows on either side the counts are noise."""


@dataclass(frozen=True, slots=True)
class Comparability:
    """How often a pattern occurs on real and on permuted bars.

    Attributes
    ----------
    rows, trades : int
        On the real bars: rows of the pattern, and trades of the winner.
    permuted_rows, permuted_trades : float
        Medians over permuted bars.
    """

    rows: int
    trades: int
    permuted_rows: float
    permuted_trades: float

    @property
    def similarity(self) -> float:
        """The smaller over the larger count of rows and of trades, the lower of both; 1 where counts are too small."""
        return min(_similar(self.rows, self.permuted_rows), _similar(self.trades, self.permuted_trades))

    @property
    def sentence(self) -> str:
        """The counts in words."""
        return (
            f"{self.rows:,} rows of the winner's pattern and {self.trades:,} trades on the real bars, "
            f"{self.permuted_rows:,.0f} and {self.permuted_trades:,.0f} on permuted ones. A pattern that permuted bars "
            "do not show cannot be judged by them."
        )


def _similar(real: float, permuted: float) -> float:
    larger = max(real, permuted)
    return 1.0 if larger < MIN_ROWS else min(real, permuted) / larger


def compare_counts(bars: Bars, count: Callable[[Bars], tuple[int, int]], *, method: str = "mirror") -> Comparability:
    """Count rows and trades on the bars and on permuted ones.

    Parameters
    ----------
    count : callable
        From bars to the rows of the winner's pattern and its trades.
    """
    rows, trades = count(bars)
    permuted = np.array([count(NULLS[method](bars, i)) for i in range(PERMUTATIONS)], dtype=np.float64)
    return Comparability(rows, trades, *(float(v) for v in np.median(permuted, axis=0)))
