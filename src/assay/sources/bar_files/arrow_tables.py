"""Parquet and Feather files, and columns that are in memory already, as tables."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assay.errors import FileFormatError
from assay.lazy import lazy
from assay.market.bars import MAX_BARS
from assay.sources.bar_files.cells import is_text, listed
from assay.sources.bar_files.container import check_size, sentence
from assay.sources.bar_files.table import SAMPLE_ROWS, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyarrow import feather, ipc, parquet

    from assay.sources.bar_files.container import Content
else:
    feather, ipc, parquet = lazy("pyarrow.feather"), lazy("pyarrow.ipc"), lazy("pyarrow.parquet")

_LONGEST_CELL = 64
"""Bytes of a cell of a table of bars, on average, beyond which a column is none of it."""


def read_parquet_table(content: Content) -> Table:
    """Return the table of a Parquet file; only the columns that are needed are read."""
    try:
        file = parquet.ParquetFile(content.stream)
        schema, rows = file.schema_arrow, file.metadata.num_rows
        _check_rows(content.shown, rows)
        sizes = _column_sizes(file.metadata)
        sample = next(file.iter_batches(batch_size=SAMPLE_ROWS, columns=_small(schema, sizes, rows)), None)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FileFormatError(content.shown, f"is not a readable Parquet file: {sentence(error)}") from None

    def load(positions: Sequence[int]) -> list[Any]:
        wanted = [schema.names[position] for position in positions]
        check_size(content.shown, sum(sizes.get(name, 0) for name in wanted))
        try:
            table = file.read(columns=list(dict.fromkeys(wanted)))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise FileFormatError(content.shown, f"is not a readable Parquet file: {sentence(error)}") from None
        return [table.column(name) for name in wanted]

    return Table("Parquet", _names(schema), _rows_of(sample, schema), load)


def read_feather_table(content: Content) -> Table:
    """Return the table of a Feather file (Arrow's file format)."""
    try:
        if content.head.startswith(b"ARROW1"):
            _check_rows(content.shown, _arrow_rows(content))
            table = ipc.open_file(content.stream).read_all()
        else:  # the first version of the format
            table = feather.read_table(content.stream)
    except (pa.ArrowException, OSError, ValueError, struct.error, IndexError) as error:
        raise FileFormatError(content.shown, f"is not a readable Feather file: {sentence(error)}") from None
    _check_rows(content.shown, len(table))
    return table_of_columns("Feather", list(_names(table.schema)), table.columns)


def table_of_columns(shape: str, names: Sequence[str], columns: Sequence[Any]) -> Table:
    """Return a table of Arrow columns that are in memory."""
    rows = [listed(column.slice(0, SAMPLE_ROWS)) for column in columns]
    sample = [list(row) for row in zip(*rows, strict=True)]
    named = tuple(names) if any(name and not name.isdigit() for name in names) else None
    return Table(shape, named, sample, lambda positions: [columns[position] for position in positions])


def _names(schema: Any) -> tuple[str, ...]:
    # pandas stores a plain row number under a name that may also hold times
    return tuple(
        "" if field.name == "__index_level_0__" and not _may_be_time(field.type) else field.name for field in schema
    )


def _may_be_time(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or is_text(kind))


def _check_rows(shown: str, rows: int) -> None:
    if rows > MAX_BARS:
        raise FileFormatError(shown, f"must hold at most {MAX_BARS:,} rows", f"{rows:,}")


def _column_sizes(metadata: Any) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            sizes[column.path_in_schema] = sizes.get(column.path_in_schema, 0) + column.total_uncompressed_size
    return sizes


def _small(schema: Any, sizes: dict[str, int], rows: int) -> list[str]:
    """Return the columns whose first rows can be looked at without reading much."""
    return [name for name in schema.names if sizes.get(name, 0) <= _LONGEST_CELL * max(rows, 1000)]


def _rows_of(batch: Any, schema: Any) -> list[list[Any]]:
    if batch is None:
        return []
    columns = dict(zip(batch.schema.names, map(listed, batch.columns), strict=True))
    return [[columns[name][row] if name in columns else None for name in schema.names] for row in range(len(batch))]


def _arrow_rows(content: Content) -> int:
    """Return the rows that an Arrow file's messages declare, without unpacking them.

    Each message is a flatbuffer (format/Message.fbs of Arrow): a table whose third field is a record batch, whose first
    field is the number of its rows, and whose fourth is the length of the body that follows.
    """
    data, at, rows = content.stream.read(), 8, 0
    content.stream.seek(0)
    while at + 8 <= len(data):
        (mark, length) = struct.unpack_from("<II", data, at)
        if mark != 0xFFFFFFFF or not length:
            break
        start = at + 8
        message = start + struct.unpack_from("<I", data, start)[0]
        fields = _fields(data, message)
        kind = data[message + fields[1]] if len(fields) > 1 and fields[1] else 0
        body = struct.unpack_from("<q", data, message + fields[3])[0] if len(fields) > 3 and fields[3] else 0
        if kind == 3 and fields[2]:
            batch = message + fields[2]
            batch += struct.unpack_from("<I", data, batch)[0]
            first = _fields(data, batch)
            rows += struct.unpack_from("<q", data, batch + first[0])[0] if first and first[0] else 0
        at = start + length + body
    return rows


def _fields(data: bytes, table: int) -> tuple[int, ...]:
    """Return the offsets of a flatbuffer table's fields, 0 for one that is not there."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    return struct.unpack_from(f"<{max(size // 2 - 2, 0)}H", data, vtable + 4)
