"""Which of the markets in the database a command means, and how commands on several of them end."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from assay.cli import complete
from assay.cli.failures import explain
from assay.cli.output import Output
from assay.errors import AssayError
from assay.service import markets
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


MARKET_OPTIONS = ("--exchange", "--symbol", "--timeframe")
SPAN_OPTIONS = ("--from", "--to")


def select(store: BarStore, exchange: str | None, symbol: str | None, timeframe: str | None) -> list[StoredMarket]:
    """Return the markets that fit all options that are given."""
    return markets.select(store, exchange, symbol, timeframe, MARKET_OPTIONS)


def span_ms(from_: str | None, to: str | None) -> tuple[int | None, int | None]:
    """Return --from and --to in milliseconds UTC."""
    return markets.span_ms(from_, to, SPAN_OPTIONS)


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
