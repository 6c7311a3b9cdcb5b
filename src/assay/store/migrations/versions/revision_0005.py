"""Campaigns: the days of an experiment, what it is made again from, its null statistics, and declarations.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from assay.store.migrations.versions.revision_0004 import guard_postgresql, guard_replace, guard_sqlite

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
KEYS = {"trial_nulls": ("experiment_digest", "first"), "trial_declarations": ("experiment_digest", "kind")}


def upgrade() -> None:
    """Add the columns and make the tables; experiments of before have neither days nor null statistics."""
    for column in (
        sa.Column("first_day", sa.BigInteger(), nullable=True),
        sa.Column("day_closes", sa.LargeBinary(), nullable=True),
        sa.Column("task", JSON, nullable=True),
    ):
        op.add_column("trials", column)
    op.create_table(
        "trial_nulls",
        sa.Column("experiment_digest", sa.String(length=64), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("statistic", sa.Double(), nullable=False),
        sa.Column("maxima", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("experiment_digest", "first", name=op.f("pk_trial_nulls")),
    )
    op.create_table(
        "trial_declarations",
        sa.Column("experiment_digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("stop_ms", sa.BigInteger(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("first_day", sa.BigInteger(), nullable=False),
        sa.Column("day_closes", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("user_id", sa.String(length=50), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('declared', 'started', 'withdrawn')", name=op.f("ck_trial_declarations_kind")),
        sa.PrimaryKeyConstraint("experiment_digest", "kind", name=op.f("pk_trial_declarations")),
    )
    for table, key in KEYS.items():
        if op.get_bind().dialect.name == "sqlite":
            guard_sqlite(table)
            guard_replace(table, *key)
        else:
            guard_postgresql(table)
