"""Which bars a command works on: those of a file, or of a market in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli import options
from assay.cli.reading import ReadOptions
from assay.errors import InputError
from assay.market import refuse_futures
from assay.service.database import open_database
from assay.service.spans import finished, note_volume, read_finished
from assay.store import BarStore

if TYPE_CHECKING:
    from assay.market import Bars, Market
    from assay.service.reporter import Reporter

Exchange = Annotated[str | None, typer.Option("--exchange", metavar="NAME", help="Stored bars of this exchange.")]
Symbol = Annotated[str | None, typer.Option("--symbol", metavar="BTC/USDT", help="Its symbol.")]

ONE_OF = "--file, or --exchange with --symbol"


@dataclass(frozen=True, kw_only=True)
class BarsOptions(ReadOptions):
    """Which bars: of a file, and how it is read, or of a stored market."""

    file: options.OptionalFile = None
    exchange: Exchange = None
    symbol: Symbol = None
    database: options.DatabaseUrl = None

    @property
    def is_stored(self) -> bool:
        """Whether a market of the database is named."""
        return self.exchange is not None or self.symbol is not None

    def market(self) -> Market:
        """Return the one stored market that is named.

        Raises
        ------
        InputError
            Where there are several.
        """
        markets = options.markets_of(self.exchange, self.symbol, self.timeframe)
        if len(markets) != 1:
            rule = "must name one market"
            raise InputError("--exchange, --symbol and --timeframe", rule, [str(m) for m in markets])
        return markets[0]


def check_one(given: BarsOptions, *others: bool, names: str = ONE_OF, what: str = "which bars") -> None:
    """Refuse bars that nothing names, or two options do.

    Parameters
    ----------
    others : bool
        Whether something else that may name them is given, as it stands in `names`.
    what : str
        What it says.
    """
    check_reading(given)
    if (given.file is not None) + given.is_stored + sum(others) != 1:
        raise InputError(names, f"exactly one of them says {what}")


def check_reading(given: BarsOptions) -> None:
    """Refuse options about reading a file where none is read."""
    about = {"columns": given.columns, "timezone": given.timezone, "dates": given.dates, "where": given.where}
    named = [f"--{name}" for name, value in about.items() if value] + ["--bar-end"] * given.bar_end
    if named and given.file is None:
        raise InputError(" ".join(named), "says how a file is read, and --file names none")


def load_bars(reporter: Reporter, given: BarsOptions) -> Bars:
    """Return the finished bars that the options name, and say first what they lack.

    Raises
    ------
    InputError
        When not exactly one of file and market is named, or its bars cannot be read.
    """
    check_one(given)
    if given.file is not None:
        return file_bars(reporter, given)
    with open_database(given.database) as opened:
        bars = finished(BarStore(opened).read_resampled(given.market()))
    refuse_futures(bars.market)
    note_volume(reporter, bars)
    return bars


def file_bars(reporter: Reporter, given: BarsOptions) -> Bars:
    """Return the finished bars of the file; how it was read is said first, and what it lacks."""
    assert given.file is not None  # noqa: S101  (whoever asks has looked)
    return read_finished(given.file, given.reading, reporter)
