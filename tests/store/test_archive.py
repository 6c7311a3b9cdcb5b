"""Many configurations archived at once: all or none, never an active one, and exactly those taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from assay.store import schema
from assay.store.archive import archive_together, archived_together, restore_together
from store.test_pages import configuration, store_rows

if TYPE_CHECKING:
    from assay.store import Database

T = schema.trained_configurations


def archived(database: Database) -> dict[str, int]:
    query = sa.select(T.c.config_id, T.c.archived_at).where(T.c.archived_at.is_not(None))
    return {str(name): int(at) for name, at in database.read(lambda c: c.execute(query).all())}


def test_together_and_back(database: Database) -> None:
    made = [configuration(n) for n in range(1_203)]
    made[1] |= {"archived_at": 50}
    made[2] |= {"archived_at": 90}
    made[3] |= {"is_active": True}
    store_rows(database, made)
    names = [row["config_id"] for row in made[:1_100]]
    done = archive_together(database, [*names, "nothing", names[0]], at_ms=90)
    assert done.at_ms == 91  # another bears 90 and is not to come back with these
    assert done.done == (names[0], *names[4:])
    assert done.active == (names[3],)
    assert done.idle == (names[1], names[2], "nothing")
    assert archived(database) == {names[1]: 50, names[2]: 90} | dict.fromkeys(done.done, 91)
    assert archived_together(database, 91) == sorted(done.done)
    restored = database.write(
        lambda c: c.execute(sa.update(T).where(T.c.config_id == names[7]).values(archived_at=None)).rowcount
    )
    assert restored == 1
    assert restore_together(database, 91, at_ms=120) == sorted(set(done.done) - {names[7]})
    assert archived(database) == {names[1]: 50, names[2]: 90}
    assert restore_together(database, 91, at_ms=130) == []
    moments = database.read(lambda c: c.execute(sa.select(T.c.config_id, T.c.updated_at)).all())
    assert {int(at) for name, at in moments if name in done.done} == {91, 120}
    assert {int(at) for name, at in moments if name not in done.done} == {5}


def test_nothing_to_archive(database: Database) -> None:
    assert archive_together(database, [], at_ms=7).done == ()
    assert archived_together(database, 7) == []
