from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.search import Range, Space, neighbourhood, steps_around

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Combinations
    from assay.parameters import Value

SPACE = Space((("x", (30, 10, 20, 40)), ("y", (0.5, 0.1, 0.9)), ("kind", ("fast", "slow")), ("still", (7,))))


def toy(point: dict[str, Value]) -> tuple[float, float]:
    """Some hills; where x is 10 there are too few trades, at y .9 with x 40 the measure is unknown."""
    x, y = float(point["x"]), float(point["y"])
    measure = 4.0 - abs(x - 25) / 10 - 2 * abs(y - 0.4) + (0.3 if point["kind"] == "slow" else 0.0)
    return (math.nan if (x, y) == (40, 0.9) else measure), (5.0 if x == 10 else 60.0)


def evaluate(combinations: Combinations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = [toy(combinations.at(i)) for i in range(len(combinations))]
    return np.array([m for m, _ in pairs]), np.array([n for _, n in pairs])


@pytest.mark.parametrize("point", list(product((10, 20, 30, 40), (0.1, 0.5, 0.9), ("fast", "slow"), (7,))))
def test_every_winner_against_brute_force(point: tuple[Value, ...]) -> None:
    names = tuple(SPACE.values)
    axes = [sorted(SPACE.values[n], key=str if n == "kind" else float) for n in names]
    winner = dict(zip(names, point, strict=True))
    mine = [axis.index(v) for axis, v in zip(axes, point, strict=True)]
    expected = []
    unknown = 0
    for index in product(*(range(len(a)) for a in axes)):
        if sum(abs(a - b) for a, b in zip(index, mine, strict=True)) != 1:
            continue
        measure, trades = toy({n: a[i] for n, a, i in zip(names, axes, index, strict=True)})
        if trades < 10 or math.isnan(measure):
            unknown += 1
        else:
            expected.append(measure * 60 / 160 if measure > 0 else measure)  # 60 trades against 100 of doubt
    found = neighbourhood(winner, SPACE, evaluate)
    assert found.refused == unknown
    assert len(found.values) == len(found.scores) == len(expected) + unknown
    assert sorted(s for s in found.scores.tolist() if not math.isnan(s)) == pytest.approx(sorted(expected))
    assert found.median == pytest.approx(float(np.median(expected)))
    assert set(found.edges) == {n for n, ends in (("x", (10, 40)), ("y", (0.1, 0.9))) if winner[n] in ends}


def test_neighbours_differ_in_one_parameter() -> None:
    winner: dict[str, Value] = {"x": 20, "y": 0.5, "kind": "fast", "still": 7}
    around = steps_around(winner, SPACE)
    assert [(n, d, v[n]) for n, d, v in around] == [
        ("x", -1, 10), ("x", 1, 30), ("y", -1, 0.1), ("y", 1, 0.9), ("kind", 1, "slow")
    ]  # fmt: skip
    assert all({**v, n: winner[n]} == winner for n, _, v in around)


def test_a_point_between_the_levels_of_a_continuous_axis() -> None:
    space = Space((("x", Range(0.0, 1.0)),))
    assert [v["x"] for _, _, v in steps_around({"x": 0.3}, space)] == [0.25, 0.5]
    assert [(d, v["x"]) for _, d, v in steps_around({"x": 1.0}, space)] == [(-1, 0.75)]


def test_a_lone_point_has_no_neighbours() -> None:
    found = neighbourhood({"a": 1}, Space((("a", (1,)),)), evaluate)
    assert (found.values, len(found.scores), found.refused, found.edges) == ((), 0, 0, ())
    assert math.isnan(found.median)


def test_when_all_neighbours_are_refused_the_median_is_unknown() -> None:
    space = Space((("a", (1, 2, 3)),))
    found = neighbourhood({"a": 2}, space, lambda c: (np.full(len(c), 9.0), np.full(len(c), 9.0)))
    assert math.isnan(found.median)
    assert found.refused == 2
