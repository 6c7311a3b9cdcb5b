"""Columns that say of which market, timeframe or kind of price a row is: they must have one value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.errors import FileFormatError, InputError
from assay.market.names import CONTRACT_WORDS, is_coin, is_pair, timeframe_of_word
from assay.sources.bar_files.cells import decoded, is_text
from assay.sources.bar_files.fields import is_number, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.sources.bar_files.fields import Layout

MAX_NAMED = 8
MAX_MARKETS = 20
"""More values of a column than this may be a number of each row, not the markets of a file."""

_KINDS = CONTRACT_WORDS | {"spot", "bid", "ask", "mid", "mark", "index", "trades", "last"}
_FEW = 4
"""Rows that have to say what a column is, where its name does not."""


def with_selectors(layout: Layout, sample: Sequence[Sequence[Any]]) -> Layout:
    """Return a layout with the columns whose values, not whose names, say a symbol, a timeframe or a kind of price.

    Parameters
    ----------
    layout : Layout
    sample : sequence of sequence
        The first rows.
    """
    read = {*layout.columns.values(), *layout.other_times, *(position for _, position in layout.selectors)}
    found = []
    for position in range(len(layout.names)):
        texts = [str(row[position] or "").strip() for row in sample if position < len(row)]
        texts = [text for text in texts if text]
        if position in read or len(texts) < _FEW or len(set(texts)) > len(texts) // _FEW:
            continue
        for what, says in (("kind", _is_kind), ("timeframe", _is_timeframe), ("symbol", _is_symbol)):
            if all(map(says, set(texts))):
                found.append((what, position))
                break
    return replace(layout, selectors=(*layout.selectors, *found))


def _is_kind(text: str) -> bool:
    return plain(text) in _KINDS


def _is_timeframe(text: str) -> bool:
    try:
        return not is_number(text) and text[-1:] != "." and timeframe_of_word(text) is not None
    except InputError:
        return True


def _is_symbol(text: str) -> bool:
    return not is_number(text) and not text.islower() and (is_pair(text) or (is_coin(text) and len(text) > 2))


def as_texts(column: Any) -> Any:
    """Return a column of any kind as trimmed texts."""
    column = decoded(column)
    return column if is_text(column.type) else column.cast(pa.large_string())


def check_selectors(by_position: dict[int, Any], layout: Layout, where: str) -> dict[str, str]:
    """Return what columns of symbols, timeframes and exchanges say; refuse several values."""
    says: dict[str, str] = {}
    for what, position in layout.selectors:
        found = [text for text in pc.unique(as_texts(by_position[position])).to_pylist() if text and text.strip()]
        if len(found) > MAX_MARKETS and len(found) > len(by_position[position]) // 2:
            continue  # each row has its own: a number of the row
        if len(found) > 1:
            name = layout.names[position] or str(position + 1)
            named = ", ".join(sorted(found)[:MAX_NAMED]) + (" ..." if len(found) > MAX_NAMED else "")
            rule = f"must hold one {what}, but its column {name!r} has {len(found):,}: {named}"
            raise FileFormatError(where, rule, hint=f"--where {name}={min(found)} takes one of them")
        if found and (what not in says or (what == "symbol" and not is_pair(says[what]))):
            says[what] = found[0].strip()
    return says
