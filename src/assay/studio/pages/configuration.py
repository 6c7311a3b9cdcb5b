"""One configuration."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from assay.studio import addresses
from assay.studio.frame import framed


@ui.page(addresses.CONFIGURATIONS + "/{config_id}")
async def configuration(request: Request, config_id: str) -> None:
    """Show the page."""
    with framed(request, config_id, addresses.CONFIGURATIONS):
        ui.label("")
