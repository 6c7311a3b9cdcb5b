"""Several markets at once: which of many small p values are to be expected where there is no edge at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.lazy import lazy
from assay.validation.lifecycle import MAX_P

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy import stats
else:
    stats = lazy("scipy.stats")


def q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """Return for each p the false discovery rate at which it would be called a find (Benjamini and Yekutieli 2001).

    Valid under any dependence between the tests. What was not tested stays None and counts as no test.

    Parameters
    ----------
    p_values : sequence of float or None
    """
    known = [i for i, p in enumerate(p_values) if p is not None and not np.isnan(p)]
    found: list[float | None] = [None] * len(p_values)
    if known:
        adjusted = stats.false_discovery_control([p_values[i] for i in known], method="by")
        for i, q in zip(known, adjusted.tolist(), strict=True):
            found[i] = float(q)
    return found


def expected_without_edge(tests: int) -> str:
    """Return how many of so many trainings look as good as p <= .05 where none has an edge, in words."""
    low, rest = divmod(round(100 * MAX_P) * tests, 100)
    many = f"{low}" if not rest else f"{low} or {low + 1}"
    return f"of {tests} trainings without any edge, {many} would look like this (p <= {MAX_P:g})"
