"""`assay data import` and `assay data export`: files into the database and out of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.commands.data import markets as which
from assay.cli.output import Output, iso_time
from assay.cli.reading import ReadOptions
from assay.errors import AssayError, InputError, StoreError
from assay.market import Market, Timeframe, market_from_name
from assay.service.database import open_database
from assay.service.describe import describe_market
from assay.service.importing import import_file
from assay.sources import write_bars
from assay.store import BarStore, Imports, StoredMarket
from assay.store.database import now_ms

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bars in any usual format, plain, .gz or .zip.")]
Target = Annotated[Path, typer.Argument(metavar="FILE", help="Written: .parquet, .csv or .csv.gz.")]


@dataclass(frozen=True, kw_only=True)
class ImportOptions(ReadOptions):
    """Options of `assay data import`."""

    files: Files
    exchange: which.Exchange = None
    symbol: which.Symbol = None
    database: options.DatabaseUrl = None


def import_(output: Output, given: ImportOptions) -> None:
    """Store the bars of files.

    Names such as BINANCE_BTCUSDT_5m.parquet say which market it is.
    """
    done: list[dict[str, Any]] = []
    errors: list[AssayError] = []
    with open_database(given.database) as opened, output.progress("import", len(given.files)) as advance:
        imports = Imports(BarStore(opened))
        for file in given.files:
            try:
                done.append(_import(imports, file, given))
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


def _import(imports: Imports, file: Path, given: ImportOptions) -> dict[str, Any]:
    at, names = now_ms(), ("--exchange", "--symbol")
    return import_file(
        imports, file, given.reading, exchange=given.exchange, symbol=given.symbol, at_ms=at, names=names
    )


def _say_import(output: Output, result: dict[str, Any]) -> None:
    if "error" in result:
        output.text(f"{result['file']}: NOT IMPORTED. {result['error']['message']}")
        return
    name = f"{result['symbol']} {result['timeframe']} on {result['exchange']}"
    counts = [f"{result['inserted']:,} bars are new"]
    counts += [f"{result['unchanged']:,} were stored already"] if result["unchanged"] else []
    if not result["inserted"] and not result["changed"]:
        counts = [f"nothing new, all {result['unchanged']:,} bars are stored already"]
    output.text(
        f"{result['file']}: {name}, {', '.join(counts)}; {result['valid_pct']:.1f} % of the stored bars are valid"
    )
    if result["changed"]:
        output.text(f"  {result['changed']:,} bars are stored with other values, which stay")
    for sentence in result["sentences"]:
        output.text(f"  {sentence}")
    if not result["passes"]:
        output.text("  Training would REFUSE this market: it needs 70 % valid bars; see `assay data quality`")
    if result["alert"]:
        output.text("  " + result["alert"]["message"])


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `assay data export`."""

    file: Target
    exchange: which.Exchange = None
    symbol: which.Symbol = None
    timeframe: which.Timeframe = None
    from_: which.From = None
    to: which.To = None
    database: options.DatabaseUrl = None


def export(output: Output, given: ExportOptions) -> None:
    """Write a market's bars to a file, at any coarser timeframe.

    A timeframe that is not stored is made from finer bars.
    """
    options.check_table(given.file, "FILE")
    span = which.span_ms(given.from_, given.to)
    with open_database(given.database) as opened:
        store = BarStore(opened)
        exchange, symbol, timeframe = _from_name(given.file, given.exchange, given.symbol, given.timeframe)
        market = _one(which.select(store, exchange, symbol, None), timeframe)
        if timeframe is not None:
            market = replace(market, timeframe=Timeframe.parse(timeframe))
        bars = store.read_resampled(market, *span)
    write_bars(given.file, bars)
    first, end = bars.span_ms
    recorded = int((~bars.absent).sum())
    document = {
        "file": str(given.file),
        **describe_market(market),
        "from": iso_time(first),
        "to": iso_time(end),
        "bars": recorded,
    }
    if output.json:
        output.document(document)
    else:
        output.text(f"{given.file}: {recorded:,} bars of {market}, {iso_time(first)} to {iso_time(end)}")


def _from_name(
    file: Path, exchange: str | None, symbol: str | None, timeframe: str | None
) -> tuple[str | None, str | None, str | None]:
    """Fill in what the options leave open from the file's name, when it names a market."""
    said = market_from_name(file.name.split(".")[0])
    if said is None:
        return exchange, symbol, timeframe
    named = None if said.exchange == "file" else said.exchange
    return exchange or named, symbol or said.symbol, timeframe or str(said.timeframe)


def _one(markets: list[StoredMarket], timeframe: str | None) -> Market:
    """Return the one market that is meant, of any timeframe when one is asked for."""
    names = sorted({f"{m.market.exchange} {m.market.symbol}" for m in markets})
    if not names:
        raise InputError("data", "the database holds no markets", hint="Try `assay data import FILE`")
    if len(names) > 1:
        hint = f"Stored are {', '.join(names[:8])}"
        raise InputError("--exchange and --symbol", "must say which market is meant", hint=hint)
    if timeframe is None and len(markets) > 1:
        known = ", ".join(str(m.market.timeframe) for m in markets)
        raise InputError("--timeframe", f"must say which of {known} is meant")
    return markets[0].market
