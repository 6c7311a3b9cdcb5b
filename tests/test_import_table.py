"""A room imports only rooms above it; the pure rooms know no clock, file, environment or logger."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "assay"

ROOMS = [
    "_version",
    "errors",
    "parameters",
    "lazy",
    "threads",
    "_result_code",
    "_kernel_cache",
    "compiled",
    "market",
    "indicators",
    "engine",
    "strategies",
    "evaluation",
    "search",
    "validation",
    "leaks",
    "training",
    "documents",
    # pure above, effects below
    "sources",
    "reports",
    "store",
    "service",
    "frames",
    "cli",
    "testing",
    "__main__",
    "__init__",
]
PURE = ROOMS[: ROOMS.index("sources")]
EXCEPTIONS = {
    "_result_code": "reads the sources whose digest stands for them",
    "_kernel_cache": "decides where compiled kernels are kept, before numba is imported",
}
IMPURE_MODULES = {
    "os", "time", "datetime", "random", "logging", "pathlib", "tempfile", "subprocess", "socket", "io",
    "shutil", "pandas", "pyarrow", "rich", "typer", "multiprocessing", "secrets", "uuid",
}  # fmt: skip
ALLOWED_IN = {"datetime": {"documents/configuration.py", "documents/rebuild.py", "documents/unverified.py"}}
IMPURE_CALLS = {"open", "print", "input"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            if node.module == "assay":
                found += [f"assay.{a.name}" for a in node.names]
    return found


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_room_imports_only_rooms_above_it(path: Path) -> None:
    room = room_of(path)
    assert room in ROOMS, f"{room} has no place in the table"
    for name in imports(path):
        if not name.startswith("assay.") or room == "__init__":
            continue
        other = name.split(".")[1]
        if other in ROOMS:
            assert ROOMS.index(other) <= ROOMS.index(room), f"{name_of(path)} imports {name} from below"


@pytest.mark.parametrize("path", [p for p in modules() if room_of(p) in PURE], ids=name_of)
def test_the_pure_rooms_have_no_effects(path: Path) -> None:
    name = name_of(path)
    if name in EXCEPTIONS or name.removesuffix(".py") in EXCEPTIONS:
        return
    for imported in imports(path):
        top = imported.split(".")[0]
        if name not in ALLOWED_IN.get(top, set()):
            assert top not in IMPURE_MODULES, f"{name} imports {imported}"
    tree = ast.parse(path.read_text())
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not called & IMPURE_CALLS, f"{name} calls {called & IMPURE_CALLS}"
    text = path.read_text()
    assert "np.random.default_rng()" not in text
    assert ".now(" not in text


def test_search_has_never_heard_of_markets() -> None:
    for path in (PACKAGE / "search").glob("*.py"):
        assert not [n for n in imports(path) if n.startswith("assay.market")], path.name


def test_the_import_graph_has_no_unknown_room() -> None:
    present = {room_of(p) for p in modules()}
    assert present <= set(ROOMS)
