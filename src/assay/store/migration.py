"""Bringing a database's tables up to this version: alembic, without files of settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from assay.errors import StoreError
from assay.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa
    from alembic.script.revision import Revision

T = TypeVar("T")

_LOCK = 0x617373617  # an advisory lock of PostgreSQL: two processes that find an old schema migrate it once


class Transactions(Protocol):
    """What a migration needs of a database: transactions, and what it is called. `Database` is one."""

    @property
    def name(self) -> str:
        """What to call the database in a message."""

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` reads, in one transaction."""

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` returns after its changes are committed, all or none."""


@dataclass(frozen=True)
class SchemaStatus:
    """Where a database stands.

    Attributes
    ----------
    revision : str or None
        None for an empty database.
    newest : str
        The revision of this version of Assay.
    pending : tuple of str
        Revisions that an upgrade would run, oldest first.
    """

    revision: str | None
    newest: str
    pending: tuple[str, ...]


@cache
def _scripts() -> ScriptDirectory:
    """Return the migrations, read once: Alembic compiles their files anew for each one that asks."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config)


def status(database: Transactions) -> SchemaStatus:
    """Return where a database stands; nothing is changed.

    Raises
    ------
    StoreError
        When it is of a newer version of Assay.
    """
    scripts = _scripts()
    newest = str(scripts.get_current_head())
    revision = database.read(lambda c: MigrationContext.configure(c).get_current_revision())
    known = [s.revision for s in scripts.walk_revisions()]  # newest first
    if revision is not None and revision not in known:
        raise StoreError(
            database.name,
            "is of a newer version of Assay than this one",
            revision,
            "Update Assay, or use another database",
        )
    pending = known[: known.index(revision)] if revision else known
    return SchemaStatus(revision, newest, tuple(reversed(pending)))


def upgrade(database: Transactions, revision: str = "head") -> SchemaStatus:
    """Create or migrate the tables; all of it happens or nothing.

    Parameters
    ----------
    revision : str
        Where to stop (tests go back in time).
    """
    found = status(database)
    if not found.pending:
        return found
    scripts = _scripts()

    def run(connection: sa.Connection) -> None:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")

        def steps(current: Revision | tuple[str, ...] | None, _: MigrationContext) -> list[object]:
            return list(scripts._upgrade_revs(revision, current))  # type: ignore[arg-type]  # noqa: SLF001  (alembic's way)

        with EnvironmentContext(Config(), scripts, fn=steps) as context:
            context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
            context.run_migrations()

    database.write(run)
    return status(database)
