"""Users of a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assay.store import schema

if TYPE_CHECKING:
    from assay.store import Database


@dataclass(frozen=True)
class AccountStore:
    """Users in the database."""

    database: Database

    def is_open(self) -> bool:
        """Whether anybody can sign in."""
        query = sa.select(schema.users.c.id).where(schema.users.c.disabled_at.is_(None)).limit(1)
        return self.database.read(lambda c: c.execute(query).first() is not None)
