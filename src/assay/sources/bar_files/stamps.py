"""When bars open, from one or two columns of times in any usual form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.errors import BarsError, FileFormatError
from assay.market.calendar import DAY_MS
from assay.sources.bar_files.cells import (
    cast_texts,
    decoded,
    first_true,
    flags,
    is_text,
    mask_array,
    text_array,
    values,
    without,
)
from assay.sources.bar_files.clock_changes import check_clock, localize
from assay.sources.bar_files.options import parse_timezone
from assay.sources.bar_files.text_times import RULE, form_of, parse_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.sources.bar_files.options import ReadingOptions

_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_YEAR_2000_S, _YEAR_2100_S = 946_684_800, 4_102_444_800

_DIGITS = r"^[+-]?\d+(\.\d*)?$|^\+?\d\.\d{6,}[eE]\+?\d\d?$"
"""Whole numbers, and those of `numpy.savetxt`; a spreadsheet's 1.70E+12 has lost its last digits."""

_EXCEL_DAYS = (36_526, 73_051)
"""The years 2000 to 2100 in days since 1899-12-30, as spreadsheets count; no epoch in s, ms, us or ns is so small."""

_EXCEL_1970 = 25_569
_PACKED = r"^(19|20)\d{6}(\d{4}|\d{6})?(\.0*)?$"
"""Dates of digits alone: 20240131, 202401310930, 20240131093000; no epoch of this century looks like that."""

_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
_ZONED = r"\d[T ]\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
_NAIVE = r"^(\d{4}-\d\d-\d\d[T ][0-9:.]+)$"


@dataclass(frozen=True)
class Stamps:
    """Moments of a column.

    Attributes
    ----------
    ms : int64, shape (n,)
        Milliseconds UTC.
    missing : bool, shape (n,)
        There is none.
    read_as : str
        How they were read, in words.
    notes : tuple of str
        What the user should know.
    days_only : bool
        They are dates without a time of day.
    """

    ms: NDArray[np.int64]
    missing: NDArray[np.bool_]
    read_as: str
    notes: tuple[str, ...] = ()
    days_only: bool = False


def read_stamps(
    column: Any, time_of_day: Any, name: str, where: str, options: ReadingOptions, timezone: str = "UTC"
) -> Stamps:
    """Return the moments of a column.

    Times without a zone are taken in the zone that the user or the format says, UTC by default. The unit of whole
    numbers is told row by row from their magnitude: it is the one that puts them into the years 2000 to 2100.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Times, shape (n,).
    time_of_day : pyarrow.ChunkedArray or None
        Times of day that belong to the dates in `column`.
    name : str
        How the column is called, for messages.
    where : str
        What is read, for messages.
    options : ReadingOptions
        Its time zone and order of dates.
    timezone : str
        Zone of the format.

    Raises
    ------
    BarsError
        Naming the first row that is no time.
    FileFormatError
        The column cannot hold times, or they are those of a clock that was changed.
    """
    column = _without_empty(decoded(column))
    if not len(column):
        raise FileFormatError(where, "must have at least one row of data")
    missing = flags(pc.is_null(column))
    if missing.all():
        raise BarsError(0, "time", "must not be empty", "null")
    if time_of_day is not None:
        clock = decoded(time_of_day)
        missing |= flags(pc.is_null(clock))
        column = _joined(column, clock)
    there = np.flatnonzero(~missing)
    kept = column.filter(mask_array(~missing)) if missing.any() else column
    try:
        ms, zoned, read_as, notes = _read(kept, name, where, options)
    except BarsError as error:
        raise BarsError(int(there[error.row]), error.column, error.rule, error.value) from None
    zone = options.timezone or timezone
    if not zoned.all():
        if parse_timezone(zone).utcoffset(None) is None:
            ms = np.where(zoned, ms, localize(ms, parse_timezone(zone), where))
        elif zone != "UTC":
            offset = parse_timezone(zone).utcoffset(None)
            ms = np.where(zoned, ms, ms - round(offset.total_seconds() * 1000) if offset is not None else ms)
        elif options.timezone is None:
            check_clock(ms, where)
        read_as += f", taken as {zone}"
    full = np.zeros(len(missing), dtype=np.int64)
    full[there] = ms
    return Stamps(full, missing, read_as, notes, days_only=bool((ms % DAY_MS == 0).all()) and not zoned.any())


def _read(
    column: Any, name: str, where: str, options: ReadingOptions
) -> tuple[NDArray[np.int64], NDArray[np.bool_], str, tuple[str, ...]]:
    """Return milliseconds, which rows are UTC, how they were read and notes, of a column without null."""
    kind, every = column.type, np.ones(len(column), dtype=np.bool_)
    if pa.types.is_timestamp(kind):
        return (
            _whole_ms(values(column, pa.int64()), kind.unit),
            every & (kind.tz is not None),
            f"times in {kind.unit}",
            (),
        )
    if pa.types.is_date(kind):
        return _whole_ms(values(column.cast(pa.timestamp("ms")), pa.int64()), "ms"), ~every, "dates", ()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        if pa.types.is_integer(kind) and re.match(_PACKED, str(column[0].as_py())):
            return _texts(column.cast(pa.large_string()), options, where)
        exact = values(column, pa.int64() if pa.types.is_integer(kind) else pa.float64())
        ms, units = _from_epochs(exact)
        return ms, every, f"epochs in {' and '.join(units)}", _unit_note(units)
    if is_text(kind):
        return _texts(column, options, where)
    raise FileFormatError(where, f"column {name!r} must hold times, texts of times or whole epochs", str(kind))


def _texts(
    texts: Any, options: ReadingOptions, where: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_], str, tuple[str, ...]]:
    """Return what texts say; the first says whether all are epochs or dates."""
    first = texts[0].as_py()
    every = np.ones(len(texts), dtype=np.bool_)
    if re.match(_DIGITS, first) and not re.match(_PACKED, first):
        ms, units = _from_epochs(_counts(texts))
        return ms, every, f"epochs in {' and '.join(units)}", _unit_note(units)
    if re.match(_PACKED, first):
        texts = pc.replace_substring_regex(texts, pattern=r"\.0*$", replacement="")
    elif re.match(_ISO, first) and (found := _iso(texts)) is not None:
        return (*found, "ISO times", ())
    form = form_of(texts[0].as_py())
    if form is None:
        raise BarsError(0, "time", RULE, first)
    ms, zoned, words = parse_texts(texts, form, options.dates, where)
    return ms, zoned, f"times written {words}", ()


def _counts(texts: Any) -> NDArray[Any]:
    """Return texts of numbers as whole ones where they are, else as floats."""
    whole = pc.replace_substring_regex(texts, pattern=r"^\+|\.0*$", replacement="")
    try:
        return values(whole.cast(pa.int64()), pa.int64())
    except pa.ArrowInvalid:
        pass
    try:
        found = values(whole.cast(pa.float64()), pa.float64())
    except pa.ArrowInvalid:
        found = np.empty(0)
    if len(found) and (_of_spreadsheet(found) or re.search("[eE]", texts[0].as_py())):
        return found
    return values(cast_texts(whole, pa.int64(), "time", "must be a whole number"), pa.int64())


def _of_spreadsheet(numbers: NDArray[Any]) -> bool:
    """Whether numbers are days as spreadsheets count them."""
    return bool(((numbers >= _EXCEL_DAYS[0]) & (numbers < _EXCEL_DAYS[1])).all())


def _iso(texts: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    """Return ISO texts read by Arrow, which is many times as fast as patterns; None where one of them is not ISO."""
    zoned = flags(pc.match_substring_regex(texts, _ZONED))
    zone = None
    if zoned.any():
        zone = "UTC"
        texts = pc.replace_substring_regex(texts, pattern=_NAIVE, replacement=r"\1Z")
    try:
        stamps = texts.cast(pa.timestamp("ns", zone))
    except pa.ArrowInvalid:
        return None
    return _whole_ms(values(stamps, pa.int64()), "ns"), zoned


def _without_empty(column: Any) -> Any:
    if not is_text(column.type):
        return column
    nothing = pc.is_in(pc.utf8_lower(column), value_set=text_array(("", "nan", "nat", "null", "none")))
    return without(column, nothing) if flags(nothing).any() else column


def _unit_note(units: list[str]) -> tuple[str, ...]:
    return () if len(units) == 1 else (f"the times are epochs in {' and '.join(units)}: each was read by its size",)


def _whole_ms(numbers: NDArray[np.int64], unit: str) -> NDArray[np.int64]:
    """Return counts of a unit in milliseconds; a fraction of a millisecond is no bar's open."""
    if unit == "s":
        return np.asarray(numbers * 1000)
    per_ms = _UNITS[unit] // 1000
    if (numbers % per_ms).any():
        row = first_true(numbers % per_ms != 0)
        raise BarsError(row, "time", "must be a whole millisecond", f"{numbers[row]} {unit}")
    return np.asarray(numbers // per_ms)


def _from_epochs(numbers: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Return epochs in milliseconds and the units that their magnitudes show."""
    if _of_spreadsheet(numbers):
        seconds = np.round((numbers - _EXCEL_1970) * 86_400.0).astype(np.int64)
        return seconds * 1000, ["days of a spreadsheet"]
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64)
    if len(broken := np.flatnonzero(whole != numbers)):
        raise BarsError(int(broken[0]), "time", "must be a whole number", float(numbers[broken[0]]))
    seconds = np.array(list(_UNITS.values()))[:, None]
    fits = (whole >= _YEAR_2000_S * seconds) & (whole <= _YEAR_2100_S * seconds)  # (units, n)
    if len(orphans := np.flatnonzero(~fits.any(axis=0))):
        rule = "must be an epoch in s, ms, us or ns between the years 2000 and 2100"
        raise BarsError(int(orphans[0]), "time", rule, int(whole[orphans[0]]))
    unit = fits.argmax(axis=0)
    ms = np.empty(len(whole), dtype=np.int64)
    found = []
    for number, name in enumerate(_UNITS):
        if (rows := unit == number).any():
            found.append(name)
            if name != "s" and len(cut := np.flatnonzero(rows & (whole % (_UNITS[name] // 1000) != 0))):
                raise BarsError(int(cut[0]), "time", "must be a whole millisecond", f"{whole[cut[0]]} {name}")
            ms[rows] = whole[rows] * 1000 if name == "s" else whole[rows] // (_UNITS[name] // 1000)
    return ms, found


def _joined(days: Any, clocks: Any) -> Any:
    """Return texts of a date column and a time-of-day column."""
    dates = _date_texts(days)
    times = clocks if is_text(clocks.type) else clocks.cast(pa.large_string())
    if flags(pc.match_substring_regex(times, r"^\d{1,6}$")).any():
        longest = max(len(text) for text in pc.unique(times).to_pylist() if text is not None)
        padded = pc.utf8_lpad(times, 6 if longest > 4 else 4, "0")
        times = pc.replace_substring_regex(padded, pattern=r"^(\d\d)(\d\d)(\d\d)?$", replacement=r"\1:\2:\3")
        times = pc.replace_substring_regex(times, pattern=r":$", replacement="")
    between = pc.replace_substring_regex(times, pattern="^.*$", replacement=" ")
    return pc.binary_join_element_wise(dates, times, between)


def _date_texts(days: Any) -> Any:
    """Return dates as texts; those of digits alone with their parts apart, so that a time can follow."""
    texts = days if is_text(days.type) else days.cast(pa.large_string())
    texts = pc.replace_substring_regex(texts, pattern=r"^(\d{4})(\d\d)(\d\d)$", replacement=r"\1-\2-\3")
    return pc.replace_substring_regex(texts, pattern=r"[T ]00:00(:00(\.0+)?)?$", replacement="").cast(pa.large_string())


def is_time_of_day(values_: Any) -> bool:
    """Whether the first values of a column are times of day: 09:30, 093000 or 930 for the half hour after nine."""
    texts = [str(value).strip() for value in values_ if value is not None and str(value).strip()]
    return bool(texts) and all(re.fullmatch(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?|\d{1,6}", text) for text in texts)
