"""Train."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from assay.studio import addresses
from assay.studio.frame import framed


@ui.page(addresses.TRAIN)
async def train(request: Request) -> None:
    """Show the page."""
    with framed(request, "Train", addresses.TRAIN):
        ui.label("")
