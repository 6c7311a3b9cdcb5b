"""`create_app`: the API as an ASGI application."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI

from assay._version import __version__
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


def create_app(database: Database, settings: Settings) -> FastAPI:
    """Return the API over an open database."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = FastAPI(
        title="Assay",
        version=__version__,
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
