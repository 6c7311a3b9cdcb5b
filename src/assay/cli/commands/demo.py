"""`assay demo`: train on three simulated markets whose truth is known."""

import os
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Output
from assay.cli.results import check_folder, write_results
from assay.documents import TrainedDocument
from assay.documents.explained import why_not_promoted
from assay.errors import InputError, QualityError
from assay.market import Bars
from assay.service.database import open_database
from assay.service.demo import STRATEGY, TRUTH, simulated_markets
from assay.service.kernels import compile_kernels
from assay.service.training import train_and_store
from assay.store import Database
from assay.store.location import home
from assay.strategies import find_strategy
from assay.training import Experiment

Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder of the results [demo in the home folder].")
]
DemoDays = Annotated[int, typer.Option("--days", metavar="N", help="Days of each simulated market.")]

MAX_DAYS = 3_650
"""Ten years of three markets are as much as a small machine holds."""


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """Options of `assay demo`."""

    days: DemoDays = 365
    threads: options.Threads = None
    out: Out = None


def demo(output: Output, given: DemoOptions) -> None:
    """Train on three simulated markets: edge, no edge, bad data."""
    begun = time.monotonic()
    if given.days > MAX_DAYS:
        raise InputError("--days", f"must be at most {MAX_DAYS:,}", given.days)
    folder = given.out or home() / "demo"
    check_folder(folder, "--out")
    with output.working("simulating three markets"):
        simulated = simulated_markets(given.days)
    compile_kernels(output, find_strategy(STRATEGY)(), simulated["walk"])
    cores, file = options.check_threads(given.threads), folder / "demo.db"  # apart: these markets are not the user's
    with open_database(str(file)) as database:
        results = [_train(output, name, bars, cores, folder, database) for name, bars in simulated.items()]
    seconds = time.monotonic() - begun
    if output.json:
        output.document({"markets": results, "database": file, "seconds": seconds})
        return
    _show(output, results, file, seconds)


def _train(output: Output, name: str, bars: Bars, threads: int, folder: Path, database: Database) -> dict[str, Any]:
    begun = time.monotonic()
    result: dict[str, Any] = {"market": name, "symbol": bars.market.symbol, "bars": len(bars)}
    experiment = Experiment(find_strategy(STRATEGY)())
    try:
        trained, _ = train_and_store(experiment, bars, database, output, threads=threads, prefix=f"{name}: ")
    except QualityError as refusal:
        return result | {"stage": "REFUSED", "reason": str(refusal), "seconds": time.monotonic() - begun}
    paths, found = write_results(folder, trained), TrainedDocument(trained.document)
    return result | {
        "stage": found.lifecycle.current_stage,
        "reason": why_not_promoted(found),
        "combinations": found.evidence.search.combinations,
        "in_sample_sharpe": found.validation.in_sample.get("sharpe_ratio"),
        "out_of_sample_sharpe": found.metrics.sharpe_ratio,
        "net_profit_pct": found.metrics.net_profit_pct,
        "total_trades": found.metrics.total_trades,
        "p_value": found.metrics.p_value,
        "files": {k: str(v) for k, v in paths.items()},
        "seconds": time.monotonic() - begun,
    }


def _show(output: Output, results: list[dict[str, Any]], file: Path, seconds: float) -> None:
    columns = {
        "verdict": "stage",
        "Sharpe in sample": "in_sample_sharpe",
        "Sharpe out of sample": "out_of_sample_sharpe",
        "net profit %": "net_profit_pct",
        "trades": "total_trades",
        "p": "p_value",
    }
    rows = [[r["market"], *(_short(r.get(key)) for key in columns.values())] for r in results]
    output.table("Three markets whose truth is known", ("market", *columns), rows)
    for r in results:
        output.text(f"{r['market']}: {TRUTH[r['market']]}.")
        output.text(f"  {_sentence(r)}")
        output.text("")
    tried = sum(r.get("combinations", 0) for r in results)
    output.text(
        f"{tried:,} combinations searched, and again in every window and on bars without direction, in {seconds:.0f} s."
    )
    reports = [r["files"]["report"] for r in results if "files" in r]
    output.text("Reports:")
    for path in reports:
        output.text(f"  {path}", whole=True)
    command = called_as()
    place = shlex.quote(str(file))
    output.text("The configurations:")
    output.text(f"  {command} configurations list --database {place}", whole=True)
    output.text("")
    output.text("Next, on a file of your own (Parquet or CSV: time, open, high, low, close, volume):")
    output.text(f"  {command} quality BTCUSDT_5m.csv")
    output.text(f"  {command} train --file BTCUSDT_5m.csv --days 365")
    output.text(f"  {command} strategies LIQUIDITY_SWEEP")


def called_as() -> str:
    """Return how to call the program from here: it need not be on the path (`make run`)."""
    given = Path(sys.argv[0])
    if shutil.which("assay") or given.name != "assay":
        return "assay"
    near = Path(os.path.relpath(given))
    return str(given if near.parts[0] == ".." else near)


def _sentence(result: dict[str, Any]) -> str:
    stage, reason = result["stage"], result["reason"]
    if stage == "REFUSED":
        return f"Refused before any search. {reason}"
    if stage in ("PAPER", "MATURE"):
        return f"Not promoted: {reason}" if stage == "PAPER" else "Promoted to MATURE: every gate holds."
    return f"Promoted to {stage}, not yet to MATURE: {reason}"


def _short(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value
