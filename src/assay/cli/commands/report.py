"""`assay report`: a configuration as one HTML page with charts."""

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import complete, options
from assay.cli.output import Output
from assay.documents import Document
from assay.documents.schema import validate
from assay.reports import html
from assay.service.database import open_database
from assay.sources import write_text
from assay.sources.texts import read_json
from assay.store import Registry

What = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A configuration, as in configurations show, or the file of a V3 document (.json).",
        autocompletion=complete.configurations,
    ),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The page [ID.html here].")]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser.")]

WITHOUT = "daily equity, trades and the score map are unknown: it was stored without them. assay train makes them anew"


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Options of `assay report`."""

    what: What
    out: Out = None
    open_: Open = False
    database: options.DatabaseUrl = None


def report(output: Output, given: ReportOptions) -> None:
    """Write a configuration as one HTML page with charts."""
    options.check_page(given.out, "--out")
    document, figures = (
        _of_file(Path(given.what)) if given.what.endswith(".json") else _held(given.what, given.database)
    )
    config_id = Document.of(document).config_id
    path = given.out or Path(f"{config_id}.html")
    write_text(path, html(document, figures))
    if output.json:
        output.document({"configuration": config_id, "report": path, "figures": figures is not None})
    else:
        output.text(str(path), whole=True)
    if figures is None:
        output.note(f"{config_id}: {WITHOUT}")
    if given.open_ and not webbrowser.open(path.resolve().as_uri()):
        output.note("There is no browser to show it in.")


def _held(config_id: str, database: str | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    with open_database(database) as opened:
        registry = Registry(opened)
        name = registry.resolve(config_id)
        return registry.get(name).document, registry.figures(name)


def _of_file(path: Path) -> tuple[dict[str, Any], None]:
    """Read a V3 document; its figures are in the database, if anywhere."""
    return validate(read_json(path)), None
