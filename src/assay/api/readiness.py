"""Whether a server can do its work: the database answers, has this version's tables, and a worker is alive."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from assay.api.metrics import count_alive
from assay.api.operation import InTime
from assay.errors import StoreError
from assay.store.migration import status
from assay.store.workers import ALIVE_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from assay.store import Database

LOG = logging.getLogger("assay.readiness")

T = TypeVar("T")

ANSWER_S = 3.0
"""How long the database may take."""


@dataclass(frozen=True)
class Fault:
    """What a server lacks to do its work.

    Attributes
    ----------
    check : str
        ``database``, ``schema`` or ``workers``.
    message, hint : str
        One sentence, and the way out.
    """

    check: str
    message: str
    hint: str


@dataclass(frozen=True)
class _AtOnce:
    """A database that is not waited for when it is lost (`assay.store.migration.Transactions`)."""

    database: Database

    @property
    def name(self) -> str:
        return self.database.name

    @property
    def is_sqlite(self) -> bool:
        return self.database.is_sqlite

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        return self.database.read(work, patience_s=0.0)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        return self.database.write(work)


class Readiness:
    """Says what a server lacks.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = _AtOnce(database)
        self._question = InTime(self._look, "assay-readiness")

    def fault(self) -> Fault | None:
        """Return the first thing that is lacking; None where nothing is."""
        try:
            return self._question.answer(ANSWER_S)
        except TimeoutError:
            return Fault("database", f"the database did not answer within {ANSWER_S:.0f} s", "Is it running?")

    def _look(self) -> Fault | None:
        try:
            workers = self._database.read(count_alive)
        except StoreError as error:
            LOG.warning("the database cannot be used: %s", error)
            return self._schema_fault() or Fault("database", "the database cannot be used", "The server's log says why")
        return self._schema_fault() or _no_worker(workers)

    def _schema_fault(self) -> Fault | None:
        """Return that the tables are not of this version; None where they are, or where nobody can say."""
        try:
            found = status(self._database)
        except StoreError as error:
            if error.rule.startswith("is of a newer version"):
                return Fault("schema", "the database is of a newer version of Assay", "Update this server, too")
            return None
        if found.pending:
            return Fault("schema", "the database is of an older version of Assay", "Run: assay database upgrade")
        return None


def _no_worker(workers: int) -> Fault | None:
    if workers:
        return None
    seconds = ALIVE_MS // 1000
    return Fault("workers", f"no worker was seen in the last {seconds} s", "Start one: assay worker --forever")
