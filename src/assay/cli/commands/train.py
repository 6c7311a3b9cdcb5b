"""`assay train`: search, prove or refute, and write the configuration."""

import getpass
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli import complete, options
from assay.cli.bars import BarsOptions, check_one, file_bars
from assay.cli.commands.train_estimate import estimate_training
from assay.cli.output import Output
from assay.cli.results import check_folder, write_results
from assay.cli.shared import LAST
from assay.cli.training_results import show, show_inside, show_job, tried_sentence
from assay.errors import InputError, wrong_choice
from assay.lazy import lazy
from assay.market.calendar import ms_to_days
from assay.service.collector import BarCollector
from assay.service.database import open_database
from assay.service.executors import EXECUTORS, Executor, require_server
from assay.service.jobs import LocalExecutor, job_document, take_up
from assay.service.ledger import tried_facts
from assay.service.request import ProofTerms, SearchTerms, TrainingRequest
from assay.service.spaces import read_space
from assay.service.submission import make_job
from assay.service.training import Trained, train_and_store
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, Database, Registry
from assay.store.jobs import JobStore
from assay.store.ledger import Tried
from assay.store.location import database_url
from assay.store.schema import JobStatus
from assay.strategies import Strategy

if TYPE_CHECKING:
    from assay.service import dask_executor
else:
    dask_executor = lazy("assay.service.dask_executor")  # an extra, which most do without

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
Estimated = Annotated[
    bool,
    typer.Option("--estimate", help="Say what it would compute, take, find and cost, instead of training."),
]


ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="WHO",
        help="local (processes of this machine) or dask (a cluster over one PostgreSQL), for stored markets.",
        autocompletion=complete.choice("executor"),
    ),
]
Address = Annotated[
    str | None, typer.Option("--address", metavar="TCP://HOST:PORT", help="Of the scheduler of --executor dask.")
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
    executor: ExecutorName = "local"
    address: Address = None
    out: Out = Path("assay-results")
    estimate: Estimated = False

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
    ways = "--file, --exchange with --symbol, or --resume"
    check_one(given, given.resume is not None, names=ways, what="what to train on")
    check_executor(given)
    if given.estimate:
        if given.resume is not None:
            raise InputError("--estimate", "says what a new training takes, and --resume goes on with one")
        # a file takes one strategy, whose path may hold a comma
        names = [given.strategy] if given.file is not None else options.names(given.strategy, "--strategy")
        requests = [given.request(name, load_strategy(name)) for name in names]
        estimate_training(output, given, requests, threads=threads, offline=given.offline)
        return
    if given.file is not None:
        train_file(output, given, threads)
        return
    with open_database(given.database) as opened:
        executor = executor_of(given, opened, workers=threads)
        job = (
            new_job(output, opened, given)
            if given.resume is None
            else find_job(opened, given.resume, given.max_runtime)
        )
        finish_job(output, opened, job, executor)


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


def check_executor(given: TrainOptions) -> None:
    """Refuse an executor that does not go with the other options, before anything is begun."""
    if given.executor not in EXECUTORS:
        raise wrong_choice("--executor", given.executor, EXECUTORS)
    if given.executor == "dask" and given.file is not None:
        rule = "is for stored markets (--exchange and --symbol); a file is trained by this process"
        raise InputError("--executor", rule, given.executor)
    if given.executor == "dask" and given.address is None:
        hint = "Such as --address tcp://scheduler.example:8786, which `dask scheduler` prints"
        raise InputError("--address", "must be given with --executor dask", hint=hint)
    if given.executor != "dask" and given.address is not None:
        raise InputError("--address", "is that of a scheduler: give --executor dask too", given.address)


def executor_of(given: TrainOptions, database: Database, *, workers: int) -> Executor:
    """Return who runs the tasks of a job.

    Raises
    ------
    InputError
        When a cluster is asked for that cannot be used.
    """
    if given.address is None:
        return LocalExecutor(given.database or database_url(), workers)
    require_server(database)
    made: Executor = dask_executor.DaskExecutor(given.address)
    return made


def finish_job(output: Output, database: Database, job: str, executor: Executor) -> None:
    """Run what is left of a job and show what became of it."""
    begun = time.monotonic()
    output.note(f"job {job}")
    try:
        state = executor.run(output, database, job, user=getpass.getuser())
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
