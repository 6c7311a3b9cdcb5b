"""The digest of the code: every file that can change a result is in it, and no file that cannot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assay._result_code import PACKAGE, WITHOUT_INFLUENCE, result_digest, result_files
from test_import_table import COMING, PURE, imports

KERNEL = '''
from assay.compiled import compiled


@compiled
def doubled(x):
    """Twice a number."""
    return 2.0 * x
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package's sources."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "assay", ignore=shutil.ignore_patterns("__pycache__")))


def edited(package: Path, name: str) -> bool:
    """Whether an edit of a file is seen; the file is put back."""
    file, before = package / name, result_digest(package)
    text = file.read_text()
    file.write_text(text + "\n# another\n")
    seen = result_digest(package) != before
    file.write_text(text)
    assert result_digest(package) == before
    return seen


def test_a_kernel_in_a_sub_folder_is_seen_when_it_comes_and_when_it_changes(package: Path) -> None:
    before = result_digest(package)
    for folder in (package / "engine" / "futures", package / "learning" / "trees"):
        folder.mkdir(parents=True)
        (folder / "kernels.py").write_text(KERNEL)
        added = result_digest(package)
        assert added != before
        (folder / "kernels.py").write_text(KERNEL.replace("2.0", "3.0"))
        assert result_digest(package) not in (before, added)
        before = result_digest(package)


def test_a_moved_file_is_seen(package: Path) -> None:
    before = result_digest(package)
    (package / "indicators" / "swings.py").rename(package / "market" / "swings.py")
    assert result_digest(package) != before


@pytest.mark.parametrize(
    "name", ["training/train.py", "market/bars.py", "errors.py", "parameters.py", "sources/files.py", "compiled.py"]
)
def test_an_edit_of_what_can_change_a_result_is_seen(package: Path, name: str) -> None:
    assert edited(package, name)


@pytest.mark.parametrize("name", ["cli/main.py", "reports/page.py", "store/bars.py", "testing/suite.py", "__init__.py"])
def test_an_edit_of_what_only_asks_or_shows_is_not_seen(package: Path, name: str) -> None:
    assert not edited(package, name)


def test_every_pure_room_and_the_sources_count() -> None:
    counted = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in result_files()}
    assert {*PURE, "sources"} - COMING <= counted
    assert not counted & set(WITHOUT_INFLUENCE)


def test_nothing_else_can_change_a_result() -> None:
    """No file that counts imports one that does not: what a training computes never enters another file."""
    for path in result_files():
        for name in imports(path):
            rooms = name.split(".")
            outside = rooms[0] == "assay" and len(rooms) > 1 and rooms[1] in WITHOUT_INFLUENCE
            assert not outside, f"{path.relative_to(PACKAGE)} imports {name}"


def test_every_compiled_function_counts() -> None:
    counted = set(result_files())
    assert not [p for p in PACKAGE.rglob("*.py") if "@compiled" in p.read_text() and p not in counted]


def test_kernels_documents_and_clean_passes_use_the_one_digest(tmp_path: Path) -> None:
    code = (
        "import json\n"
        "from assay.compiled import CACHE_DIRECTORY, result_digest\n"
        "from assay.sources.clean_passes import StoredPasses\n"
        "print(json.dumps([CACHE_DIRECTORY.name, StoredPasses().folder.name, result_digest()]))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "ASSAY_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    kernels, passes, digest = json.loads(answer.stdout)
    assert kernels == digest == result_digest()
    assert passes == f"leaks-{digest}"
