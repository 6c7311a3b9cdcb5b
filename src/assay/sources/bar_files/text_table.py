"""Text with delimiters: where its header and its rows begin, and its columns as texts."""

from __future__ import annotations

import csv as text_csv
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assay.errors import FileFormatError
from assay.lazy import lazy
from assay.sources.bar_files.container import sentence
from assay.sources.bar_files.fields import field_of, is_number, names_bars
from assay.sources.bar_files.table import SAMPLE_ROWS, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyarrow import csv

    from assay.sources.bar_files.container import Content
else:
    csv = lazy("pyarrow.csv")

DELIMITERS = (",", ";", "\t", "|")
_KINDS = {
    ",": "CSV",
    "\t": "text with tabs",
    ";": "CSV with semicolons",
    "|": "text with bars |",
    " ": "text with spaces",
}
_SPACE = " "
"""Separates cells where nothing else does: `numpy.savetxt` and R's `write.table` write so."""

MAX_LINE = 1 << 16
"""Characters; a longer line is no row of bars."""

MAX_BANNER_LINES = 60
MAX_ODD_ROWS = 1000
"""Rows of another width than the header that are looked at before the file is given up."""


@dataclass(frozen=True)
class _Found:
    """Where a table begins: line of the header (None without one) and of the first row, from 0, and its names."""

    delimiter: str
    header: int | None
    first: int
    names: tuple[str, ...] | None
    says: dict[str, str] = field(default_factory=dict)


def read_text_table(content: Content, wanted: Sequence[str] = ()) -> Table:
    """Return the table of a text.

    Lines above the header (banners, comments) are skipped. A file without a header is one whose first line of numbers
    begins with a time.

    Parameters
    ----------
    content : Content
    wanted : sequence of str
        Names that the header must have, where the user said which column is which.

    Raises
    ------
    FileFormatError
        There is no header and no row of numbers, or a line is too long.
    """
    lines = content.head.decode("utf-8", errors="replace").splitlines()
    if not content.complete:
        lines = lines[:-1]
    if not lines or max(map(len, lines)) > MAX_LINE:
        rule = f"must be lines of at most {MAX_LINE >> 10} thousand characters"
        raise FileFormatError(content.shown, rule, (lines or [content.head[:40].decode(errors="replace")])[0][:40])
    found = _locate(lines, content.shown, [name.strip().lower() for name in wanted])
    rows = [_cells(line, found.delimiter) for line in lines[found.first : found.first + SAMPLE_ROWS] if line.strip()]
    found = _widened(found, rows)
    width = len(found.names) if found.names is not None else len(rows[0]) if rows else 0
    dropped: list[int] = []
    return Table(
        shape=_shape(content, found),
        names=found.names,
        sample=[row for row in rows if len(row) == width],
        load=lambda positions: _load(content, found, width, positions, dropped),
        says=found.says,
        dropped=dropped,
        delimiter=found.delimiter,
    )


def _shape(content: Content, found: _Found) -> str:
    kind = {
        ",": "CSV",
        "\t": "text with tabs",
        ";": "CSV with semicolons",
        "|": "text with bars |",
        " ": "text with spaces",
    }[found.delimiter]
    packed = f"{kind} in {content.packing}" if content.packing else kind
    return f"{packed}, header in line {found.header + 1}" if found.header is not None else f"{packed}, no header"


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(text_csv.reader([line], delimiter=delimiter), [])]


def _locate(lines: list[str], shown: str, wanted: list[str]) -> _Found:
    """Return where the table begins: at the first line that names the prices, else at the first row of numbers."""
    headers: list[tuple[int, int, str]] = []
    rows: list[tuple[int, int, str]] = []
    for delimiter in (*DELIMITERS, _SPACE):
        if delimiter == _SPACE and (headers or rows):
            break
        for number, line in enumerate(lines[:MAX_BANNER_LINES]):
            cells = _cells(line, delimiter)
            held = {cell.lower() for cell in cells}
            if names_bars(cells) or (wanted and held.issuperset(wanted)):
                headers.append((number, -len(cells), delimiter))
                break
        first = _first_row(lines, delimiter)
        if first is not None:
            rows.append((first, -len(_cells(lines[first], delimiter)), delimiter))
    if headers:
        number, _, delimiter = min(headers)
        return _with_header(lines, number, delimiter)
    if not rows:
        return _nothing(lines, shown)
    number, _, delimiter = min(rows)
    numbered = _cells(lines[number], delimiter)
    if _is_counted(numbered):  # pandas wrote a frame without names
        return _Found(delimiter, None, number + 1, None)
    return _Found(delimiter, None, number, None)


def _nothing(lines: list[str], shown: str) -> _Found:
    """Return a header of names that are not known, so that the error can tell them; refuse where there is none."""
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    delimiter = max(DELIMITERS, key=lines[first].count)
    cells = _cells(lines[first], delimiter)
    if len(cells) < 2 or any(is_number(cell) for cell in cells):
        rule = "must be a table with a header that names time, open, high, low and close, or rows of them"
        raise FileFormatError(shown, rule, lines[first][:80])
    return _Found(delimiter, first, first + 1, tuple(cells))


def _first_row(lines: list[str], delimiter: str) -> int | None:
    """Return the first line that looks like a bar: five cells or more, the prices numbers, and the next line alike."""
    for number, line in enumerate(lines[:MAX_BANNER_LINES]):
        cells = _cells(line, delimiter)
        following = [_cells(other, delimiter) for other in lines[number + 1 : number + 3] if other.strip()]
        alike = all(len(other) == len(cells) for other in following)
        if len(cells) >= 5 and alike and sum(is_number(cell) for cell in cells[1:]) >= 4 and cells[0][:1].isdigit():
            return number
        if len(cells) >= 6 and alike and _is_counted(cells):
            return number
    return None


def _is_counted(cells: Sequence[str]) -> bool:
    """Whether cells are the column numbers that pandas writes where a frame has no names."""
    counted = [cell for cell in cells if cell]
    return len(counted) >= 5 and counted == [str(i) for i in range(len(counted))] and all(cells[1:])


def _with_header(lines: list[str], number: int, delimiter: str) -> _Found:
    names = _cells(lines[number], delimiter)
    following = [_cells(line, delimiter) for line in lines[number + 1 : number + 3]]
    plain = _Found(delimiter, number, number + 1, tuple(names))
    if any(field_of(name) == "time" for name in names) or not following:
        return plain
    # the columns of a frame with two levels: fields above, tickers below, and the name of the index in a third line
    tickers = following[0][1:]
    named = following[0][:1] in (["Ticker"], ["Symbol"], ["Symbols"], ["ticker"])
    if not named and (not following[0] or following[0][0] or not all(tickers) or any(map(is_number, tickers))):
        return plain
    index = following[1] if len(following) > 1 and len(following[1]) and not any(following[1][1:]) else None
    first = number + (3 if index and not is_number(index[0]) else 2)
    alone = len(set(tickers)) == 1
    called = names[1:] if alone else [f"{name} {ticker}" for name, ticker in zip(names[1:], tickers, strict=False)]
    says = {"symbol": tickers[0]} if alone and tickers[0] else {}
    return _Found(delimiter, number, first, ("Date", *called), says)


def _widened(found: _Found, rows: list[list[str]]) -> _Found:
    """Return the names of a header that is one shorter than its rows: a last empty cell, or an index in front."""
    if found.names is None or not rows or any(len(row) != len(found.names) + 1 for row in rows):
        return found
    last = not any(row[-1] for row in rows)
    return replace(found, names=(*found.names, "") if last else ("", *found.names))


def _load(content: Content, found: _Found, width: int, positions: Sequence[int], dropped: list[int]) -> list[Any]:
    """Return the columns at some positions as texts, and note which rows were no rows."""
    chosen = [str(position) for position in dict.fromkeys(positions)]
    odd: list[tuple[int, int, str]] = []

    def on_odd_row(row: Any) -> str:
        odd.append((int(row.number) - 1, int(row.actual_columns), str(row.text)[:80]))
        return "skip" if len(odd) <= MAX_ODD_ROWS else "error"

    try:
        table = csv.read_csv(
            content.stream,
            # One thread, or a row of a wrong length is not numbered.
            read_options=csv.ReadOptions(
                use_threads=False, skip_rows=found.first, column_names=[str(i) for i in range(width)]
            ),
            parse_options=csv.ParseOptions(
                delimiter=found.delimiter, invalid_row_handler=on_odd_row, newlines_in_values=b'"' in content.head
            ),
            convert_options=csv.ConvertOptions(include_columns=chosen, column_types=dict.fromkeys(chosen, pa.string())),
        )
    except (pa.ArrowException, OSError) as error:
        _check_odd(content, found, width, odd, None)
        if re.search("newlines_in_values|straddl", str(error)):
            raise FileFormatError(content.shown, "has a cell in quotes that does not end in its line") from None
        raise FileFormatError(content.shown, f"is not a readable CSV file: {sentence(error)}") from None
    _check_odd(content, found, width, odd, len(table))
    dropped.extend(row - found.first for row, _, _ in odd)
    by_name = dict(zip(chosen, table.columns, strict=True))
    return [by_name[str(position)] for position in positions]


def _check_odd(content: Content, found: _Found, width: int, odd: list[tuple[int, int, str]], rows: int | None) -> None:
    """Refuse rows of another width, but for banners between joined files and a last row that was cut off."""
    for row, actual, text in odd:
        last = rows is not None and row - found.first >= rows + len(odd) - 1 and actual < width
        banner = actual == 1 or text.startswith(("#", "http", '"http'))
        if not last and not banner:
            at = f"{content.shown} row {row - found.first}"
            what = "as the header has" if found.names is not None else "as the first row has"
            raise FileFormatError(at, f"must have {width} values, {what}", actual)
