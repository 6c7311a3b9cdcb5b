"""`assay backtest`: one set of parameters on one file of bars."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import options
from assay.cli.commands.quality import note_quality
from assay.cli.output import Output

if TYPE_CHECKING:
    from assay.engine import Run
    from assay.market import Bars

Trades = Annotated[Path | None, typer.Option("--trades", metavar="T.csv", help="Write the trades here.")]
Equity = Annotated[Path | None, typer.Option("--equity", metavar="E.csv", help="Write daily equity here.")]

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


def backtest(
    output: Output,
    file: options.File,
    strategy: options.StrategyName = "LIQUIDITY_SWEEP",
    sets: options.Sets = None,
    days: options.Days = None,
    from_: options.From = None,
    to: options.To = None,
    side: options.Side = "both",
    fee: options.Fee = 0.001,
    slippage: options.Slippage = 0.0005,
    sizing: options.SizingMethod = "risk",
    min_stop_costs: options.MinStopCosts = 0.0,
    timeframe: options.Timeframe = None,
    trades: Trades = None,
    equity: Equity = None,
) -> None:
    """Replay one set of parameters and measure it."""
    from assay.cli.kernels import compile_kernels  # noqa: PLC0415  (commands import when they run)
    from assay.engine import Span, measure  # noqa: PLC0415
    from assay.evaluation import backtest as run_backtest  # noqa: PLC0415
    from assay.evaluation import first_signal_bar  # noqa: PLC0415
    from assay.sources.user_strategy import load_strategy  # noqa: PLC0415

    options.check_table(trades, "--trades")
    options.check_table(equity, "--equity")
    chosen, sides = load_strategy(strategy), options.check_side(side)
    values = chosen.parameters.complete(options.parse_sets(sets, chosen.parameters))
    bars, start, stop = options.read_span(file, timeframe, days, from_, to)
    warmup = chosen.warmup(values)
    options.check_warmup(bars, start, stop, warmup, chosen.name)
    start = first_signal_bar(bars, start, warmup)
    execution = options.make_execution(bars.market, sides, fee, slippage, sizing, min_stop_costs)
    compile_kernels(output, chosen, bars)
    span = Span(start, stop, warmup)
    run = run_backtest(chosen, bars, values, execution=execution, span=span)
    _write(bars, run, trades, equity)
    note_quality(output, bars)
    document = {
        "strategy": chosen.name,
        "parameters": values,
        "market": options.describe_market(bars.market),
        "span": options.describe_span(bars, start, stop),
        "side": sides,
        "costs": options.describe_money(execution.money) | {"min_stop_costs": min_stop_costs},
        "metrics": measure(run, bars),
        "signals": run.signals,
        "orders": run.orders_sent,
        "files": {"trades": trades, "equity": equity},
    }
    _show(output, document)


def _write(bars: "Bars", run: "Run", trades: Path | None, equity: Path | None) -> None:
    from assay.engine.tables import equity_columns, trade_columns  # noqa: PLC0415  (commands import when they run)
    from assay.sources import write_table  # noqa: PLC0415

    if trades is not None:
        write_table(trades, trade_columns(bars, run))
    if equity is not None:
        write_table(equity, equity_columns(run))


def _show(output: Output, document: dict[str, Any]) -> None:
    if output.json:
        output.document(document)
        return
    market, span, metrics = document["market"], document["span"], document["metrics"]
    output.text(f"{document['strategy']} on {market['symbol']} {market['timeframe']}, {span['from']} to {span['to']}")
    output.pairs("Parameters", document["parameters"])
    output.pairs("Measures, net of costs", {name: metrics[name] for name in MEASURES})
    for path in filter(None, document["files"].values()):
        output.note(f"wrote {path}")
