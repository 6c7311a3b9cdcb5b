from __future__ import annotations

import subprocess
import sys
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.errors import ParameterError
from assay.search import ADAPTIVE, METHODS, Range, SearchPlan, Space, grid, random

if TYPE_CHECKING:
    from assay.engine import Combinations

SMALL = Space((("a", (1, 2)), ("b", (0.5, 0.1, 0.9)), ("c", ("x",)), ("d", Range(0.0, 1.0))))
MIXED = Space(
    (
        ("free", Range(0.25, 0.75)),
        ("stepped", Range(0.1, 0.5, 0.1)),
        ("whole", Range(3.0, 9.0, 2.0, integer=True)),
        ("kind", ("fast", "slow")),
    )
)


def ahead(plan: SearchPlan) -> Combinations:
    assert plan.ahead is not None
    return plan.ahead


def rows(combinations: Combinations) -> list[tuple[object, ...]]:
    return [tuple(combinations.at(i).values()) for i in range(len(combinations))]


def test_a_grid_is_in_lexicographic_order() -> None:
    expected = list(product((1, 2), (0.5, 0.1, 0.9), ("x",), (0.0, 0.25, 0.5, 0.75, 1.0)))
    assert len(grid(SMALL)) == SMALL.size == 30
    assert rows(grid(SMALL)) == expected


def test_random_is_a_pure_function_of_space_and_seed() -> None:
    np.random.seed(1)
    first = rows(random(MIXED, 50, 7))
    np.random.seed(2)
    assert rows(random(MIXED, 50, 7)) == first
    assert rows(random(MIXED, 50, 8)) != first
    code = (
        "from assay.search import Range, Space, random;"
        f"c = random({MIXED!r}, 50, 7); print([tuple(c.at(i).values()) for i in range(50)])"
    )
    environment = {"PYTHONHASHSEED": "12345"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    assert run.stdout.strip() == str(first)


def test_random_keeps_bounds_steps_and_types() -> None:
    drawn = random(MIXED, 4000, 3)
    columns = list(zip(*rows(drawn), strict=True))
    free = np.array(columns[0], dtype=float)
    assert 0.25 <= free.min() < 0.26
    assert 0.74 < free.max() <= 0.75
    assert len(np.unique(free)) == 4000
    assert set(columns[1]) == {0.1, 0.2, 0.3, 0.4, 0.5}
    assert set(columns[2]) == {3, 5, 7, 9}
    assert all(type(v) is int for v in columns[2])
    assert set(columns[3]) == {"fast", "slow"}
    for column, levels in ((columns[1], 5), (columns[2], 4), (columns[3], 2)):
        shares = np.array([column.count(v) for v in sorted(set(column))]) / 4000
        # 5 standard errors of a share of 1 in `levels`
        assert np.abs(shares - 1 / levels).max() < 5 * np.sqrt(0.25 / 4000)
    index = np.array([MIXED.values["whole"].index(v) for v in columns[2]])
    assert abs(np.corrcoef(free, index)[0, 1]) < 5 / np.sqrt(4000)
    assert free.mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(12 * 4000))


def test_random_needs_a_point() -> None:
    with pytest.raises(ParameterError, match="budget: must be at least 1"):
        random(MIXED, 0, 1)


def test_a_grid_above_the_limit_is_refused_naming_the_longest_axis() -> None:
    huge = Space((("a", tuple(range(500))), ("long_one", tuple(range(1001))), ("c", tuple(range(100)))))
    with pytest.raises(ParameterError, match="at most 50,000,000 combinations") as caught:
        grid(huge)
    assert "long_one" in str(caught.value)
    assert "1001" in str(caught.value)
    assert "50,050,000" in str(caught.value)
    largest = Space((("a", tuple(range(500))), ("long_one", tuple(range(1000))), ("c", tuple(range(100)))))
    assert len(grid(largest)) == 50_000_000
    assert len(random(huge, 10, 1)) == 10


def test_methods_by_name() -> None:
    assert rows(ahead(SearchPlan(SMALL))) == rows(grid(SMALL))
    assert rows(ahead(SearchPlan(SMALL, "random", 5, 1))) == rows(random(SMALL, 5, 1))
    assert METHODS == ("grid", "random", "gp", "tpe", "cmaes") == ("grid", "random", *ADAPTIVE)
    with pytest.raises(ParameterError, match=r"method: must be one of grid, random.*Did you mean 'grid'"):
        SearchPlan(SMALL, "gird", 5, 1)


def test_the_budget_of_a_plan() -> None:
    assert [SearchPlan(MIXED, m).budget for m in ("grid", "random", "tpe", "cmaes", "gp")] == [None, 500, 200, 200, 200]
    assert [SearchPlan(MIXED, m, 7).size for m in METHODS] == [5 * 5 * 4 * 2, 7, 7, 7, 7]
    assert SearchPlan(MIXED, "grid", 7) == SearchPlan(MIXED)
    for method in ("random", "gp"):
        with pytest.raises(ParameterError, match="budget: must be at least 1"):
            SearchPlan(MIXED, method, 0)


def test_a_method_that_learns_runs_all_points_where_there_are_few() -> None:
    few = Space((("a", (3, 1, 2)), ("b", ("x", "y")), ("c", Range(0.5, 0.5)), ("d", (7,))))
    for method in ADAPTIVE:
        assert SearchPlan(few, method, 6).size == SearchPlan(few, method, 200).size == 6
        assert rows(ahead(SearchPlan(few, method, 6))) == list(product((3, 1, 2), ("x", "y"), (0.5,), (7,)))
        assert SearchPlan(few, method, 5).ahead is None
