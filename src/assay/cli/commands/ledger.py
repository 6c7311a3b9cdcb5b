"""`assay ledger`: what was tried, on which days, and what that does to the best of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Output, iso_time

if TYPE_CHECKING:
    from assay.store.ledger import Tried

Exchange = Annotated[str | None, typer.Option("--exchange", metavar="NAME", help="Only this exchange.")]
Symbol = Annotated[str | None, typer.Option("--symbol", metavar="BTC/USDT", help="Only this symbol.")]


def ledger(
    output: Output, exchange: Exchange = None, symbol: Symbol = None, database: options.DatabaseUrl = None
) -> None:
    """Show every experiment and opened holdout; nothing can take one back."""
    from assay.market import canonical_symbol  # noqa: PLC0415  (commands import when they run)
    from assay.store.ledger import Ledger  # noqa: PLC0415

    with options.open_database(database) as opened:
        book = Ledger(opened)
        entries = book.entries(
            exchange=exchange.lower() if exchange else None, symbol=canonical_symbol(symbol) if symbol else None
        )
        tried = book.tried_on([(e["exchange"], e["symbol"], e["start_ms"], e["stop_ms"]) for e in entries])
        rows = [_row(entry, found) for entry, found in zip(entries, tried, strict=True)]
        openings = book.openings()
    if output.json:
        output.document({"experiments": rows, "holdout_openings": openings})
        return
    columns = ("at", "market", "days", "strategy", "method", "combinations", "best", "on these days", "of so many")
    shown = [
        (
            iso_time(row["at"])[:16], f"{row['exchange']} {row['symbol']} {row['timeframe']}",
            f"{iso_time(row['start_ms'])[:10]} to {iso_time(row['stop_ms'])[:10]}", row["strategy"],
            row["method"], row["combinations"], row["best"], row["experiments_on_these_days"],
            f"{row['expected_maximum']:.1f} sd",
        )
        for row in rows
    ]  # fmt: skip
    output.table("", columns, shown)
    output.text(
        f"{len(rows)} experiments, {len(openings)} opened holdouts. 'On these days' counts experiments whose spans "
        "overlap by more than half; 'of so many' is what the best of all their combinations shows without any edge."
    )


def _row(entry: dict[str, Any], tried: "Tried") -> dict[str, Any]:
    from assay.validation.sharpe import expected_maximum  # noqa: PLC0415  (commands import when they run)

    return entry | {
        "experiments_on_these_days": tried.experiments,
        "combinations_on_these_days": tried.combinations,
        "holdout_openings_on_these_days": tried.openings,
        "expected_maximum": expected_maximum(tried.combinations),
    }
