"""Routes for whoever runs the server: is it alive, can it do its work, what does it do."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from assay._version import __version__
from assay.api.access import Viewer
from assay.api.errors import problem, statuses
from assay.api.metrics import CONTENT_TYPE
from assay.api.state import Shared

router = APIRouter(tags=["operation"])

NO_STORE = {"Cache-Control": "no-store"}


class Health(BaseModel):
    """The server is alive."""

    status: str = Field("ok", examples=["ok"])
    version: str = Field(description="Of Assay.", examples=["0.1.0"])


class Ready(BaseModel):
    """The server can do its work."""

    status: str = Field("ready", examples=["ready"])


@router.get("/health", operation_id="health", summary="Alive", response_model=Health)
async def health(response: Response) -> Health:
    """Say that the server is alive; no database is asked."""
    response.headers.update(NO_STORE)
    return Health(status="ok", version=__version__)


@router.get(
    "/ready",
    operation_id="ready",
    summary="Ready",
    response_model=Ready,
    responses=statuses(HTTPStatus.SERVICE_UNAVAILABLE),
)
def ready(response: Response, state: Shared) -> Ready | Response:
    """Say whether the server can do its work.

    It can when the database answers, its tables are those of this version, and a worker was seen in the last 30 s.
    What is lacking is the `field` of the error: `server`, `database`, `schema` or `workers`.
    """
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    if state.operation.is_ending:
        return problem(unavailable, "not_ready", "the server is ending", field="server", headers=NO_STORE)
    fault = state.readiness.fault()
    if fault is not None:
        return problem(unavailable, "not_ready", fault.message, field=fault.check, hint=fault.hint, headers=NO_STORE)
    response.headers.update(NO_STORE)
    return Ready(status="ready")


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Measures for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format."},
        **statuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN),
    },
)
def metrics(state: Shared, _: Viewer) -> Response:
    """Return the measures of this server, and of jobs, tasks and workers from the database."""
    return Response(state.metrics.text(), headers={**NO_STORE, "Content-Type": CONTENT_TYPE})
