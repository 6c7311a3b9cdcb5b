"""What all requests of a server share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from assay.api.events import EventHub
from assay.api.settings import Settings
from assay.store import Database

if TYPE_CHECKING:
    from fastapi import FastAPI


@dataclass(frozen=True)
class State:
    """What all requests of a server share.

    Attributes
    ----------
    database : Database
    settings : Settings
    events : EventHub
    """

    database: Database
    settings: Settings
    events: EventHub


def state_of(app: FastAPI) -> State:
    """Return the state of an app."""
    state: State = app.state.assay
    return state


def _state(request: Request) -> State:
    return state_of(request.app)


def _database(request: Request) -> Database:
    return state_of(request.app).database


def events_of(app: FastAPI) -> EventHub:
    """Return the hub of events of an app."""
    return state_of(app).events


Shared = Annotated[State, Depends(_state)]
"""A route's argument: the state."""

Opened = Annotated[Database, Depends(_database)]
"""A route's argument: the database."""
