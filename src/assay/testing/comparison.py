"""Two tables of rows: the same, the same but for rounding, or nearly the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.engine.layout import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Setups

ROUNDING = 1e-9
"""Relative difference of two features that is rounding: of 100 - RSI, say."""

MAX_UNLIKE = 0.10
"""Share of rows, and of the values of a column, in which tables that are nearly the same may differ."""

_NEARLY = 0.25  # a fraction of the price, on bars within an eighth of their middle
_NOTHING = 1e-12  # what is left of a difference of prices that are equal but for rounding
_MAX_ROWS_OF_A_BAR = 10**6


def unlike(one: Setups, other: Setups, tolerance: float) -> str | None:
    """Say what the first difference of two tables is, values apart from `tolerance` (relative); None without one."""
    if not np.array_equal(one.bar, other.bar):
        either = np.union1d(one.bar, other.bar)
        mine, theirs = (np.diff(np.searchsorted(rows.bar, [either, either + 1]), axis=0)[0] for rows in (one, other))
        at = int(np.argmax(mine != theirs))
        return f"{mine[at]} rows instead of {theirs[at]} at bar {either[at]}"
    if set(one.features) != set(other.features):
        return f"features {sorted(one.features)} instead of {sorted(other.features)}"
    expected = _columns(other)
    for name, column in _columns(one).items():
        if (apart := _apart(column, expected[name], tolerance)).any():
            row = int(np.argmax(apart))
            return f"{name} is {column[row]:.12g} instead of {expected[name][row]:.12g} at bar {one.bar[row]}"
    return None


def nearly(one: Setups, other: Setups) -> bool:
    """Whether nearly all rows are in both tables, with nearly the same values in nearly all of them."""
    mine, theirs = _numbered(one), _numbered(other)
    common, i, j = np.intersect1d(mine, theirs, return_indices=True)
    if len(common) < (1.0 - MAX_UNLIKE) * len(np.union1d(mine, theirs)):
        return False
    expected = _columns(other.take(j))
    pairs = ((column, expected[name]) for name, column in _columns(one.take(i)).items())
    return all(_apart(a, b, _NEARLY).mean() <= MAX_UNLIKE for a, b in pairs)


def _columns(rows: Setups) -> dict[str, NDArray[np.float64]]:
    """Return all that is compared, an id of a group as the first row that has it."""
    columns = {f"feature {name!r}": column for name, column in sorted(rows.features.items())}
    columns |= {f"level {name!r}": rows.levels[:, i] for i, name in enumerate(LEVELS)}
    columns["flat_by"] = rows.flat_by.astype(np.float64)
    for i, name in enumerate(("group_a", "group_b")):
        ids, first, inverse = np.unique(rows.groups[:, i], return_index=True, return_inverse=True)
        columns[name] = np.where(ids < 0, -1, first)[inverse].astype(np.float64)
    return columns


def _apart(a: NDArray[np.float64], b: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Which values differ, relative to the larger."""
    near = (a == b) | (np.isnan(a) & np.isnan(b))
    if tolerance:
        finite = np.isfinite(a) & np.isfinite(b)
        x, y = a[finite], b[finite]
        near[finite] |= np.abs(x - y) <= tolerance * np.maximum(np.abs(x), np.abs(y)) + _NOTHING
    return np.asarray(~near)


def _numbered(rows: Setups) -> NDArray[np.int64]:
    """Return a key of each row: its bar, and which row of that bar it is."""
    first = np.searchsorted(rows.bar, rows.bar, "left")
    keys: NDArray[np.int64] = rows.bar * _MAX_ROWS_OF_A_BAR + np.arange(len(rows)) - first
    return keys
