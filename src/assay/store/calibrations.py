"""How fast machines compute, kept by machine and digest of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import schema
from assay.store.database import insert

if TYPE_CHECKING:
    from collections.abc import Callable


def calibration_of(c: sa.Connection, machine: str, code: str) -> dict[str, Any] | None:
    """Return what was measured, in a transaction of the caller's; None where nothing was."""
    t = schema.calibrations.c
    body = c.execute(sa.select(t.body).where(t.machine == machine, t.code == code)).scalar()
    return dict(body) if isinstance(body, dict) else None


def change_calibration(
    c: sa.Connection, machine: str, code: str, change: Callable[[dict[str, Any]], dict[str, Any]], *, at_ms: int
) -> dict[str, Any]:
    """Change what is kept of a machine and return it, in a writing transaction of the caller's.

    Several processes may change it at once: each changes what the one before has left.

    Parameters
    ----------
    change : callable
        From what is kept, empty where nothing is, to what shall be.
    """
    table, t = schema.calibrations, schema.calibrations.c
    values = {"machine": machine, "code": code, "body": {}, "at": at_ms}
    c.execute(insert(c, table).values(**values).on_conflict_do_nothing())
    where = (t.machine == machine, t.code == code)
    stored = c.execute(sa.select(t.body).where(*where).with_for_update()).scalar()
    body = change(dict(stored) if isinstance(stored, dict) else {})
    c.execute(sa.update(table).where(*where).values(body=body, at=at_ms))
    return body
