"""Numbers as people and programs write them, with the signs that a whole file uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.errors import FileFormatError
from assay.sources.bar_files.cells import cast_texts, decoded, flags, is_text, text_array, values, without

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_NOTHING = ("", "nan", "null", "none", "na", "n/a", "-", "#n/a", "#na", "<na>", "\\n", "nat", "nil", ".", "--")
_SUFFIXES = {"K": "e3", "M": "e6", "B": "e9", "T": "e12"}
_MONEY = r"[$\x{20ac}\x{a3}]"
"""Dollar, euro, pound."""

_SPACES = r"[\s'\x{a0}\x{2009}\x{202f}\x{2019}]"
"""Spaces and apostrophes that stand between thousands."""

_POINT = r",\d{3}(,\d{3})*\.\d|^[+-]?\d{1,3}(,\d{3}){2,}$"
"""What only a file with decimal points holds, told by its commas."""

_COMMA = r"^[+-]?\d{1,3}(\.\d{3})+,\d|^[+-]?\d+,(\d{1,2}|\d{4,})$|^[+-]?\d{1,3}(\.\d{3}){2,}$"
"""What only a file with decimal commas holds."""

_PLAIN_POINT = r"^[+-]?(0|\d{4,})\.\d|\.\d{1,2}$|\.\d{4,}$"
"""A point that does not stand between thousands."""

_GROUPED = r"^[+-]?\d{1,3}(\.\d{3})+$"


def read_numbers(columns: dict[str, Any], where: str, *, comma: bool = False) -> dict[str, NDArray[np.float64]]:
    """Return columns as float64 of shape (n,) each, NaN where there is no value (none at all, ``nan``, ``null`` ...).

    Whether a comma or a point is the decimal sign is told by all columns together: 42.000 is forty-two thousand beside
    41.991,5.

    Parameters
    ----------
    columns : dict of str to pyarrow.ChunkedArray
        By field; it is emptied while they are read.
    where : str
        What is read, for messages.
    comma : bool
        A comma is a decimal sign where it cannot be told: cells are not separated by commas.
    """
    found: dict[str, NDArray[np.float64]] = {}
    plain: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for name in list(columns):
        column = columns.pop(name)
        if (quick := _cast(column)) is not None:
            found[name] = quick
            texts[name] = column
            continue
        column = decoded(column)
        if not is_text(column.type):
            found[name] = _of_numbers(column, name, where)
        elif (quick := _cast(column)) is not None:
            found[name], texts[name] = quick, column
        else:
            nothing = pc.is_in(pc.utf8_lower(column), value_set=text_array(_NOTHING))
            plain[name] = _bare(without(column, nothing))
    if not plain:
        return found
    sign = _decimal_sign(plain, texts, comma=comma)
    if sign == ",":
        plain |= {name: _bare(column) for name, column in texts.items() if _all_grouped(column)}
    for name, column in plain.items():
        found[name] = values(cast_texts(_rewritten(column, sign), pa.float64(), name, "must be a number"), pa.float64())
    return found


def all_numbers(column: Any) -> bool:
    """Whether a column's texts are plain numbers."""
    return _cast(column) is not None


def _cast(column: Any) -> NDArray[np.float64] | None:
    """Return texts that are plain numbers all of them; None for others."""
    if not is_text(column.type):
        return None
    try:
        return values(column.cast(pa.float64()), pa.float64())
    except pa.ArrowInvalid:
        return None


def _of_numbers(column: Any, name: str, where: str) -> NDArray[np.float64]:
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not numeric and not pa.types.is_null(kind):
        raise FileFormatError(where, f"column {name!r} must hold numbers", str(kind))
    return values(column, pa.float64())


def _bare(texts: Any) -> Any:
    """Return numbers without a sign of money and without spaces."""
    pattern = rf"^{_MONEY}\s*|\s*{_MONEY}$|{_SPACES}"
    return pc.replace_substring_regex(texts, pattern=pattern, replacement="")


def _has(column: Any, pattern: str) -> bool:
    return bool(flags(pc.match_substring_regex(column, pattern)).any())


def _decimal_sign(plain: Mapping[str, Any], texts: Mapping[str, Any], *, comma: bool) -> str:
    """Return the decimal sign that the columns show, "" where they show none or both."""
    with_point = any(_has(column, _POINT) for column in plain.values())
    with_comma = any(_has(column, _COMMA) for column in plain.values())
    if not with_point and not with_comma:
        with_point = any(_has(column, _PLAIN_POINT) for column in (*plain.values(), *texts.values()))
        with_comma = comma and not with_point
    return "" if with_point == with_comma else "," if with_comma else "."


def _all_grouped(column: Any) -> bool:
    """Whether all points of a column stand between thousands, and there are some."""
    points = flags(pc.match_substring(column, "."))
    return bool(points.any()) and bool((flags(pc.match_substring_regex(column, _GROUPED)) >= points).all())


def _rewritten(plain: Any, sign: str) -> Any:
    """Return numbers without separators of thousands and with a decimal point; K, M, B behind as zeros."""
    if sign == ",":
        plain = pc.replace_substring(pc.replace_substring(plain, ".", ""), ",", ".")
    elif sign == ".":
        plain = pc.replace_substring(plain, ",", "")
    if _has(plain, r"^[+-]?\d[\d.]*[KMBT]$"):
        for suffix, zeros in _SUFFIXES.items():
            plain = pc.replace_substring_regex(plain, pattern=rf"^([+-]?\d[\d.]*){suffix}$", replacement=rf"\1{zeros}")
    return plain
