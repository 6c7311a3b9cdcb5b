"""`assay quality`: what is wrong with files of bars, and whether training would refuse them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Output, iso_time

if TYPE_CHECKING:
    from assay.market import Bars

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bars: .parquet, .csv or .csv.gz.")]

_NOTHING_TO_READ = ("file", "exchange", "symbol", "timeframe", "kind", "passes", "required_valid_pct")


def quality(output: Output, files: Files, timeframe: options.Timeframe = None) -> None:
    """Count what is wrong with files of bars; training refuses those below 70 % valid bars."""
    from assay.sources import read_bars  # noqa: PLC0415  (commands import when they run)

    reports = [describe(file, read_bars(file, timeframe=timeframe)) for file in files]
    if output.json:
        output.document({"files": reports})
        return
    for report in reports:
        title = f"{report['file']}: {report['symbol']} {report['timeframe']} on {report['exchange']}"
        output.pairs(title, {k: v for k, v in report.items() if k not in _NOTHING_TO_READ})
        output.text(f"  {verdict(report)}\n")


def describe(file: Path, bars: "Bars") -> dict[str, Any]:
    """Return the quality report of a file as plain values."""
    from assay.market import measure_quality  # noqa: PLC0415  (commands import when they run)

    first, end = options.held(bars)
    return {
        "file": str(file),
        **options.describe_market(bars.market),
        "from": iso_time(first),
        "to": iso_time(end),
        **measure_quality(bars).as_dict(),
    }


def verdict(report: dict[str, Any]) -> str:
    """Return what the quality gate of training says."""
    valid, required = report["valid_pct"], report["required_valid_pct"]
    share = f"{valid:.1f} % of the expected bars are valid, training needs {required:.0f} %"
    return (
        f"Training would accept these bars: {share}."
        if report["passes"]
        else f"Training would REFUSE these bars: {share}."
    )


def note_quality(output: Output, bars: "Bars") -> None:
    """Say so beside a result when training would refuse the bars."""
    from assay.market import measure_quality  # noqa: PLC0415  (commands import when they run)

    report = measure_quality(bars).as_dict()
    if not bars.has_volume:
        output.note("The file has no volume column: every rule that needs volume is false.")
    if not report["passes"]:
        output.note(verdict(report))
