"""The role of docs/security.md trains and saves, and cannot rewrite the ledger."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from assay.store import Database, Registry, schema
from assay.store.ledger import Ledger
from assay.store.ledger_check import check
from store.attacks import by_hand
from store.documents import variant
from store.test_ledger import ENTRY, OPENING

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
ATTACKS = (
    "UPDATE {table} SET {column} = {column}",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "ALTER TABLE {table} DISABLE TRIGGER USER",
    "DROP TABLE {table}",
)


def test_the_role_of_the_docs_trains_and_cannot_rewrite_the_ledger(postgresql_url: str) -> None:
    role = f"worker_{uuid4().hex}"
    (statements,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    with by_hand(postgresql_url) as execute:
        for statement in statements.replace("assay_worker", role).strip().split(";\n"):
            execute(statement.rstrip(";"))
        own = sa.make_url(postgresql_url).set(username=role).render_as_string(hide_password=False)
        database = Database.open(own)
        ledger = Ledger(database)
        assert ledger.record(ENTRY, user="me", at_ms=1)
        assert not ledger.record(ENTRY, user="me", at_ms=2)
        assert ledger.record_opening(OPENING, user="me", at_ms=1)
        name = Registry(database).save(variant(), at_ms=1, figures={"a": 1})
        Registry(database).activate(name, at_ms=2)
        with by_hand(own) as as_worker:
            for table in schema.APPEND_ONLY:
                column = schema.metadata.tables[table].columns[1].name
                for attack in ATTACKS:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        as_worker(attack, table=table, column=column)
        assert check(database).faults == ()
        assert ledger.head().length == 2
        database.close()
        execute("DROP OWNED BY {role}", role=role)
        execute("DROP ROLE {role}", role=role)
