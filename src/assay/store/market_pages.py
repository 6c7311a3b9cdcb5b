"""The stored markets in pages, counted one page at a time: counting all bars of a large database takes minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.market.calendar import DAY_MS, HOUR_MS, MINUTE_MS
from assay.store import schema
from assay.store.keyset import after, order_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.store.bars import BarStore, StoredMarket

_M, _B = schema.markets.c, schema.bars.c

Place = tuple[str, str, int]
"""Exchange, symbol and length of a bar in milliseconds of the market before a page."""


def _length() -> sa.ColumnElement[int]:
    """Return the length of a market's bars in milliseconds, which its timeframe (5m, 4h, 7d) says."""
    digits = sa.func.length(_M.timeframe)
    unit = sa.func.substr(_M.timeframe, digits, 1)
    count = sa.cast(sa.func.substr(_M.timeframe, 1, digits - 1), sa.BigInteger)
    return count * sa.case({"m": MINUTE_MS, "h": HOUR_MS}, value=unit, else_=DAY_MS)


def market_page(
    store: BarStore, wanted: Sequence[str | None], *, limit: int, place: Place | None = None, held: bool = False
) -> list[StoredMarket]:
    """Return the markets of a page, by exchange, symbol and timeframe.

    Parameters
    ----------
    wanted : sequence of str or None
        Exchange, symbol and timeframe as they are stored; None for any.
    held : bool
        Only markets that have bars.
    """
    keys: list[tuple[sa.ColumnElement[Any], bool]] = [(_M.exchange, False), (_M.symbol, False), (_length(), False)]
    names = (_M.exchange, _M.symbol, _M.timeframe)
    where = [column == value for column, value in zip(names, wanted, strict=True) if value is not None]
    where += [sa.exists().where(_B.market_id == _M.id)] if held else []
    where += [after(keys, place)] if place is not None else []
    found = sa.select(schema.markets).where(*where).order_by(*order_of(keys)).limit(limit)

    def work(c: sa.Connection) -> list[StoredMarket]:
        return [store.stored(c, row) for row in c.execute(found).all()]

    return store.database.read(work)


def place_of(stored: StoredMarket) -> Place:
    """Return where the page after a market begins."""
    return stored.market.exchange, stored.market.symbol, stored.market.timeframe.ms


def market_names(store: BarStore) -> list[tuple[str, str, str]]:
    """Return exchange, symbol and timeframe of every market, by these; no bars are counted."""
    query = sa.select(_M.exchange, _M.symbol, _M.timeframe).order_by(_M.exchange, _M.symbol, _length())
    return store.database.read(lambda c: [(row[0], row[1], row[2]) for row in c.execute(query)])
