"""`assay train`: search, prove or refute, and write the configuration."""

import getpass
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import complete, options
from assay.cli.bars import BarsOptions, check_one, file_bars
from assay.cli.output import Column, Output
from assay.cli.results import check_folder, write_results
from assay.cli.shared import LAST
from assay.documents import TrainedDocument
from assay.documents.explained import explained, why_not_promoted
from assay.errors import InputError
from assay.market.calendar import ms_to_days
from assay.plurals import plural
from assay.reports.evidence_words import SEARCHED, campaign_line, comparability_line, market_line
from assay.reports.power import usual_sentence
from assay.service.collector import BarCollector
from assay.service.database import open_database
from assay.service.jobs import job_document, run_job, take_up
from assay.service.ledger import tried_facts
from assay.service.request import ProofTerms, SearchTerms, TrainingRequest
from assay.service.spaces import read_space
from assay.service.submission import make_job
from assay.service.training import Trained, train_and_store
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, Database, Registry
from assay.store.ids import short_ids
from assay.store.jobs import JobStore
from assay.store.ledger import Tried
from assay.store.location import database_url
from assay.store.schema import JobStatus
from assay.strategies import Strategy
from assay.validation.false_discovery import expected_without_edge
from assay.validation.lifecycle import MAX_P

Method = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="HOW",
        help="auto (a grid), grid, random, or one that learns as it goes: gp, tpe, cmaes.",
        autocompletion=complete.choice("method"),
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
        autocompletion=complete.choice("objective"),
    ),
]
EvidenceLevel = Annotated[
    str,
    typer.Option(
        "--evidence",
        metavar="LEVEL",
        help="quick (39 permutations), standard (199) or thorough (999).",
        autocompletion=complete.choice("evidence"),
    ),
]
Permutations = Annotated[
    int | None, typer.Option("--permutations", metavar="N", help="Overrules --evidence; 0 leaves p unknown.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of sampling and permutations.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results.")]
SpaceFile = Annotated[
    Path | None,
    typer.Option("--space", metavar="SPACE.toml", help="Values to search: [space] name = [1, 2] or {low, high, step}."),
]
AllowBadData = Annotated[
    bool,
    typer.Option(
        "--allow-bad-data", help="Train although fewer than 70 % of the bars are valid (recorded, never promoted)."
    ),
]
Validation = Annotated[
    str,
    typer.Option(
        "--validation",
        metavar="HOW",
        help="anchored or rolling walk-forward, or split (train/test).",
        autocompletion=complete.choice("validation"),
    ),
]
TrainDays = Annotated[float, typer.Option("--train-days", metavar="N", help="Length of the first train window.")]
TestDays = Annotated[float, typer.Option("--test-days", metavar="N", help="Length of a test window.")]
GapDays = Annotated[
    float,
    typer.Option("--gap-days", metavar="N", help="Days between train and test; at least the longest holding time."),
]
Names = Annotated[
    str | None,
    typer.Option(
        "--exchange",
        metavar="A,B",
        help="Train on stored markets of these exchanges (see assay data).",
        autocompletion=complete.exchanges,
    ),
]
Symbols = Annotated[
    str | None,
    typer.Option("--symbol", metavar="BTC/USDT,...", help="Their symbols.", autocompletion=complete.symbols),
]
Timeframe = Annotated[
    str | None,
    typer.Option(
        "--timeframe",
        metavar="5m",
        help="Of the markets (5m where not given), or of the bars of a file that says another.",
        autocompletion=complete.choice("timeframe"),
    ),
]
StrategyNames = Annotated[
    str,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="A registered name, or path.py:Class; on stored markets several as A,B.",
        autocompletion=complete.choice("strategy"),
    ),
]
MaxRuntime = Annotated[
    float | None,
    typer.Option("--max-runtime", metavar="SECONDS", help="Stop after so long, and keep what is done (many markets)."),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Use stored bars only: no exchange is asked for missing ones.")
]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="[ID]",
        help="Go on with an interrupted job: the last one, or that of this id or beginning of one.",
        autocompletion=complete.unfinished_jobs,
    ),
]


@dataclass(frozen=True, kw_only=True)
class TrainOptions(BarsOptions, options.StopOptions):
    """Options of `assay train`."""

    strategy: StrategyNames = "LIQUIDITY_SWEEP"
    exchange: Names = None
    symbol: Symbols = None
    timeframe: Timeframe = None
    method: Method = "auto"
    samples: Samples = None
    objective: Objective = "sharpe_ratio"
    space: SpaceFile = None
    evidence: EvidenceLevel = "standard"
    permutations: Permutations = None
    validation: Validation = "anchored"
    train_days: TrainDays = 60.0
    test_days: TestDays = 30.0
    gap_days: GapDays = 0.0
    seed: Seed = 42
    threads: options.Threads = None
    allow_bad_data: AllowBadData = False
    max_runtime: MaxRuntime = None
    offline: Offline = False
    resume: Resume = None
    out: Out = Path("assay-results")

    def request(self, name: str, strategy: Strategy) -> TrainingRequest:
        """Return what to train of one strategy."""
        with options.in_options():
            return TrainingRequest(
                strategy=name,
                search=SearchTerms(
                    space=None if self.space is None else read_space(self.space),
                    fixed=options.parse_sets(self.sets, strategy.parameters),
                    method=self.method,
                    samples=self.samples,
                    objective=self.objective,
                    seed=self.seed,
                ),
                proof=ProofTerms(
                    evidence=self.evidence,
                    permutations=self.permutations,
                    validation=self.validation,
                    train_days=self.train_days,
                    test_days=self.test_days,
                    gap_days=self.gap_days,
                ),
                execution=self.execution(),
                span=self.span,
                allow_bad_data=self.allow_bad_data,
            )


def train(output: Output, given: TrainOptions) -> None:
    """Search parameters, then test whether what is found is luck.

    On a file, or on one or more stored markets.
    """
    threads = options.check_threads(given.threads)
    names = "--file, --exchange with --symbol, or --resume"
    check_one(given, given.resume is not None, names=names, what="what to train on")
    if given.file is not None:
        train_file(output, given, threads)
        return
    with open_database(given.database) as opened:
        job = (
            new_job(output, opened, given)
            if given.resume is None
            else find_job(opened, given.resume, given.max_runtime)
        )
        finish_job(output, opened, given.database, job, workers=threads)


def train_file(output: Output, given: TrainOptions, threads: int) -> None:
    """Train on bars of a file; write the results into a folder, the configuration and the trials into the database."""
    strategy = load_strategy(given.strategy)
    request = given.request(given.strategy, strategy)
    bars = file_bars(output, given)
    experiment = request.experiment(strategy, bars)
    begun = time.monotonic()
    with open_database(given.database) as opened:
        check_folder(given.out, "--out")
        finer = BarStore(opened)
        trained, tried = train_and_store(experiment, bars, opened, output, finer=finer, threads=threads)
    paths = write_results(given.out, trained)
    _show_trained(output, given, trained, tried, paths, time.monotonic() - begun)


def _show_trained(
    output: Output, given: TrainOptions, trained: Trained, tried: Tried, paths: dict[str, Path], seconds: float
) -> None:
    document, evidence = trained.document, trained.evidence
    inside = None if trained.ambiguity is None else trained.ambiguity.as_dict()
    ledger = tried_facts(tried)
    if output.json:
        shown = {"configuration": document, "ambiguity": inside, "files": paths, "ledger": ledger, "seconds": seconds}
        output.document(shown)
        return
    show(output, document)
    show_inside(output, inside)
    if tried.experiments > 1:
        output.text(tried_sentence("", ledger))
    time_ms, splits = evidence.bars.time, evidence.splits
    days = ms_to_days(int(time_ms[splits.stop - 1]) - int(time_ms[splits.start]))
    if (before := ms_to_days(int(time_ms[splits.start]) - int(time_ms[0]))) >= 1 and given.has_all_days:
        output.text(
            f"The first {before:.0f} of {days + before:.0f} days warm the indicators up: no signal of theirs counts."
        )
    output.text(f"{days:.0f} days in {seconds:.1f} s; wrote")
    for path in paths.values():
        output.text(f"  {path}", whole=True)


def tried_sentence(prefix: str, facts: Mapping[str, Any]) -> str:
    """Return what was tried on the same days, in one sentence."""
    return f"{_tried(prefix, facts)}; {_OF_ONE}"


_OF_ONE = "2 would convince where only one was tried."


def _tried(prefix: str, facts: Mapping[str, Any]) -> str:
    return (
        f"{prefix}{facts['experiments']} experiments tried {facts['combinations']:,} combinations on these days. By "
        f"luck alone the best of so many looks {facts['expected_maximum']:.1f} standard errors better than nothing"
    )


def find_job(database: Database, text: str, max_runtime_s: float | None = None) -> str:
    """Return the job that is to go on, under a limit of its own where it was stopped by one."""
    jobs = JobStore(database)
    found = jobs.unfinished() if text == LAST else jobs.resolve(text)
    if found is None:
        raise InputError("--resume", "there is no unfinished job", hint="assay train --exchange ... starts one")
    if not jobs.state(found).is_active:
        take_up(database, found, max_runtime_s=max_runtime_s, failed=False)
    return found


def new_job(output: Output, database: Database, given: TrainOptions) -> str:
    """Write a job with a task per market and strategy, after missing bars are fetched and kernels compiled."""
    markets = options.markets_of(given.exchange, given.symbol, given.timeframe)
    requests = [given.request(name, load_strategy(name)) for name in options.names(given.strategy, "--strategy")]
    with nullcontext() if given.offline else BarCollector(database=database, reporter=output) as collector:
        job, _ = make_job(
            output,
            database,
            markets,
            requests,
            collector=collector,
            user=getpass.getuser(),
            max_runtime_s=given.max_runtime,
        )
    return job


def finish_job(output: Output, database: Database, url: str | None, job: str, *, workers: int) -> None:
    """Run what is left of a job and show what became of it."""
    begun = time.monotonic()
    output.note(f"job {job}")
    try:
        state = run_job(output, database, url or database_url(), job, workers=workers, user=getpass.getuser())
    except KeyboardInterrupt:
        output.note(f"what is done is kept; go on with: assay train --resume {job}")
        raise
    document = job_document(JobStore(database), state) | {"seconds": time.monotonic() - begun}
    if output.json:
        output.document(document)
    else:
        show_job(output, document, Registry(database).ids())
    failed = [t for t in document["tasks"] if t["status"] != JobStatus.COMPLETED]
    if failed or document["left_out"]:
        raise typer.Exit(1)


JOB_COLUMNS = (
    Column("market", narrow=13),
    Column("strategy", narrow=10),
    Column("stage"),
    Column("Sharpe in sample", 5),
    Column("Sharpe out of sample"),
    Column("trades", 1),
    Column("p", 2),
    Column("p, all tries", 3),
    Column("q", 4),
    Column("id", 1),
)
"""Of each task of a job."""


def show_job(output: Output, document: dict[str, Any], ids: Sequence[str]) -> None:
    """Print one line per task, and why those that have no configuration have none.

    Parameters
    ----------
    ids : sequence of str
        Of all configurations: what is shown of one must be taken as it stands.
    """
    shown = ("in_sample_sharpe_ratio", "sharpe_ratio", "total_trades", "p_value", "p_adjusted", "q_value")
    short = short_ids(ids) if output.is_narrow else {}
    rows = [
        (
            t["market"],
            t["strategy"],
            t.get("stage") or t["status"],
            *map(t.get, shown),
            short.get(t.get("config_id", ""), t.get("config_id") or ""),
        )
        for t in document["tasks"]
    ]
    output.table("", JOB_COLUMNS, rows)
    said: dict[str, list[str]] = {}
    for task in document["tasks"]:
        name, why = f"{task['market']} {task['strategy']}", task["error"] or task.get("why_not_promoted")
        if why:
            said.setdefault(why, []).append(name if task["error"] else f"{name}, {task['stage']}")
    for why, names in said.items():
        output.text(f"{'; '.join(names)}: {why}")
    for task in document["tasks"]:
        show_inside(output, task.get("ambiguity"), f"{task['market']} {task['strategy']}: ")
    tested = sum(t.get("p_value") is not None for t in document["tasks"])
    if tested > 1:
        output.text(
            f"Over all markets: {expected_without_edge(tested)}; q is the share of false finds to expect among "
            "the markets with a q as small (false discovery rate)."
        )
    if tested:
        output.text(f"p, alone and with all tries, is about {SEARCHED}.")
    several = [days for days in document["tried"] if days["experiments"] > 1]
    for i, days in enumerate(several, 1):
        found = _tried(f"{days['market']}: ", days)
        output.text(f"{found}; {_OF_ONE}" if i == len(several) else f"{found}.")
    for one in document["left_out"]:
        output.text(f"{one['market']}: {one['reason']}")
    kept, total = sum(t["status"] == JobStatus.COMPLETED for t in document["tasks"]), len(document["tasks"])
    output.text(f"{kept} of {total} trained and saved in {document['seconds']:.1f} s: assay configurations list")


def show_inside(output: Output, ambiguity: dict[str, Any] | None, prefix: str = "") -> None:
    """Print what finer bars say of ambiguous trades, where there are any of both."""
    if not ambiguity or not ambiguity["trades"] or ambiguity["finer_timeframe"] is None:
        return
    a = ambiguity
    output.text(
        f"{prefix}In {a['trades']} trades the last bar reached both stop and target. By {a['finer_timeframe']} bars "
        f"inside it {a['to_target']} of them reached the target first, {a['to_stop']} the stop: net profit "
        f"{a['resolved_net_profit_pct']:+.2f} % instead of {a['pessimistic_net_profit_pct']:+.2f} % (at best "
        f"{a['optimistic_net_profit_pct']:+.2f} %)."
    )
    if a["note"]:
        output.note(f"note: {prefix}{a['note']}")


def _in_its_unit(name: str, value: float | None) -> float | None:
    return 100.0 * value if name == "win_rate" and value is not None else value


def show(output: Output, document: dict[str, Any]) -> None:
    """Print the verdict: what was promised in sample, what came of it, and what stood in the way."""
    d = TrainedDocument(document)
    context, life, validation, p = d.context, d.lifecycle, d.validation, d.evidence.permutation
    output.text(
        f"{d.strategy} on {context.pair} {context.timeframe} ({context.exchange}), "
        f"{context.from_[:10]} to {context.to[:10]}"
    )
    names = {
        "sharpe_ratio": "Sharpe ratio",
        "net_profit_pct": "net profit %",
        "win_rate": "net win rate %",
        "profit_factor": "profit factor",
        "max_drawdown_pct": "max drawdown %",
        "total_trades": "trades",
    }
    columns = (validation.in_sample, d.measures)
    rows = [(label, *(_in_its_unit(name, found.get(name)) for found in columns)) for name, label in names.items()]
    output.table("", ("", "in sample", "out of sample"), rows)
    output.text(
        f"{plural(d.evidence.search.combinations, 'combination')}, {plural(validation.window_count, 'window')}."
    )
    if validation.matrix is not None:
        profits = [profit for row in validation.matrix.net_profit_pct for profit in row if profit is not None]
        kept = sum(profit > 0 for profit in profits)
        output.text(
            f"With other lengths of train and test windows {kept} of {len(profits)} end with a net profit (it decides "
            "nothing)."
        )
    if p.done:
        early = " (stopped early)" if p.stopped_early else ""
        output.text(
            f"{p.exceedances} of {plural(p.done, 'search')} on bars without direction, made from {SEARCHED}, found as "
            f"much{early}: p = {p.p_value:.3f} (at most {MAX_P:g} is asked for)"
        )
    else:
        output.text("The permutation test was not run: p is unknown.")
    for line in (comparability_line(d), campaign_line(d), market_line(d)):
        if line:
            output.text(line)
    output.text(f"Verdict: {life.current_stage}")
    if d.provenance.leak_checks is not None:
        output.text(d.provenance.leak_checks.sentence)
    if why := why_not_promoted(d):
        output.text(f"Why not promoted: {why}")
    if usual := usual_sentence(d):
        output.text(usual)
    for warning in d.evidence.warnings:
        output.note(f"note: {explained(warning)}")
