"""Who may import whom, and no circles; the pure rooms know no clock, file, environment or logger."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from import_graph import PACKAGE, ImportGraph, circles, imports_of

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = ImportGraph(PACKAGE)
EDGES = GRAPH.edges(with_types=True)
NAMES = {path: name for name, path in GRAPH.modules.items()}

MAY_IMPORT = {
    # the foundation: small, and everybody's
    "_version": "",
    "errors": "",
    "fractions": "errors",
    "parameters": "errors fractions",
    "lazy": "",
    "plurals": "",
    "threads": "",
    "_result_code": "",
    "_kernel_cache": "_result_code",
    "compiled": "_kernel_cache _result_code",
    "rounding": "",
    # what a market did, and what follows from it
    "market": "errors rounding",
    "indicators": "compiled errors market",
    "engine": "compiled errors fractions market parameters rounding threads",
    "learning": "_version compiled engine errors indicators market parameters threads",
    "strategies": "compiled engine errors indicators learning market parameters",
    "evaluation": "compiled engine errors indicators market parameters strategies threads",
    "search": "compiled engine errors lazy parameters rounding threads",
    "validation": "compiled engine errors evaluation lazy market parameters rounding search threads",
    "leaks": "engine errors evaluation indicators market parameters rounding strategies threads validation",
    "training": (
        "_version compiled engine errors evaluation leaks market parameters rounding search strategies threads"
        " validation"
    ),
    "documents": (
        "_version compiled engine errors evaluation learning market parameters plurals search strategies training"
        " validation"
    ),
    "monitoring": "engine errors evaluation market parameters strategies threads validation documents",
    # pure above, effects below
    "sources": "compiled engine errors indicators lazy learning market parameters strategies threads",
    "reports": (
        "documents engine errors evaluation lazy market monitoring parameters plurals search training validation"
    ),
    "store": "_version documents engine errors lazy market parameters validation",
    "service": (
        "_version compiled documents engine errors evaluation leaks lazy learning market monitoring parameters plurals"
        " reports search sources store strategies threads training validation"
    ),
    "frames": (
        "_version documents engine errors evaluation indicators leaks lazy learning market monitoring parameters"
        " reports search service sources store strategies threads training validation"
    ),
    "api": (
        "_version documents engine errors evaluation market monitoring parameters reports search service sources store"
        " strategies training validation"
    ),
    "agents": (
        "_version documents engine errors evaluation market monitoring parameters plurals reports search service"
        " sources store strategies training validation"
    ),
    "studio": (
        "_version api documents engine errors evaluation lazy market monitoring parameters plurals reports service"
        " sources store strategies training validation"
    ),
    "cli": (
        "__init__ _version agents api compiled documents engine errors evaluation frames leaks lazy learning market"
        " monitoring parameters plurals reports search service sources store strategies studio threads training"
        " validation"
    ),
    "testing": (
        "compiled engine errors evaluation indicators leaks learning market parameters sources strategies threads"
        " validation"
    ),
    "__main__": "cli",
}
"""Whom each room may import, for types too; a room imports itself. The rooms' order is that of house and page.

Walls that the order alone does not hold: a report shows documents and knows no database; a service stands on sources,
store and training and knows neither frames nor the command line; the library's classes and the command line are two
ways into the service, and only the command line may use the other's collector; a search knows no market.
"""
ANY_ROOM = "__init__"
"""The package itself offers names of every room, when they are first used."""

COMING = {"learning", "monitoring"}
"""Rooms that have a place and no module yet."""

CIRCLES: list[list[str]] = []
"""Circles that still exist, to be mended: the list may only get shorter."""

ROOMS = [*MAY_IMPORT, ANY_ROOM]
PURE = ROOMS[: ROOMS.index("sources")]
EXCEPTIONS = {
    "_result_code": "reads the sources whose digest stands for them",
    "_kernel_cache": "decides where compiled kernels are kept, before numba is imported",
}
IMPURE_MODULES = {
    "os", "time", "datetime", "random", "logging", "pathlib", "tempfile", "subprocess", "socket", "io",
    "shutil", "pandas", "pyarrow", "rich", "typer", "multiprocessing", "secrets", "uuid",
}  # fmt: skip
ALLOWED_IN = {
    "datetime": {
        "documents/configuration.py",
        "documents/plain.py",
        "documents/rebuild.py",
        "documents/unverified.py",
    }
}
IMPURE_CALLS = {"open", "print", "input"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(path: Path) -> list[str]:
    found = imports_of(path)
    return [i.name for i in found] + [f"assay.{i.member}" for i in found if i.name == "assay"]


def room_of_module(name: str) -> str:
    """The room of a dotted name of the package."""
    return ("assay.__init__" if name == "assay" else name).split(".")[1]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_the_table_names_only_rooms_above(room: str) -> None:
    above = set(ROOMS[: ROOMS.index(room)]) | ({"__init__"} if room == "cli" else set())
    assert set(MAY_IMPORT[room].split()) <= above


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_room_imports_what_the_table_allows(path: Path) -> None:
    room = room_of(path)
    assert room in ROOMS, f"{room} has no place in the table"
    if room == ANY_ROOM:
        return
    allowed = {room, *MAY_IMPORT[room].split()}
    for other in EDGES[NAMES[path]]:
        assert room_of_module(other) in allowed, f"{name_of(path)} imports {other}"


@pytest.mark.parametrize("with_types", [False, True], ids=["when run", "with types"])
def test_no_modules_import_one_another(with_types: bool) -> None:
    found = circles(GRAPH.edges(with_types=with_types))
    assert found == CIRCLES, "a circle was closed" if len(found) > len(CIRCLES) else "mended: shorten the list"


def test_circles_are_found(tmp_path: Path) -> None:
    """Through others, through an import in a function, and only through types where those are asked for."""
    files = {
        "__init__": "",
        "a": "from made import b\n",
        "b": "def later():\n    import made.c\n",
        "c": "from made.a import x\n",
        "d": "import typing\nif typing.TYPE_CHECKING:\n    from made.e import x\nelse:\n    import made.a\n",
        "e": "from made.d import x\nfrom made.a import x\n",
    }
    (tmp_path / "made").mkdir()
    for name, text in files.items():
        (tmp_path / "made" / f"{name}.py").write_text(text)
    graph = ImportGraph(tmp_path / "made")
    run, typed = graph.edges(with_types=False), graph.edges(with_types=True)
    assert run["made.d"] == {"made.a"}
    assert typed["made.d"] == {"made.a", "made.e"}
    assert circles(run) == [["made.a", "made.b", "made.c"]]
    assert circles(typed) == [["made.a", "made.b", "made.c"], ["made.d", "made.e"]]


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


def test_every_room_of_the_table_exists_or_is_announced() -> None:
    assert {room_of(p) for p in modules()} == set(ROOMS) - COMING
