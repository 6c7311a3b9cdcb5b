"""Compare what a strategy says of the same bars under two circumstances in which it has to say the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine.layout import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from assay.engine import Setups


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row on which two tables differ in one column.

    Attributes
    ----------
    what : str
        "feature 'x'", "level 'stop_unit'", or "the signal itself".
    bar : int
    expected, found : float
        NaN for the signal itself.
    """

    what: str
    bar: int
    expected: float
    found: float


@dataclass(frozen=True, slots=True)
class Slack:
    """How far two tables may differ without meaning anything.

    Attributes
    ----------
    relative : float
        Of the larger of two values, or of the column's median size where both are small.
    rows : float
        Share of rows that may differ at all: where a value and its limit all but agree, a rounding decides.
    """

    relative: float = 0.0
    rows: float = 0.0

    def allows(self, differing: int, rows: int) -> bool:
        """Whether so many of the rows may differ."""
        return differing <= (max(1.0, self.rows * rows) if self.rows else 0.0)


EXACT = Slack()


def differences(expected: Setups, found: Setups, slack: Slack = EXACT) -> list[Difference]:
    """Return the first difference of each column of two tables of one side.

    Bars with another number of rows are differences of the signal itself; the columns are compared on the others.
    """
    if _are_same_bytes(expected, found):
        return []
    bars = np.union1d(expected.bar, found.bar)
    agreed = _rows_at(expected, bars) == _rows_at(found, bars)
    out: list[Difference] = []
    if not slack.allows(int(np.sum(~agreed)), len(bars)):
        out.append(Difference("the signal itself", int(bars[np.argmin(agreed)]), math.nan, math.nan))
    if not agreed.all():
        expected, found = (t.take(agreed[np.searchsorted(bars, t.bar)]) for t in (expected, found))
    for what, a, b in _columns(expected, found):
        differ = _differ(a, b, slack.relative)
        if not slack.allows(int(differ.sum()), len(differ)):
            row = int(np.argmax(differ))
            out.append(Difference(what, int(expected.bar[row]), float(a[row]), float(b[row])))
    return out


def _are_same_bytes(expected: Setups, found: Setups) -> bool:
    """Whether two tables are the same to the last bit, as those of most questions are: a look that is soon done."""
    if len(expected) != len(found) or expected.features.keys() != found.features.keys():
        return False
    columns = [(column, found.features[name]) for name, column in expected.features.items()]
    columns += [(getattr(expected, name), getattr(found, name)) for name in ("bar", "levels", "flat_by", "groups")]
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in columns)


def _rows_at(setups: Setups, bars: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(setups.bar, bars, "right") - np.searchsorted(setups.bar, bars, "left")


def _differ(a: NDArray[np.float64], b: NDArray[np.float64], relative: float) -> NDArray[np.bool_]:
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if relative > 0.0 and not same.all():
        sizes = np.abs(a[np.isfinite(a)])
        usual = float(np.median(sizes)) if len(sizes) else 0.0
        finite = np.isfinite(a) & np.isfinite(b)
        with np.errstate(invalid="ignore"):
            near = np.abs(a - b) <= relative * np.maximum(np.maximum(np.abs(a), np.abs(b)), usual)
        same |= finite & near
    return np.asarray(~same)


def _columns(expected: Setups, found: Setups) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    missing = np.full(len(expected), np.nan)
    for name in dict.fromkeys((*expected.features, *found.features)):
        # a feature that is there only sometimes is one that depends on the circumstances
        yield f"feature {name!r}", expected.features.get(name, missing), found.features.get(name, missing)
    for i, name in enumerate(LEVELS):
        yield f"level {name!r}", expected.levels[:, i], found.levels[:, i]
    yield "flat_by", _held(expected), _held(found)
    for i, name in enumerate(("group_a", "group_b")):
        yield name, _numbered(expected.groups[:, i]), _numbered(found.groups[:, i])


def _held(setups: Setups) -> NDArray[np.float64]:
    """Bars until the position must be flat: a history that starts later counts its bars from another one."""
    return np.where(setups.flat_by < 0, np.nan, setups.flat_by - setups.bar)


def _numbered(groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Number groups by their first row: which rows belong together counts, not what a group is called."""
    if not (groups >= 0).any():
        return np.full(len(groups), np.nan)
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first)).astype(np.float64)
    return np.where(groups < 0, np.nan, rank[inverse] if len(groups) else 0.0)
