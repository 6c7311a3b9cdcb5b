"""What a constraint refuses, found without asking it for every combination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Combinations
from assay.evaluation import ConstraintMask
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.parameters import Value

VALUES: dict[str, tuple[Value, ...]] = {"a": (1, 2, 3), "b": (1, 2), "c": (0.5, 1.5, 2.5), "d": ("x", "y")}


def order(v: Mapping[str, Any]) -> str | None:
    return "a must exceed b" if v["a"] <= v["b"] else None


def hidden_behind_a_condition(v: Mapping[str, Any]) -> str | None:
    return "c" if v["d"] == "y" and v["a"] == 3 and v["c"] > 2 else None


def all_at_once(v: Mapping[str, Any]) -> str | None:
    return "sum" if sum(x for x in v.values() if not isinstance(x, str)) > 5 else None


def unpacked(v: Mapping[str, Any]) -> str | None:
    def rule(a: int, b: int, c: float, d: str) -> bool:
        return a + b > c and d == "x"

    return "unpacked" if rule(**v) else None


def by_get(v: Mapping[str, Any]) -> str | None:
    return "get" if v.get("c", 0.0) > 2 and v.get("none") is None else None


def never(v: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    return None


RULES = (order, hidden_behind_a_condition, all_at_once, unpacked, by_get, never)


def strategy(rule: Callable[[Mapping[str, Any]], str | None]) -> LiquiditySweep:
    kind = type("Constrained", (LiquiditySweep,), {"constraint": lambda _, values: rule(values)})
    made: LiquiditySweep = kind()
    return made


@pytest.mark.parametrize("rule", RULES)
def test_every_combination_is_judged(rule: Callable[[Mapping[str, Any]], str | None]) -> None:
    grid = Combinations(VALUES)
    expected = [rule(grid.at(i)) is not None for i in range(len(grid))]
    found = ConstraintMask.of(strategy(rule), grid)
    assert found.at(np.arange(len(grid))).tolist() == expected
    points = np.array([[2, 0, 2, 1], [0, 1, 0, 0], [2, 0, 2, 1], [1, 1, 1, 1]], dtype=np.int64)
    listed = Combinations(VALUES, points)
    answers = ConstraintMask.of(strategy(rule), listed).at(np.array([3, 0, 1]))
    assert answers.tolist() == [rule(listed.at(i)) is not None for i in (3, 0, 1)]


def test_a_constraint_is_asked_only_for_what_it_reads() -> None:
    asked = []

    def counted(v: Mapping[str, Any]) -> str | None:
        asked.append(1)
        return order(v)

    large = Combinations({**VALUES, "e": tuple(range(10_000)), "f": tuple(range(10_000))})
    found = ConstraintMask.of(strategy(counted), large)
    assert found.names == ("a", "b")
    assert len(asked) < 20
    assert found.at(np.array([0, len(large) - 1])).tolist() == [True, False]
