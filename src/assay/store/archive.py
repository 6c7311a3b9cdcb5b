"""Archiving many configurations at once, and taking exactly those back.

All that are archived together bear one moment that nothing else bears: it is the name of what was done, so that it can
be undone by whoever knows it, after a restart too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store.registry import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.store.database import Database

_AT_ONCE = 500
"""Names in one statement."""


@dataclass(frozen=True)
class ArchivedTogether:
    """What was archived at one moment.

    Attributes
    ----------
    at_ms : int
        The moment, by which it is undone.
    done : tuple of str
    active : tuple of str
        Left as they are: a trading program loads them.
    idle : tuple of str
        Archived before, or not there.
    """

    at_ms: int
    done: tuple[str, ...]
    active: tuple[str, ...]
    idle: tuple[str, ...]


def archive_together(database: Database, config_ids: Sequence[str], *, at_ms: int) -> ArchivedTogether:
    """Archive configurations in one transaction, but for those that are active.

    Parameters
    ----------
    at_ms : int
        Now, milliseconds UTC; the first moment from it on that no archived configuration bears is written.
    """
    wanted = list(dict.fromkeys(config_ids))

    def work(c: sa.Connection) -> ArchivedTogether:
        state: dict[str, tuple[bool, bool]] = {}
        for part in _parts(wanted):
            t = TABLE.c
            query = sa.select(t.config_id, t.is_active, t.archived_at).where(t.config_id.in_(part)).order_by(t.id)
            state |= {str(n): (bool(active), at is not None) for n, active, at in c.execute(query.with_for_update())}
        at = _free_moment(c, at_ms)
        done = [name for name in wanted if state.get(name) == (False, False)]
        for part in _parts(done):
            values = {"archived_at": at, "updated_at": at}
            c.execute(sa.update(TABLE).where(TABLE.c.config_id.in_(part)).values(values))
        active = tuple(name for name in wanted if state.get(name, (False, True))[0])
        idle = tuple(name for name in wanted if name not in state or state[name] == (False, True))
        return ArchivedTogether(at, tuple(done), active, idle)

    return database.write(work)


def archived_together(database: Database, at_ms: int) -> list[str]:
    """Return what is archived since a moment: what was put away together and was not taken back since."""
    query = sa.select(TABLE.c.config_id).where(TABLE.c.archived_at == at_ms).order_by(TABLE.c.config_id)
    return database.read(lambda c: [str(name) for name in c.scalars(query)])


def restore_together(database: Database, archived_ms: int, *, at_ms: int) -> list[str]:
    """Take back what was archived together; return what was, none of which is active after that.

    Parameters
    ----------
    archived_ms : int
        Its moment.
    at_ms : int
        Now, milliseconds UTC.
    """

    def work(c: sa.Connection) -> list[str]:
        same: Any = TABLE.c.archived_at == archived_ms
        query = sa.select(TABLE.c.config_id).where(same).order_by(TABLE.c.config_id).with_for_update()
        found = [str(name) for name in c.scalars(query)]
        c.execute(sa.update(TABLE).where(same).values({"archived_at": None, "updated_at": at_ms}))
        return found

    return database.write(work)


def _free_moment(c: sa.Connection, at_ms: int) -> int:
    """Return the first moment from this one on that no archived configuration bears."""
    while c.execute(sa.select(TABLE.c.id).where(TABLE.c.archived_at == at_ms).limit(1)).first() is not None:
        at_ms += 1
    return at_ms


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[first : first + _AT_ONCE] for first in range(0, len(names), _AT_ONCE))
