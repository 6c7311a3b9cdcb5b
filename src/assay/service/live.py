"""`load_configuration`: the active configuration of a market, always the newest that is sound."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.documents import Document, read
from assay.documents.coherence import contradiction
from assay.documents.configuration import lowered
from assay.errors import AssayError, GateError, InputError
from assay.sources.texts import read_json
from assay.store import Database
from assay.store.location import database_url
from assay.store.registry import TABLE, Registered, conditions_of_market
from assay.store.schema import ledger_chain
from assay.store.standing import Standing, standing
from assay.validation.lifecycle import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RELOAD_S = 5.0
"""How often the registry is asked whether the active configuration is still the same."""

FAULT_REST = 10.0
"""After a fault the next question waits for this many times as long as the failed one took: a trader does not wait."""

Mark = tuple[Any, ...]
"""What tells one state of the source from the next: cheap to ask for."""


class _Inactive(Exception):  # noqa: N818  (not an error: somebody switched it off)
    """No configuration is active."""


class LiveConfiguration(Mapping[str, Any]):
    """A V3 document that follows the registry: ``live["parameters"]``, ``live["circuit_breakers"]``.

    Each access may find a newer document. Whoever decides something by several fields takes ``live.document`` once.
    What is tried on its days later counts, too: a configuration that the whole campaign supports less is given with the
    stage, size and limits that it still has (``live["lifecycle"]``), and one that it refutes is not active any more.

    A fault (the database is away, a row is damaged) never raises: the last good document stays, and `fault` says why.

    Attributes
    ----------
    active : bool
        False when the configuration was deactivated: the document stays, but no new position may be opened by it.
    fault : str or None
        Why the document could not be renewed.
    stale_since : datetime or None
        Since when (UTC).
    """

    def __init__(
        self,
        mark: Callable[[], Mark],
        load: Callable[[], tuple[dict[str, Any], Standing | None]],
        reload_s: float,
    ) -> None:
        self._ask, self._load, self._reload_s = mark, load, reload_s
        self._lock = threading.Lock()
        self._mark = mark()
        self._document: Document = _of_today(*load())
        self._next = time.monotonic() + reload_s
        self.active = True
        self.fault: str | None = None
        self.stale_since: datetime | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The whole document of this moment."""
        return dict(self.typed.raw)

    @property
    def typed(self) -> Document:
        """The document of this moment with typed sections."""
        if time.monotonic() >= self._next:
            self.refresh()
        return self._document

    @property
    def config_id(self) -> str:
        """Which configuration it is."""
        return self.typed.config_id

    def refresh(self) -> bool:
        """Look for a newer document now; return whether one was taken. Never raises."""
        if not self._lock.acquire(blocking=False):
            return False  # another thread is looking
        begun = time.monotonic()
        try:
            changed = self._renew()
            self._next = time.monotonic() + self._reload_s
        except Exception as error:  # noqa: BLE001  (whatever it is, the last good document is better than none)
            if self.stale_since is None:
                self.stale_since = datetime.now(UTC)
            self.fault = str(error) or type(error).__name__
            self.active = self.active and not isinstance(error, _Inactive)
            now = time.monotonic()
            rest = 0.0 if isinstance(error, _Inactive) else FAULT_REST * (now - begun)
            self._next = now + max(self._reload_s, rest)
            return False
        else:
            return changed
        finally:
            self._lock.release()

    def _renew(self) -> bool:
        mark = self._ask()
        changed = mark != self._mark
        if changed:
            self._document = _of_today(*self._load())
            self._mark = mark
        self.active, self.fault, self.stale_since = True, None, None
        return changed

    def __getitem__(self, key: str) -> Any:
        return self.typed.raw[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.typed.raw)

    def __len__(self) -> int:
        return len(self.typed.raw)

    def __repr__(self) -> str:
        state = "" if self.fault is None else f", stale: {self.fault}"
        return f"LiveConfiguration({self._document.config_id}{state})"


def load_configuration(
    strategy: str | Path,
    pair: str | None = None,
    exchange: str | None = None,
    timeframe: str | None = None,
    *,
    database: Database | Path | str | None = None,
    reload_s: float = RELOAD_S,
) -> LiveConfiguration:
    """Return the active configuration of a market, which renews itself.

    Parameters
    ----------
    strategy : str or path
        A strategy's name, or an exported document (``.json``), whose file is then followed.
    pair : str
        In any of its usual forms; not for a file.
    exchange, timeframe : str, optional
        Needed where several are active.
    database : Database, path or URL, optional
        ASSAY_DATABASE_URL, else the file in the home folder, where not given.
    reload_s : float
        Seconds between two looks, which happen when the configuration is used; 0 = every time.

    Raises
    ------
    InputError
        When no configuration of the market is active, or several are.
    FileFormatError
        When it is no V3 document.
    GateError
        When it contradicts itself, or was changed in the database after it was stored (`ChangedError`).
    StoreError
        When the database cannot be read. Once a document is there nothing raises any more.
    """
    if not reload_s >= 0:
        raise InputError("reload_s", "must not be negative", reload_s)
    if isinstance(strategy, Path) or strategy.lower().endswith(".json"):
        path = Path(strategy)
        return LiveConfiguration(lambda: _file_mark(path), lambda: (read_json(path), None), reload_s)
    if pair is None:
        raise InputError("pair", "must be given with a strategy's name")
    try:
        return LiveConfiguration(*_row_source(strategy, pair, exchange, timeframe, database), reload_s)
    except _Inactive as error:
        hint = "See `assay configurations list`, then `assay configurations activate ID`"
        raise InputError("configuration", str(error), hint=hint) from None


def _of_today(raw: dict[str, Any], standing: Standing | None) -> Document:
    """Return a document that may be traded by, at the stage that it has with all that was tried since.

    Raises
    ------
    _Inactive
        When so much was tried on its days that it is believed no more.
    """
    document = _believed(raw)
    if standing is None or standing.stage == document.lifecycle.current_stage:
        return document
    if not standing.stage.size_factor:
        raise _Inactive(f"{document.config_id} is no longer trusted: {standing.reason}")
    return Document.of(lowered(raw, standing.stage, standing.reason))


def _believed(raw: dict[str, Any]) -> Document:
    """Return a document that may be traded by.

    Raises
    ------
    FileFormatError
        When it is no V3 document, or was changed after its digest was made.
    GateError
        When it contradicts itself.
    """
    document = read(raw)
    if why := contradiction(raw):
        raise GateError(f"{document.config_id} contradicts itself: {why}")
    return document


def _activated(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of an active row, if it is one that can have been activated."""
    found = Registered.of(row).intact()
    stage = found.typed.lifecycle.current_stage
    if not Stage(stage).size_factor:
        raise GateError(
            f"{found.config_id} is {stage}, which gives it 0 % of the capital, and is marked active all the same: "
            "its row was edited by hand"
        )
    return found.document


def _file_mark(path: Path) -> Mark:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _row_source(
    strategy: str, pair: str, exchange: str | None, timeframe: str | None, given: Database | Path | str | None
) -> tuple[Callable[[], Mark], Callable[[], tuple[dict[str, Any], Standing | None]]]:
    database = given if isinstance(given, Database) else Database.open(database_url() if given is None else given)
    pinned = [exchange, timeframe]

    def ask() -> Mark:
        c = TABLE.c
        where = [*conditions_of_market(strategy, pair, *pinned), c.is_active, c.archived_at.is_(None)]
        query = sa.select(c.config_id, c.updated_at, c.exchange, c.timeframe).where(*where).order_by(c.config_id)
        _there(database)
        tried = sa.select(sa.func.max(ledger_chain.c.position))  # what is tried later may lower its stage

        def work(c: sa.Connection) -> tuple[list[sa.Row[Any]], int | None]:
            return list(c.execute(query)), c.execute(tried).scalar_one()

        found, entries = database.read(work, patience_s=0.0)
        if not found:
            raise _Inactive(f"no configuration of {strategy} on {pair} is active")
        if len(found) > 1:
            active = ", ".join(f"{row.exchange} {row.timeframe}" for row in found)
            raise InputError("configuration", f"several are active ({active}): give exchange or timeframe")
        pinned[:] = [found[0].exchange, found[0].timeframe]  # another market's activation changes nothing here
        return (*found[0], entries)

    def read() -> tuple[dict[str, Any], Standing]:
        where = [*conditions_of_market(strategy, pair, *pinned), TABLE.c.is_active]
        query = sa.select(TABLE).where(*where)

        def work(c: sa.Connection) -> tuple[dict[str, Any], Standing]:
            document = _activated(dict(c.execute(query).mappings().one()))
            return document, standing(c, document)

        return database.read(work, patience_s=0.0)

    return ask, read


def _there(database: Database) -> None:
    """Refuse a file that is gone: SQLite would go on with the one it has open, or make an empty one."""
    if database.is_sqlite and not Path(database.name).exists():
        raise AssayError(f"{database.name}: the database is gone")
