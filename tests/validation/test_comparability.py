from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.validation import Comparability, compare_counts, mirror
from validation.toys import market

if TYPE_CHECKING:
    from assay.market import Bars


def test_counts_are_medians_over_permuted_bars() -> None:
    bars = market(1, 30)

    def count(given: Bars) -> tuple[int, int]:
        return int((given.close > given.open).sum()), len(given)

    found = compare_counts(bars, count)
    ups = [int((other.close > other.open).sum()) for other in (mirror(bars, i) for i in range(8))]
    assert found == Comparability(int((bars.close > bars.open).sum()), len(bars), float(np.median(ups)), len(bars))
    assert found.similarity > 0.9


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((13_535, 200, 127.0, 190.0), 127 / 13_535),
        ((127, 200, 13_535.0, 190.0), 127 / 13_535),
        ((1000, 300, 900.0, 60.0), 0.2),
        ((0, 0, 5000.0, 0.0), 0.0),
        ((5000, 40, 5000.0, 2.0), 1.0),  # forty trades against two are noise beside five thousand rows
        ((0, 0, 0.0, 0.0), 1.0),
    ],
)
def test_similarity_is_the_worse_of_rows_and_trades(counts: tuple[int, int, float, float], expected: float) -> None:
    assert Comparability(*counts).similarity == pytest.approx(expected)
    assert f"{counts[0]:,} rows" in Comparability(*counts).sentence
