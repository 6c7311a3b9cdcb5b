"""What stands before every route, for requests and websockets: hosts, origins, limits, credentials, and the audit log.

The order is from what is cheap and asks nobody to what asks the database; a request is refused by the first that it
does not pass, and its route never hears of it.
"""

from __future__ import annotations

import inspect
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from assay.api.access import (
    ADDRESS,
    PAGES,
    PUBLIC,
    PUBLIC_PAGES,
    SIGN_IN,
    SIGN_IN_PAGE,
    WHO,
    Access,
    Identified,
    Way,
)
from assay.api.audit import Audit
from assay.api.bodies import BodyReader, checked_json, has_body, is_upload, refused_unread
from assay.api.buckets import Buckets
from assay.api.errors import CODES, answer, problem
from assay.api.scopes import (
    MAX_HEADER_BYTES,
    MAX_TARGET_BYTES,
    SAFE,
    HostName,
    Scope,
    client_address,
    has_control_characters,
    header,
    header_bytes,
    is_known_host,
    is_same_origin,
    limited_by,
    networks,
    repeated,
)
from assay.errors import AssayError
from assay.service.accounts import is_csrf

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from starlette.types import ASGIApp, Message, Receive, Send

    from assay.api.settings import Settings
    from assay.api.state import State

REFUSALS = (400, 401, 403, 408, 413, 414, 415, 421, 429, 431)
"""Statuses that any route may answer before it is reached."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""Of every answer that does not say otherwise itself."""

HSTS = "max-age=31536000"

ALLOWED_METHODS = "GET, POST, PUT, PATCH, DELETE"
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"
"""What pages of `Settings.allow_origins` may send; no cookies, so they use a token."""

_SECRETS = frozenset({"password", "token"})


def guard(app: FastAPI, state: State) -> None:
    """Put the checks before an app; routes find its `Access` by `assay.api.access.Ways`."""
    access = Access(state)
    app.state.access = access
    app.add_middleware(Guards, access=access)
    _dress_incidents(app, state.settings)
    _hide_secrets(app)


class Guards:
    """The checks, as a middleware of plain ASGI.

    Parameters
    ----------
    app : callable
        What is behind them.
    access : Access
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access, self._settings = app, access, access.settings
        self._audit = Audit(access)
        self._trusted = networks(self._settings.trusted_proxies)
        self._addresses = Buckets(self._settings.requests_per_minute)
        self._users = Buckets(self._settings.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request or websocket, or hand it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        address = client_address(scope, self._trusted)
        scope.setdefault("state", {})[ADDRESS] = address
        answered = _Answered(send, scope, self._settings)
        refused = self._refusal(scope, address)
        # what looks wrong already is nobody's doing yet, and would fill the table
        is_audited = refused is None and scope["type"] == "http" and _is_unsafe(scope)
        try:
            if refused is None:
                refused = self._preflight(scope) or await self._admit(scope, limited_by(address))
            if refused is None and scope["type"] == "http":
                receive, refused = await self._body(scope, receive)
            if refused is None:
                await self._app(scope, receive, answered.send)
            else:
                await _refuse(refused, scope, receive, answered.send)
        finally:
            if is_audited:
                await self._audit.record(scope, address, answered.status)

    def _refusal(self, scope: Scope, address: str) -> Response | None:
        """Return why a request is refused by what it looks like."""
        if wait := self._addresses.take(limited_by(address)):
            return too_many(wait)
        if header_bytes(scope) > MAX_HEADER_BYTES:
            return problem(431, "headers_too_large", f"the headers must have at most {MAX_HEADER_BYTES:,} bytes")
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > MAX_TARGET_BYTES:
            return problem(414, "address_too_long", f"path and query must have at most {MAX_TARGET_BYTES:,} bytes")
        if name := repeated(scope):
            return problem(400, "bad_request", f"the header {name} is there twice")
        host = HostName.of(header(scope, b"host"))
        if not is_known_host(host, self._settings.hosts) or host is None:
            hint = "The operator names further ones: assay serve --hosts NAME"
            return problem(421, "wrong_host", "this server does not answer by that name", field="Host", hint=hint)
        if has_control_characters(scope):
            return problem(400, "bad_request", "path and query must hold no control characters")
        return self._foreign(scope, host) or (
            refused_unread(scope, self._settings) if scope["type"] == "http" else None
        )

    def _foreign(self, scope: Scope, host: HostName) -> Response | None:
        """Return why what may change something is refused: it was sent by a page of another site."""
        if not _is_unsafe(scope):
            return None
        origin, fetch = header(scope, b"origin"), header(scope, b"sec-fetch-site")
        if origin is not None:
            is_ours = is_same_origin(origin, host, secure=self._settings.secure_cookies)
            return None if is_ours or self._is_allowed(origin) else _foreign_origin()
        return None if fetch in (None, "same-origin", "none") else _foreign_origin()

    def _is_allowed(self, origin: str) -> bool:
        return origin.lower() in {allowed.lower().rstrip("/") for allowed in self._settings.allow_origins}

    def _preflight(self, scope: Scope) -> Response | None:
        """Return the answer to a browser that asks whether a page of another site may ask."""
        origin = header(scope, b"origin")
        if scope["type"] != "http" or scope["method"] != "OPTIONS" or origin is None:
            return None
        if header(scope, b"access-control-request-method") is None:
            return None
        if not self._is_allowed(origin):
            return _foreign_origin()
        allowed = {"Methods": ALLOWED_METHODS, "Headers": ALLOWED_HEADERS}
        return Response(
            status_code=204, headers={f"Access-Control-Allow-{name}": text for name, text in allowed.items()}
        )

    async def _admit(self, scope: Scope, key: str) -> Response | None:
        """Identify the caller; return why nobody is let in."""
        if is_public(scope):
            return None
        if header(scope, b"authorization") is not None and (wait := self._access.failed_tokens.wait(key)):
            return too_many(wait)
        try:
            found = await self._access.identify(scope)
        except AssayError as error:
            return answer(error)
        if found.is_wrong:
            self._access.failed_tokens.take(key)
        if found.caller is None:
            return _to_sign_in(scope) or _nobody(found)
        scope["state"][WHO] = found.caller
        if wait := self._users.take(found.caller.name):
            return too_many(wait)
        return self._forged(scope, found) if found.caller.way is Way.SESSION else None

    def _forged(self, scope: Scope, found: Identified) -> Response | None:
        """Return why a request with a session's cookie may have been sent by another site's page."""
        host = HostName.of(header(scope, b"host"))
        if found.session is None or host is None or not _is_unsafe(scope):
            return None
        origin = header(scope, b"origin")
        if origin is None:
            if scope["type"] == "websocket" or header(scope, b"sec-fetch-site") != "same-origin":
                return _foreign_origin()
        elif not is_same_origin(origin, host, secure=self._settings.secure_cookies):
            return _foreign_origin()
        if scope["type"] == "http" and not is_csrf(found.session, header(scope, b"x-csrf-token") or ""):
            hint = "GET /api/session answers it"
            return problem(403, "wrong_csrf_token", "the header X-CSRF-Token must be that of the session", hint=hint)
        return None

    async def _body(self, scope: Scope, receive: Receive) -> tuple[Receive, Response | None]:
        settings = self._settings
        limit = settings.upload_limit if is_upload(scope) else settings.body_limit
        reader = BodyReader(receive, limit, settings.body_timeout_s)
        if is_upload(scope) or not has_body(scope):
            return reader.receive, None
        try:
            return await checked_json(reader)
        except HTTPException as error:
            code = CODES[HTTPStatus(error.status_code)]
            return receive, problem(error.status_code, code, error.detail, headers=dict(error.headers or {}))


class _Answered:
    """Remembers the status of an answer, and adds to its headers."""

    def __init__(self, send: Send, scope: Scope, settings: Settings) -> None:
        self._send, self._scope, self._settings = send, scope, settings
        self.status = 500

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            dress(headers, self._settings)
            origin = header(self._scope, b"origin")
            if self._settings.allow_origins:
                headers.add_vary_header("Origin")
            if origin and origin.lower() in {allowed.lower().rstrip("/") for allowed in self._settings.allow_origins}:
                headers["Access-Control-Allow-Origin"] = origin
                headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        await self._send(message)


def dress(headers: MutableHeaders, settings: Settings) -> None:
    """Add the security headers that an answer does not have itself."""
    for name, text in HEADERS.items():
        headers.setdefault(name, text)
    if settings.secure_cookies:
        headers.setdefault("Strict-Transport-Security", HSTS)


def too_many(wait_s: float) -> Response:
    """Return the answer to whoever asks too often."""
    seconds = max(1, math.ceil(wait_s))
    message = f"too many requests: try again in {seconds} s"
    return problem(429, "too_many_requests", message, headers={"Retry-After": str(seconds)})


def _nobody(found: Identified) -> Response:
    """Return the answer to whoever is not signed in, with what is wrong where there were credentials."""
    message, hint = SIGN_IN, None
    if found.is_wrong:
        message = "the token is unknown, has expired or was revoked, or its user is disabled"
        hint = "Send `Authorization: Bearer TOKEN`. One that a server printed counts while that server runs"
    elif found.is_over:
        message, hint = "the session is over", "Begin another one with POST /api/session"
    return problem(401, "unauthorized", message, hint=hint, headers={"WWW-Authenticate": "Bearer"})


def _foreign_origin() -> Response:
    hint = "With a session's cookie the header Origin must name this server: its scheme, host and port"
    return problem(403, "foreign_origin", "pages of other sites may not do this", field="Origin", hint=hint)


def is_public(scope: Scope) -> bool:
    """Whether anybody may ask this."""
    if scope["type"] != "http":
        return False
    method, path = {"HEAD": "GET"}.get(scope["method"], scope["method"]), scope["path"]
    return (method, path) in PUBLIC or (method == "GET" and _is_public_page(path))


def _is_public_page(path: str) -> bool:
    return any(path == one or (len(one) > 1 and one.endswith("/") and path.startswith(one)) for one in PUBLIC_PAGES)


def _to_sign_in(scope: Scope) -> Response | None:
    """Return where a browser is sent that asks for a page and is not signed in; None for everybody else."""
    path = scope["path"]
    if scope["type"] != "http" or scope["method"] != "GET" or not (path == PAGES or path.startswith(f"{PAGES}/")):
        return None
    if "text/html" not in (header(scope, b"accept") or ""):
        return None
    wanted = path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    return RedirectResponse(f"{SIGN_IN_PAGE}?{urlencode({'next': wanted})}", status_code=HTTPStatus.SEE_OTHER)


def _is_unsafe(scope: Scope) -> bool:
    """Whether it may change something: a websocket can, and no browser asks before it opens one."""
    return scope["type"] == "websocket" or scope["method"] not in SAFE


async def _refuse(refused: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request; close a websocket that was never accepted, with the answer where the server can send one."""
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
    await refused(scope, receive, send)


async def _made(handler: Any, request: Request, error: Exception) -> Response:
    made = handler(request, error)
    response: Response = await made if inspect.isawaitable(made) else made
    return response


def _dress_incidents(app: FastAPI, settings: Settings) -> None:
    """Let answers to bugs have the headers too: they are made outside of all middlewares."""
    handler: Any = app.exception_handlers[Exception]

    async def dressed(request: Request, error: Exception) -> Response:
        response = await _made(handler, request, error)
        dress(response.headers, settings)
        return response

    app.add_exception_handler(Exception, dressed)


def _hide_secrets(app: FastAPI) -> None:
    """Let no error repeat a password or token that was given in a body of another form than it should have."""
    handler: Any = app.exception_handlers[RequestValidationError]

    async def hidden(request: Request, error: Exception) -> Response:
        found = [dict(one) for one in error.errors()] if isinstance(error, RequestValidationError) else []
        for one in found:
            has_secrets = str(request.url.path).startswith(("/api/session", "/api/users"))
            # the whole body, and a name that is unknown: it may be a misspelt one of these
            is_near = has_secrets and (len(one["loc"]) < 2 or one["type"] == "extra_forbidden")
            if is_near or _SECRETS & {str(part) for part in one["loc"]}:
                one["input"] = None
        return await _made(handler, request, RequestValidationError(found))

    app.add_exception_handler(RequestValidationError, hidden)
