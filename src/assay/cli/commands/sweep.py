"""`assay sweep`: every combination of a grid on one market."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import complete, options
from assay.cli.measures import MEASURE_COLUMNS, measure_row, point_rows
from assay.cli.output import Column, Output, text_bar
from assay.cli.prelude import RunOptions, note_gate, prepare, say_what_ran
from assay.cli.rerun import Rerun
from assay.evaluation import Evaluator
from assay.parameters import Parameters, Value
from assay.search import parse_space
from assay.search.streaming import EDGES
from assay.service import streaming
from assay.service.describe import describe_market, describe_money, describe_span
from assay.service.kernels import compile_kernels
from assay.service.ledger import record_search
from assay.service.sweeping import MIN_TRADES, Sweep, run_sweep, score_sweep, summarise, table_columns
from assay.sources import write_table
from assay.strategies import Strategy

ONE_THREAD_BELOW = 10_000
"""Below this number of combinations threads cost more than they bring."""

Grid = Annotated[
    str,
    typer.Option(
        "--grid",
        metavar="GRID",
        help="default, benchmark or a file SPACE.toml.",
        autocompletion=complete.choice("grid"),
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="G.parquet", help="Write one row per combination here (of a stream: the best 1,000)."
    ),
]
Stream = Annotated[
    bool,
    typer.Option("--stream", help="Any number of combinations in constant memory; goes on where it was interrupted."),
]
Restart = Annotated[bool, typer.Option("--restart", help="Forget what an interrupted stream has done.")]


@dataclass(frozen=True, kw_only=True)
class SweepOptions(RunOptions):
    """Options of `assay sweep`."""

    grid: Grid = "default"
    threads: options.Threads = None
    stream: Stream = False
    restart: Restart = False
    out: Out = None


def sweep(output: Output, given: SweepOptions) -> None:
    """Backtest every combination of a grid."""
    options.check_table(given.out, "--out")
    workers = options.check_threads(given.threads)
    prepared = prepare(output, given, lambda strategy: _grid(given, strategy, None))
    strategy, bars = prepared.strategy, prepared.bars
    grid, values = _grid(given, strategy, prepared.again)
    space = parse_space({name: list(v) for name, v in values.items()}, strategy.parameters)
    evaluator = Evaluator.over(strategy, values, execution=prepared.execution)
    planned = Sweep(evaluator, bars, prepared.span(evaluator.warmup), space)
    compile_kernels(output, strategy, bars)
    workers = workers if space.size >= ONE_THREAD_BELOW else 1
    document = {
        "strategy": strategy.name,
        "market": describe_market(bars.market),
        "span": describe_span(bars, planned.span.start, planned.span.stop) | {"warmup_bars": evaluator.warmup},
        "side": evaluator.execution.sides.value,
        "costs": describe_money(evaluator.money),
        "grid": {"name": grid, "values": values},
        "threads": workers,
        **prepared.source(),
    }
    if given.stream:
        _stream(output, document, planned, given, workers)
        return
    streaming.check_size(planned, workers)
    swept = run_sweep(output, planned, workers)
    record_search(planned.entry(space.size, *score_sweep(swept)), given.database)
    if given.out is not None:
        write_table(given.out, table_columns(swept))
    note_gate(output, bars)
    _show(output, document | summarise(swept) | {"files": {"out": given.out}}, strategy.parameters)


def _grid(given: SweepOptions, strategy: Strategy, again: Rerun | None) -> tuple[str, dict[str, tuple[Value, ...]]]:
    """Return the name of the grid and each parameter's values; a configuration brings the space that it searched."""
    fixed = options.parse_sets(given.sets, strategy.parameters)
    if again is None or again.recorded.space is None or "grid" in given.named:
        return given.grid, options.grid_values(given.grid, strategy, fixed)
    return again.recorded.config_id, parse_space(again.recorded.space, strategy.parameters, fixed).values


def _stream(output: Output, document: dict[str, Any], planned: Sweep, given: SweepOptions, threads: int) -> None:
    """Run any number of combinations in constant memory and show what was kept of them."""
    streaming.check_stream(planned)
    expected = streaming.estimate(planned, threads)
    output.note(expected.sentence())
    file = streaming.state_file(planned)
    summary, seconds = streaming.run_stream(output, planned, file, threads=threads, restart=given.restart)
    best = float(summary.score[0]) if len(summary.score) else math.nan
    counts = {"counts": summary.histogram.tolist(), "edges": EDGES.tolist()}
    record_search(planned.entry(summary.tried, best, counts), given.database)
    rows = streaming.best_rows(planned, summary)
    if given.out is not None:
        write_table(given.out, streaming.best_columns(rows, planned.combinations))
    document |= {
        "combinations": summary.tried,
        "seconds": seconds,
        "estimated_seconds": expected.seconds,
        **streaming.describe(summary, planned.combinations, rows),
        "files": {"out": given.out, "state": file},
    }
    _show_stream(output, document, planned.evaluator.strategy.parameters)


_POINT = ("name", "value", Column("unit", narrow=12))


def _show(output: Output, document: dict[str, Any], parameters: Parameters) -> None:
    if output.json:
        output.document(document)
        return
    best = document["best"]
    say_what_ran(output, document)
    shown = ("combinations", "refused", "seconds", "backtests_per_second", "simulated_trades", "threads")
    rows = [measure_row(name, document[name]) for name in (*shown, "with_enough_trades", "profitable_share")]
    output.table("Sweep", MEASURE_COLUMNS, rows)
    if best is None:
        output.text(f"No combination has at least {MIN_TRADES} trades.")
    else:
        rows = point_rows(best["parameters"], parameters, best["metrics"])
        output.table(f"Best Sharpe ratio with at least {MIN_TRADES} trades", _POINT, rows)
        if (best["metrics"]["sharpe_ratio"] or 0) > 0:
            output.note(
                f"The best of {document['combinations']:,} looks good on data without any edge, too: this is "
                "where a proof begins, not a result."
            )
    if document["files"]["out"] is not None:
        output.note(f"wrote {document['files']['out']}")


def _show_stream(output: Output, document: dict[str, Any], parameters: Parameters) -> None:
    if output.json:
        output.document(document)
        return
    best = document["best"]
    say_what_ran(output, document)
    shown = ("combinations", "refused", "seconds", "threads")
    output.table("Stream", MEASURE_COLUMNS, [measure_row(name, document[name]) for name in shown])
    if not best:
        output.text("No combination has 10 trades.")
    else:
        rows = point_rows(best[0]["parameters"], parameters, best[0]["metrics"])
        output.table(f"Best Sharpe ratio of {len(best):,} kept", _POINT, rows)
    for name, axis in document["marginals"].items():
        means = [row["mean"] for row in axis if row["count"]]
        low, high = min(means, default=0.0), max(means, default=0.0)
        output.table(
            f"{name}: score by value",
            ("value", "mean", Column("", 1, name="bar"), "best"),
            [
                (str(row["value"]), row["mean"], text_bar(row["mean"], low - 0.1 * (high - low), high), row["best"])
                for row in axis
            ],
        )
    if document["matters_least"]:
        output.text(f"{document['matters_least']} matters least: its values differ least in their mean score.")
    if best and best[0]["metrics"]["sharpe_ratio"] > 0:
        output.note(
            f"The best of {document['combinations']:,} looks good on data without any edge, too: this is where a proof "
            "begins, not a result."
        )
    if document["files"]["out"] is not None:
        output.note(f"wrote {document['files']['out']}")
    output.note(f"the stream is kept in {document['files']['state']}: the same command shows it again at once")
