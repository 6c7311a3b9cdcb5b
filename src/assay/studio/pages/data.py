"""The page of markets: what is stored, how good it is, and how more comes in."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from assay.errors import NotFoundError, StoreError
from assay.store.schema import Role
from assay.studio import addresses
from assay.studio.elements.upload import Upload
from assay.studio.frame import PAGE_S, framed, styles
from assay.studio.markets import facts
from assay.studio.markets.downloading import DownloadForm
from assay.studio.markets.shown import DEFAULT_DAYS, ShownMarket
from assay.studio.markets.stretch import Stretch
from assay.studio.markets.table import MarketTable
from assay.studio.panels import empty, panel
from assay.studio.visit import Visit

FORMATS_NOTE = (
    "A file is first inspected: nothing is stored before it is said how it was understood. Bars that are stored "
    "already stay as they are; the same file again adds nothing."
)


@ui.page(addresses.DATA, response_timeout=PAGE_S)
async def data(request: Request, market: str | None = None, first: str | None = None, last: str | None = None) -> None:
    """Show the page."""
    styles("data.css")
    with framed(request, "Data", addresses.DATA) as visit:
        markets = await visit.read(facts.listed, visit.state.bars)
        here = _chosen(markets, market)
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("grid two"):
                page = HeldMarkets(visit, markets, here)
                with ui.element("div").classes("column"):
                    with panel("Import files", note=FORMATS_NOTE):
                        Upload(refused=_refused(visit), on_stored=page.look)
                    with panel("Download from an exchange"):
                        DownloadForm(visit, page.look)
            if here is not None and here.row["bars"]:
                shown = ShownMarket(visit, here, Stretch.of(here.row, first, last, DEFAULT_DAYS), page.look)
                ui.timer(0.05, shown.load, once=True)


class HeldMarkets:
    """The list of markets, shown once there is one.

    Parameters
    ----------
    visit : Visit
    markets : list of Listed
    here : Listed or None
        The one that is shown below.
    """

    def __init__(self, visit: Visit, markets: list[facts.Listed], here: facts.Listed | None) -> None:
        self._visit, self._here = visit, here
        with panel("Markets", classes="flush") as self._body:
            self._table: MarketTable | None = None
            self._nothing = empty(
                "No bars are stored yet",
                "Import a file of bars, or download them from an exchange. The demonstration on the first page makes "
                "three simulated markets.",
            )
        self._show(markets)

    async def look(self) -> None:
        """Show what is stored now."""
        try:
            self._show(await self._visit.read(facts.listed, self._visit.state.bars))
        except StoreError:
            return  # the database is away: what was seen last stays

    def _show(self, markets: list[facts.Listed]) -> None:
        self._nothing.set_visibility(not markets)
        if not markets:
            return
        if self._table is None:
            with self._body:
                self._table = MarketTable(markets, None if self._here is None else self._here.key)
        else:
            self._table.show(markets)


def _chosen(markets: list[facts.Listed], wanted: str | None) -> facts.Listed | None:
    """Return the market of the address, the first one where it names none.

    Raises
    ------
    NotFoundError
        When it is not stored.
    """
    if wanted is None:
        return markets[0] if markets else None
    for one in markets:
        if one.key == wanted:
            return one
    raise NotFoundError("market", "is not stored", wanted, "The page Data lists those that are")


def _refused(visit: Visit) -> str:
    return "" if visit.may(Role.TRADER) else f"Importing needs the role {Role.TRADER}."
