"""The ledger: what was tried on which days, and whether nobody rewrote it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query

from assay.api.access import Viewer
from assay.api.declared import declared
from assay.api.models.common import AnyExchange, AnySymbol
from assay.api.models.ledger import Campaigns, ExperimentRow, LedgerCheckAnswer, OpeningRow
from assay.api.paging import Cursor, Limit, Page, decode_cursor, next_cursor, page_of
from assay.api.state import Opened
from assay.documents.plain import plain
from assay.service.ledger_facts import check_facts, experiment_rows, parse_head
from assay.service.markets import wanted_market
from assay.store.campaign_summary import campaigns
from assay.store.campaigns import without_result
from assay.store.ledger import Ledger
from assay.store.ledger_check import check

router = APIRouter(prefix="/ledger", tags=["ledger"])


@router.get("", operation_id="listExperiments", responses=declared())
def experiments(
    _: Viewer,
    database: Opened,
    exchange: AnyExchange = None,
    symbol: AnySymbol = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ExperimentRow]:
    """List every experiment ever run, the newest first, with all that was tried on the same days."""
    book = Ledger(database)
    exchange, symbol, _timeframe = wanted_market(exchange, symbol, None)
    place: Any = decode_cursor(cursor, int, str)
    found = book.page(limit=limit + 1, place=place, exchange=exchange, symbol=symbol)
    rows = [ExperimentRow.model_validate(plain(row)) for row in experiment_rows(book, found[:limit])]
    return Page(items=rows, next_cursor=next_cursor(found, limit, _place))


@router.get("/openings", operation_id="listOpenings", responses=declared())
def openings(
    _: Viewer,
    database: Opened,
    exchange: AnyExchange = None,
    symbol: AnySymbol = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[OpeningRow]:
    """List every opening of a sealed holdout, the newest first."""
    exchange, symbol, _timeframe = wanted_market(exchange, symbol, None)
    place: Any = decode_cursor(cursor, int, str)
    found = Ledger(database).openings_page(limit=limit + 1, place=place, exchange=exchange, symbol=symbol)
    return page_of(found, limit, _place, lambda row: OpeningRow.model_validate(plain(row)))


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["at"], row["experiment_digest"]


@router.get("/campaigns", operation_id="listCampaigns", responses=declared())
def list_campaigns(_: Viewer, database: Opened, exchange: AnyExchange = None, symbol: AnySymbol = None) -> Campaigns:
    """Show what was tried on the same days together, and what is left of the configurations that were promoted there.

    Every experiment of the market is read for it, of all markets where none is named.
    """
    exchange, symbol, _timeframe = wanted_market(exchange, symbol, None)
    entries = Ledger(database).entries(exchange=exchange, symbol=symbol)

    def work(c: sa.Connection) -> Campaigns:
        groups = [plain(asdict(group)) for group in campaigns(c, entries)]
        lacking = without_result(c, exchange=exchange, symbol=symbol)
        return Campaigns.model_validate({"items": groups, "without_result": lacking})

    return database.read(work)


@router.get("/verify", operation_id="verifyLedger", responses=declared())
def verify(
    _: Viewer,
    database: Opened,
    head: Annotated[str | None, Query(max_length=100, description="LENGTH:HASH of an earlier check.")] = None,
) -> LedgerCheckAnswer:
    """Check that no entry of the ledger was changed or removed."""
    return LedgerCheckAnswer.model_validate(check_facts(check(database, parse_head(head))))
