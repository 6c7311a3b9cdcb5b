"""Options of commands that run on and write a log: `assay serve` and `assay worker --forever`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from assay.cli import complete
from assay.service.log_files import LogSettings

Level = Annotated[
    str,
    typer.Option(
        "--log-level",
        metavar="LEVEL",
        help="debug, info, warning or error.",
        autocompletion=complete.choice("log-level"),
    ),
]
File = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", help="Write the log there too; moved to FILE.1, ... at 20 MB."),
]


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """Where the log of a command goes."""

    log_level: Level = "info"
    log_file: File = None

    @property
    def log_settings(self) -> LogSettings:
        """Where the log goes."""
        return LogSettings(level=self.log_level.lower(), file=self.log_file)
