"""Tasks of jobs, and the leases under which workers do them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

Specs = Sequence[Mapping[str, Any]] | Callable[["sa.Connection"], Sequence[Mapping[str, Any]]]
"""What tasks are to do; or what says it in the transaction in which they are written, and writes what belongs to it."""


def task_rows(c: sa.Connection, job: str, specs: Specs, first: int = 0) -> list[dict[str, Any]]:
    """Return the rows of new tasks, numbered from one on, in a writing transaction of the caller's."""
    made = specs(c) if callable(specs) else specs
    return [{"job_id": job, "number": n, "spec": dict(spec), "status": "pending"} for n, spec in enumerate(made, first)]


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
