"""The options that say how a file of bars is to be read."""

from dataclasses import dataclass
from typing import Annotated

import typer

from assay.cli.options import Timeframe
from assay.sources import ReadingOptions
from assay.sources.bar_files.container import STDIN

Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="F=NAME,...", help="Which column is which: time=Date,volume=7 (name or number)."),
]
Timezone = Annotated[
    str | None, typer.Option("--timezone", metavar="ZONE", help="Of times without a zone: Europe/Berlin, +02:00 [UTC].")
]
Dates = Annotated[
    str | None, typer.Option("--dates", metavar="ORDER", help="dmy or mdy, where 03/04/2024 may be read in two ways.")
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="Only rows with this value; may be repeated."),
]
BarEnd = Annotated[bool, typer.Option("--bar-end", help="The times are those at which bars end.")]


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a file of bars is read, where its content and its name do not say it."""

    timeframe: Timeframe = None
    columns: Columns = None
    timezone: Timezone = None
    dates: Dates = None
    where: Where = None
    bar_end: BarEnd = False

    @property
    def reading(self) -> ReadingOptions:
        """What overrules the recognition."""
        return ReadingOptions.parse(
            columns=self.columns,
            timezone=self.timezone,
            dates=self.dates,
            where=self.where,
            bar_end=self.bar_end,
            timeframe=self.timeframe,
        )


def titled(file: str) -> str:
    """Return what a file is called in sentences."""
    return "standard input" if file == STDIN else file
