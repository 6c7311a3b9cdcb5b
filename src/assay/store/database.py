"""`Database`: one way to SQLite and PostgreSQL, with transactions that survive a busy file or a restarted server."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql, sqlite

from assay.errors import InputError, StoreError, UnstorableError
from assay.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.store import migration
else:
    migration = lazy("assay.store.migration")  # alembic, where the tables are made or changed

T = TypeVar("T")

BUSY_S = 30.0
"""How long a writer waits for another one."""

RETRY_S = 30.0
"""How long a lost server is waited for."""

_FIRST_WAIT_S = 0.05


@dataclass(frozen=True, eq=False)
class Database:
    """Bars, configurations, jobs and trials in one place.

    Work is handed over as a function of a connection. It runs in one transaction, and again from its beginning when
    the connection was lost: it must be safe to repeat, which writes with ON CONFLICT are.

    Attributes
    ----------
    engine : Engine
        SQLAlchemy's.
    name : str
        What to call the database in a message: its path, or its address without the password.
    """

    engine: sa.Engine
    name: str

    def __post_init__(self) -> None:
        # from Python 3.13 on an SQLite connection that is not closed warns when it goes: close them with their owner
        weakref.finalize(self, self.engine.dispose)

    @classmethod
    def open(cls, url: str | Path, *, upgrade: bool = True) -> Database:
        """Connect, and bring the schema up to date.

        Parameters
        ----------
        url : str or path
            ``postgresql://user@host/name``, ``sqlite:///path`` or the path of an SQLite file.
        upgrade : bool
            Whether to create or migrate the tables where they are not those of this version.

        Raises
        ------
        StoreError
            When the database cannot be reached, or is of a newer version of Assay.
        """
        address = _address(url)
        if address.get_backend_name() == "sqlite":
            database = cls(_sqlite(address), str(address.database))
        else:
            database = cls(_postgresql(address), address.render_as_string(hide_password=True))
        if upgrade:
            try:
                migration.upgrade(database)
            except BaseException:
                database.close()
                raise
        return database

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.engine.dialect.name == "sqlite"

    def read(self, work: Callable[[sa.Connection], T], *, patience_s: float | None = None) -> T:
        """Return what `work` reads, in one transaction: it sees one state of the database.

        Parameters
        ----------
        patience_s : float, optional
            How long a lost server is waited for; `RETRY_S` where not given.
        """
        return self._run(work, write=False, patience_s=patience_s)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` returns after its changes are committed, all or none."""
        return self._run(work, write=True)

    def _run(self, work: Callable[[sa.Connection], T], *, write: bool, patience_s: float | None = None) -> T:
        deadline = time.monotonic() + (RETRY_S if patience_s is None else patience_s)
        wait = _FIRST_WAIT_S
        while True:
            try:
                with self.engine.connect().execution_options(assay_write=write) as connection, connection.begin():
                    return work(connection)
            except exc.TimeoutError as error:  # of the pool: as many ask as may, and none of them has ended
                raise StoreError(self.name, "has no connection free at the moment", hint="Try again") from error
            except Exception as error:
                driver = _driver_error(error)
                if driver is None:
                    raise
                if not _is_lost(driver) or time.monotonic() + wait > deadline:
                    raise explained(self.name, driver) from error
                if not _is_race(driver):
                    self.engine.dispose()
            time.sleep(wait)
            wait = min(2.0 * wait, 1.0)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def explained(name: str, error: BaseException) -> StoreError:
    """Return what a driver's error means for the database of this name, and the way out."""
    text = next(iter(str(error).strip().splitlines()), type(error).__name__)
    hints = (
        ("disk is full", "has no space left on its disk", "Free some space and run the same command again"),
        ("No space left", "has no space left on its disk", "Free some space and run the same command again"),
        ("database is locked", f"was written by another process for {BUSY_S:.0f} s", "Try again"),
        ("malformed", "is damaged", "Restore a backup, or move the file away"),
        ("not a database", "is not an SQLite database", "Name another file"),
        ("readonly", "cannot be written to", "Check the permissions of the file and its folder"),
        ("unable to open", "cannot be opened", "Check that the folder is there and may be written to"),
        ("disk I/O error", "cannot be read or written (disk error)", "Check the disk"),
        ("append-only", "keeps its ledger append-only", "What was tried cannot be unmade"),
    )
    for mark, rule, hint in hints:
        if mark in text:
            return StoreError(name, rule, hint=hint)
    if _is_lost(error):
        return StoreError(name, f"cannot be reached: {text}", hint="Is the server running?")
    return UnstorableError(name, f"refused: {text}")


def _address(url: str | Path) -> sa.URL:
    text = str(url)
    if "://" not in text:
        return sa.URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        address = sa.make_url(text)
    except exc.ArgumentError:
        raise InputError(
            "database", "must be postgresql://user@host/name or the path of an SQLite file", text
        ) from None
    backend = address.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and address.database:
        return address.set(drivername="sqlite")
    raise InputError("database", "must be postgresql:// or sqlite:///path", address.render_as_string())


def _sqlite(address: sa.URL) -> sa.Engine:
    path = Path(str(address.database))
    if path.is_dir():
        raise InputError("database", "must be a file, but it is a folder", str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(str(path), f"cannot be made ({error.strerror})", hint="Name another folder") from None
    engine = sa.create_engine(
        address,
        connect_args={"timeout": BUSY_S, "isolation_level": None, "check_same_thread": False},
        pool_size=4,
        max_overflow=16,
        poolclass=sa.QueuePool,
        json_deserializer=_json,
    )
    checked = threading.Event()

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        cursor = connection.cursor()
        if not checked.is_set():
            mode = cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            if str(mode).lower() != "wal":
                rule = f"must lie on a local disk: write-ahead logging is not possible there ({mode})"
                raise StoreError(str(path), rule, hint="Name a local file, or use PostgreSQL")
            checked.set()
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.execute("PRAGMA mmap_size=1073741824")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # a transaction that begins as a reader and then writes could not wait for another writer
        write = connection.get_execution_options().get("assay_write", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _json(text: str | bytes) -> Any:
    """Return a column's JSON; what is none any more comes as it is: its reader can say which row was changed."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _postgresql(address: sa.URL) -> sa.Engine:
    return sa.create_engine(
        address,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=16,
        connect_args={"connect_timeout": 5, "application_name": "assay"},
    )


def _driver_error(error: BaseException) -> BaseException | None:
    """Return the driver's own error; None when something else went wrong."""
    if isinstance(error, exc.DBAPIError):
        return error.orig
    if isinstance(error, sqlite3.Error) or type(error).__module__.partition(".")[0] == "psycopg":
        return error
    return None


def _is_race(error: BaseException) -> bool:
    """Whether two transactions were in each other's way; the connection is as good as before."""
    return getattr(error, "sqlstate", None) in ("40001", "40P01")


def _is_lost(error: BaseException) -> bool:
    """Whether another try may do: the connection is gone, or was never there, or two were in each other's way."""
    if isinstance(error, sqlite3.Error):
        return False
    state = getattr(error, "sqlstate", None)
    if state is None:
        return type(error).__name__ == "OperationalError"
    # 08 connection, 57P0x shutdown and start-up
    return state[:2] == "08" or state in ("57P01", "57P02", "57P03") or _is_race(error)


@contextmanager
def raw(connection: sa.Connection) -> Iterator[Any]:
    """Give the driver's own connection, for what SQLAlchemy would make slow: bulk reads and writes."""
    proxied = connection.connection
    yield proxied.driver_connection


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return the dialect's own insert, which knows ON CONFLICT."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def now_ms() -> int:
    """Return the clock of everything that is written: milliseconds UTC."""
    return time.time_ns() // 1_000_000
