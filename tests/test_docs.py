"""The documentation is true: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import json
import posixpath
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documentation.site_pages import FOLDER, PROJECT, relinked

from test_import_table import COMING

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "assay"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GUIDES = ("ARCHITECTURE.md", "CONTRIBUTING.md")
"""Pages that name modules, functions and tests of the code."""
CODE_FOLDERS = ("src", "tests", "documentation", "benchmarks")


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)


BUILD_ON = {"tutorial.md", "recipes.md", "brackets.md"}
"""Pages whose blocks build on each other: tests/test_tutorial.py, tests/engine/test_bracket_page.py."""

CODE = {f"{page.name}-{i}": code for page in PAGES if page.name not in BUILD_ON for i, code in enumerate(blocks(page))}

RUN_BLOCKS = """
import contextlib, io, json, os, pathlib, sys, traceback

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    results = {}
    for name, code in json.loads((folder / "blocks.json").read_text()).items():
        own = folder / name
        own.mkdir()
        os.chdir(own)
        os.environ["ASSAY_DATABASE_URL"] = str(own / "assay.db")
        printed, failure = io.StringIO(), ""
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, name, "exec"), {"__name__": "__main__"})
        except BaseException:
            failure = traceback.format_exc()
        results[name] = [printed.getvalue(), failure]
    (folder / "results.json").write_text(json.dumps(results))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each block printed and how it failed: a folder and a namespace each, one process for the imports of all."""
    folder = tmp_path_factory.mktemp("blocks")
    (folder / "blocks.json").write_text(json.dumps(CODE))
    (folder / "run_blocks.py").write_text(RUN_BLOCKS)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(folder / "run_blocks.py"), str(folder)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads((folder / "results.json").read_text())
    return found


@pytest.mark.parametrize("name", CODE)
def test_python_blocks_run(name: str, ran: dict[str, list[str]]) -> None:
    printed, failure = ran[name]
    assert not failure, failure
    assert printed.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def in_backticks(name: str) -> list[str]:
    """What a page for developers says in backticks; what something was called before is left out."""
    text = (ROOT / name).read_text().split("## Names that changed")[0]
    return re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("page", GUIDES)
def test_every_path_in_backticks_exists(page: str) -> None:
    paths = [name for name in in_backticks(page) if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?(::\w+)?", name)]
    paths = [name for name in paths if "/" in name or name.endswith((".py", ".md", ".json", ".html"))]
    assert len(paths) > 30
    for name in paths:
        path, _, test = name.partition("::")
        places = [folder / f"{path}{suffix}" for folder in (ROOT, PACKAGE) for suffix in ("", ".py")]
        found = [place for place in places if place.exists()]
        assert found, f"{page}: {name}"
        assert not test or f"def {test}(" in found[0].read_text(), f"{page}: {name}"


@pytest.mark.parametrize("page", GUIDES)
def test_every_name_in_backticks_is_one_of_the_code(page: str) -> None:
    files = [file for folder in CODE_FOLDERS for file in (ROOT / folder).rglob("*.py")]
    known = set(re.findall(r"\w+", "".join(file.read_text() for file in files)))
    known |= {file.stem for file in files} | {folder.name for folder in PACKAGE.iterdir()} | COMING
    names = [name for name in in_backticks(page) if re.fullmatch(r"\w+(\.\w+)*", name) and not (ROOT / name).exists()]
    assert len(names) > 50
    unknown = [name for name in names if not set(name.split(".")) <= known]
    assert not unknown, page


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


def test_every_page_is_in_the_index_and_in_the_site() -> None:
    index, site = (ROOT / "docs" / "index.md").read_text(), (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert f" {name}\n" in site, name
        assert name == "index.md" or f"]({name}" in index or name.startswith("strategies/"), name


def test_links_lead_somewhere_in_the_site_too() -> None:
    places = {f"{FOLDER}/{page}": ROOT / page for page in PROJECT}
    places |= {p.relative_to(ROOT / "docs").as_posix(): p for p in (ROOT / "docs").rglob("*") if p.is_file()}
    bent = 0
    for place, page in places.items():
        if page.suffix == ".md":
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", relinked(page.read_text(), place)):
                if "://" not in target:
                    assert posixpath.normpath(posixpath.join(posixpath.dirname(place), target)) in places, (
                        place,
                        target,
                    )
                    bent += 1
    assert bent > 100
    assert (
        relinked("[a](../README.md#x) [b](https://e.org)", "index.md") == "[a](project/README.md#x) [b](https://e.org)"
    )


def test_the_glossary_has_every_word_that_is_printed() -> None:
    from assay.engine import REASONS
    from assay.validation.lifecycle import STAGES

    text = (ROOT / "docs" / "glossary.md").read_text()
    for word in (*STAGES, *REASONS):
        assert f"| {word} |" in text, word
