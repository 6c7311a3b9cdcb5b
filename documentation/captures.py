"""What each listing of the command line prints at a width of the terminal: captures of docs/command-line.md.

The database is that of the first release, which tests keep; what would need a training or a search is made by hand.
"""

from __future__ import annotations

import gzip
import io
import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.commands.demo import _show as show_demo
from assay.cli.commands.funnel import _show as show_funnel
from assay.cli.commands.leaks import _show as show_leaks
from assay.cli.commands.leaks import show_plantings
from assay.cli.commands.sweep import _show as show_sweep
from assay.cli.commands.train_estimate import show_estimate
from assay.cli.main import main
from assay.cli.output import Output
from assay.cli.training_results import show_job
from assay.engine.funnel import Funnel, Stage
from assay.evaluation import SignalFunnel
from assay.evaluation.funnel import Relaxed
from assay.leaks import Answer, LeakReport, NotRun
from assay.leaks.findings import Finding, Looked
from assay.leaks.inspect import CHECKS
from assay.leaks.planted import PLANTED, Planted
from assay.leaks.self_test import Planting
from assay.market import Bars, Market, Timeframe
from assay.reports.power import Training, power_of
from assay.service.estimate_campaign import CampaignEstimate, unrelated_limit
from assay.service.estimate_parts import DataHeld, Estimate, Range, TaskEstimate, total_of
from assay.service.jobs import job_document
from assay.store import Database, Registry
from assay.store.jobs import JobStore
from assay.strategies import STRATEGIES, liquidity_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DUMP = Path(__file__).resolve().parents[1] / "tests" / "compatibility" / "first_release.sql.gz"
WIDTHS = (80, 120)
MAX_LINES = 40
"""Lines of a capture; what follows is more of the same."""

STORED = (
    "configurations list",
    "configurations list --columns id,pair,calmar_ratio,max_position_size",
    "configurations show cea43d",
    "configurations compare cea43d 4367ee",
    "data list",
    "data quality --symbol DIRTY/USDT",
    "database status",
    "ledger",
    "strategies",
    "strategies SUPPLY_SHOCK",
)
"""Listings of what is stored, and of what ships."""


@contextmanager
def terminal(width: int, database: str) -> Iterator[io.StringIO]:
    """Stand for a terminal of so many columns; what commands print there, on both streams, is in the text."""
    settings = {"COLUMNS": str(width), "ASSAY_DATABASE_URL": database}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    text = io.StringIO()
    try:
        with redirect_stdout(text), redirect_stderr(text):
            yield text
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def restore(folder: Path) -> None:
    """Write the database of the first release into a folder, as assay.db."""
    with closing(sqlite3.connect(folder / "assay.db")) as connection:
        connection.executescript(gzip.decompress(DUMP.read_bytes()).decode())


def show_stored_job(name: Callable[[str], str] = str) -> None:
    """Print what `assay train` prints at the end of the job that has most tasks, and why each was not promoted."""
    database = Database.open(os.environ["ASSAY_DATABASE_URL"])
    try:
        jobs = JobStore(database)
        states = [jobs.state(job) for job in jobs.ids()]
        document = job_document(jobs, max(states, key=lambda state: state.total))
        ids = Registry(database).ids()
    finally:
        database.close()
    document["tasks"] = [t | {"market": name(t["market"]), "strategy": name(t["strategy"])} for t in document["tasks"]]
    show_job(Output(), document | {"seconds": 41.2}, ids)


def demo(name: Callable[[str], str] = str) -> None:
    """Print the end of `assay demo`."""
    trained = {"combinations": 18432, "seconds": 9.0}
    rows = (
        ("edge", "MATURE", 2.481, 2.145, 18.905, 103, 0.005, "All gates of MATURE hold."),
        ("walk", "PAPER", 0.912, -1.204, -3.31, 88, 0.61, "out-of-sample net profit above 0 %: -3.31 (margin -3.31)."),
    )
    keys = ("market", "stage", "in_sample_sharpe", "out_of_sample_sharpe", "net_profit_pct", "total_trades", "p_value")
    results: list[dict[str, Any]] = [
        dict(zip((*keys, "reason"), row, strict=True)) | trained | {"files": {"report": f"demo/{name('REPORT')}.html"}}
        for row in rows
    ]
    results.append({"market": "dirty", "stage": "REFUSED", "reason": "60.1 % of the expected bars are valid."})
    show_demo(Output(), results, Path("demo") / "demo.db", 28.4)


def funnel(name: Callable[[str], str] = str) -> None:
    """Print what `assay funnel` prints."""
    stages = (
        Stage("bars", 104_832, 104_832),
        Stage("valid", 104_790, 104_790),
        Stage("pattern", 2_257, 2_190),
        Stage(name("pierce >= 0.001 (pierce_depth)"), 1_904, 1_850, 3_754, 61),
        Stage(name("volume >= 1.5 (volume_spike_threshold)"), 612, 598, 1_322, 402),
        Stage("sent", 188, 171),
        Stage("filled", 180, 165),
    )
    found = SignalFunnel(
        "LIQUIDITY_SWEEP",
        {"pierce_depth": 0.001, "volume_spike_threshold": 1.5},
        Funnel(stages, (("STOP_LOSS", 201), ("TAKE_PROFIT", 118), ("MAX_HOLDING", 26))),
        (Relaxed(name("volume_spike_threshold"), 1.5, 1.4, 402, 117), Relaxed("pierce_depth", 0.001, 0.0009, 61, 20)),
    )
    show_funnel(Output(), found)


def leaks(name: Callable[[str], str] = str) -> None:
    """Print what `assay leaks` prints of a strategy without one."""
    compared = "247 cuts, 2,701,480 rows; every value that could be compared is the same"
    reason = "too few bars to begin later: at least 2,000 are needed beyond the warm-up of the strategy"
    answers = [Answer(check, Looked(compared, ())) for check in CHECKS[:-1]]
    report = LeakReport(name("LIQUIDITY_SWEEP"), 20_160, (*answers, Answer(CHECKS[-1], NotRun(reason))))
    market, price = Market("simulated", name("SIM/USDT"), Timeframe.parse("5m")), [10.0] * 4
    times = [300_000 * i for i in range(4)]
    show_leaks(Output(), report, Bars.from_columns(market, times, price, price, price, price, None), 3.2)


def self_test(name: Callable[[str], str] = str) -> None:
    """Print what `assay leaks --self-test` prints, of some of its plantings."""
    plantings = []
    kinds: tuple[type[Planted], ...] = (Planted, *PLANTED[:3])
    for kind in kinds:
        seen = {check: (Finding(what="", why=""),) if check.name in kind.caught_by else () for check in CHECKS}
        report = LeakReport(kind.name, 4_032, tuple(Answer(check, Looked("", found)) for check, found in seen.items()))
        story = " ".join((kind.__doc__ or "").split("\n\n", maxsplit=1)[0].split())
        plantings.append(Planting(name(kind.name), story, kind.caught_by, report))
    show_plantings(Output(), plantings, [])


def sweep(name: Callable[[str], str] = str) -> None:
    """Print what `assay sweep` prints."""
    document = {
        "strategy": name("LIQUIDITY_SWEEP"),
        "market": {"symbol": name("BTC/USDT"), "timeframe": "5m"},
        "span": {"from": "2024-01-01T00:00:00Z", "to": "2024-12-31T00:00:00Z"},
        "combinations": 18_432,
        "refused": 0,
        "seconds": 1.9,
        "backtests_per_second": 9_701.1,
        "simulated_trades": 3_104_118,
        "threads": 2,
        "with_enough_trades": 18_102,
        "profitable_share": 0.061,
        "best": {
            "parameters": {name("pierce_depth"): 0.002, "volume_spike_threshold": 2.0, "max_holding_periods": 30},
            "metrics": {"total_trades": 103, "net_profit_pct": 18.9054, "sharpe_ratio": 2.1453},
        },
        "files": {"out": None},
    }
    show_sweep(Output(), document, liquidity_sweep.LiquiditySweep.parameters)


def estimated(name: Callable[[str], str]) -> None:
    """Print an estimate of two markets, one of which is not stored, as `assay train --estimate` does."""
    five = Timeframe.parse("5m")
    first, second = (Market(name("binance"), name(symbol), five) for symbol in ("BTC/USDT", "ETH/USDT"))
    found = CampaignEstimate(
        3, 22_010, 0, 0, 1, 0, is_new=True, tries=1, permutations=199, permutations_needed=None, p_best=0.005,
        p_needed=unrelated_limit(3), p_needed_after=unrelated_limit(4),
    )  # fmt: skip
    known: dict[str, Any] = {
        "combinations": 18_432,
        "windows": 7,
        "backtests": 7_796_736,
        "seconds": Range(0.6, 14.0, 190.0),
        "memory_bytes": 311 << 20,
        "power": power_of(Training("LIQUIDITY_SWEEP", 18_432, 0.0015, 365.0, "5m", 199)),
    }
    held = DataHeld(121_752, 36, 422.7, 365.0, 0.0, 99.9)
    tasks = (
        TaskEstimate(first, name("LIQUIDITY_SWEEP"), held, **known, trades=268, campaign=found),
        TaskEstimate(
            second, name("LIQUIDITY_SWEEP"), DataHeld(days=364.6, missing_days=365.0, is_assumed=True), **known
        ),
    )
    show_estimate(Output(), Estimate(tasks, total_of(tasks, 2), (), workers=2))


BY_HAND: dict[str, Callable[[Callable[[str], str]], None]] = {
    "train --exchange simulated --symbol WALK/USDT,EDGE/USDT,DIRTY/USDT --timeframe 1h": show_stored_job,
    "train --exchange binance --symbol BTC/USDT,ETH/USDT --days 365 --estimate": estimated,
    "demo": demo,
    "funnel --file BTCUSDT_5m.parquet": funnel,
    "leaks": leaks,
    "leaks --self-test": self_test,
    "sweep --file BTCUSDT_5m.parquet": sweep,
}
"""Listings that a search or a training would have to make."""


def printed(call: str, width: int, database: str, name: Callable[[str], str] = str) -> str:
    """Return what a listing prints at a width."""
    with terminal(width, database) as text:
        if call in BY_HAND:
            BY_HAND[call](name)
        else:
            code = main(call.split())
            assert code == 0, f"assay {call}: {text.getvalue()}"  # noqa: S101  (a page would show the error)
    return text.getvalue()


def captures() -> str:
    """Return every listing at each width, as Markdown."""
    return _captures(tuple(STRATEGIES))


@cache
def _captures(strategies: tuple[str, ...]) -> str:  # noqa: ARG001  (what is listed depends on them)
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        restore(Path(folder))
        database = str(Path(folder) / "assay.db")
        for call in (*STORED, *BY_HAND):
            parts.append(f"### `assay {call}`\n")
            for width in WIDTHS:
                lines = printed(call, width, database).replace(database, "assay.db").rstrip("\n").splitlines()
                more = [] if len(lines) <= MAX_LINES else [f"[{len(lines) - MAX_LINES} more lines]"]
                shown = [line.rstrip() for line in lines[:MAX_LINES]]
                parts.append("\n".join([f"At {width} columns:\n", "```text", *shown, *more, "```\n"]))
    return "\n".join(parts)
