"""`assay configurations trades` and `equity`: the out-of-sample run of a configuration, as it was stored."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from assay.cli import options
from assay.cli.commands.configurations import OneOptions
from assay.cli.output import Column, Output
from assay.cli.user_code import results
from assay.errors import InputError
from assay.plurals import plural
from assay.service.configurations import records, run_columns
from assay.service.database import open_database
from assay.sources import table_csv, write_table
from assay.store import Registry

Columns = dict[str, NDArray[Any]]

Csv = Annotated[
    str | None, typer.Option("--csv", metavar="FILE", help="Write it here: .csv, .csv.gz or .parquet; - is stdout.")
]

STDOUT = "-"
_TRADE_COLUMNS = (
    Column("entry_time"),
    Column("exit_time"),
    Column("side"),
    Column("entry", 3),
    Column("exit", 2),
    Column("return %", name="return"),
    Column("R", 1),
    Column("reason"),
)
"""Columns of the table of trades, by the names of the file, which has more, as the JSON document does."""

_MINUTE = len("2024-01-31T09:30")


@dataclass(frozen=True, kw_only=True)
class RunTableOptions(OneOptions):
    """Options of `assay configurations trades` and `equity`."""

    csv: Csv = None


def trades(output: Output, given: RunTableOptions) -> None:
    """List the trades out of sample, or write them to a file."""
    _write_or_show(output, given, "trades", _show_trades)


def equity(output: Output, given: RunTableOptions) -> None:
    """List the daily equity out of sample, or write it to a file."""
    _write_or_show(output, given, "equity", _show_equity)


def _write_or_show(
    output: Output,
    given: RunTableOptions,
    name: str,
    show: Callable[[Output, str, Columns], None],
) -> None:
    path = None if given.csv in (None, STDOUT) else Path(str(given.csv))
    options.check_table(path, "--csv")
    if given.csv == STDOUT and output.json:
        raise InputError("--csv", "cannot be - together with --json: both write to stdout", STDOUT)
    with open_database(given.database) as opened:
        registry = Registry(opened)
        config_id = registry.resolve(given.config_id)
        columns = run_columns(registry, config_id, name)
    if path is not None:
        write_table(path, columns)
    if output.json:
        output.document({"configuration": config_id, name: records(columns), "files": {"csv": path}})
    elif given.csv == STDOUT:
        results().write(table_csv(columns).decode())
    elif path is not None:
        output.text(str(path), whole=True)
    else:
        show(output, f"{config_id}, out of sample", columns)


def _show_trades(output: Output, title: str, columns: Columns) -> None:
    """Print trades with their times to the minute and their returns in percent, and what they come to."""
    shown = {name: column.tolist() for name, column in columns.items()}
    for name in ("entry_time", "exit_time"):
        shown[name] = [moment[:_MINUTE] for moment in shown[name]]
    shown["return"] = (100.0 * columns["return"]).tolist()
    rows = list(zip(*(shown[column.key] for column in _TRADE_COLUMNS), strict=True))
    output.table(f"{title}; times are UTC", _TRADE_COLUMNS, rows)
    if not rows:
        output.text("There was no trade.")
        return
    won, total = int(np.sum(columns["return"] > 0)), 100.0 * (np.prod(1.0 + columns["size"] * columns["return"]) - 1.0)
    output.text(
        f"{plural(len(rows), 'trade')}, {won:,} of them won. Together {total:+.2f} %, net of costs: each return times "
        "the size of its trade, compounded."
    )


def _show_equity(output: Output, title: str, columns: Columns) -> None:
    heads = ("date", Column("equity at the end of the day", name="equity"))
    rows = list(zip(*(columns[name].tolist() for name in ("date", "equity")), strict=True))
    output.table(f"{title}; the equity begins at 1 before the first day", heads, rows)
