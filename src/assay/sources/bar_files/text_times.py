"""Dates and times as people and programs write them, in milliseconds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.errors import BarsError, FileFormatError
from assay.market.calendar import DAY_MS, MINUTE_MS
from assay.sources.bar_files.cells import first_true, flags, text_array, values
from assay.sources.bar_files.options import fixed_offset

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CLOCK = (
    r"(?P<H>\d{1,2})(?::(?P<M>\d{2}))?(?::(?P<S>\d{2}))?(?:[.,](?P<f>\d{1,9}))?\s*-?\s*(?P<p>[AaPp]\.?[Mm]\.?)?"
    r"\s*(?P<z>[A-Za-z]{1,5}|(?:UTC|GMT)?\s?[+-]\d{1,2}:?\d{0,2})?"
)
_AFTER = rf"(?:(?:[T,;_]\s?|\s+){_CLOCK})?$"
_PACKED = r"(?:[T ;_]?(?P<H>\d{2}):?(?P<M>\d{2})(?::?(?P<S>\d{2}))?(?P<f>)(?P<p>)\s*(?P<z>Z|UTC|GMT)?)?$"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

FORMS = {
    "year-month-day": rf"^(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_AFTER}",
    "yyyymmdd": rf"^(?P<y>\d{{4}})(?P<m>\d{{2}})(?P<d>\d{{2}}){_PACKED}",
    "two numbers and a year": rf"^(?P<a>\d{{1,2}})[-/.](?P<b>\d{{1,2}})[-/.](?P<y>\d{{4}}|\d{{2}}){_AFTER}",
    "day month-name year": (
        r"^(?:[A-Za-z]{3,9},?\s)?(?P<d>\d{1,2})[- ]?(?P<n>[A-Za-z]{3,9})[-, ]*(?P<y>\d{4}|\d{2})" + _AFTER
    ),
    "month-name day year": rf"^(?P<n>[A-Za-z]{{3,9}})\.?\s(?P<d>\d{{1,2}}),?\s+(?P<y>\d{{4}}){_AFTER}",
}
"""Patterns of RE2; every row of a column must have the form of the first."""

_SLICE = 1 << 18
_DAYS = (r"^(1[3-9]|[23]\d)[-/.]", r"^\d{1,2}[-/.](1[3-9]|[23]\d)[-/.]")
"""A first or a second number that is no month."""

_SHORT_YEAR = r"\d{1,2}[-/.]\d{1,2}[-/.]\d\d(?!\d)"
_ENDS = (r"^(\d+)[-/.].*$", r"^\d+[-/.]\d+[-/.](\d+).*$")
"""The first and the third number of a date."""

RULE = "must be a date and time such as 2024-01-31T09:30:00Z, 31.01.2024 09:30, 20240131 093000, or a whole epoch"


def form_of(text: str) -> str | None:
    """Return the name of the form of a text, or None."""
    return next((name for name, pattern in FORMS.items() if re.match(pattern, text)), None)


def parse_texts(
    texts: Any, form: str, dates: str | None, where: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_], str]:
    """Return milliseconds, which of them are UTC (the others are local), and the form in words.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray
        Trimmed texts without null, shape (n,).
    form : str
        That of the first text.
    dates : str or None
        What the user says of the order of day and month.
    where : str
        What is read, for messages.

    Raises
    ------
    BarsError
        Naming the first row that is not of the form, or no moment of the calendar.
    FileFormatError
        The order of day and month cannot be told.
    """
    order = _order_of(texts, dates, where) if form == "two numbers and a year" else None
    if len(texts) <= _SLICE:
        return _parse(texts, form, order)
    # in slices, since the parts of a text take ten times its memory
    ms, zoned, words = [], [], form
    for start in range(0, len(texts), _SLICE):
        try:
            some, known, words = _parse(texts.slice(start, _SLICE), form, order)
        except BarsError as error:
            raise BarsError(start + error.row, error.column, error.rule, error.value) from None
        ms.append(some)
        zoned.append(known)
    return np.concatenate(ms), np.concatenate(zoned), words


def _parse(texts: Any, form: str, order: str | None) -> tuple[NDArray[np.int64], NDArray[np.bool_], str]:
    parts = pc.extract_regex(texts, FORMS[form])
    parts = parts.combine_chunks() if isinstance(parts, pa.ChunkedArray) else parts
    if parts.null_count:
        row = first_true(~flags(pc.is_valid(parts)))
        raise BarsError(row, "time", RULE, texts[row].as_py())
    months, days, years, form = _calendar(parts, form, order)
    years = np.where(years < 100, years + 2000, years)
    hours, minutes, seconds = (_numbers(parts, name) for name in "HMS")
    fraction = pc.utf8_slice_codeunits(pc.utf8_rpad(parts.field("f"), 3, "0"), 0, 3)
    ms = _values(fraction)
    hours = _afternoon(parts.field("p"), hours)
    _check(texts, years, months, days, hours, minutes, seconds)
    first = ((years - 1970) * 12 + months - 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    stamps = (first + days - 1) * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
    offsets, zoned = _offsets(parts.field("z"), texts)
    return stamps - offsets * MINUTE_MS, zoned, form


def _order_of(texts: Any, dates: str | None, where: str) -> str:
    """Return the order of day, month and year that the user says, or that all texts together show."""
    first = texts[0].as_py()
    short = bool(re.match(_SHORT_YEAR, first))
    if dates in ("dmy", "mdy") or (dates == "ymd" and short):
        return str(dates)
    day_first, day_second = (flags(pc.match_substring_regex(texts, pattern)).any() for pattern in _DAYS)
    parts = re.split("[-/.]", first)
    if short and not day_second:
        # the year is the one that takes fewer values
        begin, end = (len(pc.unique(pc.replace_substring_regex(texts, one, r"\1"))) for one in _ENDS)
        if begin <= end:
            ymd = f"20{int(parts[0]):02d}-{parts[1]}-{parts[2][:2]}"
            if begin < end:
                return "ymd"
            rule = f"must say the order of its dates, which its rows do not: {first!r} may be {ymd} or end in the year"
            raise FileFormatError(where, rule, hint="Say --dates ymd, --dates dmy or --dates mdy")
    if day_first != day_second:
        return "dmy" if day_first else "mdy"
    if not day_first and "." in first.split(" ")[0]:
        return "dmy"  # only there are dots written between
    a, b = int(parts[0]), int(parts[1])
    readings = f"{first!r} is day {a} of month {b}, or day {b} of month {a}"
    rule = f"must say the order of day and month, which its rows do not: {readings}"
    raise FileFormatError(where, rule, hint="Say --dates dmy or --dates mdy")


def _values(texts: Any) -> NDArray[np.int64]:
    """Return texts of digits as numbers, 0 for none."""
    filled = pc.replace_substring_regex(texts, pattern="^$", replacement="0")
    return values(filled, pa.int64())


def _numbers(parts: Any, name: str) -> NDArray[np.int64]:
    return _values(parts.field(name))


def _calendar(
    parts: Any, form: str, order: str | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], str]:
    """Return months, days and years, and the form in words."""
    years = _numbers(parts, "y")
    fields = {parts.type.field(i).name for i in range(parts.type.num_fields)}
    if "n" in fields:
        named = pc.utf8_slice_codeunits(pc.utf8_lower(parts.field("n")), 0, 3)
        known = flags(pc.is_in(named, value_set=text_array(_MONTHS)))
        months = values(pc.index_in(named, value_set=text_array(_MONTHS)), pa.int64())
        return np.where(known, months + 1, 0), _numbers(parts, "d"), years, form
    if "m" in fields:
        return _numbers(parts, "m"), _numbers(parts, "d"), years, form
    a, b = _numbers(parts, "a"), _numbers(parts, "b")
    if order == "ymd":
        return b, years, a, "year, month, day"
    return (b, a, years, "day, month, year") if order == "dmy" else (a, b, years, "month, day, year")


def _afternoon(halves: Any, hours: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return hours of 24, where AM or PM is written."""
    half = pc.utf8_lower(pc.utf8_slice_codeunits(halves, 0, 1))
    night, noon = (flags(pc.is_in(half, value_set=text_array([letter]))) for letter in "ap")
    if not (night | noon).any():
        return hours
    wrong = (night | noon) & ((hours < 1) | (hours > 12))
    hours = np.where(night | noon, hours % 12, hours) + np.where(noon, 12, 0)
    return np.where(wrong, 99, hours)


def _check(texts: Any, years: Any, months: Any, days: Any, hours: Any, minutes: Any, seconds: Any) -> None:
    """Refuse the first row that is no moment of the calendar."""
    wrong = (months < 1) | (months > 12) | (days < 1) | (hours > 23) | (minutes > 59) | (seconds > 59)
    wrong |= (years < 1970) | (years > 2200)
    safe = np.where(wrong, 0, (years - 1970) * 12 + months - 1)
    first = safe.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (safe + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    wrong |= days > after - first
    if wrong.any():
        row = first_true(wrong)
        raise BarsError(row, "time", "must be a moment that the calendar has", texts[row].as_py())


def _offsets(zones: Any, texts: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the minutes east of Greenwich of each row, and which rows say them."""
    encoded = pc.utf8_trim_whitespace(zones).dictionary_encode()
    known = [text.as_py() for text in encoded.dictionary]
    minutes = [0 if not text else fixed_offset(text.replace(" ", "")) for text in known]
    codes = values(encoded.indices, pa.int64())
    for code, value in enumerate(minutes):
        if value is None:
            row = first_true(codes == code)
            rule = "must be in a zone that has one meaning, such as UTC or +01:00; else drop it and say --timezone"
            raise BarsError(row, "time", rule, texts[row].as_py())
    offsets = np.array([value or 0 for value in minutes], dtype=np.int64)
    return offsets[codes], np.array([bool(text) for text in known], dtype=np.bool_)[codes]
