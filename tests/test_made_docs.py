"""What docs/ takes from the code is what the code says today: `make docs` changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from benchmarks.report import marks
from documentation import agents, dirty_markets, tables
from documentation.__main__ import main
from documentation.strategy_pages import PARTS as PAGE_PARTS
from studies import api_fuzz, campaigns, null_markets

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs" / "strategies").glob("*-*.md"))
MADE = {
    *((part.page, part.mark) for part in tables.PARTS),
    *(
        (f"strategies/{page.name}", mark)
        for page in (ROOT / "docs" / "strategies").glob("*-*.md")
        for mark in PAGE_PARTS
    ),
    ("strategies/README.md", "index"),
    ("data.md", "dirty markets"),
}
BY_STUDIES = {"figures", null_markets.PLACE, campaigns.PLACE, api_fuzz.PLACE, agents.MARK, "service"}
"""The marks of what benchmarks and studies measure, which takes hours, and of a session that another test compares."""


def texts(docs: Path) -> dict[str, str]:
    """Every page; pictures of the Studio are made by a browser, and compared by nobody."""
    found = [path for path in docs.rglob("*") if path.is_file() and path.suffix != ".png"]
    return {path.relative_to(docs).as_posix(): path.read_text() for path in found}


def test_writing_them_again_changes_nothing(tmp_path: Path) -> None:
    docs = Path(shutil.copytree(ROOT / "docs", tmp_path / "docs"))
    before = texts(docs)
    assert main(["--docs", str(docs), "--data", str(tmp_path / "no bars")]) == 0
    after = texts(docs)
    assert set(after) == set(before)
    for name, text in after.items():
        assert text == before[name], f"{name} is stale: run `make docs`"


def test_whatever_was_changed_by_hand_is_written_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = Path(shutil.copytree(ROOT / "docs", tmp_path / "docs"))
    before = texts(docs)
    for name, mark in MADE - {("data.md", "dirty markets")}:
        if mark not in {"pictures", "rates"}:
            begin, end = marks(mark)
            head, rest = (docs / name).read_text().split(begin)
            (docs / name).write_text(f"{head}{begin}\n\nby hand\n\n{end}{rest.split(end)[1]}")
    (docs / "configuration-v3.schema.json").write_text("{}")
    assert texts(docs) != before
    assert main(["--docs", str(docs), "--data", str(tmp_path)]) == 0
    assert texts(docs) == before
    assert "measures.md is new" in capsys.readouterr().err


def test_every_mark_of_the_pages_is_somebodys(shared_data: Path) -> None:
    """A made part that nothing makes any more would grow stale without a word."""
    found = {
        (path.relative_to(ROOT / "docs").as_posix(), line.removeprefix("<!-- ").removesuffix(": begin -->"))
        for path in (ROOT / "docs").rglob("*.md")
        for line in path.read_text().splitlines()
        if line.startswith("<!-- ") and line.endswith(": begin -->")
    }
    assert {one for one in found if one[1] not in BY_STUDIES} == MADE
    assert all((shared_data / f"{name}.parquet").exists() for name in dirty_markets.FILES)


def test_a_page_without_its_marks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "measures.md").write_text("# Measures\n")
    with pytest.raises(ValueError, match=r"measures\.md lacks the marks <!-- measures: begin -->"):
        tables.filled(tmp_path, tables.PARTS)
