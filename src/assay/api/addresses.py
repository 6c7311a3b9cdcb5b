"""Addresses and queries that no route knows: what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from fastapi import Request

from assay.errors import InputError, near_name
from assay.service.faults import UNKNOWN

DESCRIBED = "GET /api/openapi.json describes what there is"
MEANT = 5
"""Routes that a hint names."""


async def refuse_unknown_names(request: Request) -> None:
    """Refuse a query in which a name stands that its route does not know: a filter of a misspelt name filters nothing.

    Raises
    ------
    InputError
        With the near name.
    """
    route = request.scope["route"]
    if 422 not in route.responses:  # what monitors and browsers ask: health, readiness, measures, the session
        return
    known = {field.alias for one in _with_inner(route.dependant) for field in one.query_params}
    for name in request.query_params:
        if name not in known:
            hint = near_name(name, known) if known else "No query is taken here"
            raise InputError(name[:100] or "query", UNKNOWN, hint=hint)


def _with_inner(dependant: Any) -> Iterable[Any]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _with_inner(inner)


def no_route(method: str, path: str, paths: Mapping[str, Mapping[str, Any]]) -> tuple[str, str, dict[str, str]]:
    """Return why a request belongs to no route: the rule, the way out, and headers that say what is allowed.

    Parameters
    ----------
    paths : mapping
        Of the OpenAPI document: templates of paths, each with its methods in lower case.
    """
    asked, known = path.rstrip("/"), [_Route.of(template, path) for template in sorted(paths)]
    methods = sorted({name.upper() for one in known if one.filled == path for name in paths[one.template]})
    if methods:
        rule = f"{method} is not taken at this address, {', '.join(methods)} {'is' if len(methods) == 1 else 'are'}"
        return rule, _mean(_below(known, asked)) or DESCRIBED, {"Allow": ", ".join(methods)}
    return "there is nothing at this address", _mean(_near_routes(known, asked)) or DESCRIBED, {}


@dataclass(frozen=True)
class _Route:
    """A route's path, and what it is with the parts of an address in the place of its own."""

    template: str
    filled: str

    @classmethod
    def of(cls, template: str, path: str) -> _Route:
        given = path.split("/")
        parts = [
            given[place] if part.startswith("{") and place < len(given) and given[place] else part
            for place, part in enumerate(template.split("/"))
        ]
        return cls(template, "/".join(parts))


def _mean(templates: Sequence[str]) -> str:
    return f"Did you mean {' or '.join(templates[:MEANT])}?" if templates else ""


def _below(known: Sequence[_Route], asked: str) -> list[str]:
    """Return the routes one part below an address."""
    return [one.template for one in known if one.filled.rpartition("/")[0] == asked]


def _near_routes(known: Sequence[_Route], asked: str) -> list[str]:
    """Return the route that an address without a slash at its end is, else those below it or most like it."""
    begun, _, last = asked.rpartition("/")
    if not begun:
        return []
    near = get_close_matches(asked, [one.filled for one in known], n=1, cutoff=0.8)
    return (
        [one.template for one in known if one.filled == asked]
        or _below(known, asked)
        or [one.template for one in known if one.filled in near]
        or [one.template for one in known if one.template.endswith(f"/{last}")]
    )
