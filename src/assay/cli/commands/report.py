"""`assay report`: a configuration as one HTML page with charts."""

import json
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Output
from assay.errors import FileFormatError, InputError

What = Annotated[
    str, typer.Argument(metavar="ID", help="A configuration of the database, or the file of a V3 document (.json).")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The page [ID.html here].")]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser.")]

WITHOUT = "daily equity, trades and the score map are unknown: it was stored without them. assay train makes them anew"


def report(
    output: Output, what: What, out: Out = None, open_: Open = False, database: options.DatabaseUrl = None
) -> None:
    """Write a configuration as one HTML page with charts, which opens offline."""
    from assay.documents import Document  # noqa: PLC0415  (commands import when they run)
    from assay.reports import html  # noqa: PLC0415
    from assay.sources import write_text  # noqa: PLC0415

    if out is not None and out.suffix.lower() != ".html":
        raise InputError("--out", "must end in .html", str(out))
    document, figures = _of_file(Path(what)) if what.endswith(".json") else _held(what, database)
    config_id = Document.of(document).config_id
    path = out or Path(f"{config_id}.html")
    if not path.parent.is_dir():
        raise InputError("--out", "must lie in a folder that exists", str(path))
    write_text(path, html(document, figures))
    if output.json:
        output.document({"configuration": config_id, "report": path, "figures": figures is not None})
    else:
        output.text(str(path))
    if figures is None:
        output.note(f"{config_id}: {WITHOUT}")
    if open_ and not webbrowser.open(path.resolve().as_uri()):
        output.note("There is no browser to show it in.")


def _held(config_id: str, database: str | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    from assay.store import Registry  # noqa: PLC0415  (commands import when they run)

    with options.open_database(database) as opened:
        registry = Registry(opened)
        return registry.get(config_id).document, registry.figures(config_id)


def _of_file(path: Path) -> tuple[dict[str, Any], None]:
    """Read a V3 document; its figures are in the database, if anywhere."""
    from assay.documents.schema import validate  # noqa: PLC0415  (commands import when they run)

    if not path.is_file():
        raise InputError(str(path), "there is no such file")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise FileFormatError(str(path), f"is not JSON: {error}") from None
    return validate(document), None
