"""The options that every command takes: they may stand before or after its name."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]
Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder of database, caches and artifacts [ASSAY_HOME]."),
]

LAST = "last"
"""What ``--resume`` without an id stands for."""

NO_OPTION: dict[str, bool] = {"option": False}
"""Metadata of a field of a command's options that is none itself: the command line fills it in."""
