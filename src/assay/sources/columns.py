"""Which column is which and what it holds: the recognition that files and frames share.

Arrays come in as Arrow columns and leave as numpy columns. Where it can be helped no Arrow value is
built from a Python value, nor `to_numpy` called: either makes pyarrow import pandas (0.2 s).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.errors import BarsError, FileFormatError, InputError
from assay.market import Bars, Market, Timeframe
from assay.market.bars import PRICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NAMES = {
    "time": (
        *("time", "timestamp", "date", "datetime", "ts", "t", "opentime", "timeopen", "bartime", "start"),
        *("starttime", "unix", "unixtime", "unixtimestamp", "epoch", "timems", "timestampms", "epochms"),
        "indexlevel0",  # what pandas calls an index without a name in Parquet
    ),
    "open": ("open", "o", "openprice", "priceopen"),
    "high": ("high", "h", "highprice", "pricehigh"),
    "low": ("low", "l", "lowprice", "pricelow"),
    "close": ("close", "c", "closeprice", "priceclose", "last"),
    "volume": ("volume", "vol", "v", "basevolume", "volumebase"),
}
"""Names of each field, in small letters and without anything but letters and digits."""

_FIELD_OF = {name: field for field, names in NAMES.items() for name in names}

_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_YEAR_2000_S, _YEAR_2100_S = 946_684_800, 4_102_444_800

_DIGITS = r"^[+-]?\d+(\.\d*)?$"
_DAY = r"\d{4}-\d\d-\d\d"
_TIME_OF_DAY = r"\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?"
_ZONED = r"\d[T ]\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"


def field_of(name: str) -> str | None:
    """Return the field that a column's name stands for, or None for a column that is not needed."""
    return _FIELD_OF.get(_plain(name))


def match_columns(names: Sequence[str], where: str) -> dict[str, int]:
    """Return the position of the column of each field.

    Parameters
    ----------
    names : sequence of str
        Column names as they are written.
    where : str
        What is read, for messages.

    Returns
    -------
    dict of str to int
        ``time open high low close``, ``volume`` when there is one, and ``time_of_day`` when a date and
        a time of day have to be joined.

    Raises
    ------
    FileFormatError
        When a field has no column, or two.
    """
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if (field := field_of(name)) is not None:
            found.setdefault(field, []).append(position)
    times = {_plain(names[position]): position for position in found.get("time", ())}
    if len(found.get("time", ())) == 2 and set(times) == {"date", "time"}:
        found["time"], found["time_of_day"] = [times["date"]], [times["time"]]
    for field, positions in found.items():
        if len(positions) > 1:
            both = [names[position] for position in positions]
            raise FileFormatError(where, f"must have one column for {field}, rename or drop the others", both)
    _check_complete(names, found, where)
    return {field: positions[0] for field, positions in found.items()}


def build_bars(columns: dict[str, Any], time: NDArray[np.int64], market: Market, where: str) -> Bars:
    """Return checked bars from Arrow columns keyed by field, and stamps in milliseconds of shape (n,)."""
    found = numbers(columns, where)
    return Bars.from_columns(market, time=time, volume=found.pop("volume", None), **found)


def numbers(columns: dict[str, Any], where: str, *, empty: bool = False) -> dict[str, NDArray[np.float64]]:
    """Return open, high, low, close, and volume where there is one, as float64 of shape (n,), NaN for null.

    With `empty`, texts that say that there is no value (none at all, ``nan``, ``null`` ...) are NaN too.
    """
    names = [name for name in (*PRICES, "volume") if name in columns]
    given = {name: _without_empty(columns[name]) if empty else columns[name] for name in names}
    return {name: _numbers(column, name, where) for name, column in given.items()}


def stamps_ms(columns: dict[str, Any], names: dict[str, str], where: str) -> NDArray[np.int64]:
    """Return the open of each bar in milliseconds UTC, shape (n,).

    Times without a zone are taken as UTC. The unit of whole numbers is told from their magnitude: it
    is the one that puts them into the years 2000 to 2100.

    Parameters
    ----------
    columns : dict of str to pyarrow.ChunkedArray
        ``time`` and perhaps ``time_of_day``.
    names : dict of str to str
        How these columns are called, for messages.
    where : str
        What is read, for messages.
    """
    column = _decoded(columns["time"])
    if not len(column):
        raise FileFormatError(where, "must have at least one row of data")
    if "time_of_day" in columns:
        column = _joined(column, _decoded(columns["time_of_day"]), names, where)
    if column.null_count:
        raise BarsError(_first(_flags(pc.is_null(column))), "time", "must not be empty", "null")
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _whole_ms(_values(column, pa.int64()), kind.unit)
    if pa.types.is_date(kind):
        return _whole_ms(_values(column.cast(pa.timestamp("ms")), pa.int64()), "ms")
    if pa.types.is_integer(kind):
        return _from_epochs(_values(column, pa.int64()))
    if pa.types.is_floating(kind):
        return _from_epochs(_values(column, pa.float64()))
    if _is_text(kind):
        return _from_texts(column)
    raise FileFormatError(where, f"column {names['time']!r} must hold times, ISO texts or whole epochs", str(kind))


def settle_market(
    time: NDArray[np.int64], said: Market | None, timeframe: Timeframe | None, unknown: Market, where: str
) -> Market:
    """Return the market of bars whose caller did not name it.

    Parameters
    ----------
    time : ndarray of int64, shape (n,)
        Stamps in milliseconds.
    said : Market or None
        What the name of a file or the attributes of a frame say.
    timeframe : Timeframe or None
        The caller's; it overrules both the name and the stamps.
    unknown : Market
        Exchange and symbol where nothing is said.
    where : str
        What is read, for messages.

    Raises
    ------
    FileFormatError
        When what is said differs from the most common step of the stamps.
    """
    if timeframe is not None:
        return replace(said or unknown, timeframe=timeframe)
    step = _common_step(time)
    if said is None:
        if step is None:
            raise FileFormatError(where, "must have two different stamps, or the timeframe has to be given")
        return replace(unknown, timeframe=Timeframe(step))
    if step not in (None, said.timeframe.ms):
        raise FileFormatError(
            where,
            f"must hold {said.timeframe} bars as its name or attributes say, but the most common step of "
            f"its stamps is {_step_text(step)}; correct it or give the market",
        )
    return said


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _check_complete(names: Sequence[str], found: dict[str, list[int]], where: str) -> None:
    """Refuse missing columns, and a volume under a name that does not say which volume."""
    missing = [field for field in ("time", *PRICES) if field not in found]
    if missing:
        raise FileFormatError(
            where,
            f"must have columns for time, open, high, low and close; missing: {', '.join(missing)}",
            list(names),
        )
    # Dropping a volume in silence would change which bars may trade.
    likely = [name for name in names if "volume" in _plain(name)]
    if likely and "volume" not in found:
        raise FileFormatError(where, "must name its volume 'volume', or have none; rename or drop", likely)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _decoded(column: Any) -> Any:
    """Return a column without dictionary encoding, its texts trimmed."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.utf8_trim_whitespace(column.cast(pa.large_string())) if _is_text(column.type) else column


def _without_empty(column: Any) -> Any:
    column = _decoded(column)
    if not _is_text(column.type):
        return column
    nothing = pc.is_in(pc.utf8_lower(column), value_set=pa.array(["", "nan", "null", "none", "na", "n/a", "-"]))
    return pc.if_else(nothing, pa.scalar(None, column.type), column)


def _values(column: Any, kind: Any) -> NDArray[Any]:
    """Return a column cast to numbers of a kind as an array of shape (n,), NaN for null."""
    # Unchecked, since a volume beyond 2**53 may be rounded as it would be in a file of floats.
    column = column.cast(kind, safe=False)
    if column.null_count or not len(column):
        return np.asarray(column.to_numpy())
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=kind.to_pandas_dtype())[chunk.offset : chunk.offset + len(chunk)]
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts)


def _flags(column: Any) -> NDArray[np.bool_]:
    """Return a Boolean column without nulls as an array of shape (n,)."""
    return _values(column, pa.uint8()).astype(np.bool_)


def _first(mask: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(mask)[0])


def _cast(texts: Any, kind: Any, name: str, rule: str) -> Any:
    """Cast texts; the first one that cannot be cast is named."""

    def casts(low: int, high: int) -> bool:
        try:
            texts.slice(low, high - low).cast(kind)
        except pa.ArrowInvalid:
            return False
        return True

    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        low, high = 0, len(texts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if casts(low, middle) else (low, middle)
        raise BarsError(low, name, rule, texts[low].as_py()) from None


def _numbers(column: Any, name: str, where: str) -> NDArray[np.float64]:
    """Return a column as float64 of shape (n,), NaN for null."""
    column = _decoded(column)
    kind = column.type
    if _is_text(kind):
        column = _cast(column, pa.float64(), name, "must be a number")
        return _values(column, pa.float64())
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not numeric and not pa.types.is_null(kind):
        raise FileFormatError(where, f"column {name!r} must hold numbers", str(kind))
    return _values(column, pa.float64())


def _whole_ms(values: NDArray[np.int64], unit: str) -> NDArray[np.int64]:
    """Return counts of a unit in milliseconds; a fraction of a millisecond is no bar's open."""
    if unit == "s":
        return np.asarray(values * 1000)
    per_ms = _UNITS[unit] // 1000
    if (values % per_ms).any():
        row = _first(values % per_ms != 0)
        raise BarsError(row, "time", "must be a whole millisecond", f"{values[row]} {unit}")
    return np.asarray(values // per_ms)


def _from_epochs(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Return epochs in the unit that their magnitude shows in milliseconds."""
    with np.errstate(invalid="ignore"):
        values = numbers.astype(np.int64)
    if len(broken := np.flatnonzero(values != numbers)):
        raise BarsError(int(broken[0]), "time", "must be a whole number", float(numbers[broken[0]]))
    seconds = np.array(list(_UNITS.values()))[:, None]
    fits = (values >= _YEAR_2000_S * seconds) & (values <= _YEAR_2100_S * seconds)  # (units, n)
    if len(orphans := np.flatnonzero(~fits.any(axis=0))):
        rule = "must be an epoch in s, ms, us or ns between the years 2000 and 2100"
        raise BarsError(int(orphans[0]), "time", rule, int(values[orphans[0]]))
    unit = fits.argmax(axis=0)
    if len(others := np.flatnonzero(unit != unit[0])):
        row, units = int(others[0]), list(_UNITS)
        rule = f"must have the unit of row 0, which is {values[0]} {units[unit[0]]}"
        raise BarsError(row, "time", rule, f"{values[row]} {units[unit[row]]}")
    return _whole_ms(values, list(_UNITS)[unit[0]])


def _from_texts(texts: Any) -> NDArray[np.int64]:
    """Return texts in milliseconds; the first says whether all are epochs or ISO times."""
    if re.match(_DIGITS, texts[0].as_py()):
        whole = pc.replace_substring_regex(texts, pattern=r"\.0*$", replacement="")
        return _from_epochs(_values(_cast(whole, pa.int64(), "time", "must be a whole number"), pa.int64()))
    zone = None
    if _flags(pc.match_substring_regex(texts, _ZONED)).any():
        zone, naive = "UTC", rf"^({_DAY}[T ][0-9:.]+)$"
        texts = pc.replace_substring_regex(texts, pattern=naive, replacement=r"\1Z")
    rule = "must be an ISO time such as 2024-01-31T09:30:00Z or a whole epoch"
    stamps = _cast(texts, pa.timestamp("ns", zone), "time", rule)
    return _whole_ms(_values(stamps, pa.int64()), "ns")


def _joined(days: Any, times: Any, names: dict[str, str], where: str) -> Any:
    """Return ISO texts of a date column and a time-of-day column."""
    first = [column[0].as_py() if _is_text(column.type) else str(column.type) for column in (days, times)]
    if not (re.fullmatch(_DAY, str(first[0])) and re.fullmatch(_TIME_OF_DAY, str(first[1]))):
        rule = "must be texts such as '2024-01-31' and '09:30' to be joined; else drop one of them"
        raise FileFormatError(f"{where} {names['time']!r} and {names['time_of_day']!r}", rule, first)
    return pc.binary_join_element_wise(days, times, pa.scalar(" ", pa.large_string()))


def _common_step(time: NDArray[np.int64]) -> int | None:
    """Return the most common step, or None without one; order is for the bars to judge."""
    steps = np.abs(np.diff(time))
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    return int(values[counts.argmax()]) if len(values) else None


def _step_text(step_ms: int | None) -> str:
    try:
        return str(Timeframe(step_ms or 0))
    except InputError:
        return f"{(step_ms or 0) / 60_000:g} minutes"
