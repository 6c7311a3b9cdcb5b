"""Answers that are no JSON objects: tables as CSV, bars as an Arrow stream, pages as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from fastapi import Response
from fastapi.responses import JSONResponse

from assay.documents.plain import plain
from assay.market.ohlcv import COLUMNS
from assay.sources import table_csv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.service.charts import ChartBars

ARROW = "application/vnd.apache.arrow.stream"
CSV = "text/csv"
JSON = "application/json"
HTML = "text/html"

PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts allow-downloads"
)
"""A report holds all that it shows and loads nothing; its scripts know nothing of the session of who looks at it."""

Form = Literal["csv", "json"]


def wants(kind: str, accept: str | None) -> bool:
    """Whether a header Accept names a media type."""
    return any(part.partition(";")[0].strip().lower() == kind for part in (accept or "").split(","))


def csv_answer(columns: dict[str, NDArray[Any]], name: str) -> Response:
    """Return columns as a CSV file of this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(table_csv(columns), media_type=CSV, headers=headers)


def plain_answer(document: dict[str, Any]) -> Response:
    """Return plain values as JSON; what is unknown is null, never NaN."""
    return JSONResponse(plain(document))


def page_answer(page: str, name: str) -> Response:
    """Return a page that holds all that it shows."""
    headers = {
        "Content-Security-Policy": PAGE_POLICY,
        "Content-Disposition": f'inline; filename="{name}"',
        "X-Frame-Options": "SAMEORIGIN",
    }
    return Response(page, media_type=HTML, headers=headers)


def arrow_answer(found: ChartBars, revision: int, headers: dict[str, str]) -> Response:
    """Return bars as an Arrow IPC stream of one batch: opens, prices, volume (null where unknown) and valid."""
    arrays = [pa.array(found.columns.time, pa.timestamp("ms", "UTC"))]
    arrays += [pa.array(found.columns[name], from_pandas=True) for name in COLUMNS[1:]]  # NaN becomes null
    arrays.append(pa.array(found.valid))
    market = found.market
    facts = {
        "exchange": market.exchange,
        "symbol": market.symbol,
        "timeframe": str(market.timeframe),
        "kind": market.kind,
        "made_from": str(found.source.timeframe),
        "revision": str(revision),
    }
    batch = pa.record_batch(arrays, names=[*COLUMNS, "valid"]).replace_schema_metadata(facts)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return Response(memoryview(sink.getvalue()), media_type=ARROW, headers=headers)


def columns_of(found: ChartBars) -> dict[str, list[Any]]:
    """Return bars as columns of plain values; an unknown volume is None."""
    table = {name: found.columns[name].tolist() for name in COLUMNS}
    if np.isnan(found.columns.volume).any():
        table["volume"] = [None if volume != volume else volume for volume in table["volume"]]
    return table | {"valid": found.valid.tolist()}
