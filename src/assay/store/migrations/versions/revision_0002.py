"""Configurations: documents with their very bytes, one active per market, and those of which no market is known.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLE = "trained_configurations"
OLD = f"{TABLE}_0001"
UNKNOWN = ("exchange", "pair", "timeframe")


def upgrade() -> None:
    """Keep documents as text on PostgreSQL, let a market be unknown, guard activations."""
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        for name in UNKNOWN:
            op.alter_column(TABLE, name, nullable=True)
        op.alter_column(TABLE, "config_json", type_=sa.JSON(), postgresql_using="config_json::json")
    op.create_index(
        "uq_trained_configurations_active",
        TABLE,
        ["strategy_name", *UNKNOWN],
        unique=True,
        sqlite_where=sa.text("is_active"),
        postgresql_where=sa.text("is_active"),
    )


def _sqlite() -> None:
    """Make the table anew from its own words: SQLite cannot drop a NOT NULL, and alembic's copy forgets the checks."""
    words = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    made = op.get_bind().execute(words, {"table": TABLE}).all()
    (create,) = (sql for kind, sql in made if kind == "table")
    for name in UNKNOWN:
        create = create.replace(f"{name} TEXT NOT NULL", f"{name} TEXT")
    op.execute(f"ALTER TABLE {TABLE} RENAME TO {OLD}")
    op.execute(create)
    op.execute(f"INSERT INTO {TABLE} SELECT * FROM {OLD}")  # noqa: S608  (names of this file)
    op.execute(f"DROP TABLE {OLD}")
    for kind, sql in made:
        if kind == "index":
            op.execute(sql)
