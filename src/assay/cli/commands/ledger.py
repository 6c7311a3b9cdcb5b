"""`assay ledger`: what was tried, on which days, and what that does to the best of it."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Output, iso_time
from assay.market import canonical_symbol
from assay.service.database import open_database
from assay.store.ledger import Ledger, MarketDays, Tried
from assay.validation.sharpe import expected_maximum

Exchange = Annotated[str | None, typer.Option("--exchange", metavar="NAME", help="Only this exchange.")]
Symbol = Annotated[str | None, typer.Option("--symbol", metavar="BTC/USDT", help="Only this symbol.")]


@dataclass(frozen=True, kw_only=True)
class LedgerOptions:
    """Options of `assay ledger`."""

    exchange: Exchange = None
    symbol: Symbol = None
    database: options.DatabaseUrl = None


def ledger(output: Output, given: LedgerOptions) -> None:
    """Show every experiment and opened holdout; nothing can take one back."""
    with open_database(given.database) as opened:
        book = Ledger(opened)
        exchange = given.exchange.lower() if given.exchange else None
        symbol = canonical_symbol(given.symbol) if given.symbol else None
        entries = book.entries(exchange=exchange, symbol=symbol)
        tried = book.tried_on([MarketDays.of_row(entry) for entry in entries])
        rows = [_row(entry, found) for entry, found in zip(entries, tried, strict=True)]
        openings = book.openings()
    if output.json:
        output.document({"experiments": rows, "holdout_openings": openings})
        return
    columns = ("at", "market", "days", "strategy", "method", "combinations", "best", "on these days", "of so many")
    shown = [
        (
            iso_time(row["at"])[:16],
            f"{row['exchange']} {row['symbol']} {row['timeframe']}",
            f"{iso_time(row['start_ms'])[:10]} to {iso_time(row['stop_ms'])[:10]}",
            row["strategy"],
            row["method"],
            row["combinations"],
            row["best"],
            row["experiments_on_these_days"],
            f"{row['expected_maximum']:.1f} sd",
        )
        for row in rows
    ]
    output.table("", columns, shown)
    output.text(
        f"{len(rows)} experiments, {len(openings)} opened holdouts. 'On these days' counts experiments whose spans "
        "overlap by more than half; 'of so many' is what the best of all their combinations shows without any edge."
    )


def _row(entry: dict[str, Any], tried: Tried) -> dict[str, Any]:
    return entry | {
        "experiments_on_these_days": tried.experiments,
        "combinations_on_these_days": tried.combinations,
        "holdout_openings_on_these_days": tried.openings,
        "expected_maximum": expected_maximum(tried.combinations),
    }
