"""What every route may answer beside its result, as OpenAPI declares it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from assay.api.errors import statuses

ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""Who asks is unknown, may not, asks wrongly or too often, or the database is away."""

ID = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
"""Of a route about one configuration: there is none, or it was changed after it was stored."""

BODY = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
"""Of a route with a body: it is none, or too large."""


def declared(*more: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a route: those of every route, and its own."""
    return statuses(*sorted({*ALWAYS, *more}))


def content(*kinds: str, description: str, headers: dict[str, str] | None = None) -> dict[int | str, dict[str, Any]]:
    """Return a result that is no JSON, or not only, as OpenAPI declares it.

    Parameters
    ----------
    kinds : str
        Media types beside the JSON of the route's model.
    headers : dict, optional
        Their meaning by name.
    """
    form = {"schema": {"type": "string", "format": "binary"}}
    found: dict[str, Any] = {"description": description, "content": dict.fromkeys(kinds, form)}
    if headers:
        found["headers"] = {n: {"description": text, "schema": {"type": "string"}} for n, text in headers.items()}
    return {int(HTTPStatus.OK): found}
