"""`assay database`: where it is, which schema it has, and a copy of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from assay.cli import options
from assay.cli.output import Output
from assay.service.database import open_database
from assay.store import Database, schema
from assay.store.backup import backup as copy
from assay.store.migration import status as schema_status

Target = Annotated[Path, typer.Argument(metavar="FILE", help="The copy, an SQLite file that is not there yet.")]


def _described(database: Database) -> dict[str, Any]:
    found = schema_status(database)
    rows: dict[str, int | None] = {}
    if found.revision is not None:
        tables = [t for t in schema.metadata.sorted_tables if t.name != "training_events"]
        present = database.read(lambda c: set(sa.inspect(c).get_table_names()))
        rows = database.read(
            lambda c: {
                t.name: int(c.execute(sa.select(sa.func.count()).select_from(t)).scalar_one())
                for t in tables
                if t.name in present
            }
        )
    return {
        "database": database.name,
        "kind": "SQLite" if database.is_sqlite else "PostgreSQL",
        "revision": found.revision,
        "newest_revision": found.newest,
        "pending": list(found.pending),
        "rows": rows,
    }


def _show(output: Output, document: dict[str, Any]) -> None:
    if output.json:
        output.document(document)
        return
    plain = {k: v for k, v in document.items() if k not in ("rows", "pending")}
    output.pairs("", plain | {"pending revisions": ", ".join(document["pending"]) or "none"})
    output.table("", ("table", "rows"), list(document["rows"].items()))


def status(output: Output, given: options.DatabaseOptions) -> None:
    """Show where the database is, its schema and what it holds; changes nothing."""
    with open_database(given.database, upgrade=False) as opened:
        _show(output, _described(opened))


def upgrade(output: Output, given: options.DatabaseOptions) -> None:
    """Bring the tables up to this version (done by itself when the database is first used)."""
    with open_database(given.database) as opened:
        _show(output, _described(opened))


@dataclass(frozen=True, kw_only=True)
class BackupOptions:
    """Options of `assay database backup`."""

    file: Target
    database: options.DatabaseUrl = None


def backup(output: Output, given: BackupOptions) -> None:
    """Write a consistent copy of everything into one SQLite file, also of a PostgreSQL server."""
    with open_database(given.database) as opened, output.working(f"copying {opened.name}"):
        rows = copy(opened, given.file)
    if output.json:
        output.document({"file": given.file, "rows": rows, "bytes": given.file.stat().st_size})
    else:
        output.text(f"{rows:,} rows copied to {given.file} ({given.file.stat().st_size / 1e6:,.1f} MB)")
