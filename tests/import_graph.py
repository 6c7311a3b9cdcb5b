"""Which module of the package imports which, read from the sources: also imports inside functions, types apart."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE = Path(__file__).parents[1] / "src" / "assay"


@dataclass(frozen=True)
class Import:
    """A module that a statement names, the name taken out of it, and whether only a type checker runs it."""

    name: str
    member: str
    for_types: bool


def imports_of(path: Path) -> list[Import]:
    """Every import of a file."""
    return list(_imports(ast.parse(path.read_text()), for_types=False))


def _imports(node: ast.AST, *, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, "", for_types) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from (Import(child.module, alias.name, for_types) for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), for_types=True)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), for_types=for_types)
        else:
            yield from _imports(child, for_types=for_types)


@dataclass(frozen=True)
class ImportGraph:
    """The modules below a package's folder and what each imports of them."""

    package: Path

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Path by dotted name; a package stands for its ``__init__``."""
        found = {}
        for path in sorted(self.package.rglob("*.py")):
            parts = path.relative_to(self.package.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    @cached_property
    def _imports(self) -> dict[str, list[Import]]:
        return {module: imports_of(path) for module, path in self.modules.items()}

    def edges(self, *, with_types: bool) -> dict[str, set[str]]:
        """Return the modules that each module imports.

        ``from package import name`` counts as an import of the module ``package.name`` where there is one, else of
        the package: a package that is being made lets its own modules come in.
        """
        return {
            module: {self._module(i) for i in imports if with_types or not i.for_types} - {module, ""}
            for module, imports in self._imports.items()
        }

    def _module(self, found: Import) -> str:
        """Return the module that is imported; empty for what is not of the package."""
        deeper = f"{found.name}.{found.member}"
        return deeper if deeper in self.modules else found.name if found.name in self.modules else ""


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another, directly or through others (Tarjan, 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(edges[module]):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            at = stack.index(module)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(edges):
        if module not in number:
            visit(module)
    return found
