"""`assay sweep`: every combination of a grid on one file of bars."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import options
from assay.cli.commands.quality import note_quality
from assay.cli.output import Output
from assay.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.engine import Combinations, Span
    from assay.engine.sweep import Block
    from assay.evaluation import Evaluator
    from assay.market import Bars
    from assay.search import Space
    from assay.training import Experiment

MIN_TRADES = 30
"""Combinations with fewer trades cannot be the best."""

ONE_THREAD_BELOW = 10_000
"""Below this number of combinations threads cost more than they bring."""

Grid = Annotated[str, typer.Option("--grid", metavar="GRID", help="default, benchmark or a file SPACE.toml.")]
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


@dataclass(frozen=True, eq=False)
class Swept:
    """Results of a grid.

    Attributes
    ----------
    measures : dict of str to float64, shape (n,)
        The columns of `assay.engine.TABLE`, in the order of the combinations.
    seconds : float
    refused : int
        Combinations that the strategy calls senseless; 0 trades, other measures NaN.
    """

    combinations: "Combinations"
    measures: "dict[str, NDArray[np.float64]]"
    seconds: float
    refused: int


def sweep(
    output: Output,
    file: options.File,
    strategy: options.StrategyName = "LIQUIDITY_SWEEP",
    grid: Grid = "default",
    sets: options.Sets = None,
    days: options.Days = None,
    from_: options.From = None,
    to: options.To = None,
    side: options.Side = "both",
    fee: options.Fee = 0.001,
    slippage: options.Slippage = 0.0005,
    sizing: options.SizingMethod = "risk",
    threads: options.Threads = None,
    timeframe: options.Timeframe = None,
    stream: Stream = False,
    restart: Restart = False,
    database: options.DatabaseUrl = None,
    out: Out = None,
) -> None:
    """Backtest every combination of a grid."""
    from assay.cli.kernels import compile_kernels  # noqa: PLC0415  (commands import when they run)
    from assay.engine import Combinations  # noqa: PLC0415
    from assay.evaluation import Evaluator, first_signal_bar  # noqa: PLC0415
    from assay.search import parse_space, penalised  # noqa: PLC0415
    from assay.search.search import distribution  # noqa: PLC0415
    from assay.sources.user_strategy import load_strategy  # noqa: PLC0415

    options.check_table(out, "--out")
    chosen, sides, workers = load_strategy(strategy), options.check_side(side), options.check_threads(threads)
    values = options.grid_values(grid, chosen, options.parse_sets(sets, chosen.parameters))
    combinations = Combinations(values)
    bars, start, stop = options.read_span(file, timeframe, days, from_, to)
    evaluator = Evaluator.over(
        chosen, values, execution=options.make_execution(bars.market, sides, fee, slippage, sizing)
    )
    options.check_warmup(bars, start, stop, evaluator.warmup, chosen.name)
    start = first_signal_bar(bars, start, evaluator.warmup)
    compile_kernels(output, chosen, bars)
    workers = workers if len(combinations) >= ONE_THREAD_BELOW else 1
    span = evaluator.span(start, stop)
    document = {
        "strategy": chosen.name,
        "market": options.describe_market(bars.market),
        "span": options.describe_span(bars, start, stop) | {"warmup_bars": evaluator.warmup},
        "side": sides,
        "costs": options.describe_money(evaluator.money),
        "grid": {"name": grid, "values": values},
        "threads": workers,
    }
    space = parse_space({name: list(v) for name, v in values.items()}, chosen.parameters)
    if stream:
        stream_sweep(
            output, document, evaluator, bars, span, space, threads=workers, restart=restart, out=out, database=database
        )
        return
    check_size(evaluator, bars, span, space, workers)
    swept = run_sweep(output, evaluator, bars, span, combinations, workers)
    scores = penalised(swept.measures["sharpe_ratio"], swept.measures["total_trades"])
    experiment = experiment_of(evaluator, space, bars, span)
    count_search(experiment, bars, span, len(scores), float(scores.max()), distribution(scores), database)
    if out is not None:
        from assay.sources import write_table  # noqa: PLC0415

        write_table(out, table_columns(swept))
    note_quality(output, bars)
    _show(output, document | summarise(swept) | {"files": {"out": out}})


def experiment_of(evaluator: "Evaluator", space: "Space", bars: "Bars", span: "Span") -> "Experiment":
    """Return a sweep as an experiment: its identity, in the ledger and of a stream's file."""
    from assay.training import Experiment  # noqa: PLC0415  (commands import when they run)

    return Experiment(
        evaluator.strategy,
        space,
        method="grid",
        execution=evaluator.execution,
        permutations=0,
        start_ms=int(bars.time[span.start]),
        stop_ms=int(bars.time[span.stop]) if span.stop < len(bars) else None,
    )


def count_search(
    experiment: "Experiment",
    bars: "Bars",
    span: "Span",
    combinations: int,
    best: float,
    counts: dict[str, Any],
    database: str | None,
) -> None:
    """Write a sweep into the ledger: who looks at the best of a grid has tried all of it."""
    from assay.service.tasks import entry_of, record_search  # noqa: PLC0415  (commands import when they run)

    record_search(entry_of(experiment, bars, (span.start, span.stop), combinations, best, counts), database)


def check_size(evaluator: "Evaluator", bars: "Bars", span: "Span", space: "Space", threads: int) -> None:
    """Refuse a grid whose table no memory would hold, with what a stream of it would take."""
    from assay.cli.streaming import estimate  # noqa: PLC0415  (commands import when they run)
    from assay.search.space import MAX_GRID  # noqa: PLC0415

    if space.size > MAX_GRID:
        expected = estimate(evaluator, bars, span, space, threads)
        raise InputError(
            "--grid",
            f"must have at most {MAX_GRID:,} combinations without --stream",
            space.size,
            f"With --stream {expected.sentence()}",
        )


def stream_sweep(
    output: Output,
    document: dict[str, Any],
    evaluator: "Evaluator",
    bars: "Bars",
    span: "Span",
    space: "Space",
    *,
    threads: int,
    restart: bool,
    out: Path | None,
    database: str | None,
) -> None:
    """Run any number of combinations in constant memory and show what was kept of them."""
    from assay.cli.streaming import best_rows, describe, estimate, run_stream, state_file  # noqa: PLC0415
    from assay.compiled import result_digest  # noqa: PLC0415
    from assay.engine import Combinations  # noqa: PLC0415  (commands import when they run)
    from assay.search.streaming import EDGES  # noqa: PLC0415

    combinations = Combinations(space.values)
    expected = estimate(evaluator, bars, span, space, threads)
    output.note(expected.sentence())
    experiment = experiment_of(evaluator, space, bars, span)
    file = state_file(experiment.digest(bars) + result_digest())
    summary, seconds = run_stream(output, evaluator, bars, span, combinations, file, threads=threads, restart=restart)
    best = float(summary.score[0]) if len(summary.score) else math.nan
    counts = {"counts": summary.histogram.tolist(), "edges": EDGES.tolist()}
    count_search(experiment, bars, span, summary.tried, best, counts, database)
    rows = best_rows(evaluator, bars, span, combinations, summary)
    if out is not None:
        from assay.sources import write_table  # noqa: PLC0415

        write_table(out, best_columns(rows, combinations))
    document |= {
        "combinations": summary.tried,
        "seconds": seconds,
        "estimated_seconds": expected.seconds,
        **describe(summary, combinations, rows),
        "files": {"out": out, "state": file},
    }
    _show_stream(output, document)


def run_sweep(
    output: Output, evaluator: "Evaluator", bars: "Bars", span: "Span", combinations: "Combinations", threads: int
) -> Swept:
    """Run every combination, showing progress."""
    import numpy as np  # noqa: PLC0415  (commands import when they run)

    from assay.engine import TABLE, from_sums  # noqa: PLC0415
    from assay.evaluation import ConstraintMask  # noqa: PLC0415

    measures = {name: np.full(len(combinations), np.nan) for name in TABLE}
    year = bars.market.days_per_year
    refused_by_constraint = ConstraintMask.of(evaluator.strategy, combinations)
    refused = 0

    def measured(block: "Block") -> "tuple[NDArray[np.int64], NDArray[np.bool_], dict[str, NDArray[np.float64]]]":
        out = refused_by_constraint.at(block.position)
        blank = {name: 0.0 if name == "total_trades" else np.nan for name in TABLE}
        return block.position, out, {n: np.where(out, blank[n], from_sums(block.sums, n, year)) for n in TABLE}

    begun = time.perf_counter()
    with output.progress("sweep", len(combinations)) as advance:
        for position, out, found in evaluator.blocks(bars, [span], combinations, measured, threads=threads):
            for name, column in measures.items():
                column[position] = found[name]
            refused += int(out.sum())
            advance(len(position))
    return Swept(combinations, measures, time.perf_counter() - begun, refused)


def table_columns(swept: Swept) -> "dict[str, NDArray[Any]]":
    """Return parameters and measures of every combination, shape (n,) each."""
    import numpy as np  # noqa: PLC0415  (commands import when they run)

    values, n = swept.combinations.values, len(swept.combinations)
    columns: dict[str, NDArray[Any]] = {}
    repeat = n
    for name, levels in values.items():
        repeat //= len(levels)  # the first parameter varies slowest
        columns[name] = np.tile(np.repeat(np.array(levels), repeat), n // (repeat * len(levels)))
    trades = swept.measures["total_trades"].astype(np.int64)
    return columns | swept.measures | {"total_trades": trades}


def summarise(swept: Swept) -> dict[str, Any]:
    """Return speed, the best combination and how many made money."""
    import numpy as np  # noqa: PLC0415  (commands import when they run)

    measures, n = swept.measures, len(swept.combinations)
    sharpe = measures["sharpe_ratio"]
    candidates = (measures["total_trades"] >= MIN_TRADES) & ~np.isnan(sharpe)
    best = int(np.argmax(np.where(candidates, sharpe, -np.inf))) if candidates.any() else None
    return {
        "combinations": n,
        "refused": swept.refused,
        "seconds": swept.seconds,
        "backtests_per_second": n / swept.seconds,
        "simulated_trades": int(measures["total_trades"].sum()),
        "with_enough_trades": int(candidates.sum()),
        "least_trades": MIN_TRADES,
        "profitable_share": float(np.mean(measures["net_profit_pct"] > 0)),
        "best": None if best is None else _row(swept, best),
    }


def _row(swept: Swept, position: int) -> dict[str, Any]:
    measures = {name: float(column[position]) for name, column in swept.measures.items()}
    measures |= {"total_trades": int(measures["total_trades"])}
    return {"position": position, "parameters": swept.combinations.at(position), "metrics": measures}


def _show(output: Output, document: dict[str, Any]) -> None:
    if output.json:
        output.document(document)
        return
    market, span, best = document["market"], document["span"], document["best"]
    output.text(f"{document['strategy']} on {market['symbol']} {market['timeframe']}, {span['from']} to {span['to']}")
    shown = ("combinations", "refused", "seconds", "backtests_per_second", "simulated_trades", "threads")
    output.pairs("Sweep", {name: document[name] for name in (*shown, "with_enough_trades", "profitable_share")})
    if best is None:
        output.text(f"No combination has at least {MIN_TRADES} trades.")
    else:
        output.pairs(f"Best Sharpe ratio with at least {MIN_TRADES} trades", best["parameters"] | best["metrics"])
        if (best["metrics"]["sharpe_ratio"] or 0) > 0:
            output.note(
                f"The best of {document['combinations']:,} looks good on data without any edge, too: this is "
                "where a proof begins, not a result."
            )
    if document["files"]["out"] is not None:
        output.note(f"wrote {document['files']['out']}")


def best_columns(rows: list[dict[str, Any]], combinations: "Combinations") -> "dict[str, list[Any]]":
    """Return parameters and measures of the kept points as columns."""
    from assay.engine import TABLE  # noqa: PLC0415  (commands import when they run)

    columns = {name: [row["parameters"][name] for row in rows] for name in combinations.values}
    return columns | {name: [row["metrics"][name] for row in rows] for name in TABLE}


def _show_stream(output: Output, document: dict[str, Any]) -> None:
    from assay.cli.streaming import bar  # noqa: PLC0415  (commands import when they run)

    if output.json:
        output.document(document)
        return
    market, span, best = document["market"], document["span"], document["best"]
    output.text(f"{document['strategy']} on {market['symbol']} {market['timeframe']}, {span['from']} to {span['to']}")
    output.pairs("Stream", {name: document[name] for name in ("combinations", "refused", "seconds", "threads")})
    if not best:
        output.text("No combination has 10 trades.")
    else:
        output.pairs(f"Best Sharpe ratio of {len(best):,} kept", best[0]["parameters"] | best[0]["metrics"])
    for name, axis in document["marginals"].items():
        means = [row["mean"] for row in axis if row["count"]]
        low, high = min(means, default=0.0), max(means, default=0.0)
        output.table(
            f"{name}: score by value",
            ("value", "mean", "", "best"),
            [
                (str(row["value"]), row["mean"], bar(row["mean"], low - 0.1 * (high - low), high), row["best"])
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
