"""Cells of Arrow columns as numpy values, and numbers as people write them.

Where it can be helped no Arrow value is built from a Python value, nor `to_numpy` called: either makes pyarrow import
pandas (0.2 s).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.errors import BarsError, FileFormatError

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


def numbers(column: Any, name: str, where: str, *, empty: bool = False, comma: bool = False) -> NDArray[np.float64]:
    """Return a column as float64 of shape (n,), NaN for null.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    name : str
        The field, for messages.
    where : str
        What is read, for messages.
    empty : bool
        Texts that say that there is no value (none at all, ``nan``, ``null`` ...) are NaN too.
    comma : bool
        A comma is a decimal sign where it cannot be told: cells are not separated by commas.
    """
    column = decoded(column)
    kind = column.type
    if is_text(kind):
        try:
            return values(column.cast(pa.float64()), pa.float64())
        except pa.ArrowInvalid:
            pass
        if empty:
            column = without(column, pc.is_in(pc.utf8_lower(column), value_set=text_array(_NOTHING)))
        column = _rewritten(column, comma=comma)
        return values(cast_texts(column, pa.float64(), name, "must be a number"), pa.float64())
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not numeric and not pa.types.is_null(kind):
        raise FileFormatError(where, f"column {name!r} must hold numbers", str(kind))
    return values(column, pa.float64())


_NOTHING = ("", "nan", "null", "none", "na", "n/a", "-")
_SUFFIXES = {"K": "e3", "M": "e6", "B": "e9", "T": "e12"}


def _rewritten(texts: Any, *, comma: bool) -> Any:
    """Return numbers with separators of thousands, decimal commas, a sign of money or K, M, B behind as plain ones.

    A comma is the decimal sign where no text has a point behind one, and not all have three digits behind it.
    """
    signs = r"[$\x{20ac}\x{a3}]"  # dollar, euro, pound
    plain = pc.replace_substring_regex(texts, pattern=rf"^{signs}\s*|\s*{signs}$|[\s']", replacement="")
    with_point = flags(pc.match_substring_regex(plain, r",\d{3}(,\d{3})*\.\d"))
    with_comma = flags(pc.match_substring_regex(plain, r"^[+-]?\d{1,3}(\.\d{3})+,\d|^[+-]?\d+,(\d{1,2}|\d{4,})$"))
    if comma and not with_comma.any() and not with_point.any():
        with_comma = flags(pc.match_substring_regex(plain, r"^[+-]?\d+,\d+$"))
    if with_comma.any() and not with_point.any():
        plain = pc.replace_substring(pc.replace_substring(plain, ".", ""), ",", ".")
    elif with_point.any() and not with_comma.any():
        plain = pc.replace_substring(plain, ",", "")
    if flags(pc.match_substring_regex(plain, r"^[+-]?\d[\d.]*[KMBT]$")).any():
        for suffix, zeros in _SUFFIXES.items():
            plain = pc.replace_substring_regex(plain, pattern=rf"^([+-]?\d[\d.]*){suffix}$", replacement=rf"\1{zeros}")
    return plain
