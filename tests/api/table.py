"""Every route of an app with the least role that its dependencies name: found, not listed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.api.access import Needs
from assay.store.schema import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

RANK = {role: number for number, role in enumerate(Role)}


@dataclass(frozen=True)
class Row:
    """A route; `role` is None where no dependency names one."""

    method: str
    path: str
    role: Role | None
    strings: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def filled(self) -> str:
        """The path with something in the place of its parts."""
        return re.sub(r"\{[^}]*\}", "1", self.path)

    def filled_with(self, name: str, text: str) -> str:
        return re.sub(r"\{[^}]*\}", "1", re.sub(rf"\{{{name}(:[^}}]*)?\}}", lambda _: text, self.path))


def routes_of(app: FastAPI) -> list[Row]:
    """Walk an app's routes, those of included routers too."""
    rows = []
    for route in _walk(app.routes):
        dependant = getattr(route, "dependant", None)
        needs = list(_needs(dependant)) if dependant is not None else []
        role = max(needs, key=RANK.__getitem__) if needs else None
        strings = tuple(_strings(dependant)) if dependant is not None else ()
        methods = sorted(getattr(route, "methods", None) or ["WEBSOCKET"])
        rows += [Row(method, route.path, role, strings) for method in methods if method != "HEAD"]
    return rows


def _walk(routes: Any) -> Iterator[Any]:
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from _walk(route.effective_candidates())
        else:
            yield getattr(route, "starlette_route", None) or route


def _needs(dependant: Any) -> Iterator[Role]:
    if isinstance(dependant.call, Needs):
        yield dependant.call.role
    for inner in dependant.dependencies:
        yield from _needs(inner)


def _strings(dependant: Any) -> Iterator[tuple[str, str]]:
    """Name and place of each parameter: whatever its type is, a request sends text."""
    for where, fields in (("path", dependant.path_params), ("query", dependant.query_params)):
        for field in fields:
            yield where, field.alias
    for inner in dependant.dependencies:
        yield from _strings(inner)
