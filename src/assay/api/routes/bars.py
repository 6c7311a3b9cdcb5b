"""Bars: for charts, into the database from a file, and away with them."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse

from assay.api.access import Trader, Viewer
from assay.api.answers import ARROW, arrow_answer, columns_of, wants
from assay.api.declared import BODY, content, declared
from assay.api.models.common import PLAIN, AnyExchange, AnySymbol, AnyTimeframe, Exchange, From, Symbol, Timeframe, To
from assay.api.models.markets import BarsAnswer, Inspected, Removed, Uploaded
from assay.api.request_words import field_name
from assay.api.state import Held
from assay.api.uploads import BODY as FILE
from assay.api.uploads import Sent, one_of_few
from assay.documents.plain import plain
from assay.errors import InputError
from assay.market import Timeframe as BarLength
from assay.market import named_market
from assay.service.charts import chart_bars, source_of
from assay.service.describe import describe_market
from assay.service.importing import import_file, inspect_file
from assay.service.markets import remove_bars, span_ms
from assay.sources import ReadingOptions
from assay.store import Imports
from assay.store.database import now_ms

router = APIRouter(prefix="/bars", tags=["bars"])

MAX_POINTS = 2_000_000
Option = Annotated[str | None, Query(max_length=500, pattern=PLAIN)]


@router.get(
    "",
    operation_id="getBars",
    response_model=BarsAnswer,
    responses=declared(HTTPStatus.NOT_FOUND)
    | {int(HTTPStatus.NOT_MODIFIED): {"description": "The bars are those of the ETag that was sent."}}
    | content(
        ARROW,
        description="The bars. An Arrow IPC stream has the same columns, and the market in its schema's metadata.",
        headers={"ETag": "Another one when the stored bars have changed."},
    ),
)
def get_bars(
    _: Viewer,
    store: Held,
    exchange: Exchange,
    symbol: Symbol,
    timeframe: Timeframe,
    from_: From = None,
    to: To = None,
    max_points: Annotated[
        int, Query(ge=10, le=MAX_POINTS, description="More bars than this are made coarser.")
    ] = 200_000,
    form: Annotated[
        Literal["json", "arrow"] | None, Query(alias="format", description="Overrules the header Accept.")
    ] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    if_none_match: Annotated[str | None, Header(max_length=200, description="The ETag of an answer before.")] = None,
) -> Response:
    """Give the bars of a market, of any coarser timeframe too, as columns in JSON or as an Arrow IPC stream.

    Absent bars are left out. A span of the market is named by `from` and `to`.
    """
    start, stop = span_ms(from_, to)
    market = named_market(exchange, symbol, BarLength.parse(timeframe))
    source = source_of(store, market)
    number, revision = store.state(source)
    arrow = form == "arrow" or (form is None and wants(ARROW, accept))
    facts = (number, revision, market, source, start, stop, max_points, arrow)
    tag = f'"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if tag in (if_none_match or ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    found = chart_bars(store, market, source, start, stop, max_points=max_points)
    if arrow:
        return arrow_answer(found, revision, headers)
    document = describe_market(found.market) | {
        "made_from": str(source.timeframe),
        "revision": revision,
        "bars": len(found.columns.time),
        "columns": columns_of(found),
    }
    return JSONResponse(document, headers=headers)  # prices are finite, and an unknown volume is null already


@router.post(
    "/upload",
    operation_id="uploadBars",
    openapi_extra=FILE,
    responses=declared(HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, *BODY),
)
def upload(
    _: Trader,
    store: Held,
    sent: Sent,
    exchange: AnyExchange = None,
    symbol: AnySymbol = None,
    timeframe: AnyTimeframe = None,
    *,
    columns: Annotated[Option, Query(description="Which column is which: time=Date,volume=7.")] = None,
    timezone: Annotated[Option, Query(description="Of times without a zone: Europe/Berlin, +02:00.")] = None,
    dates: Annotated[Option, Query(description="dmy or mdy, where 03/04/2024 may be read in two ways.")] = None,
    where: Annotated[
        list[Annotated[str, Query(max_length=200, pattern=PLAIN)]] | None,
        Query(max_length=20, description="Only rows with this value: where=COLUMN=VALUE."),
    ] = None,
    bar_end: Annotated[bool, Query(description="The times are those at which bars end.")] = False,
    inspect: Annotated[bool, Query(description="Only say how the file is understood; nothing is stored.")] = False,
) -> Uploaded | Inspected:
    """Store the bars of a file, or say how it is understood (`inspect=true`); stored bars are never overwritten."""
    reading = _reading(columns, timezone, dates, where, timeframe, bar_end=bar_end)
    with one_of_few():
        if inspect:
            document = inspect_file(sent, reading, exchange=exchange, symbol=symbol)[1]
            document["options"] = {field_name(name.split()[0]): now for name, now in document["options"].items()}
            return Inspected.model_validate(plain(document))
        found = import_file(Imports(store), sent, reading, exchange=exchange, symbol=symbol, at_ms=now_ms())
        return Uploaded.model_validate(plain(found))


def _reading(
    columns: str | None,
    timezone: str | None,
    dates: str | None,
    where: list[str] | None,
    timeframe: str | None,
    *,
    bar_end: bool,
) -> ReadingOptions:
    """Return how the file is read; errors name the option as it is called here."""
    try:
        return ReadingOptions.parse(
            columns=columns, timezone=timezone, dates=dates, where=where, bar_end=bar_end, timeframe=timeframe
        )
    except InputError as error:
        raise InputError(field_name(error.field), error.rule, error.value, error.hint) from None


@router.delete("", operation_id="deleteBars", responses=declared(HTTPStatus.NOT_FOUND))
def delete_bars(
    _: Trader,
    store: Held,
    exchange: Exchange,
    symbol: Symbol,
    timeframe: Timeframe,
    from_: From = None,
    to: To = None,
) -> Removed:
    """Remove a span of a market's bars, or the whole market where neither `from` nor `to` is given."""
    return Removed.model_validate(remove_bars(store, (exchange, symbol, timeframe), span_ms(from_, to)))
