"""The benchmark runs, tells what it measured, and fails where an equality fails and only there."""

from __future__ import annotations

import dataclasses
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks import grid, peers, run
from benchmarks.clock import slope
from benchmarks.report import BEGIN, END, Table, document, placed, text

from assay.strategies import STRATEGIES

if TYPE_CHECKING:
    from benchmarks.grid import Swept

ROOT = Path(__file__).resolve().parents[1]
WARM = ["--quick", "--bars", "1500", "--threads", "1", "--only"]


def measured(tmp_path: Path, only: str, expected: int = 0) -> dict[str, Any]:
    file = tmp_path / "figures.json"
    assert run.main([*WARM, only, "--json", str(file), "--markdown", str(tmp_path / "tables.md")]) == expected
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def test_sections_say_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = measured(tmp_path, "dense,user,growth")
    assert {"cpu", "cores", "python", "numpy", "numba"} <= set(content["machine"])
    assert set(content["sections"]) == {"dense", "user", "growth"}
    dense = content["sections"]["dense"]
    assert dense["equal"] is True
    speed, costs = (table["rows"] for table in dense["tables"])
    assert {row["side"] for row in speed} == {"long", "both"}
    for row in speed:
        assert row["bit_equal"] is True
        assert row["times_faster"] == pytest.approx(row["dense_s"] / row["sweep_s"])
        assert row["combinations"] == 128
    assert all(row["trades"] > 0 and row["ns_per_trade"] > 0 for row in costs)
    assert content["sections"]["user"]["equal"] is True
    assert content["sections"]["growth"]["equal"] is None
    tables = (tmp_path / "tables.md").read_text()
    assert "| market | bars | side |" in tables
    assert "equalities: 2 of 2 hold" in capsys.readouterr().out
    for path in (ROOT, Path.home(), tmp_path):
        assert str(path) not in json.dumps(content) + tables


def test_every_strategy_is_measured(tmp_path: Path) -> None:
    section = measured(tmp_path, "strategies")["sections"]["strategies"]
    assert section["equal"] is True
    assert [row["strategy"] for row in section["tables"][0]["rows"]] == list(STRATEGIES)


def test_a_planted_difference_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = grid.sweep_grid

    def wrong(*arguments: Any, **named: Any) -> Swept:
        swept = right(*arguments, **named)
        sums = swept.sums.copy()
        sums[3, 2] *= 1 + 1e-15  # one combination's equity, by a few units in the last place
        return dataclasses.replace(swept, sums=sums)

    monkeypatch.setattr(grid, "sweep_grid", wrong)
    content = measured(tmp_path, "dense", expected=1)
    assert content["sections"]["dense"]["equal"] is False
    assert "NOT EQUAL" in capsys.readouterr().out


def test_a_missing_peer_is_named_and_the_rest_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda _: None)
    content = measured(tmp_path, "peers,user")
    assert "vectorbt and vectorbt_rust and backtesting not installed" in content["sections"]["peers"]["skipped"]
    assert peers.INSTALL in content["sections"]["peers"]["skipped"]
    assert content["sections"]["user"]["skipped"] is None


@pytest.mark.skipif(find_spec("backtesting") is None, reason='backtesting.py is not installed: pip install ".[bench]"')
def test_backtesting_py_trades_as_we_do_where_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("backtesting")
    monkeypatch.setattr(peers, "find_spec", lambda name: find_spec(name) if name == "backtesting" else None)
    section = measured(tmp_path, "peers")["sections"]["peers"]
    assert section["equal"] is True, section["checks"]
    assert len(section["checks"]) == 11


def test_unknown_section_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["--only", "speed"])
    assert "no section speed" in capsys.readouterr().err


def test_slope_is_the_exponent() -> None:
    assert slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert slope([1, 2, 4], [5, 5, 5]) == pytest.approx(0)


def test_tables_line_up() -> None:
    table = Table(
        "t", [{"name": "a", "us_each": 1.23456, "equal": True}, {"name": "bc", "us_each": None, "equal": False}]
    )
    assert text(table).splitlines()[1:] == ["name  us each  equal", "a        1.23    yes", "bc          -     no"]
    assert document({"cores": 2}, []) == "Measured on: cores 2.\n"


def test_figures_are_put_between_the_marks_of_a_page() -> None:
    page = f"words\n{BEGIN}\nold\n{END}\nmore\n"
    assert placed(page, "new\n") == f"words\n{BEGIN}\n\nnew\n\n{END}\nmore\n"
    assert placed("", "new\n") == "new\n"


def test_the_page_of_the_figures_can_be_measured_anew() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert BEGIN in page
    assert END in page
