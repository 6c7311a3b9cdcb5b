"""The documentation is true: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)


CODE = [
    pytest.param(code, id=f"{page.name}-{i}")
    for page in PAGES
    if page.name != "tutorial.md"  # its blocks build on each other: tests/test_tutorial.py
    for i, code in enumerate(blocks(page))
]


@pytest.mark.parametrize("code", CODE)
def test_python_blocks_run(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_command_is_in_the_readme() -> None:
    from assay.cli.main import COMMANDS, GROUPS

    text = (ROOT / "README.md").read_text()
    for name in (*COMMANDS, *GROUPS):
        assert re.search(rf"`assay {name}[ `]", text), name


def test_the_schema_file_is_that_of_the_code() -> None:
    from assay.documents.configuration import json_schema

    assert json.loads((ROOT / "docs" / "configuration-v3.schema.json").read_text()) == json_schema()


def test_the_space_of_the_docs_is_read(tmp_path: Path) -> None:
    from assay.search import parse_space
    from assay.service.spaces import read_space
    from assay.strategies import find_strategy

    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "configuration.md").read_text(), flags=re.DOTALL)
    (tmp_path / "space.toml").write_text(block)
    space = parse_space(read_space(tmp_path / "space.toml"), find_strategy("LIQUIDITY_SWEEP").parameters)
    assert space.size == 3 * 5 * 5
    assert not space.is_discrete


def test_every_measure_is_documented() -> None:
    from assay.engine import OBJECTIVES, TABLE
    from assay.engine.glossary import markdown

    text = (ROOT / "docs" / "measures.md").read_text()
    assert markdown() in text
    for name in (*TABLE, *OBJECTIVES):
        assert f"`{name}`" in text


def test_no_page_or_source_names_this_machine() -> None:
    tracked = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".toml", ".txt"} and ".venv" not in p.parts]
    for path in tracked:
        if path != Path(__file__):
            assert "/work/" not in path.read_text(errors="replace"), path
