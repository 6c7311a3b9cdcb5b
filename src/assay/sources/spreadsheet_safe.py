"""Texts that a spreadsheet would run as formulas, made harmless before they are written into CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

Cell = TypeVar("Cell")

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell begins with that a spreadsheet takes for a formula, the wide forms of the signs too."""


def harmless(cell: Cell) -> Cell | str:
    """Return a cell that no spreadsheet runs: a text that looks like a formula gets an apostrophe in front.

    Numbers stay numbers, also those that are written as texts: ``-0.5`` is no formula.

    Examples
    --------
    >>> harmless("=HYPERLINK(1)"), harmless("-0.5"), harmless(-0.5)
    ("'=HYPERLINK(1)", '-0.5', -0.5)
    """
    if not isinstance(cell, str) or not cell.startswith(FORMULA_SIGNS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def harmless_columns(columns: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
    """Return the columns of a table with every text, names of columns too, made harmless; numbers are not looked at."""
    return {harmless(name): _texts(values) for name, values in columns.items()}


def _texts(values: ArrayLike) -> ArrayLike:
    array = np.asarray(values)
    return [harmless(cell) for cell in array.tolist()] if array.dtype.kind in "OU" else values
