"""What a stream keeps is what the whole would have shown, however it is cut."""

from __future__ import annotations

import math
from itertools import combinations as pairs_of
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.search import streaming
from assay.search.streaming import EDGES, Layout, Summary

VALUES: dict[str, tuple[Any, ...]] = {
    "a": (1, 2, 3),
    "fixed": (7,),
    "b": ("x", "y"),
    "c": tuple(range(5)),
    "d": (0.0, 0.5, 1.0, 2.0),
}
SIZE = 3 * 2 * 5 * 4
SIZES = [len(v) for v in VALUES.values()]


def scored(seed: int, copies: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure and trades of every point, with ties, NaN and few trades; positions in any order."""
    rng = np.random.default_rng(seed)
    position = rng.permutation(SIZE * copies) % SIZE if copies > 1 else rng.permutation(SIZE)
    measure = rng.normal(0, 3, len(position)).round(1)
    measure[rng.random(len(position)) < 0.1] = np.nan
    return position, measure, rng.integers(0, 60, len(position)).astype(float)


def by_hand(measure: float, trades: float) -> float | None:
    """Return the penalised score as evidence is defined; None when refused."""
    if trades < 10 or math.isnan(measure):
        return None
    w = min(1.0, (trades - 10) / 20)
    blended = w * measure + (1 - w) * -5
    return blended * (trades / (trades + 100)) if blended > 0 else blended


def blocks(seed: int, cuts: list[int]) -> list[Summary]:
    layout = Layout.of(VALUES)
    position, measure, trades = scored(seed)
    edges = [0, *sorted(cuts), SIZE]
    return [Summary.of_block(layout, position[a:b], measure[a:b], trades[a:b]) for a, b in pairwise(edges)]


def total(parts: list[Summary], start: Summary | None = None) -> Summary:
    summary = start or Summary.empty(Layout.of(VALUES))
    for part in parts:
        summary = summary.plus(part)
    return summary


@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, SIZE), max_size=6))
def test_a_summary_is_that_of_the_whole(seed: int, cuts: list[int]) -> None:
    layout = Layout.of(VALUES)
    summary = total(blocks(seed, cuts))
    position, measure, trades = scored(seed)
    scores = [by_hand(m, t) for m, t in zip(measure.tolist(), trades.tolist(), strict=True)]
    known = [(s, int(p)) for s, p in zip(scores, position, strict=True) if s is not None]
    assert summary.tried == SIZE
    assert summary.refused == SIZE - len(known)
    ranked = sorted(known, key=lambda x: (-x[0], x[1]))
    assert summary.position.tolist() == [p for _, p in ranked]
    assert summary.score.tolist() == pytest.approx([s for s, _ in ranked])
    assert summary.blocks == len(cuts) + 1

    index = {p: np.unravel_index(p, SIZES) for _, p in known}
    axis_of = {name: list(VALUES).index(name) for name in layout.names}
    assert layout.names == ("a", "b", "c", "d")
    for name, rows in summary.marginals(layout).items():
        for i, row in enumerate(rows):
            mine = [s for s, p in known if index[p][axis_of[name]] == i]
            assert row["count"] == len(mine)
            assert row["mean"] == pytest.approx(np.mean(mine) if mine else np.nan, nan_ok=True)
            assert row["best"] == pytest.approx(max(mine) if mine else np.nan, nan_ok=True)
    for one, other in pairs_of(layout.names, 2):
        grid = summary.maps(layout)[one, other]
        for i, j in np.ndindex(grid.shape):
            mine = [s for s, p in known if (index[p][axis_of[one]], index[p][axis_of[other]]) == (i, j)]
            assert grid[i, j] == pytest.approx(max(mine) if mine else np.nan, nan_ok=True)
    counted = np.histogram([s for s, _ in known], np.concatenate(([-np.inf], EDGES, [np.inf])))[0]
    assert summary.histogram.tolist() == counted.tolist()


def same(a: Summary, b: Summary) -> bool:
    return all(x.tobytes() == y.tobytes() for x, y in zip(a.arrays().values(), b.arrays().values(), strict=True))


@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, SIZE), min_size=2, max_size=6), at=st.integers(0, 6))
def test_going_on_gives_the_same_bytes(seed: int, cuts: list[int], at: int) -> None:
    parts = blocks(seed, cuts)
    kept = Summary.from_arrays(total(parts[:at]).arrays())
    assert same(total(parts[at:], kept), total(parts))


def test_the_best_are_bounded_and_ties_go_to_the_lower_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "KEPT", 7)
    layout = Layout.of(VALUES)
    position = np.arange(SIZE)[::-1].copy()
    measure = np.where(position % 10 == 0, 2.0, 1.0)
    trades = np.full(SIZE, 100.0)
    parts = [
        Summary.of_block(layout, position[i : i + 30], measure[i : i + 30], trades[i : i + 30])
        for i in range(0, SIZE, 30)
    ]
    summary = total(parts)
    assert summary.position.tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert len(summary.measure) == len(summary.trades) == 7


def test_the_axis_that_matters_least() -> None:
    layout = Layout.of(VALUES)
    position = np.arange(SIZE)
    a, _, b, c, d = np.unravel_index(position, SIZES)
    measure = 3.0 * a + 0.1 * b + 1.0 * c - 2.0 * d
    summary = Summary.of_block(layout, position, measure, np.full(SIZE, 50.0))
    assert summary.least_influence(layout) == "b"
    assert Summary.empty(layout).least_influence(layout) is None
