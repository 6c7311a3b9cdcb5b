"""Tutorial and recipes, block by block, each in one folder: files are written, Python and commands are run."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "tutorial.md"


@dataclass(frozen=True)
class Step:
    """One thing that the page does, and the lines that it says are printed."""

    code: str
    command: str
    printed: tuple[str, ...]


def steps(page: str) -> Iterator[Step]:
    code = ""
    for kind, text in re.findall(r"^```(\w+)\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE):
        lines = tuple(text.splitlines())
        if kind == "console":
            for command, printed in re.findall(r"^\$ assay (.*)\n((?:(?!\$ ).*\n)*)", text, flags=re.MULTILINE):
                yield Step("", command, tuple(printed.splitlines()))
        elif kind == "text":
            yield Step(code, "", lines)
        elif named := re.match(r"# (\w+\.py)\n", text):
            Path(named[1]).write_text(text)
        code = text if kind == "python" else ""


def spaced(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def run_page(page: Path, capsys: pytest.CaptureFixture[str]) -> list[Step]:
    """Run what a page does in the working folder; everything that it says is printed must be."""
    done = []
    for step in steps(page.read_text()):
        capsys.readouterr()
        if step.command:
            assert main(shlex.split(step.command)) == 0, step.command
        else:
            exec(compile(step.code, str(page), "exec"), {})  # noqa: S102  (the page's own code)
        printed = spaced(capsys.readouterr().out)
        missing = [line for line in step.printed if line not in printed]
        assert not missing, f"{step.command or step.code}\nprints\n" + "\n".join(printed)
        done.append(step)
    return done


def test_the_recipes_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(tmp_path / "assay.db"))
    commands = [step.command.split(" ")[0] for step in run_page(DOCS / "recipes.md", capsys)]
    assert set(commands) >= {"backtest", "train", "ledger", "data", "quality"}
    assert (tmp_path / "trades.csv").exists()


def test_the_recipes_are_listed_and_their_commands_exist() -> None:
    from assay.cli.main import COMMANDS, GROUPS

    text = (DOCS / "recipes.md").read_text()
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert [*re.findall(r"^\d+\. \[(.+)\]\(#", text, flags=re.MULTILINE)] == headings
    named = re.findall(r"^(?:    |\$ )assay ([\w-]+)(?: ([\w-]+))?", text, flags=re.MULTILINE)
    for first, second in named:
        assert second in GROUPS[first][1] if first in GROUPS else first in COMMANDS, (first, second)


def test_the_tutorial_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    done = run_page(PAGE, capsys)
    sys.modules.pop("stop_hunt")
    assert [step.command.split(" ")[0] for step in done] == [
        "",
        "",
        "",
        "leaks",
        "funnel",
        "backtest",
        "sweep",
        "train",
        "train",
    ]


def test_the_strategy_is_as_short_as_its_title() -> None:
    (text,) = re.findall(r"^```python\n# stop_hunt\.py\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    body = text.split("class StopHunt", 1)[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 30
