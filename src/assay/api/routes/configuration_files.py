"""What is stored of a configuration's run: trades and equity as tables, the report as a page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from assay.api.access import Viewer
from assay.api.answers import CSV, HTML, JSON, Form, csv_answer, page_answer, plain_answer, wants
from assay.api.declared import ID, content, declared
from assay.api.models.common import ConfigurationId
from assay.api.models.configurations import Equity, Trades
from assay.api.state import Opened
from assay.reports import html
from assay.service.configurations import records, run_columns
from assay.store import Database, Registry

router = APIRouter(prefix="/training/configurations/{config_id}", tags=["configurations"])

AnyForm = Annotated[
    Form | None, Query(alias="format", description="Overrules the header Accept; CSV where neither asks for JSON.")
]
Accept = Annotated[str | None, Header(include_in_schema=False)]


@router.get(
    "/trades",
    operation_id="configurationTrades",
    response_model=Trades,
    responses=declared(*ID) | content(CSV, description="The trades."),
)
def trades(
    _: Viewer,
    database: Opened,
    config_id: ConfigurationId,
    form: AnyForm = None,
    accept: Accept = None,
) -> Response:
    """Give the trades out of sample, as CSV or as JSON."""
    return _table(database, config_id, "trades", form, accept)


@router.get(
    "/equity",
    operation_id="configurationEquity",
    response_model=Equity,
    responses=declared(*ID) | content(CSV, description="The equity."),
)
def equity(
    _: Viewer,
    database: Opened,
    config_id: ConfigurationId,
    form: AnyForm = None,
    accept: Accept = None,
) -> Response:
    """Give the equity out of sample at the end of each day, as CSV or as JSON."""
    return _table(database, config_id, "equity", form, accept)


def _table(database: Database, config_id: str, name: str, form: Form | None, accept: str | None) -> Response:
    registry = Registry(database)
    found, config_id = run_columns(registry, config_id, name), registry.stored(config_id).config_id
    if form == "json" or (form is None and wants(JSON, accept)):
        return plain_answer({"configuration": config_id, name: records(found)})
    return csv_answer(found, f"{config_id}_{name}.csv")


@router.get(
    "/report",
    operation_id="configurationReport",
    response_class=Response,
    responses=declared(*ID)
    | content(
        HTML,
        description="The page.",
        headers={"Content-Security-Policy": "The page loads nothing and knows nothing of the session."},
    ),
)
def report(_: Viewer, database: Opened, config_id: ConfigurationId) -> Response:
    """Give a configuration as one HTML page with charts, which holds all that it shows."""
    registry = Registry(database)
    found = registry.get(config_id)
    return page_answer(html(found.document, registry.figures(config_id)), f"{found.config_id}.html")
