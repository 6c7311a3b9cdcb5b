"""The database that a caller names, else that of the environment or the home folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.store import Database
from assay.store.location import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def open_database(url: str | None, *, upgrade: bool = True) -> Iterator[Database]:
    """Open a database for a while; that of the environment or the home folder where none is named."""
    database = Database.open(url or database_url(), upgrade=upgrade)
    try:
        yield database
    finally:
        database.close()
