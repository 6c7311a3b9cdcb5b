"""`assay data list`, `quality` and `delete`: what the database holds, how good it is, and away with it."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.commands.data import markets as which
from assay.cli.commands.quality import UNITS, verdict
from assay.cli.output import Column, Output
from assay.errors import InputError
from assay.service.database import open_database
from assay.service.markets import describe_stored, market_row, quality_of
from assay.store import BarStore, Imports

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
        rows = [market_row(imports, h, sizes) for h in stored]
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
                reports.append(quality_of(Imports(store), market))
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
        removed = [{**describe_stored(h), "removed": store.delete(h.market, *span)} for h in chosen]
    if output.json:
        output.document({"database": opened.name, "markets": removed})
        return
    for r in removed:
        whole = "" if span != (None, None) else ", the whole market"
        output.text(f"{r['symbol']} {r['timeframe']} on {r['exchange']}: {r['removed']:,} bars were removed{whole}")
