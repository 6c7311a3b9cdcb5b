"""The service: jobs with priorities and limits, workers, users, sessions, an audit log, and calibrations.

Revision ID: 0006
Revises: 0005
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from assay.store.migrations.versions.revision_0004 import guard_postgresql, guard_replace, guard_sqlite

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger()


def upgrade() -> None:
    """Add the columns and make the tables."""
    _jobs()
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("process", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("memory_limit", sa.BigInteger(), nullable=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("task", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_index(op.f("ix_workers_seen_at"), "workers", ["seen_at"])
    op.create_table(
        "calibrations",
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("machine", "code", name=op.f("pk_calibrations")),
    )
    _users()
    op.create_table(
        "audit_log",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("user_name", sa.String(length=50), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"])
    if op.get_bind().dialect.name == "sqlite":
        guard_sqlite("audit_log")
        guard_replace("audit_log", "id")
    else:
        guard_postgresql("audit_log")


def _jobs() -> None:
    for column in (
        sa.Column("priority", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("parent_id", sa.String(length=36), nullable=True),
        sa.Column("max_runtime_ms", sa.BigInteger(), nullable=True),
        sa.Column("stop_at", TIME, nullable=True),
        sa.Column("made_by", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("progress_at", TIME, nullable=False, server_default="0"),
        sa.Column("pruned_to", sa.BigInteger(), nullable=False, server_default="0"),
    ):
        op.add_column("training_jobs", column)
    op.create_index(
        "uq_training_jobs_user_id_idempotency_key", "training_jobs", ["user_id", "idempotency_key"], unique=True
    )
    op.add_column("training_tasks", sa.Column("progress", JSON, nullable=True))
    op.create_index(op.f("ix_training_tasks_job_id_status_number"), "training_tasks", ["job_id", "status", "number"])
    waiting = sa.text("status = 'pending'")
    op.create_index(
        "ix_training_tasks_waiting",
        "training_tasks",
        ["job_id", "number"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index(op.f("ix_training_tasks_status"), "training_tasks", ["status"])
    _move_stops()


def _move_stops() -> None:
    """A job of before keeps the moment at which it stops among its options."""
    jobs = sa.table("training_jobs", sa.column("id"), sa.column("config", JSON), sa.column("stop_at"))
    c = op.get_bind()
    for row in c.execute(sa.select(jobs.c.id, jobs.c.config)).all():
        config: Any = json.loads(row.config) if isinstance(row.config, str) else row.config
        stop = config.get("stop_ms") if isinstance(config, dict) else None
        if stop is not None:
            c.execute(sa.update(jobs).where(jobs.c.id == row.id).values(stop_at=int(stop)))


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.CheckConstraint("role IN ('viewer', 'trader', 'admin')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    owner = "fk_{}_user_id_users"
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f(owner.format("access_tokens")), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_access_tokens_secret_hash")),
    )
    op.create_index(op.f("ix_access_tokens_user_id"), "access_tokens", ["user_id"])
    op.create_table(
        "sessions",
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=True),
        sa.Column("csrf_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(owner.format("sessions")), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])
