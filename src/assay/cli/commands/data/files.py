"""`assay data import` and `assay data export`: files into the database and out of it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import options
from assay.cli.commands.data import markets as which
from assay.cli.output import Output, iso_time
from assay.errors import AssayError, InputError, StoreError

if TYPE_CHECKING:
    from assay.market import Market
    from assay.store import BarStore, Imports, StoredMarket

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bars: .parquet, .csv or .csv.gz.")]
Target = Annotated[Path, typer.Argument(metavar="FILE", help="Written: .parquet, .csv or .csv.gz.")]

_FINDINGS = {
    "duplicate": "{n} rows repeat a bar and were left out",
    "conflict": "{n} rows repeat a stamp with other values, those with the most volume were kept",
    "unordered": "{n} rows were not in order of time and were put in order",
    "off_grid": "{n} rows do not open on the grid of the timeframe and were left out",
    "broken": "{n} rows have no usable prices or volume and were left out",
    "unfinished": "{n} bars are not over yet and were left out",
}


def import_(
    output: Output,
    files: Files,
    exchange: which.Exchange = None,
    symbol: which.Symbol = None,
    timeframe: which.Timeframe = None,
    database: options.DatabaseUrl = None,
) -> None:
    """Store the bars of files; which market it is, a name such as BINANCE_BTCUSDT_5m.parquet says."""
    from assay.store import BarStore, Imports  # noqa: PLC0415  (commands import when they run)

    done: list[dict[str, Any]] = []
    errors: list[AssayError] = []
    with options.open_database(database) as opened, output.progress("import", len(files)) as advance:
        imports = Imports(BarStore(opened))
        for file in files:
            try:
                done.append(_import(imports, file, exchange, symbol, timeframe))
            except StoreError:
                raise
            except AssayError as error:
                errors.append(error)
                done.append({"file": str(file), "error": which.failed(error)})
            advance(1)
    if not output.json:
        for result in done:
            _say_import(output, result)
    which.finish(output, {"database": opened.name, "files": done}, errors)


def _import(
    imports: "Imports", file: Path, exchange: str | None, symbol: str | None, timeframe: str | None
) -> dict[str, Any]:
    from assay.market import refuse_futures  # noqa: PLC0415  (commands import when they run)
    from assay.sources import read_rows  # noqa: PLC0415
    from assay.store.database import now_ms  # noqa: PLC0415

    now = now_ms()
    rows = read_rows(file, timeframe=timeframe, now_ms=now)
    market = _settle(imports.store, rows.market, exchange, symbol, file)
    refuse_futures(market)
    found = imports.add(market, rows.columns, source=file.name, at_ms=now, found=rows.findings.as_dict())
    times = rows.columns["time"]
    return {
        "file": str(file),
        **options.describe_market(market),
        "from": iso_time(int(times[0])),
        "to": iso_time(int(times[-1]) + market.timeframe.ms),
        "rows": rows.findings.rows,
        "inserted": found.written.inserted,
        "unchanged": found.written.unchanged,
        "changed": found.written.changed,
        "found": rows.findings.as_dict(),
        "valid_pct": found.report.valid_pct,
        "passes": found.report.passes,
        "alert": None if found.alert is None else found.alert.as_dict() | {"message": str(found.alert)},
    }


def _settle(store: "BarStore", market: "Market", exchange: str | None, symbol: str | None, file: Path) -> "Market":
    """Return the market of a file: what the options say, else its name."""
    from assay.market import canonical_symbol  # noqa: PLC0415  (commands import when they run)
    from assay.market.market import kind_of  # noqa: PLC0415

    if exchange is not None:
        market = replace(market, exchange=exchange.strip().lower(), kind=kind_of(exchange))
    if symbol is not None:
        market = replace(market, symbol=canonical_symbol(symbol))
    if market.exchange == "file" and "/" not in market.symbol:
        rule = "must say which market it holds, as BINANCE_BTCUSDT_5m.parquet does"
        raise InputError(str(file), rule, hint="Or give --exchange and --symbol")
    return store.find(market.exchange, market.symbol, market.timeframe) or market


def _say_import(output: Output, result: dict[str, Any]) -> None:
    if "error" in result:
        output.text(f"{result['file']}: NOT IMPORTED. {result['error']['message']}")
        return
    name = f"{result['symbol']} {result['timeframe']} on {result['exchange']}"
    counts = [f"{result['inserted']:,} bars are new"]
    counts += [f"{result['unchanged']:,} were held already"] if result["unchanged"] else []
    if not result["inserted"] and not result["changed"]:
        counts = [f"nothing new, all {result['unchanged']:,} bars are held already"]
    output.text(
        f"{result['file']}: {name}, {', '.join(counts)}; {result['valid_pct']:.1f} % of the bars held are valid"
    )
    if result["changed"]:
        output.text(f"  {result['changed']:,} bars are held with other values, which stay")
    for kind, n in result["found"].items():
        if n:
            output.text("  " + _FINDINGS[kind].format(n=f"{n:,}"))
    if not result["passes"]:
        output.text("  Training would REFUSE this market: it needs 70 % valid bars; see `assay data quality`")
    if result["alert"]:
        output.text("  " + result["alert"]["message"])


def export(
    output: Output,
    file: Target,
    exchange: which.Exchange = None,
    symbol: which.Symbol = None,
    timeframe: which.Timeframe = None,
    from_: which.From = None,
    to: which.To = None,
    database: options.DatabaseUrl = None,
) -> None:
    """Write a market's bars to a file; a timeframe that is not held is made from finer bars."""
    from assay.market import Timeframe  # noqa: PLC0415  (commands import when they run)
    from assay.sources import write_bars  # noqa: PLC0415
    from assay.store import BarStore  # noqa: PLC0415

    options.check_table(file, "FILE")
    span = which.span_ms(from_, to)
    with options.open_database(database) as opened:
        store = BarStore(opened)
        exchange, symbol, timeframe = _from_name(file, exchange, symbol, timeframe)
        market = _one(which.select(store, exchange, symbol, None), timeframe)
        if timeframe is not None:
            market = replace(market, timeframe=Timeframe.parse(timeframe))
        bars = store.read_resampled(market, *span)
    write_bars(file, bars)
    first, end = options.held(bars)
    recorded = int((~bars.absent).sum())
    document = {
        "file": str(file), **options.describe_market(market), "from": iso_time(first), "to": iso_time(end),
        "bars": recorded,
    }  # fmt: skip
    if output.json:
        output.document(document)
    else:
        output.text(f"{file}: {recorded:,} bars of {market}, {iso_time(first)} to {iso_time(end)}")


def _from_name(
    file: Path, exchange: str | None, symbol: str | None, timeframe: str | None
) -> tuple[str | None, str | None, str | None]:
    """Fill in what the options leave open from the file's name, when it names a market."""
    from assay.market import market_from_name  # noqa: PLC0415  (commands import when they run)

    said = market_from_name(file.name.split(".")[0])
    if said is None:
        return exchange, symbol, timeframe
    named = None if said.exchange == "file" else said.exchange
    return exchange or named, symbol or said.symbol, timeframe or str(said.timeframe)


def _one(markets: "list[StoredMarket]", timeframe: str | None) -> "Market":
    """Return the one market that is meant, of any timeframe when one is asked for."""
    names = sorted({f"{m.market.exchange} {m.market.symbol}" for m in markets})
    if not names:
        raise InputError("data", "the database holds no markets", hint="Try `assay data import FILE`")
    if len(names) > 1:
        hint = f"Held are {', '.join(names[:8])}"
        raise InputError("--exchange and --symbol", "must say which market is meant", hint=hint)
    if timeframe is None and len(markets) > 1:
        known = ", ".join(str(m.market.timeframe) for m in markets)
        raise InputError("--timeframe", f"must say which of {known} is meant")
    return markets[0].market
