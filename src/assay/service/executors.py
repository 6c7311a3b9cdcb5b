"""Who runs a job's tasks: processes of this machine, or a Dask cluster. The database decides what becomes of a task.

An executor brings numbers of tasks to processes. That a task has one result, and is begun again when its process dies,
is the queue's doing: leases and results stay in the database, whoever carries the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from assay.errors import InputError
from assay.store import schema
from assay.store.clock import shared_clock
from assay.store.queue_terms import takeable

if TYPE_CHECKING:
    from assay.service.reporter import Reporter
    from assay.store import Database
    from assay.store.jobs import JobState


EXECUTORS = ("local", "dask")
"""Names that ``--executor`` knows."""


class Executor(Protocol):
    """Runs what is left of a job."""

    def run(self, reporter: Reporter, database: Database, job: str, *, user: str) -> JobState:
        """Return how far the job is when nothing is left to do, or it was ended by somebody."""


class Outcome(StrEnum):
    """What became of a task that a process elsewhere was given."""

    DONE = "done"
    """It has a result, or a sentence why it failed."""
    TAKEN = "taken"
    """Another process has it, or it needs no more work."""
    REFUSED = "refused"
    """The process takes no task of this job."""
    TROUBLE = "trouble"
    """The process could not do it now; once its lease is over the task is begun again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a process elsewhere says of a task: no more than this leaves it.

    Attributes
    ----------
    outcome : Outcome
    reason : str
        Of a refusal or trouble, without the address of the database.
    """

    outcome: Outcome
    reason: str = ""


def require_server(database: Database) -> None:
    """Refuse a database that processes of other machines cannot reach.

    Raises
    ------
    InputError
    """
    if database.is_sqlite:
        rule = "needs PostgreSQL: a file can be neither read nor locked by workers on other machines"
        raise InputError("--executor dask", rule, hint="Set ASSAY_DATABASE_URL to postgresql://..., here and there")


def open_tasks(database: Database, job: str, limit: int) -> list[int]:
    """Return numbers of the first tasks that a worker could take."""
    t = schema.training_tasks.c
    query = sa.select(t.number).where(t.job_id == job).order_by(t.number).limit(limit)
    return database.read(lambda c: [int(n) for n in c.scalars(query.where(takeable(shared_clock(c))))])
