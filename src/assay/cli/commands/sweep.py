"""`assay sweep`: every combination of a grid on one file of bars."""

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
    from assay.market import Bars
    from assay.strategies import Strategy
    from assay.strategies.evaluation import Trial

LEAST_TRADES = 30
"""Combinations with fewer trades cannot be the best."""

ONE_THREAD_BELOW = 10_000
"""Below this number of combinations threads cost more than they bring."""

Grid = Annotated[str, typer.Option("--grid", metavar="GRID", help="default, benchmark or a file SPACE.toml.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="G.parquet", help="Write one row per combination here.")]


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
    out: Out = None,
) -> None:
    """Backtest every combination of a grid."""
    from assay.cli.kernels import compile_kernels  # noqa: PLC0415  (commands import when they run)
    from assay.engine import Combinations  # noqa: PLC0415
    from assay.sources.user_strategy import load_strategy  # noqa: PLC0415
    from assay.strategies import first_signal_bar  # noqa: PLC0415
    from assay.strategies.evaluation import Trial  # noqa: PLC0415

    options.check_table(out, "--out")
    chosen, sides, workers = load_strategy(strategy), options.check_side(side), options.check_threads(threads)
    values = options.grid_values(grid, chosen, options.parse_sets(sets, chosen.parameters))
    combinations = Combinations(values)
    check_size(combinations)
    bars, start, stop = options.read_span(file, timeframe, days, from_, to)
    trial = Trial.over(chosen, values, money=options.make_money(bars.market, fee, slippage, sizing), sides=sides)
    options.check_warmup(bars, start, stop, trial.warmup, chosen.name)
    start = first_signal_bar(bars, start, trial.warmup)
    compile_kernels(output, chosen, bars)
    workers = workers if len(combinations) >= ONE_THREAD_BELOW else 1
    swept = run_sweep(output, trial, bars, trial.span(start, stop), combinations, workers)
    if out is not None:
        from assay.sources import write_table  # noqa: PLC0415

        write_table(out, table_columns(swept))
    note_quality(output, bars)
    document = {
        "strategy": chosen.name,
        "market": options.describe_market(bars.market),
        "span": options.describe_span(bars, start, stop) | {"warmup_bars": trial.warmup},
        "side": sides,
        "costs": options.describe_money(trial.money),
        "grid": {"name": grid, "values": values},
        "threads": workers,
        **summarise(swept),
        "files": {"out": out},
    }
    _show(output, document)


def check_size(combinations: "Combinations") -> None:
    """Refuse a grid that memory or patience would not hold."""
    from assay.search.space import MAX_GRID  # noqa: PLC0415  (commands import when they run)

    if len(combinations) > MAX_GRID:
        longest = max(combinations.values, key=lambda n: len(combinations.values[n]))
        raise InputError(
            "--grid",
            f"must have at most {MAX_GRID:,} combinations",
            len(combinations),
            f"{longest} has most values ({len(combinations.values[longest])})",
        )


def run_sweep(
    output: Output, trial: "Trial", bars: "Bars", span: "Span", combinations: "Combinations", threads: int
) -> Swept:
    """Run every combination, showing progress."""
    import numpy as np  # noqa: PLC0415  (commands import when they run)

    from assay.engine import TABLE, from_sums  # noqa: PLC0415

    measures = {name: np.full(len(combinations), np.nan) for name in TABLE}
    year = bars.market.days_per_year
    begun = time.perf_counter()
    with output.progress("sweep", len(combinations)) as advance:
        for block in trial.blocks(bars, span, combinations, threads=threads):
            for name, column in measures.items():
                column[block.position] = from_sums(block.sums, name, year)
            advance(len(block.position))
    seconds = time.perf_counter() - begun
    return Swept(combinations, measures, seconds, _refuse(trial.strategy, combinations, measures))


def _refuse(strategy: "Strategy", combinations: "Combinations", measures: "dict[str, NDArray[np.float64]]") -> int:
    """Blank what the strategy calls senseless; return how many."""
    from assay.strategies.evaluation import senseless  # noqa: PLC0415  (commands import when they run)

    rows = senseless(strategy, combinations)
    for name, column in measures.items():
        column[rows] = 0.0 if name == "total_trades" else float("nan")
    return len(rows)


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
    candidates = (measures["total_trades"] >= LEAST_TRADES) & ~np.isnan(sharpe)
    best = int(np.argmax(np.where(candidates, sharpe, -np.inf))) if candidates.any() else None
    return {
        "combinations": n,
        "refused": swept.refused,
        "seconds": swept.seconds,
        "backtests_per_second": n / swept.seconds,
        "simulated_trades": int(measures["total_trades"].sum()),
        "with_enough_trades": int(candidates.sum()),
        "least_trades": LEAST_TRADES,
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
        output.text(f"No combination has at least {LEAST_TRADES} trades.")
    else:
        output.pairs(f"Best Sharpe ratio with at least {LEAST_TRADES} trades", best["parameters"] | best["metrics"])
        if (best["metrics"]["sharpe_ratio"] or 0) > 0:
            output.note(
                f"The best of {document['combinations']:,} looks good on data without any edge, too: this is "
                "where a proof begins, not a result."
            )
    if document["files"]["out"] is not None:
        output.note(f"wrote {document['files']['out']}")
