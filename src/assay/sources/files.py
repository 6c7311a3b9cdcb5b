"""Bars and tables written to Parquet and CSV files; every write is atomic."""

from __future__ import annotations

import gzip
import os
import re
import secrets
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from assay.errors import FileFormatError, InputError
from assay.lazy import lazy
from assay.market.bars import PRICES
from assay.sources.spreadsheet_safe import harmless_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray
    from pyarrow import csv, parquet

    from assay.market import Bars
else:  # one of the two is needed for a file
    csv, parquet = lazy("pyarrow.csv"), lazy("pyarrow.parquet")

_SUFFIX = re.compile(r"\.(?:(parquet|pq)|csv(\.gz)?)$", re.IGNORECASE)


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
    # a spreadsheet runs what begins with = in a CSV file; other programs read Parquet as it is
    table = _table(columns if suffix[1] else harmless_columns(columns))
    with _replacing(file) as out:
        if suffix[1]:
            parquet.write_table(table, out, compression="zstd")
        else:
            # Without a name and a time in the gzip header, equal tables are equal bytes.
            packed = gzip.GzipFile("", "wb", 6, out, 0) if suffix[2] else nullcontext(out)
            with packed as stream:
                csv.write_csv(table, stream)


def table_csv(columns: Mapping[str, ArrayLike]) -> bytes:
    """Return columns of equal length as the very bytes that `write_table` puts into a ``.csv`` file.

    Raises
    ------
    InputError
        The columns differ in length.
    """
    out = pa.BufferOutputStream()
    csv.write_csv(_table(harmless_columns(columns)), out)
    return bytes(out.getvalue())


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, atomically."""
    with _replacing(Path(path)) as out:
        out.write(text.encode())


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to an .npz file, atomically."""
    with _replacing(Path(path)) as out:
        save: Callable[..., None] = np.savez  # its stub takes the arrays' names for options of its own
        save(out, **arrays)


def _table(columns: Mapping[str, ArrayLike]) -> Any:
    arrays = {name: _arrow(values) for name, values in columns.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("columns", "must have one length", lengths)
    return pa.Table.from_arrays(list(arrays.values()), names=list(arrays))


def _known_suffix(file: Path) -> re.Match[str]:
    match = _SUFFIX.search(file.name)
    if match is None:
        raise FileFormatError(str(file), "must end in .parquet, .csv or .csv.gz")
    return match


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
