"""`assay train`: search, prove or refute, and write the configuration."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Output

if TYPE_CHECKING:
    from assay.strategies import Strategy

Method = Annotated[
    str,
    typer.Option(
        "--method", metavar="HOW", help="auto (a grid), grid, random, or one that learns as it goes: gp, tpe, cmaes."
    ),
]
Samples = Annotated[
    int | None,
    typer.Option("--samples", metavar="N", help="Points of a search that is no grid: 500 at random, 200 otherwise."),
]
Objective = Annotated[
    str,
    typer.Option(
        "--objective",
        metavar="NAME",
        help="sharpe_ratio, net_profit_pct, calmar_ratio, sortino_ratio, profit_factor or expectancy_pct.",
    ),
]
EvidenceLevel = Annotated[
    str, typer.Option("--evidence", metavar="LEVEL", help="quick (39 permutations), standard (199) or thorough (999).")
]
Permutations = Annotated[
    int | None, typer.Option("--permutations", metavar="N", help="Overrules --evidence; 0 leaves p unknown.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of sampling and permutations.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results.")]
SpaceFile = Annotated[
    Path | None,
    typer.Option("--space", metavar="SPACE.toml", help="Values to search: [space] name = [1, 2] or {low, high, step}."),
]
AllowBadData = Annotated[
    bool, typer.Option("--allow-bad-data", help="Train below 70 % valid bars (recorded, never promoted).")
]
Validation = Annotated[
    str, typer.Option("--validation", metavar="HOW", help="anchored or rolling walk-forward, or split (train/test).")
]
TrainDays = Annotated[float, typer.Option("--train-days", metavar="N", help="Length of the first train window.")]
TestDays = Annotated[float, typer.Option("--test-days", metavar="N", help="Length of a test window.")]
GapDays = Annotated[
    float, typer.Option("--gap-days", metavar="N", help="Least gap; raised to the longest holding time.")
]


def train(
    output: Output,
    file: options.File,
    strategy: options.StrategyName = "LIQUIDITY_SWEEP",
    days: options.Days = None,
    from_: options.From = None,
    to: options.To = None,
    side: options.Side = "both",
    method: Method = "auto",
    samples: Samples = None,
    objective: Objective = "sharpe_ratio",
    space: SpaceFile = None,
    sets: options.Sets = None,
    evidence: EvidenceLevel = "standard",
    permutations: Permutations = None,
    validation: Validation = "anchored",
    train_days: TrainDays = 60.0,
    test_days: TestDays = 30.0,
    gap_days: GapDays = 0.0,
    fee: options.Fee = 0.001,
    slippage: options.Slippage = 0.0005,
    sizing: options.SizingMethod = "risk",
    min_stop_costs: options.MinStopCosts = 0.0,
    seed: Seed = 42,
    threads: options.Threads = None,
    timeframe: options.Timeframe = None,
    allow_bad_data: AllowBadData = False,
    out: Out = Path("assay-results"),
) -> None:
    """Search a strategy's parameters on a file of bars, then prove or refute what was found."""
    from assay.cli.kernels import compile_kernels  # noqa: PLC0415  (commands import when they run)
    from assay.cli.training import check_folder, run_training, write_results  # noqa: PLC0415
    from assay.sources.user_strategy import load_strategy  # noqa: PLC0415
    from assay.training import Experiment  # noqa: PLC0415
    from assay.validation import SplitPlan  # noqa: PLC0415

    begun = time.monotonic()
    chosen = load_strategy(strategy)
    repeats = count_permutations(evidence, permutations)
    searched = _space(chosen, space, sets)
    sides, cores = options.check_side(side), options.check_threads(threads)
    bars, start, stop = options.read_span(file, timeframe, days, from_, to)
    experiment = Experiment(
        strategy=chosen,
        space=searched,
        method=method,
        budget=samples,
        objective=objective,
        sides=sides,
        plan=SplitPlan(validation, train_days, test_days, gap_days),  # type: ignore[arg-type]
        money=options.make_money(bars.market, fee, slippage, sizing),
        permutations=repeats,
        seed=seed,
        start_ms=int(bars.time[start]) if start else None,
        stop_ms=int(bars.time[stop]) if stop < len(bars) else None,
        allow_bad_data=allow_bad_data,
        min_stop_costs=min_stop_costs,
    )
    check_folder(out, "--out")
    compile_kernels(output, chosen, bars)
    found = run_training(output, experiment, bars, cores)
    document, paths = write_results(out, found)
    seconds = time.monotonic() - begun
    if output.json:
        output.document({"configuration": document, "files": paths, "seconds": seconds})
        return
    show(output, document)
    output.text(f"{options.describe_span(bars, start, stop)['days']:.0f} days in {seconds:.1f} s; wrote")
    for path in paths.values():
        output.text(f"  {path}")


def count_permutations(evidence: str, permutations: int | None) -> int:
    """Return how many permutations a level of evidence runs."""
    from assay.errors import InputError, near_name  # noqa: PLC0415  (commands import when they run)
    from assay.training import PERMUTATIONS  # noqa: PLC0415

    if evidence not in PERMUTATIONS:
        rule = f"must be one of {', '.join(PERMUTATIONS)}"
        raise InputError("--evidence", rule, evidence, near_name(evidence, PERMUTATIONS))
    return PERMUTATIONS[evidence] if permutations is None else permutations


def _space(strategy: "Strategy", path: Path | None, sets: list[str] | None) -> Any:  # noqa: ANN401  (a Space)
    from assay.search import parse_space  # noqa: PLC0415  (commands import when they run)

    if path is None:
        given: dict[str, Any] = {name: list(values) for name, values in strategy.default_grid.items()}
    else:
        given = options.read_space(path)
    return parse_space(given, strategy.parameters, options.parse_sets(sets, strategy.parameters))


def show(output: Output, document: dict[str, Any]) -> None:
    """Print the verdict: what was promised in sample, what came of it, and what stood in the way."""
    context, life = document["context"], document["lifecycle"]
    metrics, sample = document["metrics"], document["validation"]["in_sample"]
    search, luck = document["evidence"]["search"], document["evidence"]["permutation"]
    output.text(
        f"{document['strategy']} on {context['pair']} {context['timeframe']} ({context['exchange']}), "
        f"{context['from'][:10]} to {context['to'][:10]}"
    )
    names = {
        "sharpe_ratio": "Sharpe ratio",
        "net_profit_pct": "net profit %",
        "win_rate": "win rate",
        "profit_factor": "profit factor",
        "max_drawdown_pct": "max drawdown %",
        "total_trades": "trades",
    }
    rows = [(label, sample.get(name), metrics.get(name)) for name, label in names.items()]
    output.table("", ("", "in sample", "out of sample"), rows)
    windows = document["validation"]["window_count"]
    output.text(f"{search['combinations']:,} combinations, {windows} windows.")
    if luck["done"]:
        early = " (stopped early)" if luck["stopped_early"] else ""
        output.text(
            f"{luck['as_good_or_better']} of {luck['done']} searches on bars without direction found as much{early}: "
            f"p = {luck['p_value']:.3f}"
        )
    else:
        output.text("No permutation was run: p is unknown.")
    output.text(f"Verdict: {life['current_stage']}")
    if life["why_not_promoted"]:
        output.text(f"Why not promoted: {life['why_not_promoted']}")
    for warning in document["evidence"]["warnings"]:
        output.note(f"note: {warning}")
