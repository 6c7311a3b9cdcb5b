"""`assay data download`: bars from an exchange into the database, only those that are not there."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.commands.data import markets as which
from assay.cli.output import Output
from assay.errors import AssayError, InputError, StoreError
from assay.service.collecting import Collected, Plan
from assay.service.collector import BarCollector
from assay.service.database import open_database
from assay.service.downloads import collected_sentences, describe_collected

Exchange = Annotated[str, typer.Option("--exchange", metavar="NAME", help="binance, kraken, coinbase, bybit ...")]
Symbols = Annotated[str, typer.Option("--symbol", metavar="A,B", help="One or more, such as BTC/USDT,ETH/USDT.")]
Timeframes = Annotated[str, typer.Option("--timeframe", metavar="5m,1h", help="One or more.")]
Days = Annotated[float | None, typer.Option("--days", metavar="N", help="Days back from --to; 365 without --from.")]


@dataclass(frozen=True, kw_only=True)
class DownloadOptions:
    """Options of `assay data download`."""

    symbol: Symbols
    exchange: Exchange = "binance"
    timeframe: Timeframes = "5m"
    days: Days = None
    from_: which.From = None
    to: which.To = None
    database: options.DatabaseUrl = None


def download(output: Output, given: DownloadOptions) -> None:
    """Fetch the bars that the database does not hold.

    Interrupted, the same command goes on where it was.
    """
    if given.days is not None and (not given.days > 0 or given.from_ is not None):
        rule = "must be positive" if given.from_ is None else "cannot be combined with --from"
        raise InputError("--days", rule, given.days)
    since, until = which.span_ms(given.from_, given.to)
    wanted = [(s, t) for s in _words(given.symbol, "--symbol") for t in _words(given.timeframe, "--timeframe")]
    done: list[dict[str, Any]] = []
    errors: list[AssayError] = []
    with open_database(given.database) as opened, BarCollector(database=opened, reporter=output) as collector:
        for pair, length in wanted:
            try:
                plan = collector.plan(pair, given.exchange, length, since, until, given.days)
                found = _collect(output, collector, plan)
            except StoreError:
                raise
            except AssayError as error:
                errors.append(error)
                done.append(
                    {"symbol": pair, "timeframe": length, "exchange": given.exchange, "error": which.failed(error)}
                )
                continue
            if found.trouble is not None:
                errors.append(found.trouble)
            done.append(describe_collected(found, None if found.trouble is None else which.failed(found.trouble)))
    if not output.json:
        for result in done:
            for sentence in collected_sentences(result):
                output.text(sentence)
    which.finish(output, {"database": opened.name, "markets": done}, errors)


def _words(text: str, option: str) -> list[str]:
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found:
        raise InputError(option, "must name at least one", text)
    return list(dict.fromkeys(found))


def _collect(output: Output, collector: BarCollector, plan: Plan) -> Collected:
    try:
        with output.progress(str(plan.market), plan.bars) as advance:
            return collector.collect(plan, advance)
    except KeyboardInterrupt:
        output.note(f"{plan.market}: what was fetched is stored; the same command goes on from there")
        raise
