"""`assay demo`, which is `make run`: three markets whose truth is known, and what the README says of them."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from assay import training

if TYPE_CHECKING:
    import pytest

    from cli.conftest import Assay

README = Path(__file__).parents[2] / "README.md"


def test_the_demo_says_what_the_readme_says(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdicts and Sharpe ratios of the whole demo: 39 permutations are the fewest that MATURE can be had with."""
    monkeypatch.setattr(training, "Experiment", partial(training.Experiment, permutations=39))
    ran = assay("demo", "--out", tmp_path)
    assert ran.code == 0, ran.err
    table = {
        line.split()[0]: line.split()[1:]
        for line in ran.out.splitlines()
        if line.startswith(("  edge", "  walk", "  dirty"))
    }
    assert {name: cells[0] for name, cells in table.items()} == {"edge": "MATURE", "walk": "PAPER", "dirty": "REFUSED"}
    said = re.search(
        r"Sharpe ratio of (\S+) on the days that chose it, and of (\S+) on the days that follow", README.read_text()
    )
    assert said is not None
    assert [f"{float(x):.1f}" for x in table["walk"][1:3]] == list(said.groups())
    reports = re.findall(r"^  (\S+\.html)$", ran.out, flags=re.MULTILINE)
    assert len(reports) == 2
    assert all(Path(path).is_file() for path in reports)
    assert "train --file BTCUSDT_5m.csv --days 365" in ran.out
    assert (tmp_path / "demo.db").is_file()


def test_a_folder_that_cannot_be_is_said_before_any_work(assay: Assay, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = assay("demo", "--out", tmp_path / "file" / "below")
    assert ran.code != 0
    assert "--out" in ran.err
