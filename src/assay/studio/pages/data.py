"""The data page."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from assay.studio import addresses
from assay.studio.elements.candles import Candles
from assay.studio.frame import framed
from assay.studio.panels import panel


@ui.page(addresses.DATA)
async def data(request: Request, market: str | None = None) -> None:
    """Show the page."""
    with framed(request, "Data", addresses.DATA):
        if market:
            with panel(market, classes="flush"):
                exchange, symbol, timeframe = market.split(":")
                Candles((exchange, symbol, timeframe))
