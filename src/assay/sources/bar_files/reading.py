"""The one reader of bar files: recognise, read, clean, and say what was done."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from assay.errors import BarsError, FileFormatError, InputError
from assay.market import Bars, Market, Timeframe, canonical_symbol
from assay.market.bars import PRICES
from assay.market.calendar import DAY_MS
from assay.sources.bar_files.arrow_tables import read_feather_table, read_parquet_table
from assay.sources.bar_files.cells import decoded, flags, is_text, listed, mask_array, text_array
from assay.sources.bar_files.container import open_content
from assay.sources.bar_files.dialects import dialect_of
from assay.sources.bar_files.fields import Layout, find_layout, nameless_columns, plain, without_levels
from assay.sources.bar_files.file_names import Named, named_in, stem_of
from assay.sources.bar_files.json_table import read_json_table
from assay.sources.bar_files.layouts import find_row_layout
from assay.sources.bar_files.numerals import all_numbers, read_numbers
from assay.sources.bar_files.options import ReadingOptions
from assay.sources.bar_files.selectors import MAX_NAMED, as_texts, check_selectors, with_selectors
from assay.sources.bar_files.settling import settle
from assay.sources.bar_files.stamps import Stamps, is_time_of_day, read_stamps
from assay.sources.bar_files.taken import TakenRows
from assay.sources.bar_files.text_table import read_text_table
from assay.sources.row_cleaning import MAX_CONFLICTS, Rows, clean_rows
from assay.sources.timeframes import check_one_timeframe

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from assay.sources.bar_files.container import Content, OpenedFile
    from assay.sources.bar_files.dialects import Dialect
    from assay.sources.bar_files.table import Table

_TABLES = {
    "json": read_json_table,
    "parquet": read_parquet_table,
    "feather": read_feather_table,
}
SHOWN_ROWS = 3
MIN_CLOSING = 0.9
"""Share of the stamps that have to be the last second of a bar, to be taken for it."""


@dataclass(frozen=True, eq=False)
class BarFile:
    """A file that was read.

    Attributes
    ----------
    rows : Rows
        The market, its sound rows in order of time, and what was wrong with the others.
    shape : str
        What the file is: ``CSV in zip, header in line 2``.
    dialect : str
        The format that was recognised; "" for none of the table.
    columns : dict of str to str
        Field and the column that it was read from.
    times : str
        How the times were read.
    notes : tuple of str
        What was decided, in sentences.
    shown : tuple of dict
        The first rows as they stand in the file, in its order, by field.
    """

    rows: Rows
    shape: str
    dialect: str
    columns: dict[str, str]
    times: str
    notes: tuple[str, ...]
    shown: tuple[dict[str, str], ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a user should know: what was decided, and what was wrong with rows."""
        return (*self.notes, *self.rows.findings.sentences())

    def bars(self) -> Bars:
        """Return the bars on the grid of their market."""
        c = self.rows.columns
        named = {name: c[name] for name in ("time", *PRICES)}
        return Bars.from_columns(self.rows.market, **named, volume=c.volume if c.has_volume else None)


def read_bar_file(
    path: str | Path | OpenedFile,
    market: Market | None = None,
    options: ReadingOptions | None = None,
    now_ms: int | None = None,
) -> BarFile:
    """Read a market's bars from a file of any usual format.

    Parameters
    ----------
    path : str, path or OpenedFile
        ``-`` is standard input.
    market : Market, optional
        Overrules what name and content say.
    options : ReadingOptions, optional
        Overrules the recognition.
    now_ms : int, optional
        Bars that end after this moment are left out: their values are not final.

    Raises
    ------
    FileFormatError
        The file as a whole cannot be understood, or holds more than one market or timeframe.
    BarsError
        A time or number cannot be read, or most rows cannot be bars; names the first of them.
    InputError
        There is no such file, or two arguments contradict each other.
    """
    options = options or ReadingOptions()
    if market is not None and options.timeframe not in (None, market.timeframe):
        raise InputError("timeframe", f"must be that of the market ({market.timeframe})", str(options.timeframe))
    with open_content(path) as content:
        try:
            return _read(content, market, options, now_ms)
        except BarsError as error:
            raise BarsError(error.row, error.column, error.rule, error.value, hint=f"In {content.shown}") from None


def _read(content: Content, market: Market | None, options: ReadingOptions, now_ms: int | None) -> BarFile:
    wanted = [column for _, column in options.columns if not column.isdigit()]
    table = read_text_table(content, wanted) if content.kind == "text" else _TABLES[content.kind](content)
    stem = stem_of(content.name)
    layout, dialect, named = recognise(table, stem, content.shown, options)
    taken = take_rows(table, _without_false_clock(table, layout), dialect, options, content.shown)
    if market is None:
        market, more = settle(taken, named, dialect, options, content.shown, stem)
    else:
        more = []
    ends = options.bar_end or (dialect is not None and dialect.bar_end)
    opens, moved = _opens(taken.ms, market.timeframe.ms, ends=ends)
    if options.timeframe is None:
        check_one_timeframe(opens, market.timeframe.ms, content.shown)
    more += moved
    rows = clean_rows(
        market,
        opens,
        taken.numbers,
        now_ms,
        empty=taken.empty,
        max_conflicts=MAX_CONFLICTS,
        where=content.shown,
    )
    notes = [*layout.notes, *taken.notes, *more]
    known = named.symbol is not None and market.kind == "spot"
    if dialect is not None and dialect.note and known and options.timezone is None:
        notes.append(dialect.note)
    if dialect is not None and dialect.inverse_note and "/USD:" in market.symbol:
        notes.append(dialect.inverse_note)
    if not rows.columns.has_volume:
        notes.insert(0, "there is no volume: every rule that needs one is false")
    return BarFile(
        rows,
        table.shape,
        dialect.name if dialect else "",
        {field: layout.names[position] or "(no name)" for field, position in taken.columns.items()},
        taken.read_as,
        tuple(notes),
        taken.shown,
    )


def recognise(table: Table, stem: str, where: str, options: ReadingOptions) -> tuple[Layout, Dialect | None, Named]:
    """Return where the fields of a table stand, its format and what its file's name says."""
    if table.names is None and not options.columns:
        layout, dialect = find_row_layout(table, stem, where)
        return with_selectors(layout, table.sample), dialect, named_in(stem, dialect, where)
    names, said = without_levels(table.names or (), where)
    table.says.update(said)
    names = names or tuple(f"column {i + 1}" for i in range(table.width))
    dialect = dialect_of(names, stem)
    named = named_in(stem, dialect, where)
    symbol = named.symbol or _sampled_symbol(table, names)
    known = dialect.columns if dialect else ()
    layout = find_layout(names, where, options, symbol, timed=_times_first(table, names), known=known)
    return with_selectors(layout, table.sample), dialect, named


def _sampled_symbol(table: Table, names: tuple[str, ...]) -> str | None:
    """Return the symbol that the first row says."""
    for position, name in enumerate(names):
        if plain(name) in ("symbol", "pair", "ticker", "coin") and table.sample and table.sample[0][position]:
            try:
                return canonical_symbol(str(table.sample[0][position]))
            except InputError:
                return None
    return None


def _times_first(table: Table, names: tuple[str, ...]) -> bool:
    """Whether a column without a name may hold times: its values are no row numbers."""
    nameless = nameless_columns(names)
    return bool(nameless) and bool(table.sample) and len(str(table.sample[0][nameless[0]] or "")) >= 8


def take_rows(table: Table, layout: Layout, dialect: Dialect | None, options: ReadingOptions, where: str) -> TakenRows:
    """Return the stamps and numbers of a table's rows that hold something and are asked for."""
    columns = dict(layout.columns)
    extra = [position for _, position in layout.selectors]
    asked = {name: _where_position(layout, name, where) for name, _ in options.where}
    ticks = [] if layout.ticks is None else [layout.ticks]
    needed = [*columns.values(), *layout.other_times, *ticks, *extra, *asked.values()]
    by_position = dict(zip(needed, table.load(needed), strict=True))
    heads = _repeated_headers(by_position, columns, layout)
    keep = ~heads
    for name, value in options.where:
        keep &= _equal(by_position[asked[name]], value, name, where, keep)
    origin = np.flatnonzero(keep)
    mask = None if keep.all() else mask_array(keep)
    by_position = {i: column if mask is None else column.filter(mask) for i, column in by_position.items()}
    says = check_selectors(by_position, layout, where) | table.says
    try:
        return _take(by_position, columns, layout, dialect, options, where, table, says, int(heads.sum()))
    except BarsError as error:
        row = int(origin[error.row])
        row += sum(1 for dropped in table.dropped if dropped <= row)
        raise BarsError(row, error.column, error.rule, error.value) from None


def _take(
    by_position: dict[int, Any],
    columns: dict[str, int],
    layout: Layout,
    dialect: Dialect | None,
    options: ReadingOptions,
    where: str,
    table: Table,
    says: dict[str, str],
    heads: int,
) -> TakenRows:
    notes = []
    if heads or table.dropped:
        lines = "1 line is" if heads + len(table.dropped) == 1 else f"{heads + len(table.dropped):,} lines are"
        notes.append(f"{lines} no row of the table (a header, a banner or a line cut off) and left out")
    fields = [name for name in (*PRICES, "volume") if name in columns]
    comma = table.delimiter in (";", "\t", " ")
    shown = _shown(by_position, columns)
    # popped, so that the memory of texts is free when numbers are made of them
    values = read_numbers({name: by_position.pop(columns[name]) for name in fields}, where, comma=comma)
    if layout.ticks is not None and "volume" in values and not np.nan_to_num(values["volume"]).any():
        columns["volume"] = layout.ticks
        values |= read_numbers({"volume": by_position[layout.ticks]}, where)
        notes.append(f"the volume is 0 in every row, so {layout.names[layout.ticks]!r} is read: a count of ticks")
    if "volume" in values and np.isnan(values["volume"]).all():
        del values["volume"], columns["volume"]
    empty = np.logical_and.reduce([np.isnan(values[name]) for name in PRICES])
    clock = by_position[columns["time_of_day"]] if "time_of_day" in columns else None
    zone = dialect.timezone if dialect else "UTC"
    times = read_stamps(by_position[columns["time"]], clock, layout.names[columns["time"]], where, options, zone)
    if len(lost := np.flatnonzero(times.missing & ~empty)):
        raise BarsError(int(lost[0]), "time", "must not be empty", "null")
    for position in layout.other_times:
        other = read_stamps(by_position[position], None, layout.names[position], where, options, zone)
        _check_agreement(times, other, [layout.names[columns["time"]], layout.names[position]], where)
        if times.days_only and not other.days_only:
            times, columns["time"] = other, position
    ms = times.ms  # 0 where there is none
    if not (~empty).any():
        raise FileFormatError(where, "must have at least one row with prices")
    here = ~empty
    if not here.all():
        ms, values = ms[here], {name: column[here] for name, column in values.items()}
    return TakenRows(columns, ms, values, int(empty.sum()), says, times.read_as, (*notes, *times.notes), shown)


def _without_false_clock(table: Table, layout: Layout) -> Layout:
    """Take a second time column for a time of day only where it holds such."""
    clock = layout.columns.get("time_of_day")
    if clock is None or is_time_of_day(row[clock] for row in table.sample):
        return layout
    columns = {name: position for name, position in layout.columns.items() if name != "time_of_day"}
    return replace(layout, columns=columns | {"time": clock}, other_times=(columns["time"],))


def _where_position(layout: Layout, name: str, where: str) -> int:
    for position, known in enumerate(layout.names):
        if known.strip().lower() == name.strip().lower():
            return position
    others = ", ".join(filter(None, layout.names))
    raise FileFormatError(where, "has no such column (--where)", name, f"Its columns are {others}")


def _equal(column: Any, value: str, name: str, where: str, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the rows whose value is the one that is asked for, in any case."""
    texts = as_texts(column)
    wanted = value.strip().lower()
    unique = {text: (text or "").strip().lower() == wanted for text in pc.unique(texts).to_pylist()}
    if not any(unique.values()):
        known = sorted(text for text in unique if text)[:MAX_NAMED]
        raise FileFormatError(where, f"has no row with {name} = {value}", hint=f"There are {', '.join(known)}")
    hits = text_array([text or "" for text, hit in unique.items() if hit])
    return flags(pc.is_in(texts, value_set=hits)) & keep


def _repeated_headers(by_position: dict[int, Any], columns: dict[str, int], layout: Layout) -> NDArray[np.bool_]:
    """Mark rows that repeat the header, as joined files have them."""
    column = by_position[columns["close"]]
    if all_numbers(column) or not is_text((column := decoded(column)).type):
        return np.zeros(len(column), dtype=np.bool_)
    letters = flags(pc.match_substring_regex(column, "^[^0-9]*[A-Za-z]{3}"))
    return letters & _all_names(by_position, columns, layout) if letters.any() else letters


def _all_names(by_position: dict[int, Any], columns: dict[str, int], layout: Layout) -> NDArray[np.bool_]:
    """Mark rows whose four prices are names of prices, each of its own column."""
    marks = np.ones(len(by_position[columns["close"]]), dtype=np.bool_)
    for field in PRICES:
        texts = pc.utf8_lower(decoded(by_position[columns[field]]))
        own = text_array(list(dict.fromkeys([layout.names[columns[field]].strip().lower(), field])))
        hit = flags(pc.is_in(texts, value_set=own))
        marks &= hit
    return marks


def _check_agreement(times: Stamps, other: Stamps, names: list[str], where: str) -> None:
    """Refuse a second column of times that says something else than the first."""
    unit = DAY_MS if other.days_only or times.days_only else 1
    differs = times.ms // unit != other.ms // unit
    differs &= ~(times.missing | other.missing)
    if differs.any():
        row = int(np.flatnonzero(differs)[0])
        said = [np.datetime64(int(stamps.ms[row]), "ms") for stamps in (times, other)]
        texts = [f"{name!r} says {moment}" for name, moment in zip(names, said, strict=True)]
        rule = f"has two columns of times that differ, first in row {row}: {' and '.join(texts)} (UTC)"
        raise FileFormatError(where, rule, hint=f"Choose one: --columns time={names[0]}")


def _shown(by_position: dict[int, Any], columns: dict[str, int]) -> tuple[dict[str, str], ...]:
    first = {name: listed(by_position[position].slice(0, SHOWN_ROWS)) for name, position in columns.items()}
    rows = min((len(column) for column in first.values()), default=0)
    return tuple({name: str(column[row]) for name, column in first.items()} for row in range(rows))


def _opens(ms: NDArray[np.int64], step: int, *, ends: bool) -> tuple[NDArray[np.int64], list[str]]:
    """Return when bars open, and what was said of it: some files write when they end, or their last second."""
    last = (ms + 1000) // 1000 * 1000
    if ((last % step == 0) & (ms % step != 0)).mean() > MIN_CLOSING:
        return last - step, ["the times are the last second of each bar, so its open is one bar before"]
    if ends:
        return ms - step, ["the times are those at which bars end, so their opens are one bar before"]
    return ms, []


def read_bars(
    path: str | os.PathLike[str],
    market: Market | None = None,
    timeframe: Timeframe | str | None = None,
    **recognition: Any,
) -> Bars:
    """Read a market's bars from a file: CSV, TSV, JSON, Parquet or Feather, plain or in gzip or zip.

    Columns, times and the market are recognised as `read_bar_file` says; rows are put in order of time. Rows that
    cannot be bars are left out with a warning that counts them, as `assay data import` does.

    Parameters
    ----------
    path : str or path
        The file; a name such as ``BINANCE_BTCUSDT_5m.parquet`` says which market it is.
    market : Market or None
        Overrules the name.
    timeframe : Timeframe or str or None
        Overrules the name; without either it is the most common step of the stamps.
    **recognition
        ``columns``, ``timezone``, ``dates``, ``where`` and ``bar_end`` of `ReadingOptions.parse`.

    Raises
    ------
    FileFormatError
        The file as a whole cannot be understood.
    BarsError
        Naming the first row that breaks a rule.
    InputError
        There is no such file, or two arguments contradict each other.
    """
    options = ReadingOptions.parse(timeframe=timeframe, **recognition)
    found = read_bar_file(os.fspath(path), market, options)
    if left_out := found.rows.findings.sentences(ordered=False):
        warnings.warn(f"{os.fspath(path)}: {'; '.join(left_out)}", stacklevel=2)
    return found.bars()
