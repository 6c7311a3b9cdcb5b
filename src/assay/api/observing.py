"""A line of the log and a measure for every request: route, status, seconds, user; never a path, a query or a body."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.routing import Route
from structlog.contextvars import bind_contextvars

from assay.api.access import PAGES, WHO
from assay.api.audit import template_of
from assay.api.scopes import Scope, client_address, networks
from assay.api.state import state_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Send

    from assay.api.state import State

LOG = logging.getLogger("assay.requests")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "unmatched"
"""Route of a request that belongs to none: what a client invents never becomes a measure's label."""

POLLED = frozenset({"/api/health", "/api/ready", "/api/metrics"})
"""Routes that monitors ask every few seconds: logged at the level debug."""


PAGE, PART = f"{PAGES}/{{page}}", f"{PAGES}/{{file}}"
"""Pages of the Studio, and the many files that each of them loads: a file is logged at the level debug."""

FILES = (f"{PAGES}/_nicegui", f"{PAGES}/static")

NOT_READY = (503, "/api/ready")
"""An answer like any other to whoever asks whether the server is ready."""


class Observing:
    """Measures and logs every request; the outermost of an app's layers, so that refused ones count too.

    Parameters
    ----------
    app : ASGIApp
    state : State
    plain : frozenset of str
        Paths of the framework's own routes, such as that of the schema.
    """

    def __init__(self, app: ASGIApp, state: State, plain: frozenset[str]) -> None:
        self._app, self._metrics, self._plain = app, state.metrics, plain
        self._trusted = networks(state.settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, begun, status = uuid4().hex[:12], time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", number.encode())]}
            await send(message)

        # for good: a bug is logged by a layer outside of this one, and each request is a task with a context of its own
        bind_contextvars(request=number)
        try:
            await self._app(scope, receive, watched)
        finally:
            self._note(scope, status, time.perf_counter() - begun)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope["path"] if scope["path"] in self._plain else template_of(scope) or _page_of(scope["path"])
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.answered(route, method, status, seconds)
        usual = logging.DEBUG if route in POLLED or route == PART else logging.INFO
        level = logging.WARNING if status >= 500 and (status, route) != NOT_READY else usual
        facts = {
            "route": route,
            "method": method,
            "status": status,
            "ms": round(1000 * seconds, 1),
            "user": _user(scope),
            "address": client_address(scope, self._trusted),
        }
        LOG.log(level, "request", extra=facts)


def _page_of(path: str) -> str:
    """Return what a request belongs to that no route of the API has answered."""
    if path.startswith(FILES):
        return PART
    return PAGE if path.startswith(f"{PAGES}/") else NO_ROUTE


def _user(scope: Scope) -> str | None:
    """Return who asked, where that is known."""
    caller: Any = scope.get("state", {}).get(WHO)
    return None if caller is None else str(caller.name)


def observe(app: FastAPI) -> None:
    """Measure and log the requests of an app; to be called after all other layers were added."""
    plain = frozenset(route.path for route in app.routes if isinstance(route, Route) and "{" not in route.path)
    app.add_middleware(Observing, state=state_of(app), plain=plain)
