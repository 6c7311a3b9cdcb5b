"""`assay configurations`: what was found and kept: look, compare, switch on and off, put away, prove again."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Output, iso_time, number
from assay.documents import rebuild
from assay.documents.coherence import contradiction
from assay.documents.explained import why_not_promoted
from assay.engine.glossary import MEASURES
from assay.errors import ChangedError, GateError, InputError
from assay.market import Bars
from assay.service.database import open_database
from assay.service.fresh_process import FreshProcess
from assay.service.reporter import StageProgress
from assay.sources import read_bar_file, write_text
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, Database, Registered, Registry
from assay.store.campaign_check import check_campaign
from assay.store.database import now_ms
from assay.store.fields import FIELDS, GROUPS, OWN
from assay.store.standing import Standing
from assay.strategies import STRATEGIES
from assay.training.circuit_breakers import MEANINGS

Id = Annotated[str, typer.Argument(metavar="ID", help="The configId, or the id of the row.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Two configurations or more.")]
SomeIds = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="All that fit where none is given.")]
Strategy = Annotated[str | None, typer.Option("--strategy", metavar="NAME", help="Only of this strategy.")]
Pair = Annotated[str | None, typer.Option("--pair", metavar="BTC/USDT", help="Only of this pair.")]
Exchange = Annotated[str | None, typer.Option("--exchange", metavar="NAME", help="Only of this exchange.")]
Timeframe = Annotated[str | None, typer.Option("--timeframe", metavar="5m", help="Only of this timeframe.")]
Status = Annotated[str | None, typer.Option("--status", metavar="STAGE", help="Only of this stage.")]
Active = Annotated[bool, typer.Option("--active", help="Only those that trading programs may load.")]
Archived = Annotated[bool, typer.Option("--archived", help="Archived ones instead of the others.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", help="At most so many, the newest first.")]
Undo = Annotated[bool, typer.Option("--undo", help="Take it back.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="ID.json, or configurations.csv, here.")]
Csv = Annotated[bool, typer.Option("--csv", help="The rows as one table instead of V3 documents.")]
OwnStrategy = Annotated[
    str | None, typer.Option("--strategy", metavar="PATH.py:CLASS", help="The file of a strategy of your own.")
]
BarsFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Read the bars here, not from the database.")
]

_SHORT = {
    "sharpe_ratio": "Sharpe",
    "net_profit": "net profit",
    "gross_win_rate": "gross win rate",
    "sample_size": "trades",
    "p_value": "p",
}


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
    database: options.DatabaseUrl = None


def list_(output: Output, given: ListOptions) -> None:
    """List configurations, the newest first."""
    with open_database(given.database) as opened:
        found = Registry(opened).find(
            strategy=given.strategy,
            pair=given.pair,
            exchange=given.exchange,
            timeframe=given.timeframe,
            status=given.status,
            active=True if given.active else None,
            archived=given.archived,
            limit=given.limit,
        )
    intact, changed = [r for r in found if not r.change], [r for r in found if r.change]
    if output.json:
        why = [{"configuration": r.config_id, "change": r.change} for r in changed]
        output.document({"configurations": [readable(r) for r in intact], "changed": why})
    elif not found:
        output.note("There are no such configurations.")
    else:
        _table(output, intact)
    if changed:
        first = ChangedError(changed[0].config_id, changed[0].change)
        raise typer.Exit(first.exit_code) if output.json else first


def _table(output: Output, found: list[Registered]) -> None:
    columns = ("configuration", "exchange", "pair", "timeframe", "regime", "stage", "active", *_SHORT.values())
    rows = [
        (
            r.config_id,
            *(r.row[n] for n in ("exchange", "pair", "timeframe", "regime")),
            r.status,
            "yes" if r.is_active else "",
            *(shown(r.row[n], task_of(n)) for n in _SHORT),
        )
        for r in found
    ]
    output.table("", columns, rows)


def readable(registered: Registered) -> dict[str, Any]:
    """Return a row as plain values, times as texts."""
    row = registered.row
    times = [n for n, f in FIELDS.items() if f.unit == "time"]
    return {n: iso_time(v) if n in times and v is not None else v for n, v in row.items()}


def shown(value: object, unit: str) -> str:
    """Return a value with its unit, for reading: a fraction in percent."""
    if value is None or value == "":
        return "-"
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return number(value)
    if unit == "time":
        return iso_time(int(value))
    if unit == "fraction":
        return f"{number(100.0 * value)} %"
    return f"{number(value)} {unit}".rstrip()


def task_of(name: str) -> str:
    """Return the unit of a column, or of a measure under the name ``metrics.NAME``."""
    known = FIELDS.get(name) or MEASURES.get(name.removeprefix("metrics."))
    return known.unit if known else ""


@dataclass(frozen=True, kw_only=True)
class OneOptions:
    """Options of `assay configurations show, activate and deactivate`."""

    config_id: Id
    database: options.DatabaseUrl = None


def show(output: Output, given: OneOptions) -> None:
    """Explain every field of a configuration: value, unit and meaning."""
    with open_database(given.database) as opened:
        registry = Registry(opened)
        found, today = registry.get(given.config_id), registry.standing(given.config_id)
    sections = explained(found)
    if output.json:
        meanings = {
            title: [dict(zip(("field", "value", "unit", "meaning"), row, strict=True)) for row in rows]
            for title, rows in sections.items()
        }
        document = {"row": readable(found), "explained": meanings, "configuration": found.document}
        output.document(document | {"standing": standing_facts(found, today)})
        return
    output.text(f"{found.config_id}: {found.status}{', active' if found.is_active else ''}")
    if why := standing_facts(found, today)["reason"]:
        output.text(f"Today it counts as {today.stage}: {why}.")
    if contradiction(found.document):
        output.note(f"It contradicts itself: {contradiction(found.document)}.")
    if why := why_not_promoted(found.typed):
        output.text(f"Why not promoted: {why}")
    for title, rows in sections.items():
        table = [(name, shown(value, unit), meaning) for name, value, unit, meaning in rows]
        output.table(f"\n{title}", ("field", "value", "meaning"), table)


def standing_facts(found: Registered, today: Standing) -> dict[str, Any]:
    """Return what a configuration is worth today, as plain values; a reason where that is less than it was."""
    return {
        "stage": today.stage.value,
        "p_adjusted": today.p_adjusted,
        "experiments": today.experiments,
        "unknown": today.unknown,
        "reason": None if today.stage == found.typed.lifecycle.current_stage else today.reason,
    }


def explained(found: Registered) -> dict[str, list[tuple[str, Any, str, str]]]:
    """Return (field, value, unit, meaning) of every field, by section."""
    document = found.typed
    sections: dict[str, list[tuple[str, Any, str, str]]] = {}
    for title, fields in {**GROUPS, "kept beside": OWN}.items():
        sections[title] = [
            (f.name, found.row[f.name], f.unit, f"{f.meaning} (unknown: {f.unknown})" if f.unknown else f.meaning)
            for f in fields
            if f.name not in ("parameters_json", "circuit_breakers")
        ]
    columns = {f.source for f in FIELDS.values()}
    sections["parameters"] = [(n, v, *_parameter(document.strategy, n)) for n, v in document.parameters.items()]
    sections["more measures"] = [
        (f"metrics.{n}", v, MEASURES[n].unit if n in MEASURES else "", MEASURES[n].meaning if n in MEASURES else "")
        for n, v in document.measures.items()
        if f"metrics.{n}" not in columns
    ]
    sections["circuit breakers of this configuration"] = [
        (n, v, *MEANINGS[n]) for n, v in document.circuit_breakers.by_key().items()
    ]
    sections["circuit breakers of the portfolio"] = [
        (n, v, *MEANINGS[n]) for n, v in document.portfolio_circuit_breakers.by_key().items()
    ]
    return sections


def _parameter(strategy: str, name: str) -> tuple[str, str]:
    """Return unit and meaning of a parameter; nothing for a strategy that does not ship."""
    known = STRATEGIES.get(strategy)
    if known is None or name not in known.parameters.names:
        return "", ""
    parameter = known.parameters[name]
    unit = f" ({parameter.unit})" if parameter.unit else ""
    return "", f"{parameter.doc}{unit}"  # shown as it is set: a fraction stays one


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Options of `assay configurations compare`."""

    config_ids: Ids
    database: options.DatabaseUrl = None


def compare(output: Output, given: CompareOptions) -> None:
    """Put configurations side by side: every field in which they differ."""
    if len(given.config_ids) < 2:
        raise InputError("ID", "at least two configurations are compared", given.config_ids)
    with open_database(given.database) as opened:
        registry = Registry(opened)
        names = [registry.stored(i).config_id for i in given.config_ids]
        table = registry.compare(names)
    if output.json:
        output.document({"configurations": names, "fields": table})
        return
    left_out = ("id", "config_id", "created_at", "updated_at", "runtime_env")
    rows = [
        (name, *(shown(v, task_of(name)) for v in values))
        for name, values in table.items()
        if name not in left_out and len({json.dumps(v, sort_keys=True) for v in values}) > 1
    ]
    output.table("", ("field", *names), rows)
    if not rows:
        output.text("They differ in nothing.")


def activate(output: Output, given: OneOptions) -> None:
    """Let trading programs load a configuration, in place of the one that is active for its market."""
    with open_database(given.database) as opened:
        replaced = Registry(opened).activate(given.config_id, at_ms=now_ms())
        _show_change(output, opened, given.config_id, replaced=replaced)
    if not output.json and replaced:
        output.text(f"{replaced} is not active any more.")


def deactivate(output: Output, given: OneOptions) -> None:
    """Stop trading programs from loading a configuration."""
    with open_database(given.database) as opened:
        changed = Registry(opened).deactivate(given.config_id, at_ms=now_ms())
        _show_change(output, opened, given.config_id, changed=changed)


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions:
    """Options of `assay configurations archive`."""

    config_id: Id
    undo: Undo = False
    database: options.DatabaseUrl = None


def archive(output: Output, given: ArchiveOptions) -> None:
    """Hide a configuration from the list; nothing is deleted, --undo brings it back."""
    with open_database(given.database) as opened:
        registry = Registry(opened)
        changed = (registry.unarchive if given.undo else registry.archive)(given.config_id, at_ms=now_ms())
        _show_change(output, opened, given.config_id, changed=changed)


def _show_change(output: Output, database: Database, config_id: str, **facts: object) -> None:
    """Say how a configuration stands now."""
    found = Registry(database).stored(config_id)  # one that was changed may be switched off and put away
    if output.json:
        output.document({"configuration": readable(found), **facts})
        return
    state = "archived" if found.is_archived else "active" if found.is_active else "not active"
    output.text(f"{found.config_id} is {state}{'' if facts.get('changed', True) else ' already'}.")


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
    """Write V3 documents (ID.json), or their rows as one table (--csv)."""
    with open_database(given.database) as opened:
        registry = Registry(opened)
        if given.config_ids:
            found = [registry.get(i) for i in given.config_ids]
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
        output.text(str(path))


def _export_documents(out: Path | None, found: list[Registered]) -> list[Path]:
    if out is not None and out.suffix == ".json" and len(found) > 1:
        raise InputError("--out", "must be a folder for more than one document", str(out))
    paths = []
    for r in found:
        path = out if out is not None and out.suffix == ".json" else (out or Path()) / f"{r.config_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(r.document, indent=2, allow_nan=False) + "\n")
        paths.append(path)
    return paths


def _export_table(out: Path | None, found: list[Registered]) -> Path:
    path = out or Path("configurations.csv")
    if path.suffix != ".csv":
        raise InputError("--out", "must end in .csv", str(path))
    rows = [{n: json.dumps(v) if isinstance(v, (dict, list)) else v for n, v in readable(r).items()} for r in found]
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue())
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
    """Train a configuration again from what is stored; it must give the same bytes."""
    cores = options.check_threads(given.threads)
    with open_database(given.database) as opened:
        stored = Registry(opened).get(given.config_id)
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
        output.table(f"{name}: NOT equal", ("field", "stored", "recomputed"), rows)
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
