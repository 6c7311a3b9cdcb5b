"""Jobs."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from assay.studio import addresses
from assay.studio.frame import framed


@ui.page(addresses.JOBS)
async def jobs(request: Request) -> None:
    """Show the page."""
    with framed(request, "Jobs", addresses.JOBS):
        ui.label("")
