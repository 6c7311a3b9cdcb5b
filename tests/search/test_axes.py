"""Axes: a value and its place on the scale of [0, 1]."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from assay.search import Range, Space
from assay.search.axes import Axes, Axis

SPACE = Space(
    (
        ("a", (4, 1, 2)),
        ("free", Range(-1.0, 3.0)),
        ("kind", ("x", "y", "z")),
        ("still", ("x",)),
        ("flag", (False, True)),
        ("point", Range(1.0, 1.0)),
    )
)
NUMBERS = st.floats(-1e9, 1e9)


def test_what_is_searched() -> None:
    axes = Axes.of(SPACE)
    assert [axis.name for axis in axes.all] == ["a", "free", "kind", "flag"]
    assert [axis.levels for axis in axes.all] == [(1, 2, 4), (), ("x", "y", "z"), (False, True)]
    assert [axis.ordered for axis in axes.all] == [True, True, False, False]
    assert axes.reach == math.inf
    assert Axes.of(SPACE, ("a", "kind", "still")).reach == 9
    assert Axes.of(SPACE, ("still", "point")).reach == 1


def test_places_by_hand() -> None:
    axes = Axes.of(SPACE)
    points = [(1, -1.0, "x", False), (2, 0.0, "y", True), (4, 3.0, "z", True)]
    places = axes.places(points)
    assert places.tolist() == [[0.0, 0.0, 0.0, 0.0], [0.5, 0.25, 0.5, 1.0], [1.0, 1.0, 1.0, 1.0]]
    assert axes.points(places) == points
    # numbers keep one column, levels without an order get one each
    assert axes.features(places).tolist() == [
        [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0],
        [0.5, 0.25, 0.0, 1.0, 0.0, 0.0, 1.0],
        [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0],
    ]


@given(NUMBERS, NUMBERS, st.sampled_from([0.0, 1.0]) | st.floats(0.0, 1.0))
def test_no_value_leaves_its_range(low: float, high: float, place: float) -> None:
    assume(low < high)
    axis = Axis.of("x", Range(low, high))
    assert axis is not None
    assert low <= axis.value(place) <= high  # type: ignore[operator]
    assert (axis.value(0.0), axis.value(1.0)) == (low, min(low + (high - low), high))
    assert 0.0 <= axis.place(axis.value(place)) <= 1.0


def test_every_level_gets_an_equal_share() -> None:
    axes = Axes.of(Space((("a", (1, 2, 4)), ("kind", ("x", "y")))))
    even = (np.arange(600) + 0.5) / 600
    points = axes.points(axes.spread(np.column_stack([even, even])))
    assert [sum(p[0] == v for p in points) for v in (1, 2, 4)] == [200, 200, 200]
    assert [sum(p[1] == v for p in points) for v in "xy"] == [300, 300]


def test_unknown_points_are_found_to_the_last() -> None:
    axes = Axes.of(Space((("a", (1, 2, 4)), ("kind", ("x", "y", "z")))))
    everything = {(a, k) for a in (1, 2, 4) for k in "xyz"}
    rng = np.random.default_rng(1)
    for last in sorted(everything):
        assert axes.unknown([], everything - {last}, 1, rng) == [last]
    wished = [(2, "y"), (2, "y"), (1, "x"), (4, "z")]
    assert axes.unknown(wished, {(1, "x")}, 2, rng) == [(2, "y"), (4, "z")]
    assert sorted(axes.unknown(wished, set(), 9, rng)) == sorted(everything)
