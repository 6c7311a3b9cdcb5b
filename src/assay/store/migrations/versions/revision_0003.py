"""Figures of configurations: daily equity, trades and score maps, for reports.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; configurations that are there already have no figures."""
    op.create_table(
        "configuration_figures",
        sa.Column("configuration_id", sa.String(length=36), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["configuration_id"],
            ["trained_configurations.id"],
            name=op.f("fk_configuration_figures_configuration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("configuration_id", name=op.f("pk_configuration_figures")),
    )
