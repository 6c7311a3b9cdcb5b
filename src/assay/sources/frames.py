"""Bars from data frames and back; a frame carries its market in ``attrs``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

import pandas as pd
import pyarrow as pa

from assay.errors import BarsError, FileFormatError, InputError
from assay.market import Bars, Market, Timeframe
from assay.market.bars import PRICES
from assay.market.market import Kind
from assay.sources.bar_files.arrow_tables import table_of_columns
from assay.sources.bar_files.fields import field_of, names_bars
from assay.sources.bar_files.options import ReadingOptions
from assay.sources.bar_files.reading import recognise, take_rows
from assay.sources.timeframes import settle_market

_FRAME = "frame"


def bars_from_frame(df: Any, market: Market | None = None) -> Bars:
    """Return the bars of a data frame.

    Columns are recognised by the same names as those of files; others are ignored.

    Parameters
    ----------
    df : pandas.DataFrame, or anything with ``__arrow_c_stream__`` or ``to_pandas``
        Its times stand in a column or in the index; those without a zone are taken as UTC.
    market : Market or None
        When None, ``df.attrs["market"]``; without that either, the timeframe is the most common
        step of the stamps, on the exchange ``frame`` with the symbol ``UNKNOWN``.

    Raises
    ------
    FileFormatError
        The frame as a whole cannot be understood.
    BarsError
        Naming the first row that breaks a rule.
    """
    if not hasattr(df, "__arrow_c_stream__") and hasattr(df, "to_pandas"):
        df = df.to_pandas()
    names, arrays = _arrays(df)
    table = table_of_columns(_FRAME, names, [_chunked(array) for array in arrays])
    options = ReadingOptions()
    layout, dialect, _ = recognise(table, "", _FRAME, options)
    taken = take_rows(table, layout, dialect, options, _FRAME)
    if market is None:
        said = _market_of(getattr(df, "attrs", None) or {})
        unknown = Market(_FRAME, taken.symbol or "UNKNOWN", Timeframe(60_000))
        market = settle_market(taken.ms, said, unknown, _FRAME)
    prices = {name: taken.numbers[name] for name in PRICES}
    try:
        return Bars.from_columns(market, time=taken.ms, volume=taken.numbers.get("volume"), **prices)
    except BarsError as error:
        if error.column != "time":
            raise
        hint = "Sort the frame by time and drop repeated rows; `read_bars` does that for a file"
        raise BarsError(error.row, error.column, error.rule, error.value, hint) from None


def frame_from_bars(bars: Bars) -> pd.DataFrame:
    """Return the recorded bars as a data frame; absent ones are left out.

    The columns are ``timestamp`` (``datetime64[ms, UTC]``) and ``open`` to ``volume``; without
    recorded volume that column is left out too. ``attrs["market"]`` holds plain values, so that it
    survives ``to_parquet``.
    """
    there = ~bars.absent
    stamps = pd.Series(bars.time[there].astype("datetime64[ms]")).dt.tz_localize("UTC")
    names = (*PRICES, "volume") if bars.has_volume else PRICES
    frame = pd.DataFrame({"timestamp": stamps} | {name: getattr(bars, name)[there] for name in names})
    frame.attrs["market"] = _plain(bars.market)
    return frame


def _arrays(df: Any) -> tuple[list[str], list[Any]]:
    """Return the names and the columns of any kind of frame."""
    if not isinstance(df, pd.DataFrame) and hasattr(df, "__arrow_c_stream__"):
        try:
            table = pa.table(df)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise FileFormatError(_FRAME, "must be a table of columns", type(df).__name__) from error
        return table.column_names, table.columns
    if not isinstance(df, pd.DataFrame):
        raise InputError(_FRAME, "must be a data frame", type(df).__name__)
    names = _names(df)
    arrays: list[Any] = [df.iloc[:, position] for position in range(len(names))]
    return _index(df.index, names) + names, [*_levels(df.index, names), *arrays]


def _names(df: pd.DataFrame) -> list[str]:
    """Return the names of a frame's columns; of two levels (fields and tickers) the fields."""
    if df.columns.nlevels == 1:
        return [str(name) for name in df.columns]
    levels = [[str(name) for name in df.columns.get_level_values(level)] for level in range(df.columns.nlevels)]
    fields = next((level for level in levels if names_bars(level)), levels[0])
    others = sorted({name for level in levels if level is not fields for name in level})
    if len(set(fields)) < len(fields):
        rule = "must hold one market, but its columns are of several"
        raise FileFormatError(_FRAME, rule, others, f"Take one: df.xs({others[0]!r}, axis=1, level=1)")
    return fields


def _levels(index: pd.Index[Any], names: list[str]) -> list[Any]:
    """Return the levels of an index that is more than row numbers, where no column has its name."""
    return [index.get_level_values(level) for level, name in enumerate(_all_levels(index)) if _kept(index, name, names)]


def _index(index: pd.Index[Any], names: list[str]) -> list[str]:
    return [name for name in _all_levels(index) if _kept(index, name, names)]


def _all_levels(index: pd.Index[Any]) -> list[str]:
    if isinstance(index, pd.RangeIndex):
        return []
    times = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)
    return ["timestamp" if times else "" if name is None else str(name) for name in index.names]


def _kept(index: pd.Index[Any], name: str, names: list[str]) -> bool:
    if isinstance(index, pd.DatetimeIndex) or field_of(name) == "time":
        if double := [other for other in names if field_of(other) == "time"]:
            rule = "must have its times in the index or in a column, not in both"
            raise FileFormatError(_FRAME, rule, ["index", *double])
        return True
    return name not in names


def _chunked(values: Any) -> Any:
    """Return any column in Arrow's form; mixed objects become texts, so that a row can be named."""
    if isinstance(values, pd.PeriodIndex):
        values = values.to_timestamp()
    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        try:
            values = pa.array(values, from_pandas=True)
        except pa.ArrowException:
            values = pa.array(values.astype(str), from_pandas=True)
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def _plain(market: Market) -> dict[str, Any]:
    """Return a market as plain values; what the first frames did not hold is left out at its default."""
    values = asdict(market) | {"timeframe": str(market.timeframe)}
    if market.point_value == 1.0:
        del values["point_value"]
    return values


def _market_of(attrs: dict[str, Any]) -> Market | None:
    """Return the market that a frame's attributes name, or None."""
    said = attrs.get("market")
    if said is None or isinstance(said, Market):
        return said
    needed = {"exchange", "symbol", "timeframe"}
    if not isinstance(said, dict) or not needed <= said.keys() or said.get("kind", "spot") not in get_args(Kind):
        raise InputError("attrs['market']", f"must name {', '.join(sorted(needed))} and a known kind", said)
    return Market(
        exchange=str(said["exchange"]),
        symbol=str(said["symbol"]),
        timeframe=Timeframe.parse(str(said["timeframe"])),
        kind=said.get("kind", "spot"),
        tick=said.get("tick"),
        point_value=said.get("point_value", 1.0),
    )
