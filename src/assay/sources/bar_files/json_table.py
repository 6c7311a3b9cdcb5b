"""JSON as exchanges answer it and programs write it: rows, records, columns, lines, and what surrounds them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assay.errors import FileFormatError
from assay.market.names import is_pair
from assay.sources.bar_files.arrow_tables import table_of_columns
from assay.sources.bar_files.container import sentence
from assay.sources.bar_files.fields import names_bars

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.sources.bar_files.container import Content
    from assay.sources.bar_files.table import Table

MAX_JSON_BYTES = 100 << 20
"""Parsed JSON takes several times its size in memory."""

MAX_DEPTH = 6
MAX_TABLES = 1000
"""Entries of a list that are looked into."""
_SAYS = {
    "symbol": ("symbol", "pair", "instrument", "ticker"),
    "timeframe": ("interval", "timeframe"),
    "exchange": ("exchange",),
    "kind": ("category",),
}
MAX_NAMED = 8


@dataclass(frozen=True)
class _Found:
    """A table in a document: its columns, the key that it stands under, and what is said beside it."""

    names: list[str]
    columns: list[list[Any]]
    key: str = ""
    says: dict[str, str] = field(default_factory=dict)


def read_json_table(content: Content) -> Table:
    """Return the table of a JSON document or of lines of JSON.

    Raises
    ------
    FileFormatError
        It is no JSON, too large, nested too deeply, or holds no table of bars.
    """
    data = content.stream.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        rule = f"must hold at most {MAX_JSON_BYTES >> 20} MB of JSON; write it as CSV or Parquet"
        raise FileFormatError(content.shown, rule)
    lines = _is_lines(data)
    try:
        found = _parse_lines(data) if lines else json.loads(data)
    except RecursionError:
        raise FileFormatError(content.shown, "is JSON nested too deeply") from None
    except ValueError as error:
        raise FileFormatError(content.shown, f"is not readable JSON: {sentence(error)}") from None
    tables = list(_tables(found, "", {}, 0))
    if not tables:
        rule = "must hold rows of bars: arrays of numbers, records with open, high, low and close, or columns of them"
        raise FileFormatError(content.shown, rule)
    if len(tables) > 1:
        keys = [one.says.get("symbol", one.key) for one in tables]
        named = ", ".join(dict.fromkeys(keys[:MAX_NAMED])) + (" ..." if len(keys) > MAX_NAMED else "")
        rule = f"must hold one table of bars, but it has {len(tables):,}: {named}"
        raise FileFormatError(content.shown, rule, hint="Write each to a file of its own")
    rows = tables[0]
    shape = "JSON lines" if lines else "JSON"
    shape = f"{shape} in {content.packing}" if content.packing else shape
    table = table_of_columns(shape, rows.names, [_column(column, content.shown) for column in rows.columns])
    table.says.update(({"symbol": rows.key} if is_pair(rows.key) else {}) | rows.says)
    return table


def _is_lines(data: bytes) -> bool:
    """Whether the first line is a document of its own and another follows."""
    first, _, rest = data.partition(b"\n")
    if not rest.strip():
        return _flat(first)
    try:
        parsed = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict | list)


def _flat(line: bytes) -> bool:
    """Whether a line is one record of plain values: lines of JSON with a single line."""
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and not any(isinstance(value, dict | list) for value in parsed.values())


def _parse_lines(data: bytes) -> list[Any]:
    rows = []
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
    return rows


Rows = tuple[list[str], list[list[Any]]]


def _tables(found: Any, key: str, said: dict[str, str], depth: int) -> Iterator[_Found]:
    """Yield the tables in a document; their names are numbers where rows have none."""
    if depth > MAX_DEPTH or not isinstance(found, dict | list) or not found:
        return
    if isinstance(found, dict):
        beside = [value for value in found.values() if isinstance(value, dict)]
        for one in (*beside, found):  # what is said of it stands above it, or beside it in an object of its own
            said = said | {what: one[name] for what, names in _SAYS.items() for name in names if _is_text(one, name)}
    rows = _of_list(found) if isinstance(found, list) else _of_columns(found)
    if rows is not None:
        yield _Found(*rows, key, said)
    elif isinstance(found, dict):
        for name, value in found.items():
            yield from _tables(value, name, said, depth + 1)
    elif all(isinstance(row, dict) for row in found) or _of_list(found[0]) is not None:
        for value in found[:MAX_TABLES]:
            yield from _tables(value, key, said, depth + 1)


def _is_text(found: Mapping[str, Any], name: str) -> bool:
    return isinstance(found.get(name), str)


def _of_list(found: Any) -> Rows | None:
    """Return the table of a list of rows or records, or None."""
    if not isinstance(found, list) or not found:
        return None
    if all(isinstance(row, list) for row in found):
        width = max(map(len, found))
        if width < 5 or any(isinstance(cell, dict | list) for cell in found[0]):
            return None
        columns = [[row[i] if i < len(row) else None for row in found] for i in range(width)]
        return [str(i) for i in range(width)], columns
    if all(isinstance(row, dict) for row in found):
        names = list(dict.fromkeys(name for row in found for name in row))
        inner = next((key for key in ("mid", "bid", "ask", "o") if isinstance(found[0].get(key), dict)), None)
        if inner is not None:  # Oanda's candles, Glassnode's prices
            found = [row | row[inner] for row in found if isinstance(row.get(inner), dict)]
            names = list(dict.fromkeys(name for row in found for name in row if not isinstance(row[name], dict)))
        if names_bars(names):
            return names, [[row.get(name) for row in found] for name in names]
    return None


def _of_columns(found: Mapping[str, Any]) -> Rows | None:
    """Return the table of an object that holds columns, or records by their time."""
    names = list(found)
    split = found.get("columns"), found.get("data")
    if isinstance(split[0], list) and isinstance(split[1], list) and names_bars([str(name) for name in split[0]]):
        rows: list[Any] = split[1]
        width = range(len(split[0]))
        columns = [[row[i] if i < len(row) else None for row in rows if isinstance(row, list)] for i in width]
        index = found.get("index")
        named = [str(name) for name in split[0]]
        return (["index", *named], [index, *columns]) if isinstance(index, list) else (named, columns)
    if names_bars(names):
        lists = {name: value for name, value in found.items() if isinstance(value, list)}
        if names_bars(list(lists)) and len({len(value) for value in lists.values()}) == 1:
            return list(lists), list(lists.values())
        keyed = {name: value for name, value in found.items() if isinstance(value, dict)}
        if names_bars(list(keyed)):  # pandas' to_json: columns of values by index
            index = list(next(iter(keyed.values())))
            return ["index", *keyed], [index, *([column.get(key) for key in index] for column in keyed.values())]
    records = {name: value for name, value in found.items() if isinstance(value, dict)}
    flat = all(not isinstance(cell, dict | list) for value in records.values() for cell in value.values())
    if records and len(records) == len(found) and flat and all(names_bars(list(r)) for r in records.values()):
        rows = list(records.values())  # records by their time, as Alpha Vantage and pandas write them
        return ["index", *rows[0]], [list(records), *([value.get(name) for value in rows] for name in rows[0])]
    return _of_chart(found)


def _of_chart(found: Mapping[str, Any]) -> Rows | None:
    """Return the table of Yahoo's chart: stamps beside the columns of a quote."""
    stamps, quotes = found.get("timestamp"), (found.get("indicators") or {})
    quote = quotes.get("quote") if isinstance(quotes, dict) else None
    if isinstance(stamps, list) and isinstance(quote, list) and quote and isinstance(quote[0], dict):
        columns = {name: value for name, value in quote[0].items() if isinstance(value, list)}
        if names_bars(list(columns)) and all(len(value) == len(stamps) for value in columns.values()):
            return ["timestamp", *columns], [stamps, *columns.values()]
    return None


def _column(values: Sequence[Any], shown: str) -> Any:
    """Return a column of JSON values as Arrow's; of several kinds as texts."""
    if any(isinstance(value, dict | list) for value in values):
        values = [None if isinstance(value, dict | list) else value for value in values]
    kinds = {type(value) for value in values if value is not None}
    if kinds - {int, float} and kinds != {str}:
        values = [None if value is None else str(value) for value in values]
    try:
        return pa.chunked_array([pa.array(values)])
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise FileFormatError(shown, f"holds values that are no numbers or texts: {sentence(error)}") from None
