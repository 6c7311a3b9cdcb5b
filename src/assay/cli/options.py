"""Options that several commands share, and what their texts mean."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli import complete
from assay.cli.shared import NO_OPTION
from assay.engine.execution import ExecutionTerms
from assay.engine.execution import Side as Sides
from assay.errors import InputError, wrong_choice
from assay.market import Market, named_market
from assay.market import Timeframe as BarLength
from assay.parameters import Parameters, Value
from assay.search import parse_space
from assay.service import sets
from assay.service.spaces import read_space
from assay.service.spans import SpanTerms
from assay.strategies import Strategy, liquidity_sweep

DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="postgresql://..., or an SQLite file [ASSAY_DATABASE_URL]."),
]
OptionalFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Bars in any usual format, plain, .gz or .zip.")
]
Timeframe = Annotated[
    str | None,
    typer.Option(
        "--timeframe",
        metavar="5m",
        help="Timeframe of the bars, where the file's name and times say another.",
        autocompletion=complete.choice("timeframe"),
    ),
]
StrategyName = Annotated[
    str,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="A registered name, or path.py:Class.",
        autocompletion=complete.choice("strategy"),
    ),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Fix a parameter; may be repeated.")
]
Days = Annotated[float | None, typer.Option("--days", metavar="N", help="Only the last N days signal.")]
From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First moment that may signal (ISO, UTC).")]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Signals end before this moment (ISO, UTC).")]
Side = Annotated[
    str,
    typer.Option("--side", metavar="SIDE", help="both, long or short.", autocompletion=complete.choice("side")),
]
Fee = Annotated[
    str, typer.Option("--fee", metavar="F", help="Of the notional, per side: 0.001, 0.1% or 10bps; from 1% on with %.")
]
Slippage = Annotated[
    str, typer.Option("--slippage", metavar="F", help="Of the price, per side: 0.0005, 0.05% or 5bps.")
]
SizingMethod = Annotated[
    str,
    typer.Option(
        "--sizing",
        metavar="HOW",
        help="risk (1 % of the equity at the stop) or notional.",
        autocompletion=complete.choice("sizing"),
    ),
]
MinStopCosts = Annotated[
    float, typer.Option("--min-stop-costs", metavar="N", help="Keep stops N round trips of cost away; 0 = off.")
]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="A,B", help="Only these columns of the table, or all at any width."),
]
MAX_THREADS = 1_024
"""More than any machine has cores for: a larger number is a slip."""

ConfigurationId = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="ID",
        help="Run a configuration again; options that are named here overrule it.",
        autocompletion=complete.configurations,
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", metavar="N", help="All cores by default.")]


@dataclass(frozen=True, kw_only=True)
class DatabaseOptions:
    """Which database a command uses."""

    database: DatabaseUrl = None


@dataclass(frozen=True, kw_only=True)
class StrategyOptions:
    """A strategy, the days on which it may signal, and the terms on which its orders are filled."""

    strategy: StrategyName = "LIQUIDITY_SWEEP"
    sets: Sets = None
    days: Days = None
    from_: From = None
    to: To = None
    side: Side = "both"
    fee: Fee = "0.001"
    slippage: Slippage = "0.0005"
    sizing: SizingMethod = "risk"

    @property
    def span(self) -> SpanTerms:
        """The days that may signal."""
        names = ("--days", "--from", "--to")
        return SpanTerms(days=self.days, start=self.from_, stop=self.to, names=names)

    @property
    def has_all_days(self) -> bool:
        """Whether no option says which days may signal."""
        return self.days is None and self.from_ is None and self.to is None

    def execution(self) -> ExecutionTerms:
        """Return the terms on which orders are filled."""
        return ExecutionTerms(side=check_side(self.side), fee=self.fee, slippage=self.slippage, sizing=self.sizing)


@dataclass(frozen=True, kw_only=True)
class StopOptions(StrategyOptions):
    """The same, with stops kept away from the price."""

    min_stop_costs: MinStopCosts = 0.0

    def execution(self) -> ExecutionTerms:
        """Return the terms on which orders are filled."""
        return replace(super().execution(), min_stop_costs=self.min_stop_costs)


@dataclass(frozen=True, kw_only=True)
class NamedOptions:
    """The same, with what was named on the command line: only that overrules what something else says.

    Attributes
    ----------
    named : frozenset of str
        Fields of the options whose values do not stand at their default by themselves; no option.
    """

    named: frozenset[str] = field(default=frozenset(), metadata=NO_OPTION)


def parse_sets(texts: Sequence[str] | None, parameters: Parameters) -> dict[str, Value]:
    """Return the checked values of repeated ``--set name=value``, by declared name."""
    return sets.parse_sets(texts, parameters, "--set")


def check_side(side: str) -> str:
    """Return the side, in small letters."""
    if side.lower() not in tuple(Sides):
        raise wrong_choice("--side", side, Sides)
    return side.lower()


def check_threads(threads: int | None) -> int:
    """Return the number of threads: all cores of this process by default."""
    if threads is None:
        cores = getattr(os, "sched_getaffinity", None)
        return len(cores(0)) if cores else os.cpu_count() or 1
    if threads < 1:
        raise InputError("--threads", "must be at least 1", threads)
    if threads > MAX_THREADS:
        raise InputError("--threads", f"must be at most {MAX_THREADS:,}", threads)
    return threads


def check_table(path: Path | None, option: str) -> None:
    """Refuse a table that could not be written, before any work is done for it."""
    if path is None:
        return
    if not path.name.lower().endswith((".parquet", ".pq", ".csv", ".csv.gz")):
        raise InputError(option, "must end in .parquet, .csv or .csv.gz", str(path))
    _check_writable(path, option)


def check_page(path: Path | None, option: str) -> None:
    """Refuse a page that could not be written, before any work is done for it."""
    if path is None:
        return
    if path.suffix.lower() != ".html":
        raise InputError(option, "must end in .html", str(path))
    _check_writable(path, option)


def _check_writable(path: Path, option: str) -> None:
    if path.is_dir():
        raise InputError(option, "must be a file, but it is a folder", str(path))
    if not path.parent.is_dir():
        raise InputError(option, "must lie in a folder that exists", str(path))
    if not os.access(path.parent, os.W_OK):
        raise InputError(option, "must lie in a folder that can be written to", str(path))


def names(text: str | None, option: str) -> list[str]:
    """Return the parts of a list such as ``BTC/USDT,ETH/USDT``, each once."""
    parts = [part.strip() for part in (text or "").split(",")]
    if not all(parts):
        raise InputError(option, "must name one or more, separated by commas", text)
    return list(dict.fromkeys(parts))


def markets_of(exchange: str | None, symbol: str | None, timeframe: str | None) -> list[Market]:
    """Return every combination of the named exchanges, symbols and timeframes."""
    if exchange is None or symbol is None:
        raise InputError("--exchange and --symbol", "are given together")
    frames = [BarLength.parse(frame) for frame in names(timeframe or "5m", "--timeframe")]
    pairs, venues = names(symbol, "--symbol"), names(exchange, "--exchange")
    return [named_market(venue, pair, frame) for venue, pair, frame in product(venues, pairs, frames)]


_OPTION_OF_TERM = {"evidence": "--evidence", "samples": "--samples, the budget"}
"""What errors call terms of a request whose name is not the option's."""


@contextmanager
def in_options() -> Iterator[None]:
    """Name the option where a term of a request is refused."""
    try:
        yield
    except InputError as error:
        if error.field not in _OPTION_OF_TERM:
            raise
        raise InputError(_OPTION_OF_TERM[error.field], error.rule, error.value, error.hint) from None


GRIDS = ("default", "benchmark")
"""Names that ``--grid`` knows."""


def grid_values(grid: str, strategy: Strategy, fixed: Mapping[str, Value]) -> dict[str, tuple[Value, ...]]:
    """Return each parameter's values: of ``default``, ``benchmark`` or a SPACE.toml.

    Parameters
    ----------
    fixed : mapping
        Values of ``--set``, which replace those of the grid.
    """
    given: Mapping[str, Any]
    if grid == "default":
        given = {name: list(values) for name, values in strategy.default_grid.items()}
    elif grid == "benchmark":
        if not isinstance(strategy, liquidity_sweep.LiquiditySweep):
            raise InputError("--grid", "benchmark is a grid of LIQUIDITY_SWEEP only", strategy.name)
        given = {name: list(values) for name, values in liquidity_sweep.BENCHMARK_GRID.items()}
    elif grid.lower().endswith(".toml"):
        given = read_space(Path(grid))
    else:
        raise wrong_choice("--grid", grid, GRIDS, besides="a file SPACE.toml")
    return parse_space(given, strategy.parameters, fixed).values
