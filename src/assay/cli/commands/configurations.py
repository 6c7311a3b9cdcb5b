"""`assay configurations`: what was found and kept: look, compare, switch on and off, put away, prove again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import complete, options
from assay.cli.commands.configuration_fields import quote_currency, show_sections
from assay.cli.commands.configuration_rows import show_rows, shown, unit_of
from assay.cli.output import Column, Output
from assay.documents import rebuild
from assay.errors import ChangedError, GateError, InputError
from assay.market import Bars
from assay.service.configuration_table import table_text
from assay.service.configurations import document_text, explained, meanings, readable
from assay.service.configurations import shown as shown_facts
from assay.service.database import open_database
from assay.service.fresh_process import FreshProcess
from assay.service.reporter import StageProgress
from assay.sources import read_bar_file, write_text
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, Database, Registered, Registry
from assay.store.campaign_check import check_campaign
from assay.store.database import now_ms
from assay.store.ids import short_ids

Id = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The configId, the six characters it ends in, a beginning that no other has, or last.",
        autocompletion=complete.configurations,
    ),
]
Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...", help="Two configurations or more, each as in show.", autocompletion=complete.configurations
    ),
]
SomeIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID...]", help="All that fit where none is given.", autocompletion=complete.configurations),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy", metavar="NAME", help="Only of this strategy.", autocompletion=complete.choice("strategy")
    ),
]
Pair = Annotated[str | None, typer.Option("--pair", metavar="BTC/USDT", help="Only of this pair.")]
Exchange = Annotated[str | None, typer.Option("--exchange", metavar="NAME", help="Only of this exchange.")]
Timeframe = Annotated[
    str | None,
    typer.Option(
        "--timeframe", metavar="5m", help="Only of this timeframe.", autocompletion=complete.choice("timeframe")
    ),
]
Status = Annotated[
    str | None,
    typer.Option("--status", metavar="STAGE", help="Only of this stage.", autocompletion=complete.choice("status")),
]
Active = Annotated[bool, typer.Option("--active", help="Only those that trading programs may load.")]
Archived = Annotated[bool, typer.Option("--archived", help="Archived ones instead of the others.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", help="At most so many, the newest first.")]
Undo = Annotated[bool, typer.Option("--undo", help="Take it back.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="ID.json, or configurations.csv, here.")]
Csv = Annotated[bool, typer.Option("--csv", help="The rows as one table instead of V3 documents.")]
NOTHING_STORED = "Nothing is stored yet: assay train searches a strategy's parameters and keeps what it finds."

OwnStrategy = Annotated[
    str | None, typer.Option("--strategy", metavar="PATH.py:CLASS", help="The file of a strategy of your own.")
]
BarsFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Read the bars here, not from the database.")
]


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """Options of `assay configurations list`."""

    strategy: Strategy = None
    pair: Pair = None
    exchange: Exchange = None
    timeframe: Timeframe = None
    status: Status = None
    active: Active = False
    archived: Archived = False
    limit: Limit = 50
    columns: options.Columns = None
    database: options.DatabaseUrl = None


def list_(output: Output, given: ListOptions) -> None:
    """List configurations, the newest first."""
    with open_database(given.database) as opened:
        registry = Registry(opened)
        found = registry.find(
            strategy=given.strategy,
            pair=given.pair,
            exchange=given.exchange,
            timeframe=given.timeframe,
            status=given.status,
            active=True if given.active else None,
            archived=given.archived,
            limit=given.limit,
        )
        is_any = bool(found) or bool(registry.ids())
        short = short_ids(registry.ids()) if output.is_narrow else {}
    intact, changed = [r for r in found if not r.change], [r for r in found if r.change]
    if output.json:
        why = [{"configuration": r.config_id, "change": r.change} for r in changed]
        output.document({"configurations": [readable(r) for r in intact], "changed": why})
    elif not found:
        output.note("There are no such configurations." if is_any else NOTHING_STORED)
    else:
        show_rows(output, intact, short, given.columns)
    if changed:
        first = ChangedError(changed[0].config_id, changed[0].change)
        raise typer.Exit(first.exit_code) if output.json else first


@dataclass(frozen=True, kw_only=True)
class OneOptions:
    """Options of `assay configurations show, activate and deactivate`."""

    config_id: Id
    database: options.DatabaseUrl = None


def show(output: Output, given: OneOptions) -> None:
    """Explain every field: value, unit and meaning."""
    with open_database(given.database) as opened:
        registry = Registry(opened)
        name = registry.resolve(given.config_id)
        found, facts = registry.get(name), shown_facts(registry, name)
    standing = facts["standing"]
    if output.json:
        kept = {part: facts[part] for part in ("row", "configuration", "standing")}
        output.document({"row": kept["row"], "explained": meanings(found), **kept})
        return
    output.text(f"{found.config_id}: {found.status}{', active' if found.is_active else ''}")
    if why := standing["reason"]:
        output.text(f"Today it counts as {standing['stage']}: {why}.")
    if why := facts["contradiction"]:
        output.note(f"It contradicts itself: {why}.")
    if why := facts["why_not_promoted"]:
        output.text(f"Why not promoted: {why}")
    output.text("")
    show_sections(output, explained(found), quote_currency(found.row["pair"]))


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Options of `assay configurations compare`."""

    config_ids: Ids
    database: options.DatabaseUrl = None


def compare(output: Output, given: CompareOptions) -> None:
    """Show the fields in which configurations differ."""
    if len(given.config_ids) < 2:
        raise InputError("ID", "at least two configurations are compared", given.config_ids)
    with open_database(given.database) as opened:
        registry = Registry(opened)
        names = [registry.resolve(i) for i in given.config_ids]
        short = short_ids(registry.ids()) if output.is_narrow else {}
        table = registry.compare(names)
    if output.json:
        output.document({"configurations": names, "fields": table})
        return
    left_out = ("id", "config_id", "created_at", "updated_at", "runtime_env")
    rows = [
        (name, *(shown(v, unit_of(name)) for v in values))
        for name, values in table.items()
        if name not in left_out and len({json.dumps(v, sort_keys=True) for v in values}) > 1
    ]
    if not rows:
        output.text("They differ in nothing.")
        return
    heads = [Column(short.get(name, name), narrow=12) for name in names]
    output.table("", (Column("field", narrow=20), *heads), rows)


def activate(output: Output, given: OneOptions) -> None:
    """Let trading programs load a configuration.

    It takes the place of the one that is active for its market.
    """
    with open_database(given.database) as opened:
        registry = Registry(opened)
        name = registry.resolve(given.config_id)
        replaced = registry.activate(name, at_ms=now_ms())
        _show_change(output, opened, name, "is active", replaced=replaced)
    if not output.json and replaced:
        output.text(f"{replaced} is not active any more.")


def deactivate(output: Output, given: OneOptions) -> None:
    """Stop trading programs from loading a configuration."""
    with open_database(given.database) as opened:
        registry = Registry(opened)
        name = registry.resolve(given.config_id)
        changed = registry.deactivate(name, at_ms=now_ms())
        _show_change(output, opened, name, "is not active any more" if changed else "was not active", changed=changed)


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions:
    """Options of `assay configurations archive`."""

    config_id: Id
    undo: Undo = False
    database: options.DatabaseUrl = None


def archive(output: Output, given: ArchiveOptions) -> None:
    """Hide a configuration from the list; --undo brings it back.

    Nothing is deleted.
    """
    with open_database(given.database) as opened:
        registry = Registry(opened)
        name = registry.resolve(given.config_id)
        changed = (registry.unarchive if given.undo else registry.archive)(name, at_ms=now_ms())
        done, idle = _PUT_BACK if given.undo else _PUT_AWAY
        _show_change(output, opened, name, done if changed else idle, changed=changed)


_PUT_AWAY, _PUT_BACK = ("is archived", "was archived already"), ("is back in the list", "was not archived")
"""What is said where something was done, and where there was nothing to do."""


def _show_change(output: Output, database: Database, config_id: str, said: str, **facts: object) -> None:
    """Say how a configuration stands now."""
    found = Registry(database).stored(config_id)  # one that was changed may be switched off and put away
    if output.json:
        output.document({"configuration": readable(found), **facts})
        return
    output.text(f"{found.config_id} {said}.")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `assay configurations export`."""

    config_ids: SomeIds = None
    out: Out = None
    csv: Csv = False
    strategy: Strategy = None
    pair: Pair = None
    status: Status = None
    active: Active = False
    database: options.DatabaseUrl = None


def export(output: Output, given: ExportOptions) -> None:
    """Write V3 documents, or their rows as one table (--csv)."""
    with open_database(given.database) as opened:
        registry = Registry(opened)
        if given.config_ids:
            found = [registry.get(registry.resolve(i)) for i in given.config_ids]
        else:
            chosen: dict[str, Any] = {"strategy": given.strategy, "pair": given.pair, "status": given.status}
            found = [r.intact() for r in registry.find(**chosen, active=True if given.active else None)]
    if not found:
        raise InputError("configurations", "none fits, so there is nothing to export")
    paths = [_export_table(given.out, found)] if given.csv else _export_documents(given.out, found)
    if output.json:
        output.document({"files": paths})
        return
    for path in paths:
        output.text(str(path), whole=True)


def _export_documents(out: Path | None, found: list[Registered]) -> list[Path]:
    if out is not None and out.suffix == ".json" and len(found) > 1:
        raise InputError("--out", "must be a folder for more than one document", str(out))
    paths = []
    for r in found:
        path = out if out is not None and out.suffix == ".json" else (out or Path()) / f"{r.config_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, document_text(r))
        paths.append(path)
    return paths


def _export_table(out: Path | None, found: list[Registered]) -> Path:
    path = out or Path("configurations.csv")
    if path.suffix != ".csv":
        raise InputError("--out", "must end in .csv", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, table_text(found))
    return path


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Options of `assay configurations verify`."""

    config_id: Id
    file: BarsFile = None
    strategy: OwnStrategy = None
    threads: options.Threads = None
    database: options.DatabaseUrl = None


def verify(output: Output, given: VerifyOptions) -> None:
    """Train again from what is stored: the same bytes must come."""
    cores = options.check_threads(given.threads)
    with open_database(given.database) as opened:
        registry = Registry(opened)
        stored = registry.get(registry.resolve(given.config_id))
        document, name = stored.document, stored.typed.config_id
        bars = _bars(document, opened, given.file)
        campaign = opened.read(lambda c: check_campaign(c, document))
    with StageProgress(output) as progress:
        chosen = load_strategy(given.strategy or stored.typed.strategy)
        found = rebuild.verify(document, chosen, bars, progress, threads=cores, fresh_process=FreshProcess())
    differences = [{"field": d.field, "stored": d.stored, "recomputed": d.recomputed} for d in found.differences]
    if not campaign.agrees:
        values = {"stored": campaign.stored, "recomputed": campaign.recomputed}
        differences.append({"field": "evidence.campaign.p_adjusted", **values})
    equal = not differences
    code = f" It was computed by other code ({_code_of(stored)})." if found.other_code else ""
    if output.json:
        output.document(
            {
                "configuration": name,
                "equal": equal,
                "other_code": found.other_code,
                "differences": differences,
                "note": campaign.note or None,
            }
        )
    elif equal:
        output.text(f"{name}: equal.{code} The same bars and the same experiment give the same document.")
    else:
        rows = [(d["field"], json.dumps(d["stored"]), json.dumps(d["recomputed"])) for d in differences]
        columns = (Column("field", narrow=20), Column("stored", narrow=15), Column("recomputed", narrow=15))
        output.table(f"{name}: NOT equal", columns, rows)
    if campaign.note:
        output.note(f"note: {campaign.note}")
    if not equal:
        raise (
            typer.Exit(GateError.exit_code)
            if output.json
            else GateError(
                f"{name} is not what its experiment gives today; the first field is {differences[0]['field']}.{code}"
            )
        )


def _code_of(found: Registered) -> str:
    """Name the code that computed a document."""
    provenance = found.typed.provenance
    return f"engine_hash {provenance.engine_hash}, version {provenance.code_version}"


def _bars(document: dict[str, Any], database: Database, file: Path | None) -> Bars:
    """Read the bars that a document was trained on, from a file or from the database."""
    market = rebuild.market_from(document)
    if file is not None:
        return rebuild.bars_for(document, read_bar_file(file, market).bars(), str(file))
    history = BarStore(database).read_resampled(market, rebuild.span_from(document).from_ms)
    return rebuild.bars_for(document, history, database.name)
