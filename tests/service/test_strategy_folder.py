"""Requests name strategies of the operator's folder; no file is opened because a request names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.errors import InputError, NotFoundError, StrategyError
from assay.service.strategy_folder import list_strategies, resolve_strategy
from assay.strategies import STRATEGIES

if TYPE_CHECKING:
    from pathlib import Path

ONE = 'from assay.strategies import Strategy\n\n\nclass {kind}(Strategy):\n    name = "{name}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside, outside = tmp_path / "strategies", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "mine.py").write_text(
        ONE.format(kind="Mine", name="MINE")
        + "\n\nclass Derived(Mine):\n    pass\n\n\nclass NoStrategy:\n    name = 'NO'\n"
    )
    (inside / "runs.py").write_text("raise SystemExit('this file was run')\n" + ONE.format(kind="Runs", name="RUNS"))
    (inside / "shipped.py").write_text(ONE.format(kind="Shadow", name="LIQUIDITY_SWEEP"))
    (inside / "odd.py").write_text(ONE.format(kind="Odd", name="../../etc/passwd"))
    (inside / "broken.py").write_text("class (")
    (inside / "zero.py").write_bytes(b"\0")
    (inside / "note.txt").write_text(ONE.format(kind="Text", name="TEXT"))
    (outside / "secret.py").write_text(ONE.format(kind="Secret", name="SECRET"))
    (inside / "linked.py").symlink_to(outside / "secret.py")
    (inside / "round.py").symlink_to(inside / "round.py")
    (inside / "folder.py").mkdir()
    return inside


def test_names_come_from_reading_not_from_running(folder: Path) -> None:
    found = {one.name: (one.file, one.kind) for one in list_strategies(folder)}
    assert found == {"MINE": ("mine.py", "Mine"), "Derived": ("mine.py", "Derived"), "RUNS": ("runs.py", "Runs")}
    assert list_strategies(None) == []


def test_a_name_is_resolved_from_the_listing(folder: Path) -> None:
    assert resolve_strategy("MINE", folder) == f"{folder.resolve() / 'mine.py'}:Mine"
    assert resolve_strategy("liquidity_sweep", folder) == "LIQUIDITY_SWEEP"
    for name in STRATEGIES:
        assert resolve_strategy(name, None) == name
    for name in ("SECRET", "TEXT", "NO", "Shadow", "mine", "Min"):
        with pytest.raises(NotFoundError):
            resolve_strategy(name, folder)


@pytest.mark.parametrize(
    "name",
    [
        "mine.py:Mine", "mine.py", "../outside/secret.py:Secret", "/etc/passwd", "..", "", "MINE\0", "MINE\n", "MINE ",
        "file:///etc/passwd", "https://evil.example/x.py:X", "C:\\x.py:X", "__import__('os').system('id')", "a" * 101,
        "linked.py:Secret", "MINE;MINE", "%2e%2e", "\uff2dINE",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_by_name(folder: Path, name: str) -> None:
    with pytest.raises(InputError) as refused:
        resolve_strategy(name, folder)
    assert refused.value.field == "strategy"


def test_two_of_one_name_are_refused(folder: Path) -> None:
    (folder / "again.py").write_text(ONE.format(kind="Other", name="MINE"))
    with pytest.raises(StrategyError, match=r"again\.py and mine\.py"):
        list_strategies(folder)


def test_a_folder_that_is_gone_is_not_named(tmp_path: Path) -> None:
    with pytest.raises(StrategyError) as refused:
        list_strategies(tmp_path / "gone")
    assert str(tmp_path) not in str(refused.value)
