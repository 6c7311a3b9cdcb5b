"""Markets: what is stored, how complete it is, and how good."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter

from assay.api.access import Viewer
from assay.api.declared import declared
from assay.api.models.common import AnyExchange, AnySymbol, AnyTimeframe
from assay.api.models.markets import Coverage, MarketRow, Quality
from assay.api.paging import Cursor, Limit, Page, decode_cursor, page_of
from assay.api.state import Held
from assay.api.turns import short
from assay.documents.plain import plain
from assay.service.describe import describe_market
from assay.service.markets import market_row, quality_of, spans_of, wanted_market
from assay.store import BarStore, Imports, StoredMarket
from assay.store.market_pages import Place, market_page, place_of

router = APIRouter(tags=["markets"])

T = TypeVar("T")


@router.get("/markets", operation_id="listMarkets", responses=declared())
@short
def list_markets(
    _: Viewer,
    store: Held,
    exchange: AnyExchange = None,
    symbol: AnySymbol = None,
    timeframe: AnyTimeframe = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[MarketRow]:
    """List the stored markets: spans, bars, holes and the share of valid bars."""
    imports, sizes = Imports(store), store.size_bytes()

    def row(stored: StoredMarket) -> MarketRow:
        return MarketRow.model_validate(plain(market_row(imports, stored, sizes)))

    return _page(store, (exchange, symbol, timeframe), limit, cursor, row)


@router.get("/coverage", operation_id="listCoverage", responses=declared())
def coverage(
    _: Viewer,
    store: Held,
    exchange: AnyExchange = None,
    symbol: AnySymbol = None,
    timeframe: AnyTimeframe = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Coverage]:
    """List which spans of each market were asked for and answered."""

    def row(stored: StoredMarket) -> Coverage:
        return Coverage.model_validate({**describe_market(stored.market), "spans": spans_of(store, stored)})

    return _page(store, (exchange, symbol, timeframe), limit, cursor, row)


@router.get("/quality", operation_id="listQuality", responses=declared())
def quality(
    _: Viewer,
    store: Held,
    exchange: AnyExchange = None,
    symbol: AnySymbol = None,
    timeframe: AnyTimeframe = None,
    limit: Limit = 10,
    cursor: Cursor = None,
) -> Page[Quality]:
    """Say what is wrong with the bars of each market, and whether training takes them; all bars are read for it."""
    imports = Imports(store)

    def row(stored: StoredMarket) -> Quality:
        return Quality.model_validate(plain(quality_of(imports, stored)))

    return _page(store, (exchange, symbol, timeframe), limit, cursor, row, held=True)


def _page(
    store: BarStore,
    named: tuple[str | None, str | None, str | None],
    limit: int,
    cursor: str | None,
    row: Callable[[StoredMarket], T],
    *,
    held: bool = False,
) -> Page[T]:
    place: Place | None = decode_cursor(cursor, str, str, int)
    found = market_page(store, wanted_market(*named), limit=limit + 1, place=place, held=held)
    return page_of(found, limit, place_of, row)
