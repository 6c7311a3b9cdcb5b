"""A copy of a database as one SQLite file: of a file by SQLite's own means, of a server table by table."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assay.errors import InputError, StoreError
from assay.store import schema
from assay.store.database import Database, explained, make_private, raw
from assay.store.parts import SUFFIXES, part_beside, remove_left_over

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 50_000


def backup(database: Database, path: str | Path, on_rows: Callable[[int], object] | None = None) -> int:
    """Write a consistent copy of everything; what others write meanwhile is not in it. Return how many rows.

    What a backup that was killed has left in the same folder is removed first.

    Parameters
    ----------
    path : str or path
        A file that is not there yet. It is a database itself: ``--database PATH`` opens it.

    Raises
    ------
    InputError
        When the file is there, or its folder is not.
    StoreError
        When the copy cannot be written: there is no space, or its folder is read-only.
    """
    target = Path(path)
    if target.exists():
        raise InputError(str(target), "must not be there yet: a backup overwrites nothing")
    if not target.parent.is_dir():
        raise InputError(str(target), "its folder is not there")
    remove_left_over(target.parent)
    part = part_beside(target)
    try:
        copied = _copy_file(database, part) if database.is_sqlite else _copy_tables(database, part, on_rows)
        part.replace(target)
    except sqlite3.Error as error:
        raise explained(str(target), error) from error
    except StoreError as error:  # of the unfinished file, which nobody knows
        raise StoreError(str(target), error.rule, error.value, error.hint) from error
    except OSError as error:
        raise StoreError(str(target), f"cannot be written ({error.strerror})", hint="Name another folder") from error
    finally:
        for suffix in SUFFIXES:
            with contextlib.suppress(OSError):
                Path(f"{part}{suffix}").unlink(missing_ok=True)
    return copied


def _copy_file(database: Database, part: Path) -> int:
    with database.engine.connect() as connection, raw(connection) as driver:
        make_private(part)
        copy = sqlite3.connect(part)
        try:
            driver.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            names = [t.name for t in schema.metadata.sorted_tables]
            return sum(int(copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names)  # noqa: S608
        finally:
            copy.close()


def _copy_tables(database: Database, part: Path, on_rows: Callable[[int], object] | None) -> int:
    copied = 0
    made = Database.open(part)
    try:
        made.write(lambda c: c.execute(sa.delete(schema.ledger_identity)))  # a copy is the same ledger
        with database.engine.connect().execution_options(isolation_level="REPEATABLE READ") as source:
            for table in schema.metadata.sorted_tables:
                streamed = source.execution_options(yield_per=ROWS).execute(sa.select(table))
                for rows in streamed.mappings().partitions(ROWS):
                    values = [dict(row) for row in rows]
                    made.write(lambda c, t=table, v=values: c.execute(sa.insert(t), v))  # type: ignore[misc]
                    copied += len(values)
                    if on_rows is not None:
                        on_rows(len(values))
        # a copy is one file: nothing may be left in the write-ahead log beside it
        with (
            made.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
            raw(connection) as driver,
        ):
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        made.close()
    fd = os.open(part, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    return copied
