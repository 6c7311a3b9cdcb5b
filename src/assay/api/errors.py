"""Errors as answers: one table from the exception tree to a status and a code, one shape for all of them.

``{"error": {"code", "message", "field", "rule", "value", "hint"}}``
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from assay.api.addresses import no_route
from assay.api.request_words import as_request, field_name
from assay.errors import AssayError, StoreError
from assay.service import error_facts
from assay.service.faults import fault_of

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

LOG = logging.getLogger("assay.api")

STATUSES = {
    "not_found": HTTPStatus.NOT_FOUND,
    "conflict": HTTPStatus.CONFLICT,
    "invalid_parameter": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unreadable_file": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_bars": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_strategy": HTTPStatus.UNPROCESSABLE_ENTITY,
    "insufficient_data": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_input": HTTPStatus.UNPROCESSABLE_ENTITY,
    "refused_by_quality": HTTPStatus.CONFLICT,
    "refused_for_look_ahead": HTTPStatus.CONFLICT,
    "changed_after_storing": HTTPStatus.CONFLICT,
    "refused_by_gate": HTTPStatus.CONFLICT,
    "database_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "exchange_failed": HTTPStatus.BAD_GATEWAY,
    "failed": HTTPStatus.BAD_REQUEST,
}
"""Statuses of the errors of the package, by their code."""

TABLE = tuple((kind, STATUSES[code], code) for kind, code in error_facts.CODES)
"""The first line that an error is an instance of says its status and code."""

CODES = {
    HTTPStatus.BAD_REQUEST: "bad_request",
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.NOT_ACCEPTABLE: "not_acceptable",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.LENGTH_REQUIRED: "length_required",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.MISDIRECTED_REQUEST: "wrong_host",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid_input",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}
"""Codes of errors that come before a route, by their status."""

NO_ROUTE = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
"""Statuses of requests that belong to no route."""


class ErrorDetail(BaseModel):
    """What went wrong, and the way out."""

    code: str = Field(description="For programs.", examples=["invalid_input"])
    message: str = Field(description="One sentence.", examples=["samples: must be at least 1, got 0"])
    field: str | None = Field(None, description="What was wrong.", examples=["samples"])
    rule: str | None = Field(None, description="What is asked of it.", examples=["must be at least 1"])
    value: Any = Field(None, description="What was given.", examples=[0])
    hint: str | None = Field(None, description="The way out.", examples=["Leave it out for 500."])


class ErrorBody(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail


class _Problem(JSONResponse):
    """An error as JSON; what was sent may hold halves of characters, which no UTF-8 can say."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def problem(
    status: int,
    code: str,
    message: str,
    *,
    field: str | None = None,
    rule: str | None = None,
    value: Any = None,
    hint: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return an error as an answer."""
    facts = error_facts.facts_of(code, message, field=field, rule=rule, value=value, hint=hint)
    return _Problem({"error": facts}, status, headers)


def answer(error: AssayError) -> JSONResponse:
    """Return the answer to an error of the package.

    Of a database only that it is away is said: its name is its operator's business.
    """
    status, code = next((status, code) for kind, status, code in TABLE if isinstance(error, kind))
    if isinstance(error, StoreError):
        return _Problem({"error": error_facts.error_facts(error)}, status, {"Retry-After": "5"})
    given, rule, hint = (str(getattr(error, name, "")) for name in ("field", "rule", "hint"))
    field, value = field_name(given), getattr(error, "value", None)
    message = as_request(field + str(error).removeprefix(given))
    rule, hint = as_request(rule), as_request(hint)
    return problem(status, code, message, field=field or None, rule=rule or None, value=value, hint=hint or None)


def statuses(*given: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a route as OpenAPI declares them."""
    return {int(status): {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in given}


def handle_errors(app: FastAPI) -> None:
    """Let an app answer every error in the one shape."""

    @app.exception_handler(AssayError)
    def _ours(_: Request, error: AssayError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        body = getattr(request.scope.get("route"), "body_field", None)
        return invalid(error.errors(), None if body is None else body.field_info.annotation)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = CODES.get(HTTPStatus(error.status_code), "failed")
        headers = dict(error.headers) if error.headers else None
        if error.status_code in NO_ROUTE and error.detail == HTTPStatus(error.status_code).phrase:
            rule, hint, allowed = no_route(request.method, request.url.path, app.openapi()["paths"])
            return problem(error.status_code, code, f"{rule}. {hint}", rule=rule, hint=hint, headers=allowed)
        return problem(error.status_code, code, str(error.detail), headers=headers)

    @app.exception_handler(Exception)
    def _bug(request: Request, error: Exception) -> JSONResponse:
        number = uuid4().hex[:12]
        LOG.error("incident %s: %s %s", number, request.method, request.url.path, exc_info=error)
        message = "this is a bug in Assay; the server's log has it under the number in `value`"
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message, field="incident", value=number)


def invalid(found: Any, body: Any = None) -> JSONResponse:
    """Return the answer to a body or query that pydantic refuses: the first fault, by the name of its field.

    Parameters
    ----------
    found : sequence of mapping
        Pydantic's errors.
    body : type, optional
        The annotation of the route's body.
    """
    fault = fault_of(found, body)
    facts = {"field": fault.field, "rule": fault.rule, "value": fault.value, "hint": fault.hint}
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", fault.message, **facts)
