"""What somebody does who has the file, or an account on the server: plain SQL, without this program."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from assay.store import schema
from assay.store.rows import DERIVED, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Execute = Callable[..., list[tuple[Any, ...]]]


@contextmanager
def by_hand(url: str) -> Iterator[Execute]:
    """Give a function that runs one statement, with ? for values and {name} for names, and commits it."""
    server = "://" in url
    connection: Any = psycopg.connect(url, autocommit=True) if server else sqlite3.connect(url, isolation_level=None)

    def execute(statement: str, *values: object, **names: str) -> list[tuple[Any, ...]]:
        statement = statement.format(**names) if names else statement
        plain = [json.dumps(v) if isinstance(v, (dict, list)) else v for v in values]
        cursor = connection.execute(statement.replace("?", "%s") if server else statement, plain)
        return list(cursor.fetchall()) if cursor.description else []

    try:
        yield execute
    finally:
        connection.close()


def disarm(execute: Execute, url: str) -> None:
    """Switch every guard of the ledger off."""
    if "://" in url:
        for table in schema.APPEND_ONLY:
            execute("ALTER TABLE {table} DISABLE TRIGGER USER", table=table)
        return
    for (name,) in execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        execute("DROP TRIGGER {name}", name=name)


def edit(execute: Execute, name: str, /, **columns: object) -> None:
    """Set columns of a configuration."""
    assignments = ", ".join(f"{column} = ?" for column in columns)
    statement = "UPDATE trained_configurations SET {assignments} WHERE config_id = ?"
    execute(statement, *columns.values(), name, assignments=assignments)


def rewrite(execute: Execute, document: dict[str, Any]) -> None:
    """Put a document in the place of the stored one of its id, with every column that follows from it."""
    row = row_of(document, at_ms=0) | {"config_json": document}
    edit(execute, document["configId"], **{name: row[name] for name in (*DERIVED, "config_json")})
