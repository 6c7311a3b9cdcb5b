"""What all requests of a server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from assay.api.events import EventHub
from assay.api.metrics import Metrics
from assay.api.operation import Operation
from assay.api.readiness import Readiness
from assay.api.settings import Settings
from assay.service.downloads import Downloads
from assay.service.estimate import Estimator
from assay.service.funnels import FunnelExplorer
from assay.store import BarStore, Database

if TYPE_CHECKING:
    from fastapi import FastAPI


@dataclass(frozen=True)
class State:
    """What all requests of a server share.

    Attributes
    ----------
    database : Database
    settings : Settings
    operation : Operation
        Whether the server is ending, and its open streams.
    """

    database: Database
    settings: Settings
    operation: Operation = field(default_factory=Operation)

    @cached_property
    def events(self) -> EventHub:
        """Events of jobs as they happen."""
        return EventHub(self.database, self.operation, self.settings.event_limit)

    @cached_property
    def estimator(self) -> Estimator:
        """Estimates of trainings; what they need of bars and ledger is kept between two of them."""
        return Estimator(self.database, self.bars)

    @cached_property
    def metrics(self) -> Metrics:
        """Measures of this server."""
        return Metrics(self.database, self.operation)

    @cached_property
    def readiness(self) -> Readiness:
        """Whether the server can do its work."""
        return Readiness(self.database)

    @cached_property
    def bars(self) -> BarStore:
        """The stored bars; those that were read lately are kept in memory."""
        return BarStore(self.database)

    @cached_property
    def funnels(self) -> FunnelExplorer:
        """Funnels under one set of parameters after the other."""
        return FunnelExplorer(self.bars)

    @cached_property
    def downloads(self) -> Downloads:
        """Bars that come from exchanges because somebody asked for them on a page."""
        return Downloads(self.database, offline=self.settings.offline)


def state_of(app: FastAPI) -> State:
    """Return the state of an app."""
    state: State = app.state.assay
    return state


async def _state(request: Request) -> State:
    return state_of(request.app)


async def _database(request: Request) -> Database:
    return state_of(request.app).database


async def _bars(request: Request) -> BarStore:
    return state_of(request.app).bars


def events_of(app: FastAPI) -> EventHub:
    """Return the hub of events of an app."""
    return state_of(app).events


Shared = Annotated[State, Depends(_state)]
"""A route's argument: the state."""

Opened = Annotated[Database, Depends(_database)]
"""A route's argument: the database."""

Held = Annotated[BarStore, Depends(_bars)]
"""A route's argument: the bars."""
