"""Configurations in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy.dialects import postgresql, sqlite

from assay.store import schema

if TYPE_CHECKING:
    import sqlalchemy as sa


def insert_configuration(c: sa.Connection, document: dict[str, Any], *, at_ms: int, job_id: str | None) -> None:
    """Save a document in a transaction of the caller's; the same document twice is one row."""
    context = document["context"]
    values = {
        "id": str(uuid5(NAMESPACE_URL, document["configId"])), "config_id": document["configId"],
        "strategy_name": document["strategy"], "exchange": context["exchange"], "pair": context["pair"],
        "timeframe": context["timeframe"], "status": document["lifecycle"]["current_stage"], "is_active": False,
        "parameters_json": document["parameters"], "config_json": document, "created_at": at_ms, "updated_at": at_ms,
        "job_id": job_id,
    }  # fmt: skip
    insert = sqlite.insert if c.dialect.name == "sqlite" else postgresql.insert
    c.execute(insert(schema.trained_configurations).values(**values).on_conflict_do_nothing())
