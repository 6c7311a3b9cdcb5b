"""`assay data inspect`: how a file of bars is understood, before anything is done with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.output import Output, iso_time
from assay.cli.reading import ReadOptions, describe_reading, titled, ways_out
from assay.market.ohlcv import VALUES
from assay.service.describe import describe_market
from assay.sources import BarFile, read_bar_file

File = Annotated[Path, typer.Argument(metavar="FILE", help="Bars in any usual format; - is standard input.")]

SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class InspectOptions(ReadOptions):
    """Options of `assay data inspect`."""

    file: File


def inspect(output: Output, given: InspectOptions) -> None:
    """Show how a file is understood, and what would change that.

    With its first rows, as written and as understood.
    """
    found = read_bar_file(given.file, options=given.reading)
    times = found.rows.columns.time
    document = {
        "file": str(given.file),
        **describe_market(found.rows.market),
        **describe_reading(found),
        "from": iso_time(int(times[0])) if len(times) else None,
        "to": iso_time(int(times[-1]) + found.rows.market.timeframe.ms) if len(times) else None,
        "rows": found.rows.findings.rows,
        "found": found.rows.findings.as_dict(),
        "bars": len(times),
        "understood": _understood(found),
        "as_written": list(found.shown),
        "options": dict(ways_out(found)),
    }
    if output.json:
        output.document(document)
    else:
        _show(output, document, found)


def _understood(found: BarFile) -> list[dict[str, Any]]:
    """Return the first bars, as they were understood."""
    c = found.rows.columns
    rows = []
    for row in range(min(SHOWN, len(c.time))):
        prices = {name: float(c[name][row]) for name in VALUES if name != "volume" or c.has_volume}
        rows.append({"open at": iso_time(int(c.time[row])), **prices})
    return rows


def _show(output: Output, document: dict[str, Any], found: BarFile) -> None:
    known = f", {document['format']}" if document["format"] else ""
    output.text(f"{titled(document['file'])}: {document['shape']}{known}")
    output.text(f"  {found.rows.market} ({document['kind']}), {document['from']} until {document['to']}")
    output.text(f"  {document['bars']:,} bars of {document['rows']:,} rows; {document['times']}")
    for sentence in found.sentences:
        output.text(f"  {sentence}")
    if rows := document["understood"]:
        output.table("First bars, as understood (UTC)", tuple(rows[0]), [tuple(row.values()) for row in rows])
    if found.shown:
        names = tuple(found.columns.values())
        output.table("First rows, as written", names, [tuple(row.values()) for row in found.shown])
    output.text("What would change it, and what is taken now")
    for option, now in document["options"].items():
        output.text(f"  {option}: {now}")
