"""Who asks: every route names the least role that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from assay.store.schema import Role


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    name : str
    role : Role
    id : str or None
        None where the server has no users.
    """

    name: str
    role: Role
    id: str | None


def _caller() -> Caller:
    return Caller("local", Role.ADMIN, None)


Viewer = Annotated[Caller, Depends(_caller)]
Trader = Annotated[Caller, Depends(_caller)]
Admin = Annotated[Caller, Depends(_caller)]
