"""The chain of the ledger: each entry is hashed together with the hash of the entry before.

An entry that is edited, removed, put in beside the chain or moved to another place breaks it, and
`assay.store.ledger_check` says where.
What remains possible for somebody who may write to the database is in docs/security.md.

An entry's content is the canonical JSON of its row as the database gives it back (JSONB may answer another number than
the one that was sent). NULL is left out, so that a column which a later revision adds changes no digest of before.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.errors import StoreError
from assay.store import schema
from assay.store.database import insert

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCK = 0x617373618  # an advisory lock of PostgreSQL: entries are appended one transaction after the other

CHAIN = schema.ledger_chain


@dataclass(frozen=True, slots=True)
class Identity:
    """Which ledger a database holds.

    Attributes
    ----------
    id : str
        A random UUID, made with the ledger's tables.
    created_at : int
        Since when entries are chained, milliseconds UTC.
    entries_before : int
        How many entries were there already: what was done to them earlier, nothing can tell.
    """

    id: str
    created_at: int
    entries_before: int

    @property
    def genesis(self) -> str:
        """What stands in the place of the hash before the first entry."""
        return _sha256(["assay ledger", self.id, self.created_at, self.entries_before])


@dataclass(frozen=True, slots=True)
class Head:
    """How far a ledger has come.

    Attributes
    ----------
    length : int
        Number of entries.
    hash : str
        Of the newest; the identity's genesis where there is none.
    """

    length: int
    hash: str


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    raise TypeError(f"{type(value).__name__} has no canonical form")


def content_digest(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a row's canonical JSON, without what is NULL."""
    return _sha256({name: value for name, value in row.items() if value is not None})


def link_hash(position: int, previous: str, table: str, key: str, content: str) -> str:
    """Return the hash of an entry at a place of the chain."""
    return _sha256([position, previous, table, key, content])


def entry_key(table: sa.Table, row: Mapping[str, Any]) -> str:
    """Return what names an entry in its table: the values of the primary key."""
    return " ".join(str(row[column.name]) for column in table.primary_key)


def identity(c: sa.Connection) -> Identity:
    """Return which ledger it is, in a transaction of the caller's.

    Raises
    ------
    StoreError
        When somebody removed it.
    """
    t = schema.ledger_identity.c
    found = c.execute(sa.select(t.id, t.created_at, t.entries_before)).first()
    if found is None:
        raise StoreError("ledger", "has no identity any more: its row was removed", hint="Restore a backup")
    return Identity(str(found.id), int(found.created_at), int(found.entries_before))


def head(c: sa.Connection) -> Head:
    """Return length and newest hash, in a transaction of the caller's."""
    newest = sa.select(CHAIN.c.position, CHAIN.c.hash).order_by(CHAIN.c.position.desc()).limit(1)
    found = c.execute(newest).first()
    return Head(0, identity(c).genesis) if found is None else Head(int(found.position), str(found.hash))


def append(c: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Append an entry to a table of the ledger and to the chain, in a write transaction of the caller's.

    Returns
    -------
    bool
        False where an entry of the same key is there already, which stays as it is.
    """
    if c.dialect.name != "sqlite":  # a writer of SQLite is alone already (`Database.write`)
        c.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    key_columns = list(table.primary_key)
    written = c.execute(insert(c, table).values(**values).on_conflict_do_nothing().returning(*key_columns)).first()
    if written is None:
        return False
    # what lies there now, not what RETURNING says: SQLite writes -0.0 as 0
    same = [column == value for column, value in zip(key_columns, written, strict=True)]
    row = dict(c.execute(sa.select(table).where(*same)).mappings().one())
    before = head(c)
    position, key, content = before.length + 1, entry_key(table, row), content_digest(row)
    c.execute(
        sa.insert(CHAIN).values(
            position=position,
            entry_table=table.name,
            entry_key=key,
            content_digest=content,
            previous_hash=before.hash,
            hash=link_hash(position, before.hash, table.name, key, content),
        )
    )
    return True
