"""The folder of users' strategies: a request names one of them, and no other file is ever opened.

Files are read, not run, in order to be listed. What a name stands for comes from that listing alone: no part of a
request becomes a part of a path.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import InputError, NotFoundError, StrategyError, near_name
from assay.strategies import STRATEGIES

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 20
"""A longer file is not listed."""

MAX_FILES = 1_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True)
class FolderStrategy:
    """A strategy of the folder.

    Attributes
    ----------
    name : str
        By which requests name it.
    file, kind : str
        The name of its file, and of its class in there.
    path : str
        ``path.py:Class``, as the command line names it.
    """

    name: str
    file: str
    kind: str
    path: str


def list_strategies(folder: Path | None) -> list[FolderStrategy]:
    """Return the strategies that the files of a folder declare, by name; none where there is no folder.

    Left out: links that lead out of the folder, files that are no Python, and names of strategies that ship.

    Raises
    ------
    StrategyError
        When the folder cannot be read, or two classes have one name.
    """
    if folder is None:
        return []
    try:
        root = folder.resolve(strict=True)
        files = sorted(root.glob("*.py"))[:MAX_FILES]
    except (OSError, RuntimeError) as error:
        raise StrategyError("strategies", f"the operator's folder cannot be read ({type(error).__name__})") from None
    found: dict[str, FolderStrategy] = {}
    for file in files:
        for name, kind in _declared(root, file):
            if name in found:
                where = f"{found[name].file} and {file.name}"
                raise StrategyError("strategies", f"two classes of the operator's folder have one name: {where}", name)
            found[name] = FolderStrategy(name, file.name, kind, f"{file}:{kind}")
    return [found[name] for name in sorted(found)]


def resolve_strategy(name: str, folder: Path | None) -> str:
    """Return what the rest of the program knows a requested strategy by: a registered name, or ``path.py:Class``.

    Raises
    ------
    InputError
        When a file, a path or code is named in the place of a strategy.
    NotFoundError
        When there is none of this name.
    """
    if not _NAME.fullmatch(name):
        hint = "The list of strategies has their names; files are never opened by a path that a request names"
        raise InputError("strategy", "must be the name of a strategy, not a file, a path or code", name, hint)
    shipped = {spelling.casefold(): known for known in STRATEGIES for spelling in (known, f"{known}_V3")}
    if name.casefold() in shipped:
        return shipped[name.casefold()]
    known = {one.name: one for one in list_strategies(folder)}
    if name not in known:
        raise NotFoundError("strategy", "there is none of this name", name, near_name(name, [*STRATEGIES, *known]))
    return known[name].path


def _declared(root: Path, file: Path) -> list[tuple[str, str]]:
    """Return name and class of each strategy in a file."""
    try:
        real = file.resolve(strict=True)
        if real.parent != root or not real.is_file() or real.stat().st_size > MAX_BYTES:
            return []
        tree = ast.parse(real.read_bytes())
    except (OSError, RuntimeError, ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    kinds: set[str] = set()
    found = []
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        named = _name_of(node)
        if any(base.endswith("Strategy") for base in bases) or bases & kinds or (bases and named):
            kinds.add(node.name)
            name = named or node.name
            if _NAME.fullmatch(name) and name.upper() not in STRATEGIES and not node.name.startswith("_"):
                found.append((name, node.name))
    return found


def _name_of(node: ast.ClassDef) -> str | None:
    """Return the text that a class declares as its ``name``."""
    for line in node.body:
        targets = (
            line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
        )
        if any(isinstance(t, ast.Name) and t.id == "name" for t in targets):
            value = getattr(line, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
    return None
