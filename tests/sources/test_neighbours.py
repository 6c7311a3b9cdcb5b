"""What lies beside a user's strategy and belongs to it."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

import pytest

from assay.sources.neighbours import neighbours
from assay.sources.user_strategy import load_strategy

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
from assay import Bracket, Parameter, Parameters, Setups, Strategy, at_least, atr
{imports}


class Mine(Strategy):
    name = "MINE"
    parameters = Parameters(
        Parameter(name="strength", default=0.5, low=0.0, high=3.0, doc="Of the move."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, doc="Stop in ATR."),
    )
    rules = (at_least("strength", "strength"),)
    bracket = Bracket(stop="stop", target=1.5, max_bars=12)
    scale = {scale}

    def setups(self, bars, side, shape):
        {inside}
        raise NotImplementedError
"""


def write(folder: Path, imports: str = "", scale: str = "1", inside: str = "pass") -> Path:
    path = folder / "mine.py"
    path.write_text(OWN.format(imports=imports, scale=scale, inside=inside))
    return path


def digest(path: Path) -> str:
    found = load_strategy(f"{path}:Mine").source_digest
    assert found is not None
    return found


def test_a_file_alone_keeps_its_own_digest(tmp_path: Path) -> None:
    path = write(tmp_path, "import json, numpy")
    (tmp_path / "other.py").write_text("x = 1\n")  # nobody imports it
    (tmp_path / "json.py").write_text("x = 1\n")  # the standard library's comes first
    (tmp_path / "assay.py").write_text("x = 1\n")
    assert digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("imports", "inside", "files"),
    [
        ("import beside_a", "pass", ["beside_a.py"]),
        ("from beside_a import x", "pass", ["beside_a.py"]),
        ("", "import beside_a", ["beside_a.py"]),
        ("", "__import__('importlib').import_module('beside_a')", ["beside_a.py"]),
        ("import beside_b.deep.one", "pass", ["beside_b/deep/__init__.py", "beside_b/deep/one.py"]),
        ("from beside_b.deep import one", "pass", ["beside_b/__init__.py", "beside_b/deep/one.py"]),
        ("import beside_b", "pass", ["beside_b/__init__.py", "beside_b/of_package.py", "beside_a.py"]),
        ("", "open('prices.csv')", ["prices.csv"]),
        ("", "open('data/model.json')", ["data/model.json"]),
    ],
)  # fmt: skip
def test_a_change_in_what_is_imported_or_named_is_another_strategy(
    tmp_path: Path, imports: str, inside: str, files: list[str]
) -> None:
    (tmp_path / "beside_a.py").write_text("x = 1\n")
    deep = tmp_path / "beside_b" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "beside_b" / "__init__.py").write_text("from . import of_package\nfrom beside_a import x\n")
    (tmp_path / "beside_b" / "of_package.py").write_text("y = 1\n")
    (deep / "__init__.py").write_text("")
    (deep / "one.py").write_text("z = 1\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "prices.csv").write_text("1,2\n")
    (tmp_path / "data" / "model.json").write_text("{}\n")
    path = write(tmp_path, imports, inside=inside)
    before = digest(path)
    assert before == digest(path) != hashlib.sha256(path.read_bytes()).hexdigest()
    for name in files:
        file = tmp_path / name
        text = file.read_text()
        file.write_text(text + "# changed\n")
        assert digest(path) != before, name
        file.write_text(text)
    assert digest(path) == before


def test_modules_that_import_one_another_and_the_strategy_end(tmp_path: Path) -> None:
    path = write(tmp_path, "import beside_c")
    (tmp_path / "beside_c.py").write_text("import beside_d\n")
    (tmp_path / "beside_d.py").write_text("import beside_c, mine\n")
    assert set(neighbours(path, path.read_bytes())) == {"beside_c", "beside_d"}


def test_two_folders_may_have_neighbours_of_one_name(tmp_path: Path) -> None:
    """Each strategy gets its own, and a changed one is read again."""
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "beside_e.py").write_text(f"SCALE = {number}\n")
        path = write(folder, "import beside_e", scale="beside_e.SCALE")
        assert vars(type(load_strategy(f"{path}:Mine")))["scale"] == number
    (folder / "beside_e.py").write_text("SCALE = 3\n")
    assert vars(type(load_strategy(f"{path}:Mine")))["scale"] == 3


def test_a_module_of_the_program_stays_the_program_s(tmp_path: Path) -> None:
    import colorsys  # any module from elsewhere, under another name

    (tmp_path / "beside_f.py").write_text("SCALE = 5\n")
    sys.modules["beside_f"] = colorsys
    try:
        path = write(tmp_path, "import beside_f", scale="beside_f.SCALE")
        assert vars(type(load_strategy(f"{path}:Mine")))["scale"] == 5
        assert sys.modules["beside_f"] is colorsys
    finally:
        del sys.modules["beside_f"]


def test_made_again_it_shares_nothing_that_its_neighbours_keep(tmp_path: Path) -> None:
    (tmp_path / "beside_g.py").write_text("KEPT = []\n")
    strategy = load_strategy(f"{write(tmp_path, 'import beside_g', scale='beside_g.KEPT')}:Mine")
    assert strategy.made_again is not None
    again = strategy.made_again()
    assert vars(type(again))["scale"] is not vars(type(strategy))["scale"]
    assert type(again).__module__ == type(strategy).__module__
