"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends

from assay.api.settings import LOOPBACK
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.store import Database


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    name: str
    role: str
    id: str | None = None


def _caller() -> Caller:
    return Caller("local", "admin")


Viewer = Annotated[Caller, Depends(_caller)]


def refuse_open_server(database: Database, host: str) -> None:
    """Refuse to serve beyond this machine without users."""
    if host not in LOOPBACK:
        raise InputError("--host", "needs users beyond this machine", host, "assay users add NAME")


def has_users(database: Database) -> bool:
    """Whether anybody can sign in."""
    return False
