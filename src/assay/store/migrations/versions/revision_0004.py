"""The ledger as a chain of hashes: who it is, in which order its entries came, and no INSERT OR REPLACE.

Revision ID: 0004
Revises: 0003
"""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from assay.store.chain import Identity, content_digest, link_hash
from assay.store.database import now_ms

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SPAN = ("experiment_digest", "exchange", "symbol", "timeframe", "start_ms", "stop_ms", "user_id", "at")
LEDGER = (
    sa.table(
        "trials",
        *map(sa.column, (*SPAN, "data_digest", "strategy", "strategy_source", "method", "objective")),
        *map(sa.column, ("combinations", "best")),
        sa.column("distribution", JSON),
    ),
    sa.table("holdout_openings", *map(sa.column, (*SPAN, "reason", "sharpe_ratio"))),
)

NO_REPLACE = (
    "CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} BEGIN"
    " SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM {table} WHERE {same});"
    " SELECT RAISE(ABORT, '{table} is append-only')"
    " WHERE NEW.rowid > 0 AND EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid); END"
)
"""INSERT OR REPLACE deletes the row of the same key, and of the same hidden rowid, and no DELETE trigger hears of it. A
rowid that SQLite is to choose is -1 here."""

CHAIN_NO_REPLACE = (
    "CREATE TRIGGER ledger_chain_no_replace BEFORE INSERT ON ledger_chain BEGIN"
    " SELECT RAISE(ABORT, 'ledger_chain is append-only') WHERE EXISTS (SELECT 1 FROM ledger_chain"
    " WHERE position = NEW.position OR (entry_table = NEW.entry_table AND entry_key = NEW.entry_key)); END"
)

IDENTITY_STAYS = (
    "CREATE TRIGGER ledger_identity_no_{action} BEFORE {action} ON ledger_identity"
    " WHEN EXISTS (SELECT 1 FROM ledger_chain)"
    " BEGIN SELECT RAISE(ABORT, 'ledger_identity is append-only'); END"
)
"""A ledger without an entry may become the copy of another one: a backup is made so."""


def upgrade() -> None:
    """Make identity and chain, chain what is there already, and guard all of it."""
    op.create_table(
        "ledger_identity",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("entries_before", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_ledger_identity_single")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger_identity")),
    )
    op.create_table(
        "ledger_chain",
        sa.Column("position", ID, autoincrement=False, nullable=False),
        sa.Column("entry_table", sa.Text(), nullable=False),
        sa.Column("entry_key", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_ledger_chain")),
        sa.UniqueConstraint("entry_table", "entry_key", name=op.f("uq_ledger_chain_entry_table_entry_key")),
    )
    op.add_column("trained_configurations", sa.Column("ledger_length", sa.BigInteger(), nullable=True))
    op.add_column("trained_configurations", sa.Column("ledger_head", sa.String(length=64), nullable=True))
    _chain()
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        for table in ("ledger_chain", "ledger_identity"):
            guard_postgresql(table)


def _chain() -> None:
    """Give the ledger its identity, and each of its entries a place in the order of their times."""
    c = op.get_bind()
    found = [
        (row["at"], number, row["experiment_digest"], content_digest(dict(row)))
        for number, table in enumerate(LEDGER)
        for row in c.execute(sa.select(table)).mappings()
    ]
    identity = Identity(str(uuid4()), now_ms(), len(found))
    named = {"id": identity.id, "created_at": identity.created_at, "entries_before": identity.entries_before}
    c.execute(_plain_table("ledger_identity", "number", *named).insert(), {"number": 1, **named})
    names = ("position", "entry_table", "entry_key", "content_digest", "previous_hash", "hash")
    insert, previous = _plain_table("ledger_chain", *names).insert(), identity.genesis
    for position, (_, number, key, content) in enumerate(sorted(found), start=1):
        table = LEDGER[number].name
        made = link_hash(position, previous, table, key, content)
        c.execute(insert, dict(zip(names, (position, table, key, content, previous, made), strict=True)))
        previous = made


def _plain_table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *map(sa.column, columns))


def _guard_sqlite() -> None:
    for table in ("trials", "holdout_openings"):
        guard_replace(table, "experiment_digest")
    guard_sqlite("ledger_chain")
    op.execute(CHAIN_NO_REPLACE)
    for action in ("INSERT", "UPDATE", "DELETE"):
        op.execute(IDENTITY_STAYS.format(action=action))


def guard_sqlite(table: str) -> None:
    """Refuse UPDATE and DELETE."""
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def guard_replace(table: str, *key: str) -> None:
    """Let an INSERT of a key that is there do nothing, also INSERT OR REPLACE."""
    op.execute(NO_REPLACE.format(table=table, same=" AND ".join(f"{name} = NEW.{name}" for name in key)))


def guard_postgresql(table: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE."""
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION assay_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION assay_append_only()"
    )
