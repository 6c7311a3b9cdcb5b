"""`assay train`: search, prove or refute, and write the configuration."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Output
from assay.errors import AssayError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.frames.collector import DataCollector
    from assay.market import Bars, Market
    from assay.store import BarStore, Database
    from assay.strategies import Strategy
    from assay.training import Experiment

LAST = "last"
"""What `--resume` without an id stands for."""

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


Names = Annotated[
    str | None,
    typer.Option("--exchange", metavar="A,B", help="Train on stored markets of these exchanges (see assay data)."),
]
Symbols = Annotated[str | None, typer.Option("--symbol", metavar="BTC/USDT,...", help="Their symbols.")]
MaxRuntime = Annotated[
    float | None,
    typer.Option("--max-runtime", metavar="SECONDS", help="Stop then, and keep what is done (many markets)."),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Use stored bars only: no exchange is asked for missing ones.")
]
Resume = Annotated[
    str | None, typer.Option("--resume", metavar="[ID]", help="Go on with an interrupted job, the last one by default.")
]


def train(
    output: Output,
    file: options.OptionalFile = None,
    exchange: Names = None,
    symbol: Symbols = None,
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
    max_runtime: MaxRuntime = None,
    offline: Offline = False,
    resume: Resume = None,
    database: options.DatabaseUrl = None,
    out: Out = Path("assay-results"),
) -> None:
    """Search a strategy's parameters on a file of bars, or on stored markets, then prove or refute what was found."""
    from assay.training import Experiment  # noqa: PLC0415  (commands import when they run)
    from assay.validation import SplitPlan  # noqa: PLC0415

    repeats = count_permutations(evidence, permutations)
    sides, cores = options.check_side(side), options.check_threads(threads)

    def experiment(chosen: "Strategy", bars: "Bars", start: int, stop: int) -> Experiment:
        return Experiment(
            strategy=chosen,
            space=_space(chosen, space, sets),
            method=method,
            budget=samples,
            objective=objective,
            execution=options.make_execution(bars.market, sides, fee, slippage, sizing, min_stop_costs),
            plan=SplitPlan(validation, train_days, test_days, gap_days),  # type: ignore[arg-type]
            permutations=repeats,
            seed=seed,
            start_ms=int(bars.time[start]) if start else None,
            stop_ms=int(bars.time[stop]) if stop < len(bars) else None,
            allow_bad_data=allow_bad_data,
        )

    one, many = file is not None, exchange is not None or symbol is not None
    if one + many + (resume is not None) != 1:
        raise InputError("--file, --exchange with --symbol, or --resume", "exactly one of them says what to train on")
    if file is not None:
        chosen = _load(strategy)
        bars, start, stop = options.read_span(file, timeframe, days, from_, to)
        train_file(output, experiment(chosen, bars, start, stop), bars, cores, out, database)
        return
    with options.open_database(database) as opened:
        if resume is not None:
            job = find_job(opened, resume)
        else:
            job = new_job(
                output, opened, markets_of(exchange, symbol, timeframe), _names(strategy, "--strategy"), experiment,
                lambda bars: options.select_span(bars, days, from_, to), wanted=wanted_span(days, from_, to),
                offline=offline, seed=seed, max_runtime=max_runtime,
            )  # fmt: skip
        finish_job(output, opened, database, job, workers=cores)


def train_file(
    output: Output, experiment: "Experiment", bars: "Bars", threads: int, out: Path, database: str | None
) -> None:
    """Train on bars of a file; write the results into a folder, the configuration and the trials into the database."""
    from assay.cli.kernels import compile_kernels  # noqa: PLC0415  (commands import when they run)
    from assay.cli.training import check_folder, keep, run_training, write_results  # noqa: PLC0415
    from assay.service.drilldown import drill_down  # noqa: PLC0415
    from assay.store import BarStore  # noqa: PLC0415

    begun = time.monotonic()
    check_folder(out, "--out")
    with options.open_database(database) as opened:  # before the work: a trial that cannot be counted is not run
        compile_kernels(output, experiment.strategy, bars)
        found = run_training(output, experiment, bars, threads)
        looked = drill_down(found, BarStore(opened))
        document, figures, paths = write_results(out, found, looked)
        tried = keep(opened, found, document, figures)
    inside = looked.as_dict()
    seconds = time.monotonic() - begun
    if output.json:
        told = {"configuration": document, "ambiguity": inside, "files": paths, "ledger": tried, "seconds": seconds}
        output.document(told)
        return
    show(output, document)
    show_inside(output, inside)
    if tried["experiments"] > 1:
        output.text(
            f"{tried['experiments']} experiments tried {tried['combinations']:,} combinations on these days: the best "
            f"of so many shows {tried['expected_maximum']:.1f} standard errors without any edge."
        )
    days = (int(bars.time[found.splits.stop - 1]) - int(bars.time[found.splits.start])) / options.DAY_MS
    output.text(f"{days:.0f} days in {seconds:.1f} s; wrote")
    for path in paths.values():
        output.text(f"  {path}")


def markets_of(exchange: str | None, symbol: str | None, timeframe: str | None) -> "list[Market]":
    """Return every combination of the named exchanges, symbols and timeframes."""
    from itertools import product  # noqa: PLC0415  (commands import when they run)

    from assay.market import Market, Timeframe, canonical_symbol  # noqa: PLC0415

    if exchange is None or symbol is None:
        raise InputError("--exchange and --symbol", "are given together")
    frames = [Timeframe.parse(frame) for frame in _names(timeframe or "5m", "--timeframe")]
    pairs = [canonical_symbol(text) for text in _names(symbol, "--symbol")]
    venues = [venue.lower() for venue in _names(exchange, "--exchange")]
    return [Market(venue, pair, frame, "spot", None) for venue, pair, frame in product(venues, pairs, frames)]


def fetch(
    output: Output, collector: "DataCollector", market: "Market", wanted: "tuple[int | None, int | None]"
) -> AssayError | None:
    """Fetch what is missing of a market into the database; return why that was not possible."""
    import warnings  # noqa: PLC0415  (commands import when they run)

    from assay.errors import ExchangeError  # noqa: PLC0415
    from assay.frames.collector import DataWarning  # noqa: PLC0415

    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", DataWarning)
            collector.fetch_bars(market.symbol, market.exchange, market.timeframe, *wanted)
    except (ExchangeError, InputError) as error:
        return error
    for one in told:
        output.note(str(one.message))
    return None


def wanted_span(days: float | None, from_: str | None, to: str | None) -> tuple[int | None, int | None]:
    """Return the span that a job's options ask for, as milliseconds UTC; None = as far as the collector goes back."""
    from assay.store.database import now_ms  # noqa: PLC0415  (commands import when they run)

    stop = options.parse_moment(to, "--to") if to is not None else None
    if from_ is not None:
        return options.parse_moment(from_, "--from"), stop
    if days is not None:
        return (now_ms() if stop is None else stop) - round(days * options.DAY_MS), stop
    return None, stop


def find_job(database: "Database", text: str) -> str:
    """Return the job that is to go on."""
    from assay.store.jobs import JobStore  # noqa: PLC0415  (commands import when they run)

    jobs = JobStore(database)
    found = jobs.unfinished() if text == LAST else jobs.state(text).id
    if found is None:
        raise InputError("--resume", "there is no unfinished job", hint="assay train --exchange ... starts one")
    return found


def new_job(
    output: Output,
    database: "Database",
    markets: "list[Market]",
    strategies: list[str],
    experiment: "Callable[[Strategy, Bars, int, int], Experiment]",
    span: "Callable[[Bars], tuple[int, int]]",
    *,
    wanted: "tuple[int | None, int | None]",
    offline: bool,
    seed: int,
    max_runtime: float | None,
) -> str:
    """Write a job with a task per market and strategy, after missing bars are fetched and kernels compiled.

    Parameters
    ----------
    wanted : (int or None, int or None)
        The span whose bars are fetched where they are missing, milliseconds UTC.
    offline : bool
        Whether only stored bars are used.
    """
    import getpass  # noqa: PLC0415  (commands import when they run)

    from assay.cli.kernels import compile_kernels  # noqa: PLC0415
    from assay.cli.many import make_job  # noqa: PLC0415
    from assay.frames.collector import DataCollector  # noqa: PLC0415
    from assay.store.database import now_ms  # noqa: PLC0415

    chosen = [(name, _load(name)) for name in strategies]
    collector = None if offline else DataCollector(database=database)

    def bars_of(store: "BarStore", market: "Market") -> "Bars":
        trouble = None if collector is None else fetch(output, collector, market, wanted)
        try:
            bars = options.finished(store.read_resampled(market))  # all of them: earlier bars warm the indicators
        except InputError:
            raise trouble or InputError(
                str(market), "is not held", hint="assay data import, or without --offline"
            ) from None
        if trouble is not None:
            output.note(f"{market}: only stored bars are used. {trouble}")
        compile_kernels(output, chosen[0][1], bars)
        return bars

    job, _ = make_job(
        output, database, markets, chosen, lambda s, bars: experiment(s, bars, *span(bars)), bars_of,
        seed=seed, user=getpass.getuser(), now_ms=now_ms(),
        stop_ms=None if max_runtime is None else now_ms() + round(1000 * max_runtime),
    )  # fmt: skip
    return job


def finish_job(output: Output, database: "Database", url: str | None, job: str, *, workers: int) -> None:
    """Run what is left of a job and show what became of it."""
    import getpass  # noqa: PLC0415  (commands import when they run)

    from assay.cli.many import Left, job_document, run_job  # noqa: PLC0415
    from assay.store.jobs import JobStore  # noqa: PLC0415
    from assay.store.location import database_url  # noqa: PLC0415

    begun = time.monotonic()
    output.note(f"job {job}")
    try:
        state = run_job(output, database, url or database_url(), job, workers=workers, user=getpass.getuser())
    except KeyboardInterrupt:
        output.note(f"what is done is kept; go on with: assay train --resume {job}")
        raise
    left = [Left(**one) for one in state.config.get("left", [])]
    document = job_document(JobStore(database), state, left) | {"seconds": time.monotonic() - begun}
    if output.json:
        output.document(document)
    else:
        show_job(output, document)
    failed = [t for t in document["tasks"] if t["status"] != "completed"]
    if failed or left:
        raise typer.Exit(1)


def show_job(output: Output, document: dict[str, Any]) -> None:
    """Print one line per task, and why those that have no configuration have none."""
    shown = ("in_sample_sharpe_ratio", "sharpe_ratio", "total_trades", "p_value")
    rows = [
        (t["market"], t["strategy"], t.get("stage") or t["status"], *map(t.get, shown), t.get("config_id") or "")
        for t in document["tasks"]
    ]
    columns = ("market", "strategy", "stage", "Sharpe in sample", "out of sample", "trades", "p", "configuration")
    output.table("", columns, rows)
    for task in document["tasks"]:
        if task["error"]:
            output.text(f"{task['market']} {task['strategy']}: {task['error']}")
        show_inside(output, task.get("ambiguity"), f"{task['market']} {task['strategy']}: ")
    for one in document["left_out"]:
        output.text(f"{one['market']}: {one['reason']}")
    kept, total = sum(t["status"] == "completed" for t in document["tasks"]), len(document["tasks"])
    output.text(f"{kept} of {total} trained and saved in {document['seconds']:.1f} s: assay configurations list")


def show_inside(output: Output, ambiguity: dict[str, Any] | None, prefix: str = "") -> None:
    """Print what finer bars say of ambiguous trades, where there are any of both."""
    if not ambiguity or not ambiguity["trades"] or ambiguity["finer_timeframe"] is None:
        return
    a = ambiguity
    output.text(
        f"{prefix}{a['finer_timeframe']} bars inside the bars of {a['trades']} ambiguous trades: {a['to_target']} went "
        f"to the target first, {a['to_stop']} to the stop; net profit {a['resolved_net_profit_pct']:+.2f} % instead of "
        f"{a['pessimistic_net_profit_pct']:+.2f} % (at best {a['optimistic_net_profit_pct']:+.2f} %)."
    )
    if a["note"]:
        output.note(f"note: {prefix}{a['note']}")


def _load(name: str) -> "Strategy":
    from assay.sources.user_strategy import load_strategy  # noqa: PLC0415  (commands import when they run)

    return load_strategy(name)


def _names(text: str | None, option: str) -> list[str]:
    from assay.cli.many import names  # noqa: PLC0415  (commands import when they run)

    return names(text, option)


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
    if matrix := document["validation"]["matrix"]:
        profits = [p for row in matrix["net_profit_pct"] for p in row if p is not None]
        kept = sum(p > 0 for p in profits)
        output.text(f"{kept} of {len(profits)} pairs of train and test lengths end with a net profit (shown, no gate).")
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
