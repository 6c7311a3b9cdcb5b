"""`assay configurations trades` and `equity`: the out-of-sample run of a configuration, as it was stored."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from numpy.typing import NDArray

from assay.cli import options
from assay.cli.commands.configurations import OneOptions
from assay.cli.output import Column, Output
from assay.cli.user_code import results
from assay.documents.figures import stored_equity, stored_trades
from assay.errors import InputError
from assay.service.database import open_database
from assay.sources import write_table
from assay.store import Registry

Columns = dict[str, NDArray[Any]]

Csv = Annotated[
    str | None, typer.Option("--csv", metavar="FILE", help="Write them here: .csv, .csv.gz or .parquet; - is stdout.")
]

STDOUT = "-"
_SHOWN = ("entry_time", "side", "entry", "exit", "return", "R", "reason")
"""Columns of the table of trades; a file and the JSON document have all."""


@dataclass(frozen=True, kw_only=True)
class RunTableOptions(OneOptions):
    """Options of `assay configurations trades` and `equity`."""

    csv: Csv = None


def trades(output: Output, given: RunTableOptions) -> None:
    """List the trades of a configuration out of sample, one row each, or write them to a file."""
    _write_or_show(output, given, "trades", stored_trades, _SHOWN)


def equity(output: Output, given: RunTableOptions) -> None:
    """List the equity of a configuration out of sample at the end of every day, or write it to a file."""
    _write_or_show(output, given, "equity", stored_equity, ("date", "equity"))


def _write_or_show(
    output: Output,
    given: RunTableOptions,
    name: str,
    read: Callable[[Mapping[str, Any]], Columns],
    shown: tuple[str, ...],
) -> None:
    path = None if given.csv in (None, STDOUT) else Path(str(given.csv))
    options.check_table(path, "--csv")
    if given.csv == STDOUT and output.json:
        raise InputError("--csv", "cannot be - together with --json: both write to stdout", STDOUT)
    with open_database(given.database) as opened:
        registry = Registry(opened)
        config_id = registry.get(registry.resolve(given.config_id)).config_id
        figures = registry.figures(config_id)
    if figures is None:
        hint = "assay train makes it anew, assay backtest --id runs its parameters again"
        raise InputError("configuration", f"was stored without its {name}", config_id, hint)
    columns = read(figures)
    if path is not None:
        write_table(path, columns)
    rows = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    if output.json:
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        output.document({"configuration": config_id, name: records, "files": {"csv": path}})
    elif given.csv == STDOUT:
        results().write(_csv_text(columns))
    elif path is not None:
        output.text(str(path), whole=True)
    else:
        at = [list(columns).index(column) for column in shown]
        heads = [Column(column, max(i - 3, 0)) for i, column in enumerate(shown)]  # the last are left out first
        output.table(f"{config_id}, out of sample", heads, [[row[i] for i in at] for row in rows])


def _csv_text(columns: Columns) -> str:
    """Return the very text that a file would hold."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_table(path, columns)
        return path.read_text(encoding="utf-8")
