"""`create_app`: the API as an ASGI application."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI

from assay._version import __version__
from assay.api.access import PUBLIC
from assay.api.addresses import refuse_unknown_names
from assay.api.errors import handle_errors, statuses
from assay.api.guards import REFUSALS, guard
from assay.api.observing import observe
from assay.api.routes import (
    access,
    bars,
    configuration_files,
    configurations,
    forms,
    ledger,
    markets,
    operation,
    strategies,
    training,
)
from assay.api.state import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import APIRouter

    from assay.api.settings import Settings
    from assay.store import Database

ROUTERS: tuple[APIRouter, ...] = (
    training.router,
    training.workers,
    configurations.router,
    configuration_files.router,
    forms.router,
    markets.router,
    bars.router,
    strategies.router,
    ledger.router,
    access.router,
    operation.router,
)
"""Routes by subject, in the order of the documentation."""

DESCRIPTION = (
    "Finds parameters of trading strategies by exhaustive backtests, and says whether what was found is more than "
    "luck. Times are ISO 8601 in UTC; names that end in _ms, `time` of bars and `at` of events and of the ledger are "
    "milliseconds. Names that end in _pct are percent; other rates are fractions where nothing else is said. What is "
    "unknown is null."
)
SIGN_IN = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A user's (`assay users token NAME`), or the one that a server without users has printed.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "assay_session",
        "description": "Of POST /api/session; requests that change something also send X-CSRF-Token and Origin. "
        "Behind https its name begins with __Host-.",
    },
}
"""The ways to sign in, as OpenAPI declares them."""


class Described(FastAPI):
    """An app whose OpenAPI document also says how to sign in: programs that are made from it send a token."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"]["securitySchemes"] = SIGN_IN
            document["security"] = [{name: []} for name in SIGN_IN]
            for method, path in PUBLIC:
                if path in document["paths"]:
                    document["paths"][path][method.lower()]["security"] = []
        return dict(self.openapi_schema or {})


def create_app(database: Database, settings: Settings) -> FastAPI:
    """Return the API over an open database."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = Described(
        title="Assay",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a body is not sent twice, and no answer is empty: the error names the address
    )
    app.state.assay = State(database, settings)
    handle_errors(app)
    guard(app, app.state.assay)
    for router in ROUTERS:
        app.include_router(
            router, prefix="/api", responses=statuses(*REFUSALS), dependencies=[Depends(refuse_unknown_names)]
        )
    observe(app)
    return app
