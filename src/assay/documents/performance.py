"""What figures say in numbers, for every page that shows them: months and years, falls, groups of trades, excursions.

`performance` is pure and takes stored figures, so that the report, the web pages and a script show the same numbers.
NaN is 'undefined', as in the engine; `Performance.as_dict` says it as JSON knows it. Figures that were stored by an
earlier version know less.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.documents.figures import stored_trades
from assay.documents.plain import plain
from assay.engine import REASONS
from assay.engine.daily_paths import Fall, PathMeasures, YearReturns, calendar_returns, path_measures, worst_falls
from assay.engine.risk import rolling_sharpe
from assay.engine.trade_groups import TradeGroup, trade_groups
from assay.engine.trades import daily_returns
from assay.market.calendar import ROUND_THE_CLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from assay.market.calendar import Calendar

ROLLING_DAYS = (30, 90)
"""Lengths of the rolling Sharpe ratio; the last of 30 days is the measure `rolling_30d_sharpe`."""

SIDES = ("long", "short")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = tuple(f"{hour:02d}" for hour in range(24))
_THURSDAY = 3
"""The weekday of 1970-01-01, Monday being 0."""


@dataclass(frozen=True, slots=True)
class Path:
    """A worth by day in numbers.

    Attributes
    ----------
    name : str
        ``run``, ``market`` (bought and held without costs) or ``same_exposure`` (held with the mean position).
    measures : PathMeasures
    """

    name: str
    measures: PathMeasures


@dataclass(frozen=True, slots=True)
class RollingSharpe:
    """The annual Sharpe ratio of the days that end with each day; NaN before there are enough and without spread."""

    days: int
    ratios: tuple[float, ...]

    @property
    def is_known(self) -> bool:
        """Whether there is any value: days without a trade have none."""
        return any(math.isfinite(value) for value in self.ratios)


@dataclass(frozen=True, slots=True)
class TradeSplit:
    """The trades of a run in groups: ``side``, ``hour`` and ``weekday`` of entry (UTC), or ``reason`` of exit."""

    name: str
    groups: tuple[TradeGroup, ...]


@dataclass(frozen=True, slots=True)
class ExcursionSummary:
    """Medians of some trades; NaN where there are none."""

    name: str
    trades: int
    mae_r: float
    mfe_r: float
    bars: float


@dataclass(frozen=True, slots=True)
class TradeExcursions:
    """How far each trade went and how long it took, in order of the trades.

    Attributes
    ----------
    mae, mfe : tuple of float
        Furthest price against the entry and in its favour, as fractions of it.
    mae_r, mfe_r : tuple of float
        The same in multiples of the risk.
    bars : tuple of int
        Bars in the trade.
    summaries : tuple of ExcursionSummary
        Of the trades that won and of those that did not.
    """

    mae: tuple[float, ...]
    mfe: tuple[float, ...]
    mae_r: tuple[float, ...]
    mfe_r: tuple[float, ...]
    bars: tuple[int, ...]
    summaries: tuple[ExcursionSummary, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """What figures say in numbers.

    Attributes
    ----------
    first_day : str
        Of the run (ISO date).
    days : int
    paths : tuple of Path
        The run first; what the figures do not hold is left out.
    years, market_years : tuple of YearReturns
    rolling : tuple of RollingSharpe
        Of `ROLLING_DAYS`, where the run has so many days.
    falls : tuple of Fall
        The deepest first.
    splits : tuple of TradeSplit
    excursions : TradeExcursions or None
        None for figures of an earlier version.
    """

    first_day: str
    days: int
    paths: tuple[Path, ...]
    years: tuple[YearReturns, ...]
    market_years: tuple[YearReturns, ...]
    rolling: tuple[RollingSharpe, ...]
    falls: tuple[Fall, ...]
    splits: tuple[TradeSplit, ...]
    excursions: TradeExcursions | None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values; what is undefined is None."""
        values: dict[str, Any] = plain(asdict(self))
        return values


def performance(figures: Mapping[str, Any], calendar: Calendar = ROUND_THE_CLOCK) -> Performance:
    """Return what the run of figures says in numbers: the stitched run out of sample, or that of a backtest.

    Parameters
    ----------
    figures : mapping
        As `documents.figures` made them, today or earlier.
    calendar : Calendar
        Of the market.
    """
    run = figures["stitched"]
    first_day = int(calendar.day(np.array([run["start_ms"]]))[0])
    worth = np.array(run["equity"], dtype=np.float64)
    paths = {"run": worth} | {
        name: np.array(run[name], dtype=np.float64)
        for name in ("market", "same_exposure")
        if name in run and None not in run[name]
    }
    year, returns = calendar.days_per_year, daily_returns(worth)
    return Performance(
        first_day=str(np.datetime64(first_day, "D")),
        days=len(worth),
        paths=tuple(Path(name, path_measures(path, year)) for name, path in paths.items()),
        years=calendar_returns(first_day, worth),
        market_years=calendar_returns(first_day, paths["market"]) if "market" in paths else (),
        rolling=tuple(
            RollingSharpe(days, tuple(rolling_sharpe(returns, days, year).tolist()))
            for days in ROLLING_DAYS
            if days <= len(worth)
        ),
        falls=worst_falls(first_day, worth),
        splits=trade_splits(stored_trades(figures)),
        excursions=_excursions(figures),
    )


def sharpe_error(days: int, calendar: Calendar = ROUND_THE_CLOCK) -> float:
    """Return the standard error of an annual Sharpe ratio of so many days, about: of returns that are all chance."""
    return math.sqrt(calendar.days_per_year / days)


def trade_splits(trades: Mapping[str, NDArray[Any]]) -> tuple[TradeSplit, ...]:
    """Return trades by side, by hour and weekday of entry (UTC), and by reason of exit.

    Parameters
    ----------
    trades : mapping of str to ndarray, shape (n,) each
        As `stored_trades` gives them.
    """
    entered = np.array([text.rstrip("Z") for text in trades["entry_time"].tolist()], dtype="datetime64[ms]")
    days = entered.astype("datetime64[D]")
    hours = (entered.astype("datetime64[h]") - days).astype(np.int64)
    weekdays = (days.astype(np.int64) + _THURSDAY) % len(WEEKDAYS)
    return (
        _split("side", _positions(trades["side"], SIDES), SIDES, trades),
        _split("hour", hours, HOURS, trades),
        _split("weekday", weekdays, WEEKDAYS, trades),
        _split("reason", _positions(trades["reason"], REASONS), REASONS, trades),
    )


def _positions(column: NDArray[Any], names: Sequence[str]) -> NDArray[np.int64]:
    return np.array([names.index(name) for name in column.tolist()], dtype=np.int64)


def _split(name: str, keys: NDArray[np.int64], names: Sequence[str], trades: Mapping[str, NDArray[Any]]) -> TradeSplit:
    found = trade_groups(keys, names, size=trades["size"], net_return=trades["return"], r_multiple=trades["R"])
    return TradeSplit(name, found if name in ("hour", "weekday") else tuple(group for group in found if group.trades))


def _excursions(figures: Mapping[str, Any]) -> TradeExcursions | None:
    known = figures.get("excursions")
    if known is None:
        return None
    won = np.array(figures["trades"]["return"], dtype=np.float64) > 0
    return TradeExcursions(
        **{name: tuple(known[name]) for name in ("mae", "mfe", "mae_r", "mfe_r", "bars")},
        summaries=(_summary("wins", won, known), _summary("others", ~won, known)),
    )


def _summary(name: str, chosen: NDArray[np.bool_], known: Mapping[str, Sequence[float]]) -> ExcursionSummary:
    columns = [np.array(known[column], dtype=np.float64)[chosen] for column in ("mae_r", "mfe_r", "bars")]
    medians = (float(np.median(column)) if len(column) else math.nan for column in columns)
    return ExcursionSummary(name, int(chosen.sum()), *medians)
