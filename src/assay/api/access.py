"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

WHO = "assay_caller"


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    name: str
    role: str
    id: str | None = None


def _caller() -> Caller:
    return Caller("local", "admin")


Viewer = Annotated[Caller, Depends(_caller)]
