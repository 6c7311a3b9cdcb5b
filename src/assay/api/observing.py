"""A line of the log and a measure for every request: route, status, seconds, user; never a path, a query or a body."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assay.api.state import state_of
from assay.service.logs import log_context

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from assay.api.metrics import Metrics

LOG = logging.getLogger("assay.requests")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "unmatched"
"""Route of a request that belongs to none: what a client invents never becomes a measure's label."""

POLLED = frozenset({"/api/health", "/api/ready", "/api/metrics"})
"""Routes that monitors ask every few seconds: logged at the level debug."""


class Observing:
    """Measures and logs every request; the outermost of an app's layers, so that refused ones count too.

    Parameters
    ----------
    app : ASGIApp
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

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

        with log_context(request=number):
            try:
                await self._app(scope, receive, watched)
            finally:
                self._note(scope, status, time.perf_counter() - begun)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = str(getattr(scope.get("route"), "path", None) or NO_ROUTE)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.answered(route, method, status, seconds)
        level = logging.WARNING if status >= 500 else logging.DEBUG if route in POLLED else logging.INFO
        facts = {
            "route": route,
            "method": method,
            "status": status,
            "ms": round(1000 * seconds, 1),
            "user": _user(scope),
            "address": (scope.get("client") or (None,))[0],
        }
        LOG.log(level, "request", extra=facts)


def _user(scope: Scope) -> str | None:
    """Return who asked, where that is known."""
    caller: Any = scope.get("state", {}).get("caller")
    return None if caller is None else str(caller.name)


def observe(app: FastAPI) -> None:
    """Measure and log the requests of an app; to be called after all other layers were added."""
    app.add_middleware(Observing, metrics=state_of(app).metrics)
