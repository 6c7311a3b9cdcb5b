"""Bars and tables in Parquet and CSV files; every write is atomic."""

from __future__ import annotations

import csv as text_csv
import gzip
import os
import re
import secrets
import zlib
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from assay.errors import BarsError, FileFormatError, InputError
from assay.lazy import lazy
from assay.market import Market, Timeframe, market_from_name
from assay.market.bars import PRICES
from assay.sources.columns import build_bars, field_of, match_columns, numbers, settle_market, stamps_ms
from assay.sources.row_cleaning import Rows, clean_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray
    from pyarrow import csv, parquet

    from assay.market import Bars
else:  # one of the two is needed for a file
    csv, parquet = lazy("pyarrow.csv"), lazy("pyarrow.parquet")

_SUFFIX = re.compile(r"\.(?:(parquet|pq)|csv(\.gz)?)$", re.IGNORECASE)


def read_bars(
    path: str | os.PathLike[str], market: Market | None = None, timeframe: Timeframe | str | None = None
) -> Bars:
    """Read a market's bars from a Parquet or CSV file (``.parquet``, ``.csv``, ``.csv.gz``).

    Columns are recognised by name in any case and order; others are ignored. Rows must be in order
    of time and are never sorted here.

    Parameters
    ----------
    path : str or path
        The file; a name such as ``BINANCE_BTCUSDT_5m.parquet`` says which market it is.
    market : Market or None
        Overrules the name.
    timeframe : Timeframe or str or None
        Overrules the name; without either it is the most common step of the stamps.

    Raises
    ------
    FileFormatError
        The file as a whole cannot be understood.
    BarsError
        Naming the first row that breaks a rule.
    InputError
        There is no such file, or two arguments contradict each other.
    """
    with _located(path):
        columns, time, settled = _read(Path(path), market, timeframe)
        return build_bars(columns, time, settled, str(path))


def read_rows(
    path: str | os.PathLike[str],
    market: Market | None = None,
    timeframe: Timeframe | str | None = None,
    now_ms: int | None = None,
) -> Rows:
    """Read a market's sound rows from a file that may be dirty, and count the others.

    Where `read_bars` refuses the first row that breaks a rule, this leaves such rows out, puts the others in order and
    says how many there were of each kind.

    Parameters
    ----------
    path, market, timeframe
        As in `read_bars`.
    now_ms : int or None
        Bars that end after this moment are left out: their values are not final.

    Raises
    ------
    FileFormatError
        The file as a whole cannot be understood.
    BarsError
        A time or number cannot be read, or more than half of the rows cannot be bars; names the first of them.
    InputError
        There is no such file, or two arguments contradict each other.
    """
    with _located(path):
        columns, time, settled = _read(Path(path), market, timeframe)
        return clean_rows(settled, time, numbers(columns, str(path), empty=True), now_ms)


@contextmanager
def _located(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in errors that know only the row."""
    try:
        yield
    except BarsError as error:
        raise BarsError(error.row, error.column, error.rule, error.value, hint=f"In {path}") from None


def _read(
    file: Path, market: Market | None, timeframe: Timeframe | str | None
) -> tuple[dict[str, Any], NDArray[np.int64], Market]:
    """Return the Arrow columns by field, the stamps in milliseconds and the market."""
    frame = Timeframe.parse(timeframe) if isinstance(timeframe, str) else timeframe
    if market is not None and frame not in (None, market.timeframe):
        raise InputError("timeframe", f"must be that of the market ({market.timeframe})", str(frame))
    suffix = _checked_suffix(file)
    names, columns = _read_parquet(file) if suffix[1] else _read_csv(file, packed=bool(suffix[2]))
    time = stamps_ms(columns, names, str(file))
    if market is None:
        stem = file.name[: suffix.start()]
        unknown = Market("file", stem.upper(), Timeframe(60_000))
        market = settle_market(time, market_from_name(stem), frame, unknown, str(file))
    return columns, time, market


def write_bars(path: str | os.PathLike[str], bars: Bars) -> None:
    """Write the recorded bars to a Parquet or CSV file, atomically; absent ones are left out.

    The columns are ``timestamp`` (milliseconds UTC) and ``open`` to ``volume``; without recorded
    volume that column is left out too.
    """
    there = ~bars.absent
    names = (*PRICES, "volume") if bars.has_volume else PRICES
    columns: dict[str, Any] = {"timestamp": _fixed(bars.time[there], pa.timestamp("ms", "UTC"))}
    write_table(path, columns | {name: getattr(bars, name)[there] for name in names})


def write_table(path: str | os.PathLike[str], columns: Mapping[str, ArrayLike]) -> None:
    """Write columns of equal length to a Parquet or CSV file, atomically.

    Parameters
    ----------
    path : str or path
        The suffix says which: ``.parquet``, ``.csv`` or ``.csv.gz``.
    columns : mapping of str to array_like, shape (n,) each
        Numbers, Booleans, texts or ``datetime64``, in the order of the file.

    Raises
    ------
    InputError
        The columns differ in length, or the file cannot be written.
    """
    file = Path(path)
    suffix = _known_suffix(file)
    arrays = {name: _arrow(values) for name, values in columns.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("columns", "must have one length", lengths)
    table = pa.Table.from_arrays(list(arrays.values()), names=list(arrays))
    with _replacing(file) as out:
        if suffix[1]:
            parquet.write_table(table, out, compression="zstd")
        else:
            # Without a name and a time in the gzip header, equal tables are equal bytes.
            packed = gzip.GzipFile("", "wb", 6, out, 0) if suffix[2] else nullcontext(out)
            with packed as stream:
                csv.write_csv(table, stream)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, atomically."""
    with _replacing(Path(path)) as out:
        out.write(text.encode())


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to an .npz file, atomically."""
    with _replacing(Path(path)) as out:
        save: Callable[..., None] = np.savez  # its stub takes the arrays' names for options of its own
        save(out, **arrays)


def _known_suffix(file: Path) -> re.Match[str]:
    match = _SUFFIX.search(file.name)
    if match is None:
        raise FileFormatError(str(file), "must end in .parquet, .csv or .csv.gz")
    return match


def _checked_suffix(file: Path) -> re.Match[str]:
    """Return the suffix of a file that is there and not empty."""
    if file.is_dir():
        raise InputError(str(file), "must be a file, but it is a folder")
    if not file.exists():
        raise InputError(str(file), "there is no such file")
    suffix = _known_suffix(file)
    if not file.stat().st_size:
        raise FileFormatError(str(file), "is empty")
    return suffix


def _read_parquet(file: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the names and the Arrow columns by field."""
    try:
        with parquet.ParquetFile(file) as content:
            schema = content.schema_arrow
            # pandas stores a plain row number under a name that may also hold times.
            known = [f.name if pa.types.is_timestamp(f.type) or f.name != "__index_level_0__" else "" for f in schema]
            names = {field: known[i] for field, i in match_columns(known, str(file)).items()}
            table = content.read(columns=list(names.values()))
    except PermissionError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from None
    except (pa.ArrowException, OSError) as error:
        raise FileFormatError(str(file), f"is not a readable Parquet file: {_sentence(error)}") from None
    return names, {field: table.column(name) for field, name in names.items()}


def _read_csv(file: Path, *, packed: bool) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the names and the Arrow columns, all texts, by field."""
    header, delimiter, skipped = _read_header(file, packed=packed)
    positions = match_columns(header, str(file))
    # Columns are called by position, so that no difference in quoting can matter.
    chosen = [str(position) for position in positions.values()]
    try:
        table = csv.read_csv(
            str(file),
            # One thread, or a row of a wrong length is not numbered.
            read_options=csv.ReadOptions(
                use_threads=False, skip_rows=skipped, column_names=[str(i) for i in range(len(header))]
            ),
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(include_columns=chosen, column_types=dict.fromkeys(chosen, pa.string())),
        )
    except (pa.ArrowException, OSError) as error:
        if short := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", str(error)):
            row, rule = int(short[1]) - skipped - 1, f"must have {short[2]} values, as the header has"
            raise FileFormatError(f"{file} row {row}", rule, int(short[3])) from None
        raise FileFormatError(str(file), f"is not a readable CSV file: {_sentence(error)}") from None
    names = {field: header[position] for field, position in positions.items()}
    return names, dict(zip(positions, table.columns, strict=True))


def _read_header(file: Path, *, packed: bool) -> tuple[list[str], str, int]:
    """Return the column names, the delimiter and the number of lines to skip to the data."""
    line, number = _first_line(file, packed=packed)
    delimiter = max(",;\t", key=line.count)
    header = [name.strip() for name in next(text_csv.reader([line], delimiter=delimiter))]
    if not any(field_of(name) for name in header) and any(_is_number(name) for name in header):
        raise FileFormatError(str(file), "must name its columns in the first line", line)
    return header, delimiter, number


def _first_line(file: Path, *, packed: bool) -> tuple[str, int]:
    """Return the first line that is not blank, and its number from 1."""
    opened = cast("Callable[..., IO[str]]", gzip.open if packed else open)
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    return line.strip("\r\n"), number
    except PermissionError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FileFormatError(str(file), f"is not a readable CSV file: {_sentence(error)}") from None
    raise FileFormatError(str(file), "is empty")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _sentence(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0].rstrip(".") or type(error).__name__


@contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    """Open a new file beside the old one and put it in its place when all is written."""
    part = file.parent / f".{secrets.token_hex(8)}.part"
    try:
        try:
            with part.open("xb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(str(file), f"cannot be written: {error.strerror or error}") from None


def _fixed(values: Any, kind: Any) -> Any:
    """Return an Arrow array over the memory of a numpy array of fixed width."""
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [None, buffer])


def _arrow(values: Any) -> Any:
    """Return an Arrow array of any column, from its buffers where that spares the import of pandas."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError("columns", "must have one dimension", array.shape)
    if array.dtype.kind in "iuf" and array.dtype.isnative:
        return _fixed(array, pa.from_numpy_dtype(array.dtype))
    if array.dtype.kind == "M" and np.datetime_data(array.dtype) in (("ms", 1), ("us", 1), ("ns", 1)):
        there = pa.py_buffer(np.packbits(~np.isnat(array), bitorder="little"))
        kind = pa.timestamp(np.datetime_data(array.dtype)[0])
        return pa.Array.from_buffers(
            kind, len(array), [there, pa.py_buffer(np.ascontiguousarray(array).view(np.int64))]
        )
    if array.dtype.kind == "b":
        bits = pa.py_buffer(np.packbits(array, bitorder="little"))
        return pa.Array.from_buffers(pa.bool_(), len(array), [None, bits])
    if array.dtype.kind == "U":
        texts = [text.encode() for text in array.tolist()]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
    return pa.array(array)
