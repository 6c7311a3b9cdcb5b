"""`assay quality`: what is wrong with files of bars, and whether training would refuse them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.output import Output, iso_time
from assay.cli.reading import ReadOptions, titled
from assay.market import measure_quality
from assay.service.describe import describe_market
from assay.service.importing import describe_reading
from assay.sources import BarFile, read_bar_file
from assay.store.database import now_ms

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bars in any usual format, plain, .gz or .zip.")]

UNITS = {"valid_pct": "%", "traded_pct": "%", "days": "days", "holes": "spans"}
"""Of what a quality report counts that is no number of bars."""

_NOTHING_TO_READ = (
    *("file", "exchange", "symbol", "timeframe", "kind", "passes", "required_valid_pct"),
    *("duplicate", "found", "read_as", "sentences"),
)


@dataclass(frozen=True, kw_only=True)
class QualityOptions(ReadOptions):
    """Options of `assay quality`."""

    files: Files


def quality(output: Output, given: QualityOptions) -> None:
    """Count what is wrong with files of bars.

    Training refuses those below 70 % valid bars.
    """
    reports = [describe(file, read_bar_file(file, options=given.reading, now_ms=now_ms())) for file in given.files]
    if output.json:
        output.document({"files": reports})
        return
    for report in reports:
        title = f"{titled(report['file'])}: {report['symbol']} {report['timeframe']} on {report['exchange']}"
        shown = {k: v for k, v in report.items() if k not in (*_NOTHING_TO_READ, "from", "to")}
        rows = [(name, value, UNITS.get(name, "bars")) for name, value in shown.items()]
        output.table(f"{title}, {report['from']} to {report['to']}", ("name", "value", "unit"), rows)
        for sentence in report["sentences"]:
            output.text(f"  {sentence}")
        output.text(f"  {verdict(report)}")
        output.text("")


def describe(file: Path, found: BarFile) -> dict[str, Any]:
    """Return the quality report of a file as plain values."""
    bars = found.bars()
    first, end = bars.span_ms
    return {
        "file": str(file),
        **describe_market(bars.market),
        "from": iso_time(first),
        "to": iso_time(end),
        **measure_quality(bars).as_dict(),
        "found": found.rows.findings.as_dict(),
        "read_as": describe_reading(found),
        "sentences": list(found.sentences),
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
