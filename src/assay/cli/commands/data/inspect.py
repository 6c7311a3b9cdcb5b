"""`assay data inspect`: how a file of bars is understood, before anything is done with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.output import Output
from assay.cli.reading import ReadOptions, titled
from assay.service.importing import inspect_file
from assay.sources import BarFile

File = Annotated[Path, typer.Argument(metavar="FILE", help="Bars in any usual format; - is standard input.")]


@dataclass(frozen=True, kw_only=True)
class InspectOptions(ReadOptions):
    """Options of `assay data inspect`."""

    file: File


def inspect(output: Output, given: InspectOptions) -> None:
    """Show how a file is understood, and what would change that.

    With its first rows, as written and as understood.
    """
    found, document = inspect_file(given.file, given.reading)
    if output.json:
        output.document(document)
    else:
        _show(output, document, found)


def _show(output: Output, document: dict[str, Any], found: BarFile) -> None:
    known = f", {document['format']}" if document["format"] else ""
    output.text(f"{titled(document['file'])}: {document['shape']}{known}")
    output.text(f"  {found.rows.market} ({document['kind']}), {document['from']} until {document['to']}")
    output.text(f"  {document['bars']:,} bars of {document['rows']:,} rows; {document['times']}")
    for sentence in found.sentences:
        output.text(f"  {sentence}")
    if rows := document["understood"]:
        names = tuple(name.replace("_", " ") for name in rows[0])
        output.table("First bars, as understood (UTC)", names, [tuple(row.values()) for row in rows])
    if found.shown:
        names = tuple(found.columns.values())
        output.table("First rows, as written", names, [tuple(row.values()) for row in found.shown])
    output.text("What would change it, and what is taken now")
    for option, now in document["options"].items():
        output.text(f"  {option}: {now}")
