"""Options that several commands share, and what their texts mean."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.output import iso_time
from assay.errors import FileFormatError, InputError, InsufficientDataError

if TYPE_CHECKING:
    from assay.engine import Execution, Money
    from assay.market import Bars, Market
    from assay.parameters import Parameter, Parameters, Value
    from assay.store import Database
    from assay.strategies import Strategy

DAY_MS = 86_400_000

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]
Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder of database, caches and artifacts [ASSAY_HOME]."),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="postgresql://..., or an SQLite file [ASSAY_DATABASE_URL]."),
]
File = Annotated[Path, typer.Option("--file", metavar="FILE", help="Bars: .parquet, .csv or .csv.gz.")]
OptionalFile = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Bars: .parquet, .csv or .csv.gz.")]
Timeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="5m", help="Overrules the file's name and its stamps.")
]
StrategyName = Annotated[str, typer.Option("--strategy", metavar="NAME", help="A registered name, or path.py:Class.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Fix a parameter; may be repeated.")
]
Days = Annotated[float | None, typer.Option("--days", metavar="N", help="Only the last N days signal.")]
From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First moment that may signal (ISO, UTC).")]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Signals end before this moment (ISO, UTC).")]
Side = Annotated[str, typer.Option("--side", metavar="SIDE", help="both, long or short.")]
Fee = Annotated[float, typer.Option("--fee", metavar="F", help="Fraction of the notional, per side.")]
Slippage = Annotated[float, typer.Option("--slippage", metavar="F", help="Fraction of the price, per side.")]
SizingMethod = Annotated[
    str, typer.Option("--sizing", metavar="HOW", help="risk (1 % of the equity at the stop) or notional.")
]
MinStopCosts = Annotated[
    float, typer.Option("--min-stop-costs", metavar="N", help="Keep stops N round trips of cost away; 0 = off.")
]
Threads = Annotated[int | None, typer.Option("--threads", metavar="N", help="All cores by default.")]

_DATES = "a date or time in ISO form, such as 2024-01-31 or 2024-01-31T09:30 (UTC)"


@contextmanager
def open_database(url: str | None, *, upgrade: bool = True) -> "Iterator[Database]":
    """Open the database that ``--database`` names, else that of the environment or the home folder; close it again."""
    from assay.store import Database  # noqa: PLC0415  (commands import when they run)
    from assay.store.location import database_url  # noqa: PLC0415

    database = Database.open(url or database_url(), upgrade=upgrade)
    try:
        yield database
    finally:
        database.close()


def parse_moment(text: str, option: str) -> int:
    """Return a date or time in milliseconds UTC; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(option, f"must be {_DATES}", text) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def held(bars: "Bars") -> tuple[int, int]:
    """Return the moments at which the first bar opens and the last one closes."""
    return int(bars.time[0]), int(bars.time[-1]) + bars.market.timeframe.ms


def select_span(bars: "Bars", days: float | None, from_: str | None, to: str | None) -> tuple[int, int]:
    """Return the signal bars that the options ask for, as start <= t < stop.

    Bars before `start` warm indicators, bars from `stop` on only serve exits.

    Parameters
    ----------
    days : float or None
        Days before `to` (the end of the data), or after `from_` when only that is given.
    from_, to : str or None
        ISO dates or times, UTC; `to` itself is excluded.

    Raises
    ------
    InputError
        When the range is upside down or reaches beyond the data, saying what is held.
    """
    first, end = held(bars)
    have = f"The file holds {iso_time(first)} to {iso_time(end)}, {(end - first) / DAY_MS:g} days"
    if days is not None and from_ is not None and to is not None:
        raise InputError("--days", "cannot be combined with both --from and --to", days)
    if days is not None and not 0 < days <= (end - first) / DAY_MS:
        raise InputError("--days", "must be positive and at most what is held", days, have)
    begin = first if from_ is None else parse_moment(from_, "--from")
    stop = end if to is None else parse_moment(to, "--to")
    _check_range(begin, stop, first, end, (from_, to), have)
    if days is not None and from_ is not None:
        stop = begin + round(days * DAY_MS)
    elif days is not None:
        begin = stop - round(days * DAY_MS)
    if not (first // DAY_MS * DAY_MS <= begin and stop <= -(-end // DAY_MS) * DAY_MS):
        raise InputError("--days", "reaches beyond what is held", days, have)
    span = bars.index_at(begin), bars.index_at(stop)
    if span[0] >= span[1]:
        raise InputError("--from and --to", "must enclose at least one bar", [iso_time(begin), iso_time(stop)], have)
    return span


def _check_range(begin: int, stop: int, first: int, end: int, texts: tuple[str | None, str | None], have: str) -> None:
    """Refuse a range that is upside down or outside the data (whole days at its edges are allowed)."""
    from_, to = texts
    if from_ is not None and to is not None and begin >= stop:
        raise InputError("--from and --to", "must be in order, --from before --to", [from_, to])
    if from_ is not None and not first // DAY_MS * DAY_MS <= begin < end:
        raise InputError("--from", "must lie within the data", from_, have)
    if to is not None and not first < stop <= -(-end // DAY_MS) * DAY_MS:
        raise InputError("--to", "must lie within the data", to, have)


def finished(bars: "Bars") -> "Bars":
    """Cut a last bar that is not over yet: its prices are not final."""
    now_ms = datetime.now(UTC).timestamp() * 1000
    return bars.head(len(bars) - 1) if held(bars)[1] > now_ms and len(bars) > 1 else bars


def read_span(
    file: Path, timeframe: str | None, days: float | None, from_: str | None, to: str | None
) -> tuple["Bars", int, int]:
    """Read a file of bars; return them with the span that the options ask for."""
    from assay.market import refuse_futures  # noqa: PLC0415  (commands import when they run)
    from assay.sources import read_bars  # noqa: PLC0415

    bars = finished(read_bars(file, timeframe=timeframe))
    refuse_futures(bars.market)
    return bars, *select_span(bars, days, from_, to)


def check_warmup(bars: "Bars", start: int, stop: int, warmup: int, name: str) -> None:
    """Refuse a span in which no bar has enough history to signal."""
    longest = int(bars.age[start:stop].max())
    if longest < warmup:
        raise InsufficientDataError(
            "history", f"{name} needs {warmup} bars in a row before a signal", longest, "Use a longer history"
        )


def _value(text: str, parameter: "Parameter") -> "Value":
    """Return a text in the kind of a parameter; whatever fits no kind is left for `Parameter.check`."""
    choices: dict[str, Value] = {str(c).lower(): c for c in parameter.choices}
    if not parameter.is_number:
        return choices.get(text.lower(), text)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse_sets(texts: Sequence[str] | None, parameters: "Parameters") -> "dict[str, Value]":
    """Return the checked values of repeated ``--set name=value``, by declared name.

    Raises
    ------
    InputError
        When a text is not name=value, a name unknown (with the near one) or given twice, a value wrong.
    """
    values: dict[str, Value] = {}
    for text in texts or ():
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise InputError("--set", "must look like name=value", text)
        parameter = parameters[name]
        if parameter.name in values:
            raise InputError("--set", f"gives {parameter.name} twice", text)
        values[parameter.name] = parameter.check(_value(value, parameter))
    return values


def check_side(side: str) -> str:
    """Return the side, in small letters."""
    if side.lower() not in ("both", "long", "short"):
        raise InputError("--side", "must be both, long or short", side)
    return side.lower()


def check_threads(threads: int | None) -> int:
    """Return the number of threads: all cores of this process unless told otherwise."""
    if threads is None:
        cores = getattr(os, "sched_getaffinity", None)
        return len(cores(0)) if cores else os.cpu_count() or 1
    if threads < 1:
        raise InputError("--threads", "must be at least 1", threads)
    return threads


def check_table(path: Path | None, option: str) -> None:
    """Refuse a table that could not be written, before any work is done for it."""
    if path is None:
        return
    if not path.name.lower().endswith((".parquet", ".pq", ".csv", ".csv.gz")):
        raise InputError(option, "must end in .parquet, .csv or .csv.gz", str(path))
    if path.is_dir():
        raise InputError(option, "must be a file, but it is a folder", str(path))
    if not path.parent.is_dir():
        raise InputError(option, "must lie in a folder that exists", str(path))
    if not os.access(path.parent, os.W_OK):
        raise InputError(option, "must lie in a folder that can be written to", str(path))


def make_execution(
    market: "Market", side: str, fee: float, slippage: float, sizing: str, min_stop_costs: float = 0.0
) -> "Execution":
    """Return sides, costs (with the market's tick), sizing and the least distance of a stop."""
    from assay.engine import Costs, Execution, Side, Sizing  # noqa: PLC0415  (commands import when they run)

    costs, size = Costs(fee=fee, slippage=slippage), Sizing(sizing)  # type: ignore[arg-type]
    return Execution(Side.parse(side), costs, size, min_stop_costs).on(market)


def describe_money(money: "Money") -> dict[str, Any]:
    """Return costs and sizing as plain values."""
    costs, sizing = money.costs, money.sizing
    return {
        "fee": costs.fee,
        "slippage": costs.slippage,
        "tick": costs.tick,
        "sizing": sizing.method,
        "risk_fraction": sizing.risk_fraction,
        "leverage_cap": sizing.leverage_cap,
    }


def describe_span(bars: "Bars", start: int, stop: int) -> dict[str, Any]:
    """Return which bars may signal as plain values."""
    step = bars.market.timeframe.ms
    first, last = int(bars.time[start]), int(bars.time[stop - 1]) + step
    return {"from": iso_time(first), "to": iso_time(last), "bars": stop - start, "days": (last - first) / DAY_MS}


def describe_market(market: "Market") -> dict[str, Any]:
    """Return a market as plain values."""
    return {
        "exchange": market.exchange,
        "symbol": market.symbol,
        "timeframe": str(market.timeframe),
        "kind": market.kind,
    }


def read_space(path: Path) -> dict[str, Any]:
    """Return the [space] table of a TOML file: name = {low, high, step}, [choices] or a value.

    Raises
    ------
    FileFormatError
        When the file is not TOML, or its [space] is missing, empty or not alone.
    """
    import tomllib  # noqa: PLC0415  (rarely needed)

    if not path.is_file():
        raise InputError(str(path), "there is no such file")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(str(path), f"is not TOML: {error}") from None
    space = content.get("space")
    if not isinstance(space, dict) or not space:
        raise FileFormatError(str(path), "must have a table [space] with at least one parameter", list(content))
    if others := sorted(set(content) - {"space"}):
        raise FileFormatError(str(path), "must hold nothing but the table [space]", others)
    return space


def grid_values(grid: str, strategy: "Strategy", fixed: "Mapping[str, Value]") -> "dict[str, tuple[Value, ...]]":
    """Return each parameter's values: of ``default``, ``benchmark`` or a SPACE.toml.

    Parameters
    ----------
    fixed : mapping
        Values of ``--set``, which replace those of the grid.
    """
    from assay.search import parse_space  # noqa: PLC0415  (commands import when they run)

    given: Mapping[str, Any]
    if grid == "default":
        given = {name: list(values) for name, values in strategy.default_grid.items()}
    elif grid == "benchmark":
        from assay.strategies import liquidity_sweep  # noqa: PLC0415

        if not isinstance(strategy, liquidity_sweep.LiquiditySweep):
            raise InputError("--grid", "benchmark is a grid of LIQUIDITY_SWEEP only", strategy.name)
        given = {name: list(values) for name, values in liquidity_sweep.BENCHMARK_GRID.items()}
    elif grid.lower().endswith(".toml"):
        given = read_space(Path(grid))
    else:
        raise InputError("--grid", "must be default, benchmark or a file SPACE.toml", grid)
    return parse_space(given, strategy.parameters, fixed).values
