"""Strategies of a user's own file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from assay.errors import StrategyError
from assay.sources.user_strategy import load_strategy
from assay.strategies.faults import MODULE_PREFIX
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay


def test_registered_names() -> None:
    assert isinstance(load_strategy("LIQUIDITY_SWEEP"), LiquiditySweep)
    assert isinstance(load_strategy("liquidity_sweep_v3"), LiquiditySweep)
    with pytest.raises(StrategyError, match="LIQUIDITY_SWEEP"):
        load_strategy("LIQUIDTY_SWEEP")
    with pytest.raises(StrategyError, match=r"path\.py:Class"):
        load_strategy("rising.txt:Rising")


def test_a_class_of_a_file(rising: Path) -> None:
    strategy = load_strategy(f"{rising}:Rising")
    assert strategy.name == "RISING"
    assert strategy.threshold_names == ("strength",)
    assert list(rising.parent.iterdir()) == [rising]  # no bytecode beside it


def test_a_changed_file_is_read_again(rising: Path) -> None:
    load_strategy(f"{rising}:Rising")
    rising.write_text(rising.read_text().replace('"RISING"', '"FALLING"'))
    assert load_strategy(f"{rising}:Rising").name == "FALLING"


def test_a_file_may_import_its_neighbour(rising: Path) -> None:
    (rising.parent / "assay_test_neighbour.py").write_text("NAME = 'BESIDE'\n")
    text = rising.read_text().replace('name = "RISING"', "name = NAME")
    rising.write_text("from assay_test_neighbour import NAME\n" + text)
    before = list(sys.path)
    assert load_strategy(f"{rising}:Rising").name == "BESIDE"
    assert sys.path == before


def test_modules_of_python_are_not_taken_from_beside_a_file(rising: Path) -> None:
    """`wave` and `chunk` are imported by no other test; the first imports the second."""
    for name in ("wave", "chunk", "numbers"):
        sys.modules.pop(name, None)
        (rising.parent / f"{name}.py").write_text("raise RuntimeError('data, not a module')\n")
    rising.write_text("import numbers\nimport wave\n" + rising.read_text())
    finders = list(sys.meta_path)
    assert load_strategy(f"{rising}:Rising").name == "RISING"
    assert sys.meta_path == finders


@pytest.mark.parametrize(
    ("old", "new", "named", "words"),
    [
        ("", "", "Risng", "Did you mean 'Rising'?"),
        ("", "", "", "must name its class"),
        ("", "", "np", "must be a subclass"),
        ("class Rising(Strategy)", "class Rising", "Rising", "must be a subclass"),
        ("class Rising(Strategy):", "class Rising(Strategy", "Rising", "line 1"),
        ("import numpy as np", "import no_such_module", "Rising", "line 2: cannot be imported"),
        ("import numpy as np", "1 / 0", "Rising", "line 2: cannot be run: ZeroDivisionError"),
        ("import numpy as np", "raise SystemExit", "Rising", "cannot be run: SystemExit"),
        ("default=1.0", "default=9.0", "Rising", "must lie in"),
        ('at_least("body", "strength")', 'at_least("body", "strenght")', "Rising", "Did you mean 'strength'?"),
        ("def setups", "def setup", "Rising", "must define setups"),
        ("    rules =", "    rule =", "Rising", "missing: rules"),
        ("    def setups", "    def __init__(self, x): ...\n    def setups", "Rising", "without arguments"),
        ('name="stop"', 'name="strength"', "Rising", "declared once"),
    ],
)
def test_files_that_are_refused(rising: Path, old: str, new: str, named: str, words: str) -> None:
    if old:
        text = rising.read_text()
        assert old in text
        rising.write_text(text.replace(old, new, 1))
    with pytest.raises(StrategyError) as caught:
        load_strategy(f"{rising}:{named}" if named else str(rising))
    assert words in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="no such file"):
        load_strategy(f"{tmp_path / 'none.py'}:Rising")


def test_a_broken_file_leaves_no_module(tmp_path: Path) -> None:
    before = {name for name in sys.modules if name.startswith(MODULE_PREFIX)}
    path = tmp_path / "broken.py"
    path.write_text("import")
    with pytest.raises(StrategyError, match="line 1: is not Python"):
        load_strategy(f"{path}:Rising")
    path.write_bytes(b"x = '\xff'\n")
    with pytest.raises(StrategyError, match="is not Python"):
        load_strategy(f"{path}:Rising")
    assert {name for name in sys.modules if name.startswith(MODULE_PREFIX)} == before


def test_an_error_inside_a_users_strategy_is_not_called_a_bug_of_assay(
    assay: Assay, rising: Path, market_file: Path
) -> None:
    rising.write_text(rising.read_text().replace("unit = atr(bars)", "unit = atr(bars)[1:]"))
    ran = assay("backtest", "--file", market_file, "--strategy", f"{rising}:Rising", "--json")
    assert ran.code == 2
    error = ran.document["error"]
    assert error["type"] == "StrategyError"
    assert "rising.py line 24: raised ValueError" in error["message"]


def test_the_source_of_a_strategy_is_part_of_its_identity(rising: Path) -> None:
    first = load_strategy(f"{rising}:Rising").source_digest
    assert first == load_strategy(f"{rising}:Rising").source_digest
    assert first is not None
    rising.write_text(rising.read_text() + "\n# changed\n")
    assert load_strategy(f"{rising}:Rising").source_digest != first
    assert load_strategy("LIQUIDITY_SWEEP").source_digest is None
