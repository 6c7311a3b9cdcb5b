"""Cells of Arrow columns as numpy values.

Where it can be helped no Arrow value is built from a Python value, nor `to_numpy` called: either makes pyarrow import
pandas (0.2 s).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.errors import BarsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def decoded(column: Any) -> Any:
    """Return a column without dictionary encoding, its texts trimmed."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.utf8_trim_whitespace(column.cast(pa.large_string())) if is_text(column.type) else column


def text_array(texts: Sequence[str]) -> Any:
    """Return texts as an Arrow array."""
    parts = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return pa.LargeStringArray.from_buffers(len(parts), pa.py_buffer(ends), pa.py_buffer(b"".join(parts)))


def mask_array(mask: NDArray[np.bool_]) -> Any:
    """Return a mask of shape (n,) as an Arrow array."""
    bits = pa.py_buffer(np.packbits(mask, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, bits])


def without(column: Any, mask: Any) -> Any:
    """Return a column with null where a Boolean column is true."""
    return pc.if_else(mask, pa.nulls(len(column), column.type), column)


def values(column: Any, kind: Any) -> NDArray[Any]:
    """Return a column cast to numbers of a kind as an array of shape (n,), NaN (of whole numbers 0) for null."""
    # Unchecked, since a volume beyond 2**53 may be rounded as it would be in a file of floats.
    column = column.cast(kind, safe=False)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    dtype = np.dtype(kind.to_pandas_dtype())
    parts = [_chunk(chunk, dtype) for chunk in chunks if len(chunk)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def _chunk(chunk: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    valid, data = chunk.buffers()
    found = np.frombuffer(data, dtype=dtype, count=chunk.offset + len(chunk))[chunk.offset :]
    if not chunk.null_count:
        return found
    bits = np.unpackbits(np.frombuffer(valid, dtype=np.uint8), bitorder="little")
    there = bits[chunk.offset : chunk.offset + len(chunk)].astype(np.bool_)
    return np.where(there, found, np.nan if dtype.kind == "f" else 0).astype(dtype)


def listed(column: Any) -> list[Any]:
    """Return a column's values, moments as texts."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        column = column.cast(pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) else kind).cast(pa.string())
    return list(column.to_pylist())


def flags(column: Any) -> NDArray[np.bool_]:
    """Return a Boolean column as an array of shape (n,), false for null."""
    return values(column, pa.uint8()).astype(np.bool_)


def first_true(mask: NDArray[np.bool_]) -> int:
    """Return the index of the first True."""
    return int(np.flatnonzero(mask)[0])


def cast_texts(texts: Any, kind: Any, name: str, rule: str) -> Any:
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
