"""`Upload`: files of bars, sent by the browser to the API, which says how it understands them and stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Upload(ui.element, component="upload.js"):
    """A place for files, with what the API says of each.

    Parameters
    ----------
    refused : str
        Why the visitor may not store any; "" where they may.
    on_stored : callable
        Awaited when a file was stored.
    """

    def __init__(self, *, refused: str, on_stored: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._props["refused"] = refused
        self.on("stored", on_stored, [])
