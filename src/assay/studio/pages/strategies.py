"""The page of strategies: their rules in words, their parameters, and where their moments are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Request
from nicegui import ui

from assay.errors import NotFoundError
from assay.market import Timeframe, named_market
from assay.service.holdout import shown_until
from assay.service.strategy_facts import describe
from assay.service.strategy_names import listed, resolve
from assay.service.times import parse_moment
from assay.store import Registry
from assay.strategies import STRATEGIES
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.explorer.describing import describe_parameters, describe_strategy
from assay.studio.explorer.exploring import Asked, FunnelExplorerPanel
from assay.studio.frame import PAGE_S, framed, styles
from assay.studio.markets import facts
from assay.studio.markets.names import parts_of
from assay.studio.panels import empty, explained, panel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from assay.studio.visit import Visit


@ui.page(addresses.STRATEGIES, response_timeout=PAGE_S)
async def strategies(
    request: Request,
    strategy: str | None = None,
    market: str | None = None,
    first: str | None = None,
    last: str | None = None,
    side: str = "both",
    sets: Annotated[list[str] | None, Query(alias="set")] = None,
) -> None:
    """Show the page."""
    styles("data.css")
    styles("strategies.css")
    with framed(request, "Strategies", addresses.STRATEGIES) as visit:
        names = await visit.work(lambda: listed(visit.state.settings.strategies))
        chosen = await visit.work(lambda: resolve(strategy or next(iter(STRATEGIES)), visit.state.settings.strategies))
        found = await visit.read(facts.listed, visit.state.bars)
        markets = [one for one in found if one.row["bars"]]
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("grid side"):
                with ui.element("div").classes("column"), panel("Strategies", classes="flush"):
                    _names(names, chosen.name, market)
                known = describe(chosen)
                describe_strategy(chosen, known)
            if markets:
                here = _market(markets, market)
                sealed = await visit.work(lambda: _sealed(visit, here))
                asked = Asked(here, first, last, side, sets or (), sealed)
                FunnelExplorerPanel(visit, chosen, known, markets, asked).begin()
            else:
                with panel("Funnel explorer"), empty("No bars to look at", "The explorer needs the bars of a market."):
                    ui.link("Import or download bars", address(addresses.DATA))
            with panel("Parameters", classes="flush"):
                describe_parameters(known["parameters"])


def _names(names: Sequence[dict[str, Any]], here: str, market: str | None) -> None:
    with ui.element("nav").props('aria-label="Strategies"').classes("names"):
        for one in names:
            link = ui.link(target=address(addresses.STRATEGIES, strategy=one["name"], market=market)).classes("name")
            if one["name"] == here:
                link.classes("here").props("aria-current=true")
            with link:
                ui.label(one["name"]).classes("mono")
                ui.label(one["summary"]).classes("muted")
    with ui.element("div").classes("under"):
        explained(ui.label("Strategies of your own").classes("muted"), OWN_NOTE)


OWN_NOTE = (
    "Python files in the operator's folder (assay serve --strategies FOLDER) are listed here too. They are read in "
    "order to be listed, and run when one is chosen."
)


def _market(markets: Sequence[facts.Listed], wanted: str | None) -> facts.Listed:
    for one in markets:
        if wanted in (None, one.key):
            return one
    raise NotFoundError("market", "is not stored", wanted, "The page Data lists those that are")


def _sealed(visit: Visit, market: facts.Listed) -> int:
    """Return from where on days of a market are sealed, milliseconds UTC."""
    exchange, symbol, timeframe = parts_of(market.key)
    named = named_market(exchange, symbol, Timeframe.parse(timeframe))
    span = parse_moment(market.row["from"], "from"), parse_moment(market.row["to"], "to")
    return shown_until(Registry(visit.database), named, span)
