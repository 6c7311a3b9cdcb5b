"""Rows without a header: which of the known layouts their numbers fit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from assay.errors import FileFormatError
from assay.market.bars import PRICES
from assay.sources.bar_files.dialects import DIALECTS
from assay.sources.bar_files.fields import Layout, is_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.sources.bar_files.dialects import Dialect
    from assay.sources.bar_files.table import Table

_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d)?")
_LEAN_TIME = re.compile(r"\d{8} \d\d:\d\d")
_LEAN_UNIT = 10_000
_HINT = "Say which is which with --columns time=1,open=2,high=3,low=4,close=5,volume=6"

_Candidate = tuple[tuple[str, ...], "Dialect | None"]

MIN_FITTING = 0.9
"""Share of the rows whose prices have to fit: recorded bars hold some with a close outside high and low."""

_PLAIN: tuple[tuple[str, ...], ...] = (("time", *PRICES), ("time", *PRICES, "volume"))


def find_row_layout(table: Table, stem: str, where: str) -> tuple[Layout, Dialect | None]:
    """Return where the fields stand in rows that have no header, and the format that says so.

    A layout fits when in every row of the sample the high is the highest and the low the lowest price. Of several that
    fit the file's name decides, then the usual order; they must agree on the prices.

    Raises
    ------
    FileFormatError
        None fits, or two that put the prices into different columns.
    """
    rows = table.sample
    index = int(table.width > 6 and _is_index([row[0] for row in rows]))  # pandas wrote its row numbers
    tail = int(table.width > 6 and not any(row[-1] for row in rows))  # a delimiter at the end of each line
    rows = [row[index : len(row) - tail] for row in rows]
    width = table.width - index - tail
    known: list[_Candidate] = [
        (one.layout, one) for one in DIALECTS if one.layout and one.delimiter in ("", table.delimiter)
    ]
    known += [(layout, None) for layout in _PLAIN]
    layouts = [(layout, one) for layout, one in known if len(layout) == width and _fits(layout, rows)]
    if not layouts:
        first = [str(value)[:20] for value in (table.sample or [[]])[0]]
        rule = "has no header, and its columns are not in an order that is known"
        raise FileFormatError(where, rule, first, _HINT)
    prices = {tuple(layout.index(name) for name in PRICES) for layout, _ in layouts}
    if len(prices) > 1:
        named = [(layout, one) for layout, one in layouts if _says(one, stem)]
        if len(named) != 1:
            orders = " and ".join(one.name for _, one in layouts if one)
            raise FileFormatError(where, f"has no header, and its prices fit the orders of {orders}", hint=_HINT)
        layouts = named
    layout, dialect = max(layouts, key=lambda found: _says(found[1], stem))
    names = tuple(f"column {i + 1}" for i in range(table.width))
    columns = {name: index + i for i, name in enumerate(layout) if name and name != "close_time"}
    if all(_is_lean(row, layout) for row in rows):
        rule = "looks like a file of QuantConnect's LEAN, whose prices are times 10,000: divide them first"
        raise FileFormatError(
            where, rule, rows[0][:5], "If they are right as they are, say --columns time=1,open=2 ..."
        )
    known_by_rows = width >= 8 or layout[1:5] != PRICES
    return Layout(columns, names), dialect if dialect and (_says(dialect, stem) or known_by_rows) else None


def _says(dialect: Dialect | None, stem: str) -> bool:
    return bool(dialect and dialect.file_name and re.fullmatch(dialect.file_name, stem))


def _is_lean(row: Sequence[Any], layout: Sequence[str]) -> bool:
    """Whether a row has a packed day with a time and prices that are whole cents times 10,000."""
    prices = [str(row[layout.index(name)]) for name in PRICES]
    return bool(_LEAN_TIME.fullmatch(str(row[layout.index("time")]))) and all(
        price.isdigit() and int(price) >= _LEAN_UNIT and int(price) % 100 == 0 for price in prices
    )


def _is_index(values: Sequence[Any]) -> bool:
    return [str(value) for value in values] == [str(i) for i in range(len(values))] and len(values) > 0


def _fits(layout: Sequence[str], rows: Sequence[Sequence[Any]]) -> bool:
    """Whether the prices of most rows are where a layout says; rows with an empty price do not count."""
    prices = [layout.index(name) for name in PRICES]
    volume = [i for i, name in enumerate(layout) if name == "volume"]
    clock = "time_of_day" in layout
    seen = good = 0
    for row in rows:
        if any(bool(_CLOCK.fullmatch(str(value))) != (clock and i == 1) for i, value in enumerate(row[:2]) if i == 1):
            return False
        texts = [str(row[i]) for i in (*prices, *volume)]
        if not all(is_number(text) for text in texts):
            continue
        open_, high, low, close, *amounts = map(float, texts)
        seen += 1
        good += high >= max(open_, close) and 0 < low <= min(open_, close) and all(amount >= 0 for amount in amounts)
    return seen > 0 and good >= MIN_FITTING * seen
