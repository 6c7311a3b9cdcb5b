"""Configurations: what trainings found and stored."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from assay.api.access import Trader, Viewer
from assay.api.declared import ID, declared
from assay.api.models.common import PLAIN, AnyExchange, AnyTimeframe, ConfigurationId
from assay.api.models.configurations import Changed, Compared, ConfigurationPage, Moved, Row, Shown, Summary, Switched
from assay.api.paging import Cursor, Limit, decode_cursor, encode_cursor
from assay.api.state import Opened
from assay.api.turns import short
from assay.documents.plain import plain
from assay.errors import InputError
from assay.service import configurations as stored
from assay.service.times import iso_time
from assay.store import Registered, Registry
from assay.store.configuration_pages import ConfigurationFilter, configuration_page, configuration_summary
from assay.store.database import now_ms

router = APIRouter(prefix="/training/configurations", tags=["configurations"])

MAX_COMPARED = 20

Sort = Literal[
    "created_at",
    "sharpe_ratio",
    "net_profit",
    "calmar_ratio",
    "sortino_ratio",
    "stability_score",
    "confidence_score",
    "sample_size",
    "p_value",
]
Text = Annotated[str | None, Query(max_length=100, pattern=PLAIN)]
Bound = Annotated[float | None, Query(allow_inf_nan=False)]


@router.get("", operation_id="listConfigurations", responses=declared())
@short
def list_configurations(
    _: Viewer,
    database: Opened,
    exchange: AnyExchange = None,
    timeframe: AnyTimeframe = None,
    *,
    stage: Annotated[Text, Query(description="PAPER, DISCOVERY, VALIDATION or MATURE.")] = None,
    strategy: Annotated[Text, Query(description="Its name, with or without _V3.")] = None,
    pair: Annotated[Text, Query(description="In any usual spelling.")] = None,
    active: Annotated[bool | None, Query(description="Those that trading programs load, or the others.")] = None,
    archived: Annotated[bool, Query(description="Archived ones instead of the others.")] = False,
    min_sharpe_ratio: Annotated[Bound, Query(description="Out of sample, a year.")] = None,
    min_net_profit: Annotated[Bound, Query(description="Out of sample, in account currency.")] = None,
    min_sample_size: Annotated[Bound, Query(description="Trades out of sample.")] = None,
    min_confidence_score: Annotated[Bound, Query(description="From 0 to 1.")] = None,
    max_p_value: Annotated[Bound, Query(description="p alone, without other tries on the same days.")] = None,
    sort: Annotated[Sort, Query(description="The best first; what is unknown comes last.")] = "created_at",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ConfigurationPage:
    """List configurations in pages; one that was changed after it was stored is named, not shown."""
    least = {
        "sharpe_ratio": min_sharpe_ratio,
        "net_profit": min_net_profit,
        "sample_size": min_sample_size,
        "confidence_score": min_confidence_score,
    }
    chosen = ConfigurationFilter(
        strategy=strategy,
        pair=pair,
        exchange=exchange,
        timeframe=timeframe,
        stage=stage,
        active=active,
        archived=archived,
        least={name: bound for name, bound in least.items() if bound is not None},
        most={} if max_p_value is None else {"p_value": max_p_value},
    )
    try:
        found = configuration_page(database, chosen, sort=sort, limit=limit + 1, place=_place(cursor, sort))
    except InputError as error:
        if error.field == "status":  # what the column is called
            raise InputError("stage", error.rule, error.value, error.hint) from None
        raise
    page, more = found[:limit], found[limit:]
    return ConfigurationPage(
        items=[_row(one) for one in page if not one.change],
        changed=[Changed(configuration=one.config_id, change=one.change) for one in page if one.change],
        next_cursor=encode_cursor(sort, json.dumps(page[-1].row[sort]), page[-1].config_id) if more else None,
    )


def _place(cursor: str | None, sort: str) -> tuple[float | None, str] | None:
    """Return value and configId of the row before a page, as a cursor of the same order says them."""
    place = decode_cursor(cursor, str, str, str)
    if place is None:
        return None
    of, text, config_id = place
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    number = value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63)
    if of != sort or not number:
        raise InputError("cursor", "must be the next_cursor of a page before, in the same order", cursor)
    return value, config_id


def _row(found: Registered) -> Any:
    return Row.model_validate(plain(stored.readable(found)))


@router.get("/stats/summary", operation_id="summarizeConfigurations", responses=declared())
@short
def summary(_: Viewer, database: Opened) -> Summary:
    """Count configurations by stage and strategy, and name the active ones and the best."""
    found = configuration_summary(database)
    newest = found["newest_at"]
    return Summary.model_validate(found | {"newest_at": None if newest is None else iso_time(newest)})


@router.get("/compare", operation_id="compareConfigurations", responses=declared(*ID))
def compare(
    _: Viewer,
    database: Opened,
    ids: Annotated[
        list[Annotated[str, Query(max_length=200, pattern=PLAIN)]],
        Query(min_length=2, max_length=MAX_COMPARED, description="Two configurations or more: ids=A&ids=B."),
    ],
) -> Compared:
    """Compare configurations field by field; parameters are named parameters.NAME, other measures metrics.NAME."""
    registry = Registry(database)
    names = [registry.get(one).config_id for one in ids]
    return Compared(configurations=names, fields=plain(registry.compare(names)))


@router.get("/{config_id}", operation_id="showConfiguration", responses=declared(*ID))
def show(
    _: Viewer,
    database: Opened,
    config_id: ConfigurationId,
    *,
    explain: Annotated[bool, Query(description="With value, unit and meaning of every field.")] = False,
) -> Shown:
    """Show a configuration: its V3 document, verified, what it is worth today and why it was not promoted."""
    registry = Registry(database)
    facts = stored.shown(registry, config_id)
    if explain:
        facts["explained"] = stored.meanings(registry.get(config_id))
    document = facts.pop("configuration")  # as it was stored, to the last digit
    return Shown.model_validate({**plain(facts), "configuration": document})


@router.post("/{config_id}/activate", operation_id="activateConfiguration", responses=declared(*ID))
def activate(_: Trader, database: Opened, config_id: ConfigurationId) -> Switched:
    """Let trading programs load a configuration; it takes the place of the one that is active for its market."""
    registry = Registry(database)
    replaced = registry.activate(config_id, at_ms=now_ms())
    return Switched(configuration=_row(registry.stored(config_id)), replaced=replaced)


@router.post("/{config_id}/deactivate", operation_id="deactivateConfiguration", responses=declared(*ID))
def deactivate(_: Trader, database: Opened, config_id: ConfigurationId) -> Moved:
    """Stop trading programs from loading a configuration."""
    registry = Registry(database)
    changed = registry.deactivate(config_id, at_ms=now_ms())
    return Moved(configuration=_row(registry.stored(config_id)), changed=changed)


@router.delete("/{config_id}", operation_id="archiveConfiguration", responses=declared(*ID))
def archive(_: Trader, database: Opened, config_id: ConfigurationId) -> Moved:
    """Archive a configuration: it is hidden from the list, and nothing is deleted."""
    registry = Registry(database)
    changed = registry.archive(config_id, at_ms=now_ms())
    return Moved(configuration=_row(registry.stored(config_id)), changed=changed)


@router.post("/{config_id}/restore", operation_id="restoreConfiguration", responses=declared(*ID))
def restore(_: Trader, database: Opened, config_id: ConfigurationId) -> Moved:
    """Bring an archived configuration back; it is not active after that."""
    registry = Registry(database)
    changed = registry.unarchive(config_id, at_ms=now_ms())
    return Moved(configuration=_row(registry.stored(config_id)), changed=changed)
