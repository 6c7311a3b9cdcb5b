"""`assay database`: where it is, which schema it has, and a copy of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from assay.cli import options
from assay.cli.output import Column, Output
from assay.plurals import plural
from assay.service.database import open_database
from assay.store import Database, schema
from assay.store.backup import backup as copy
from assay.store.migration import status as schema_status

Target = Annotated[Path, typer.Argument(metavar="FILE", help="The copy, an SQLite file that is not there yet.")]


HOLDS = {
    "access_tokens": "tokens of users' programs",
    "audit_log": "what users did",
    "bar_conflicts": "bars that sources disagree on",
    "bars": "bars",
    "calibrations": "how fast machines compute",
    "configuration_figures": "what the charts of configurations draw",
    "holdout_openings": "opened holdouts",
    "ledger_chain": "hashes of the ledger's entries",
    "ledger_identity": "the ledger's own number",
    "market_coverage": "spans that were fetched",
    "market_imports": "imports and downloads",
    "markets": "markets",
    "sessions": "browsers that are signed in",
    "trained_configurations": "configurations",
    "training_configurations": "saved forms of trainings",
    "training_jobs": "training jobs",
    "training_tasks": "tasks of training jobs",
    "trial_declarations": "experiments that were declared",
    "trial_nulls": "searches of bars without direction",
    "trials": "experiments",
    "users": "users",
    "workers": "processes that run tasks",
}
"""What each table holds, in words."""


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
        "bytes": _size(database),
    }


def _size(database: Database) -> int | None:
    """Return the bytes of the file and of its journal; None for a server."""
    if not database.is_sqlite:
        return None
    files = [Path(f"{database.name}{ending}") for ending in ("", "-wal")]
    return sum(file.stat().st_size for file in files if file.is_file())


def _show(output: Output, document: dict[str, Any]) -> None:
    if output.json:
        output.document(document)
        return
    plain = {k.replace("_", " "): v for k, v in document.items() if k not in ("rows", "pending", "bytes")}
    plain |= {"pending revisions": ", ".join(document["pending"]) or "none"}
    if document["bytes"] is not None:
        plain |= {"size": f"{document['bytes'] / 1e6:,.1f} MB"}
    output.pairs("", plain)
    rows = [(HOLDS.get(name, ""), name, n) for name, n in document["rows"].items()]
    output.table("", (Column("holds", narrow=20), "table", "rows"), rows)


def status(output: Output, given: options.DatabaseOptions) -> None:
    """Show where the database is and what it holds.

    It changes nothing, and does not upgrade the tables.
    """
    with open_database(given.database, upgrade=False) as opened:
        _show(output, _described(opened))


def upgrade(output: Output, given: options.DatabaseOptions) -> None:
    """Bring the tables up to this version.

    Done by itself when the database is first used.
    """
    with open_database(given.database) as opened:
        _show(output, _described(opened))


@dataclass(frozen=True, kw_only=True)
class BackupOptions:
    """Options of `assay database backup`."""

    file: Target
    database: options.DatabaseUrl = None


def backup(output: Output, given: BackupOptions) -> None:
    """Copy everything, of a server too, into one SQLite file."""
    with open_database(given.database) as opened, output.working(f"copying {opened.name}"):
        rows = copy(opened, given.file)
    if output.json:
        output.document({"file": given.file, "rows": rows, "bytes": given.file.stat().st_size})
    else:
        output.text(f"{plural(rows, 'row')} copied to {given.file} ({given.file.stat().st_size / 1e6:,.1f} MB)")
