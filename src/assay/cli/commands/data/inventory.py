"""`assay data list`, `quality` and `delete`: what the database holds, how good it is, and away with it."""

import itertools
import json
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.commands.data import markets as which
from assay.cli.commands.quality import UNITS, verdict
from assay.cli.output import Column, Output, iso_time
from assay.errors import InputError
from assay.market import data_filter, measure_quality
from assay.service.database import open_database
from assay.store import BarStore, Import, Imports, StoredMarket

Yes = Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is removed.")]

_NOT_BEFORE_AND_AFTER = ("valid", "passes", "required_valid_pct", "recorded", "zero_volume", "flat", "impossible")


@dataclass(frozen=True, kw_only=True)
class StoredOptions:
    """Options of `assay data quality`: which of the stored markets."""

    exchange: which.Exchange = None
    symbol: which.Symbol = None
    timeframe: which.Timeframe = None
    database: options.DatabaseUrl = None


@dataclass(frozen=True, kw_only=True)
class ListOptions(StoredOptions):
    """Options of `assay data list`."""

    columns: options.Columns = None


_COLUMNS = (
    Column("exchange", 1, narrow=8),
    Column("symbol", narrow=10),
    Column("time frame", name="timeframe"),
    Column("bars"),
    Column("from (UTC)", narrow=11, name="from"),
    Column("to (UTC)", narrow=11, name="to"),
    Column("holes", 2),
    Column("valid %", name="valid_pct"),
    Column("MB", 3),
)


def list_(output: Output, given: ListOptions) -> None:
    """List the markets in the database.

    Bars, span, holes that were never fetched, valid bars and size.
    """
    with open_database(given.database) as opened:
        store = BarStore(opened)
        sizes = store.size_bytes()
        imports = Imports(store)
        stored = which.select(store, given.exchange, given.symbol, given.timeframe)
        rows = [_row(imports, h, sizes.get(h.id, 0)) for h in stored]
        name = opened.name
    if output.json:
        output.document({"database": name, "markets": rows})
        return
    if not rows:
        output.text(f"{name} holds no markets; `assay data import FILE` stores the bars of a file")
        return
    table = [
        (
            *(r[c] for c in ("exchange", "symbol", "timeframe", "bars")),
            _moment(output, r["from"]),
            _moment(output, r["to"]),
            len(r["holes"]),
            None if r["valid_pct"] is None else round(r["valid_pct"], 1),
            round(r["size_bytes"] / 1e6, 1),
        )
        for r in rows
    ]
    output.text(name, whole=True)
    output.table("", _COLUMNS, table, given.columns, choosable=True)


def _moment(output: Output, text: str | None) -> str | None:
    """Return a moment; for a terminal as short as it can be said, the day alone where it is the beginning of one."""
    return text.removesuffix("T00:00:00Z").removesuffix(":00Z") if text and output.is_narrow else text


def _row(imports: Imports, stored: StoredMarket, size: int) -> dict[str, Any]:
    return {
        **which.describe_stored(stored),
        "holes": _holes(imports.store, stored),
        "valid_pct": _valid_pct(imports, stored),
        "size_bytes": size,
    }


def _holes(store: BarStore, stored: StoredMarket) -> list[dict[str, str]]:
    """Return spans between the first and the last bar that were never fetched."""
    spans = store.coverage(stored.market)
    return [{"from": iso_time(before[1]), "to": iso_time(after[0])} for before, after in itertools.pairwise(spans)]


def _valid_pct(imports: Imports, stored: StoredMarket) -> float | None:
    """Return the share of valid bars: the recorded one where nothing has changed since."""
    if not stored.bars:
        return None
    last = imports.last(stored.market)
    if last is not None and last.quality.get("revision") == stored.revision:
        return last.valid_pct
    return measure_quality(imports.store.read(stored.market)).valid_pct


def quality(output: Output, given: StoredOptions) -> None:
    """Say what is wrong with the bars of each market.

    Before and after masking, and whether training accepts them.
    """
    with open_database(given.database) as opened:
        store = BarStore(opened)
        stored = [h for h in which.select(store, given.exchange, given.symbol, given.timeframe) if h.bars]
        reports = []
        with output.progress("quality", len(stored)) as advance:
            for market in stored:
                reports.append(_report(Imports(store), market))
                advance(1)
        name = opened.name
    if output.json:
        output.document({"database": name, "markets": reports})
        return
    if not reports:
        output.text(f"{name} holds no markets; `assay data import FILE` stores the bars of a file")
    for report in reports:
        _say_quality(output, report)
        output.text("")


def _report(imports: Imports, stored: StoredMarket) -> dict[str, Any]:
    history = imports.history(stored.market)
    return {
        **which.describe_stored(stored),
        **data_filter(imports.store.read(stored.market)),
        "holes": _holes(imports.store, stored),
        "changed_bars": imports.conflicts(stored.market),
        "found_in_sources": _found(history),
        "imports": [
            {
                "at": iso_time(i.at_ms),
                "source": i.source,
                "bars": i.bars,
                "inserted": i.inserted,
                "changed": i.changed,
                "valid_pct": i.valid_pct,
                "alert": i.quality.get("alert"),
            }
            for i in history
        ],
    }


def _found(history: list[Import]) -> dict[str, int]:
    """Add up the rows of all sources that could not be used."""
    found: dict[str, int] = {}
    seen = set()
    for done in history:
        counts = done.quality.get("found", {})
        key = (done.source, json.dumps(counts, sort_keys=True))
        if key not in seen:  # the same file again is the same dirt
            seen.add(key)
            for kind, n in counts.items():
                found[kind] = found.get(kind, 0) + n
    return found


def _say_quality(output: Output, report: dict[str, Any]) -> None:
    title = f"{report['symbol']} {report['timeframe']} on {report['exchange']}, {report['from']} to {report['to']}"
    before, after = report["before"], report["after"]
    names = ("bars", "zero_volume", "flat", "impossible")
    rows = [(name, before[name], after.get(name, 0)) for name in names]
    output.table(title, ("recorded bars", "before masking, bars", "may signal, bars"), rows)
    others = {k: v for k, v in report["report"].items() if k not in _NOT_BEFORE_AND_AFTER}
    others |= {"tradable": after["tradable"], "changed_bars": report["changed_bars"], "holes": len(report["holes"])}
    others |= {f"{kind} rows of sources": n for kind, n in report["found_in_sources"].items() if n}
    output.table("", ("name", "value", "unit"), [(n, v, UNITS.get(n, "bars")) for n, v in others.items()])
    alerts = [i for i in report["imports"] if i["alert"]]
    for i in alerts:
        fall = f"{i['alert']['before_pct']:.1f} % to {i['alert']['after_pct']:.1f} %"
        output.text(f"  ALERT {i['at']}, {i['source']}: valid bars fell from {fall}")
    output.text(f"  {verdict(report['report'])}")


@dataclass(frozen=True, kw_only=True)
class DeleteOptions:
    """Options of `assay data delete`."""

    exchange: which.Exchange = None
    symbol: which.Symbol = None
    timeframe: which.Timeframe = None
    from_: which.From = None
    to: which.To = None
    yes: Yes = False
    database: options.DatabaseUrl = None


def delete(output: Output, given: DeleteOptions) -> None:
    """Remove the bars of markets, or of a span of them.

    Nothing is removed without --yes.
    """
    if given.exchange is None and given.symbol is None and given.timeframe is None:
        raise InputError("data delete", "needs --exchange, --symbol or --timeframe: which markets to remove")
    span = which.span_ms(given.from_, given.to)
    with open_database(given.database) as opened:
        store = BarStore(opened)
        chosen = which.select(store, given.exchange, given.symbol, given.timeframe)
        if not given.yes:
            names = ", ".join(f"{h.market} ({h.bars:,} bars)" for h in chosen)
            raise InputError("--yes", f"must be given to remove bars of {names}")
        removed = [{**which.describe_stored(h), "removed": store.delete(h.market, *span)} for h in chosen]
    if output.json:
        output.document({"database": opened.name, "markets": removed})
        return
    for r in removed:
        whole = "" if span != (None, None) else ", the whole market"
        output.text(f"{r['symbol']} {r['timeframe']} on {r['exchange']}: {r['removed']:,} bars were removed{whole}")
