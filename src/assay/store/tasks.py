"""Tasks of jobs, and the leases under which workers do them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Task:
    """A unit of work under a lease.

    Attributes
    ----------
    job : str
    number : int
    spec : dict
        What to do.
    token : int
        Of the lease: a result is written under it or not at all.
    attempts : int
        How often the task was begun, this time included.
    created_ms : int
        When its job was made.
    user : str
        Whose job it is.
    """

    job: str
    number: int
    spec: dict[str, Any]
    token: int
    attempts: int
    created_ms: int = 0
    user: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it stands in the database.

    Attributes
    ----------
    expires_ms : int
        By the clock of whoever wrote it.
    """

    job: str
    number: int
    owner: str
    token: int
    expires_ms: int
