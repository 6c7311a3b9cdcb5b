"""The layout names every column once: the constant of a kernel is the place of the name that Python reads."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from assay.engine import Bracket, Execution, layout

ENGINE = Path(layout.__file__).parent
TABLES = {
    "LEVEL": layout.LEVELS,
    "EXIT": layout.EXITS,
    "COST": layout.COSTS,
    "OUTCOME": layout.OUTCOMES,
    "REASON": layout.REASONS,
    "SUM": layout.SUMS,
    "FATE": layout.FATES,
    "LIMIT": layout.LIMITS,
}


@pytest.mark.parametrize("prefix", TABLES)
def test_a_constant_is_the_place_of_its_name(prefix: str) -> None:
    for place, name in enumerate(TABLES[prefix]):
        assert getattr(layout, f"{prefix}_{name.upper()}") == place


def test_no_kernel_reads_a_column_by_a_bare_number() -> None:
    tables = {"exit_", "costs", "level", "out", "o", "outcome", "record", "limits", "sums"}
    for name in ("kernels.py", "sweep_kernels.py"):
        for node in ast.walk(ast.parse((ENGINE / name).read_text())):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in tables:
                bare = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)
                assert not bare, f"{name} line {node.lineno}: {ast.unparse(node)}"


def test_no_kernel_takes_more_than_twelve_arguments() -> None:
    for name in ("kernels.py", "sweep_kernels.py"):
        for node in ast.walk(ast.parse((ENGINE / name).read_text())):
            if isinstance(node, ast.FunctionDef):
                assert len(node.args.args) <= 12, f"{name}: {node.name}"


def test_vectors_have_the_fields_of_their_tables() -> None:
    assert Bracket(stop=1.0).vector({}).shape == (len(layout.EXITS),)
    assert Execution().money.vector.shape == (len(layout.COSTS),)
