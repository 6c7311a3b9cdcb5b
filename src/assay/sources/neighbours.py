"""Files beside a user's strategy that belong to it: modules that it imports, and data that it names."""

from __future__ import annotations

import ast
import hashlib
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIXES = (".py", *EXTENSION_SUFFIXES)
_IMPORTERS = ("import_module", "__import__")


def neighbours(path: Path, source: bytes) -> dict[str, Path]:
    """Return the files in a strategy's own folder and below that its source imports or names, theirs too.

    Imports are read from the source, wherever they stand in it: a strategy is the same one before and after its
    functions are called. An import whose name is computed is not seen, nor is a file whose name is.

    Parameters
    ----------
    path : Path
        The strategy's file.
    source : bytes
        Its content.

    Returns
    -------
    dict of str to Path
        Modules by their dotted names; files that the source names as a text, by that text.
    """
    folder = path.resolve().parent
    found: dict[str, Path] = {}
    waiting: list[tuple[str, bytes]] = [("", source)]
    while waiting:
        package, text = waiting.pop()
        for name, file in _named(folder, package, text):
            if name not in found and file != path.resolve():
                found[name] = file
                if file.suffix == ".py":
                    inside = name if file.name == "__init__.py" else name.rpartition(".")[0]
                    waiting.append((inside, file.read_bytes()))
    return found


def digest_with(source: bytes, files: dict[str, Path]) -> str:
    """Return the digest of a source and of the files that belong to it; without any that of the source alone."""
    own = hashlib.sha256(source).hexdigest()
    if not files:
        return own
    lines = sorted(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for name, file in files.items())
    return hashlib.sha256("\n".join((own, *lines)).encode()).hexdigest()


def _named(folder: Path, package: str, source: bytes) -> Iterator[tuple[str, Path]]:
    """Yield the modules that a source imports and the files that it names, as far as they are in the folder."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # importing it says what is wrong
    for node in ast.walk(tree):
        for name in _imported(node, package):
            parts = name.split(".")
            if parts[0] in sys.stdlib_module_names or parts[0] == "assay":
                continue
            for depth in range(1, len(parts) + 1):
                if (file := _module_file(folder, parts[:depth])) is not None:
                    yield ".".join(parts[:depth]), file
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (file := _data_file(folder, node.value)):
            yield node.value, file


def _imported(node: ast.AST, package: str) -> list[str]:
    """Return the dotted names that a node may import."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level and package else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        return [name.strip(".") for name in (base, *(f"{base}.{alias.name}" for alias in node.names)) if name]
    if isinstance(node, ast.Call) and node.args:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0]
        if called in _IMPORTERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            return [first.value]
    return []


def _module_file(folder: Path, parts: list[str]) -> Path | None:
    """Return where Python finds a module in a folder: a package before a file of its name."""
    place = folder.joinpath(*parts)
    choices = (place / "__init__.py", *(place.with_name(place.name + suffix) for suffix in _SUFFIXES))
    return next((choice for choice in choices if choice.is_file()), None)


def _data_file(folder: Path, text: str) -> Path | None:
    """Return the file that a text names, relative to the folder and below it."""
    if not ("." in text and 2 < len(text) < 200 and text.isprintable()):
        return None
    try:
        file = (folder / text).resolve()
        return file if file.is_file() and file.is_relative_to(folder) else None
    except (OSError, ValueError):
        return None
