"""Which of the markets in the database a command means, and what all of these commands say of one."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from assay.cli import complete
from assay.cli.failures import explain
from assay.cli.output import Output, iso_time
from assay.errors import AssayError, InputError, likeliest
from assay.market import Timeframe as BarLength
from assay.market import canonical_symbol
from assay.service.describe import describe_market
from assay.service.times import parse_moment
from assay.store import BarStore, StoredMarket

Exchange = Annotated[
    str | None,
    typer.Option("--exchange", metavar="NAME", help="Such as binance.", autocompletion=complete.exchanges),
]
Symbol = Annotated[
    str | None,
    typer.Option(
        "--symbol", metavar="BASE/QUOTE", help="Such as BTC/USDT or BTCUSDT.", autocompletion=complete.symbols
    ),
]
Timeframe = Annotated[
    str | None,
    typer.Option(
        "--timeframe",
        metavar="5m",
        help="Such as 1m, 5m, 15m, 1h, 4h or 1d.",
        autocompletion=complete.choice("timeframe"),
    ),
]
From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First moment (ISO, UTC).")]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="End, excluded (ISO, UTC).")]


def select(store: BarStore, exchange: str | None, symbol: str | None, timeframe: str | None) -> list[StoredMarket]:
    """Return the markets that fit all that is given.

    Raises
    ------
    InputError
        When there is none, naming what is stored.
    """
    wanted = {
        "--exchange": exchange and exchange.strip().lower(),
        "--symbol": symbol and canonical_symbol(symbol),
        "--timeframe": timeframe and str(BarLength.parse(timeframe)),
    }
    markets = store.markets()
    if not markets and any(wanted.values()):
        raise InputError("data", "the database holds no markets", hint="Try `assay data import FILE`")
    for option, value in wanted.items():
        if not value:
            continue
        found = [m for m in markets if _names(m)[option] == value]
        if not found:
            known = sorted({_names(m)[option] for m in markets})
            close = likeliest(value, known)
            hint = "" if close is None else f"Did you mean {close!r}?"
            raise InputError(option, f"must be one that is stored: {', '.join(known)}", value, hint)
        markets = found
    return markets


def _names(stored: StoredMarket) -> dict[str, str]:
    m = stored.market
    return {"--exchange": m.exchange, "--symbol": m.symbol, "--timeframe": str(m.timeframe)}


def span_ms(from_: str | None, to: str | None) -> tuple[int | None, int | None]:
    """Return --from and --to in milliseconds UTC."""
    start = None if from_ is None else parse_moment(from_, "--from")
    stop = None if to is None else parse_moment(to, "--to")
    if start is not None and stop is not None and start >= stop:
        raise InputError("--from and --to", "must be in order, --from before --to", [from_, to])
    return start, stop


def describe_stored(stored: StoredMarket) -> dict[str, Any]:
    """Return a market and the span that is stored of it as plain values."""
    step = stored.market.timeframe.ms
    return {
        **describe_market(stored.market),
        "bars": stored.bars,
        "from": None if stored.first_ms is None else iso_time(stored.first_ms),
        "to": None if stored.last_ms is None else iso_time(stored.last_ms + step),
    }


def failed(error: AssayError) -> dict[str, Any]:
    """Return an error that ends one item of several, as in an error document."""
    found: dict[str, Any] = explain(error).document()["error"]
    return found


def finish(output: Output, document: dict[str, Any], errors: Sequence[AssayError]) -> None:
    """Print the document where one is asked for; leave with the code of the first error."""
    if output.json:
        output.document(document)
    if errors:
        raise typer.Exit(errors[0].exit_code)
