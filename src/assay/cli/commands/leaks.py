"""`assay leaks`: whether a strategy knows what it cannot know."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from assay import leaks as checks
from assay.cli import complete, options
from assay.cli.bars import BarsOptions, check_reading, load_bars
from assay.cli.output import Column, Output, iso_time
from assay.errors import GateError, InputError
from assay.leaks import (
    Answer,
    LeakReport,
    NotRun,
    Planting,
    SearchProbe,
    inspect_fully,
    inspect_strategy,
    search_questions,
)
from assay.market import Bars
from assay.service.describe import describe_market
from assay.service.fresh_process import FreshProcess
from assay.service.kernels import compile_kernels
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.sources.user_strategy import load_strategy
from assay.strategies import find_strategy

Inspected = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="A registered name, or path.py:Class.  [default: LIQUIDITY_SWEEP]",
        autocompletion=complete.choice("strategy"),
    ),
]
Exchange = Annotated[
    str | None,
    typer.Option("--exchange", metavar="NAME", help="Stored bars of this exchange.", autocompletion=complete.exchanges),
]
Symbol = Annotated[
    str | None,
    typer.Option("--symbol", metavar="BTC/USDT", help="Its symbol.", autocompletion=complete.symbols),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Which bars and cuts are looked at.")]
SelfTest = Annotated[
    bool, typer.Option("--self-test", help="Look at strategies with a planted leak: every one must be caught.")
]

SIMULATED_DAYS, SELF_TEST_DAYS = 70, 14
FAILED = 1


@dataclass(frozen=True, kw_only=True)
class LeaksOptions(BarsOptions):
    """Options of `assay leaks`."""

    strategy: Inspected = None
    side: options.Side = "both"
    seed: Seed = 0
    self_test: SelfTest = False


def leaks(output: Output, given: LeaksOptions) -> None:
    """Check a strategy for look-ahead.

    On simulated bars where no others are named.
    """
    begun = time.monotonic()
    if given.self_test and given.strategy is not None:
        raise InputError(
            "--self-test", "looks at planted strategies; leave it out to look at one's own", given.strategy
        )
    chosen, sides = load_strategy(given.strategy or "LIQUIDITY_SWEEP"), options.check_side(given.side)
    bars = _bars(output, given)
    compile_kernels(output, find_strategy("LIQUIDITY_SWEEP")(), bars)  # the strategy itself is first called by a check
    if given.self_test:
        _self_test(output, bars)
        return
    with output.working("looking for leaks…"):
        report = inspect_strategy(chosen, bars, sides=sides, seed=given.seed)
        questions = search_questions(chosen, chosen.default_grid, sides)
        probe = SearchProbe(chosen, bars, questions, seed=given.seed, fresh_process=FreshProcess())
        report = inspect_fully(report, probe)
    _show(output, report, bars, time.monotonic() - begun)
    if not report.is_clean:
        raise typer.Exit(GateError.exit_code)


def _bars(output: Output, given: LeaksOptions) -> Bars:
    """Return the bars that the options name, else simulated ones."""
    check_reading(given)
    if given.file is not None or given.is_stored:
        return load_bars(output, given)
    days = SELF_TEST_DAYS if given.self_test else SIMULATED_DAYS
    return simulate_market(SimulatedMarket(days=days, timeframe=given.timeframe or "5m"))


def _show(output: Output, report: LeakReport, bars: Bars, seconds: float) -> None:
    if output.json:
        output.document(
            {
                "strategy": report.strategy,
                "market": describe_market(bars.market),
                "bars": report.bars,
                "clean": report.is_clean,
                "complete": report.is_complete,
                "checks": [_described(answer) for answer in report.checks],
                "seconds": seconds,
            }
        )
        return
    output.text(f"{report.strategy} on {report.bars:,} bars of {bars.market}")
    rows = [(a.check.name, a.result, _compared(a)) for a in report.checks]
    output.table("", ("check", "result", Column("compared", narrow=20)), rows)
    for answer in report.checks:
        for one in answer.findings:
            output.text(f"{answer.check.name}: {one.sentence}{' (UTC)' if one.moment else ''}.")
        if answer.findings:
            output.text(f"  {answer.check.way_out}")
    output.text(f"{_verdict(report)} {seconds:.1f} s.")


def _verdict(report: LeakReport) -> str:
    if not report.is_clean:
        return "A backtest of this strategy is worth nothing."
    return "No leak was found." if report.is_complete else "No leak was found by the checks that could be run."


def _compared(answer: Answer) -> str:
    return answer.outcome.reason if isinstance(answer.outcome, NotRun) else answer.outcome.compared


def _described(answer: Answer) -> dict[str, Any]:
    """Return a check's answer as plain values."""
    return {
        "name": answer.check.name,
        "about": answer.check.about,
        "result": answer.result,
        "compared": _compared(answer),
        "way_out": answer.check.way_out,
        "findings": [
            {
                "what": one.what,
                "why": one.why,
                "time": None if one.time_ms is None else iso_time(one.time_ms),
                "expected": one.expected,
                "found": one.found,
                "side": {1: "long", -1: "short", 0: "both"}[one.side],
                "parameters": dict(one.shape),
            }
            for one in answer.findings
        ],
    }


def _self_test(output: Output, bars: Bars) -> None:
    """Print which check caught which planted leak; exit code 1 when one got away or the honest twin was accused."""
    with output.working("planting leaks…"):
        plantings = list(checks.self_test(bars, FreshProcess()))
    failed = [one.name for one in plantings if not one.passes]
    if output.json:
        output.document({"plantings": [_planted(one) for one in plantings], "failed": failed})
    else:
        show_plantings(output, plantings, failed)
    if failed:
        raise typer.Exit(FAILED)


def show_plantings(output: Output, plantings: Sequence[Planting], failed: Sequence[str]) -> None:
    """Print which check caught which planted leak."""
    columns = ("planted", Column("caught by", narrow=20), Column("not run", narrow=12))
    rows = [
        [
            one.name,
            *(
                ", ".join(a.check.name for a in one.report.checks if a.result == result) or "none"
                for result in ("LEAK", "not run")
            ),
        ]
        for one in plantings
    ]
    output.table("", columns, rows)
    output.text("A check is not run where an earlier one has found the leak, or where the bars hold too little for it.")
    output.text("")
    for one in plantings:
        output.text(f"{one.name}: {one.story}")
    result = f"NOT as it has to be: {', '.join(failed)}" if failed else "all caught, and nothing else"
    output.text("")
    output.text(f"{len(plantings) - 1} planted leaks and an honest strategy: {result}.")


def _planted(one: Planting) -> dict[str, Any]:
    return {
        "name": one.name,
        "story": one.story,
        "caught_by": one.report.caught_by,
        "has_to_be_caught_by": one.wanted,
        "passes": one.passes,
    }
