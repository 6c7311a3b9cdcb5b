"""Rows that can be bars told from rows that cannot, so that a dirty file is counted instead of refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import FileFormatError
from assay.market.bars import PRICES, check_rows
from assay.market.calendar import grid_origin_ms
from assay.market.ohlcv import OhlcvColumns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.market import Market

MAX_LEFT_OUT = 0.5
"""When more than this share of the rows cannot be bars, the file is not what it seems and is refused."""

MAX_CONFLICTS = 0.01
"""When more than this share of the rows repeat a stamp with other values, the rows are of more than one market."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was wrong with rows, counted.

    Attributes
    ----------
    rows : int
        Rows in all.
    duplicate : int
        Rows left out because the same bar stands in another row.
    conflict : int
        Rows left out because their stamp stands in another row with other values; the row with the most volume is
        kept, which of two versions of a bar was seen later.
    unordered : int
        Rows that come before the row above them; they are put in order.
    off_grid : int
        Rows left out because they do not open on the timeframe's grid.
    broken : int
        Rows left out because a price or volume is empty, not finite, not positive, or high is below low.
    unfinished : int
        Rows left out because their bar is not over yet.
    empty : int
        Rows left out because they hold no price at all, as files have them for bars without a trade.
    """

    rows: int
    duplicate: int = 0
    conflict: int = 0
    unordered: int = 0
    off_grid: int = 0
    broken: int = 0
    unfinished: int = 0
    empty: int = 0

    @property
    def any(self) -> bool:
        """Whether there is anything to tell."""
        return any(self.as_dict().values())

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name, without `rows`."""
        names = ("duplicate", "conflict", "unordered", "off_grid", "broken", "unfinished", "empty")
        return {name: getattr(self, name) for name in names}

    def sentences(self, *, ordered: bool = True) -> list[str]:
        """Return what was found, a sentence each; without `ordered` only what was left out."""
        counts = {kind: n for kind, n in self.as_dict().items() if n and (ordered or kind != "unordered")}
        said = {kind: _SENTENCES[kind][n > 1].format(n=f"{n:,}") for kind, n in counts.items()}
        if "unordered" in said and self.newest_first:
            said["unordered"] = "the rows come newest first and were turned round"
        return list(said.values())

    @property
    def newest_first(self) -> bool:
        """Whether every row comes before the row above it: many exports begin with the newest."""
        steps = self.rows - self.empty - 1
        return steps > 1 and self.unordered + self.duplicate + self.conflict >= steps


_SENTENCES = {
    "duplicate": ("1 row repeats a bar and was left out", "{n} rows repeat a bar and were left out"),
    "conflict": (
        "1 row repeats a stamp with other values; of the two the one with more volume was kept",
        "{n} rows repeat a stamp with other values, those with the most volume were kept",
    ),
    "unordered": (
        "1 row was not in order of time and was put in order",
        "{n} rows were not in order of time and were put in order",
    ),
    "off_grid": (
        "1 row does not open on the grid of the timeframe and was left out",
        "{n} rows do not open on the grid of the timeframe and were left out",
    ),
    "broken": (
        "1 row has no usable prices or volume and was left out",
        "{n} rows have no usable prices or volume and were left out",
    ),
    "unfinished": ("1 bar is not over yet and was left out", "{n} bars are not over yet and were left out"),
    "empty": ("1 row holds no price and was left out", "{n} rows hold no price and were left out"),
}
"""What is said of one row, and of several."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Sound rows of a market, in order, and what was wrong with the others.

    Attributes
    ----------
    market : Market
    columns : OhlcvColumns
    findings : Findings
    """

    market: Market
    columns: OhlcvColumns
    findings: Findings


def clean_rows(
    market: Market,
    time: NDArray[np.int64],
    columns: Mapping[str, NDArray[np.float64]],
    now_ms: int | None = None,
    *,
    empty: int = 0,
    max_conflicts: float = 1.0,
    where: str = "rows",
) -> Rows:
    """Keep the rows that can be bars and count the others.

    Parameters
    ----------
    market : Market
    time : int64, shape (n,)
        Milliseconds UTC, in any order.
    columns : mapping of str to float64, shape (n,) each
        open, high, low, close, and volume where it is known.
    now_ms : int, optional
        Bars that end after this moment are left out: their values are not final.
    empty : int
        Rows without a price that were left out before.
    max_conflicts : float
        Share of the rows that may repeat a stamp with other values; a single one always may.
    where : str
        What is read, for messages.

    Raises
    ------
    BarsError
        Naming the first bad row, when more than half of the rows cannot be bars.
    FileFormatError
        More than `max_conflicts` of the rows repeat a stamp with other values.
    """
    step = market.timeframe.ms
    has_volume = "volume" in columns
    table = {name: columns[name] for name in PRICES}
    table["volume"] = columns["volume"] if has_volume else np.zeros(len(time))
    off_grid = (time - grid_origin_ms(time, step)) % step != 0
    broken = ~off_grid & _broken(table)
    unordered = int(np.count_nonzero(np.diff(time) < 0))
    if np.count_nonzero(off_grid | broken) > MAX_LEFT_OUT * len(time):
        order = np.argsort(time, kind="stable") if unordered else np.arange(len(time))
        check_rows(time[order], {name: column[order] for name, column in table.items()}, step)
    unfinished = (time + step > now_ms) & ~off_grid & ~broken if now_ms is not None else np.zeros(len(time), np.bool_)
    rows = np.flatnonzero(~off_grid & ~broken & ~unfinished)
    if not (np.diff(time[rows]) > 0).all():
        rows = rows[np.lexsort((rows, -table["volume"][rows], time[rows]))]
    again = np.diff(time[rows], prepend=-1) == 0
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(rows)))) if len(rows) else rows
    differs = np.zeros(len(rows), dtype=np.bool_)
    for column in table.values() if again.any() else ():
        differs |= column[rows] != column[rows[first]]
    if (conflict := int(np.count_nonzero(again & differs))) > max(1, max_conflicts * len(time)):
        _refuse_conflicts(time, rows[again & differs], rows[first[again & differs]], where)
    kept = rows[~again]
    clean: dict[str, NDArray[Any]] = {"time": time[kept]} | {name: column[kept] for name, column in table.items()}
    if not has_volume:
        clean["volume"] = np.full(len(kept), np.nan)
    findings = Findings(
        rows=len(time) + empty,
        duplicate=int(np.count_nonzero(again & ~differs)),
        conflict=conflict,
        unordered=unordered,
        off_grid=int(np.count_nonzero(off_grid)),
        broken=int(np.count_nonzero(broken)),
        unfinished=int(np.count_nonzero(unfinished)),
        empty=empty,
    )
    return Rows(market, OhlcvColumns.of(clean), findings)


def _refuse_conflicts(time: NDArray[np.int64], rows: NDArray[np.int64], others: NDArray[np.int64], where: str) -> None:
    """Refuse rows of which too many say something else of the same bar: two symbols or timeframes in one file."""
    first = int(np.minimum(rows, others).argmin())
    pair = sorted((int(rows[first]), int(others[first])))
    at = np.datetime64(int(time[pair[0]]), "ms")
    rule = (
        f"must hold one market, but {len(rows):,} of {len(time):,} rows repeat a stamp with other values, first rows "
        f"{pair[0]} and {pair[1]} ({at}Z)"
    )
    hint = "Are there two symbols or timeframes in it? --where COLUMN=VALUE takes one"
    raise FileFormatError(where, rule, hint=hint)


def _broken(table: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Mark rows whose numbers `Bars` would refuse."""
    usable = np.isfinite(table["volume"]) & (table["volume"] >= 0)
    for name in PRICES:
        usable &= np.isfinite(table[name]) & (table[name] > 0)
    return ~(usable & (table["high"] >= table["low"]))
