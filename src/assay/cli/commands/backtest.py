"""`assay backtest`: one set of parameters on one market."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay import evaluation
from assay._version import __version__
from assay.cli.measures import MEASURE_COLUMNS, measure_row
from assay.cli.options import check_page, check_table
from assay.cli.output import Output
from assay.cli.prelude import PointOptions, note_gate, prepare_point, say_what_ran
from assay.documents.figures import run_figures
from assay.engine import Run, measure
from assay.engine.tables import equity_columns, trade_columns
from assay.market import Bars
from assay.reports import backtest_html
from assay.sources import write_table, write_text

Trades = Annotated[Path | None, typer.Option("--trades", metavar="T.csv", help="Write the trades here.")]
Equity = Annotated[Path | None, typer.Option("--equity", metavar="E.csv", help="Write daily equity here.")]

Report = Annotated[Path | None, typer.Option("--report", metavar="R.html", help="Write a page with charts here.")]

MEASURES = (
    "total_trades",
    "win_rate",
    "net_profit_pct",
    "profit_factor",
    "expectancy_pct",
    "expectancy_r",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "max_drawdown_pct",
    "drawdown_duration",
    "gross_win_rate",
    "avg_win_pct",
    "avg_loss_pct",
    "avg_holding_periods",
    "exposure",
    "z_score",
    "ambiguous_trades",
    "days",
)
"""Measures of the table; the JSON document has all."""


@dataclass(frozen=True, kw_only=True)
class BacktestOptions(PointOptions):
    """Options of `assay backtest`."""

    trades: Trades = None
    equity: Equity = None
    report: Report = None


def backtest(output: Output, given: BacktestOptions) -> None:
    """Replay one set of parameters and measure it."""
    check_table(given.trades, "--trades")
    check_table(given.equity, "--equity")
    check_page(given.report, "--report")
    point = prepare_point(output, given)
    run = evaluation.backtest(
        point.strategy, point.bars, point.values, execution=point.execution, span=point.signal_bars
    )
    _write(point.bars, run, given.trades, given.equity)
    note_gate(output, point.bars)
    document = point.document() | {
        "metrics": measure(run, point.bars),
        "signals": run.signals,
        "orders": run.orders_sent,
    }
    if given.report is not None:
        drawn = run_figures(run, point.bars, point.signal_bars.start)
        write_text(given.report, backtest_html(document, drawn, version=__version__))
    written = {} if given.report is None else {"report": given.report}
    document["files"] = {"trades": given.trades, "equity": given.equity} | written
    _show(output, document)
    if point.again is not None:
        point.again.note_in_sample(output)


def _write(bars: Bars, run: Run, trades: Path | None, equity: Path | None) -> None:
    if trades is not None:
        write_table(trades, trade_columns(bars, run))
    if equity is not None:
        write_table(equity, equity_columns(run))


def _show(output: Output, document: dict[str, Any]) -> None:
    if output.json:
        output.document(document)
        return
    say_what_ran(output, document)
    metrics = document["metrics"]
    output.pairs("Parameters", document["parameters"])
    rows = [measure_row(name, metrics[name]) for name in MEASURES]
    output.table("Measures, net of costs", MEASURE_COLUMNS, rows)
    for path in filter(None, document["files"].values()):
        output.note(f"wrote {path}")
