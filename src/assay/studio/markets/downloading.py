"""The form of a download, and the downloads of the server as they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from assay.errors import AssayError, InputError
from assay.service.downloads import WHY_OFFLINE, DownloadTerms
from assay.sources.exchanges.paging_rules import WELL_KNOWN
from assay.store.database import now_ms
from assay.store.schema import Role
from assay.studio.panels import explained
from assay.studio.values import count, duration, number
from assay.studio.visit import say
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assay.service.downloads import Download, Downloads
    from assay.studio.visit import Visit

LOOK_S = 0.5
TIMEFRAMES = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
MOST_SHOWN = 6


class DownloadForm:
    """Asks which bars are fetched, and follows them.

    Parameters
    ----------
    visit : Visit
    on_stored : callable
        Awaited when a download is over.
    """

    def __init__(self, visit: Visit, on_stored: Callable[[], Awaitable[None]]) -> None:
        self._visit, self._on_stored = visit, on_stored
        self._lines: dict[int, DownloadLine] = {}
        self._build()

    @property
    def _downloads(self) -> Downloads:
        return self._visit.state.downloads

    def _build(self) -> None:
        offline, may = self._downloads.offline, self._visit.may(Role.TRADER)
        if offline:
            ui.label(f"Not possible here: {WHY_OFFLINE}.").classes("why")
        with ui.element("div").classes("fields"):
            self._exchange = ui.select(list(WELL_KNOWN), value="binance", label="Exchange", with_input=True)
            self._exchange.props("dense outlined new-value-mode=add-unique")
            self._symbol = ui.input("Symbol", value="BTC/USDT").props("dense outlined")
            self._timeframe = ui.select(list(TIMEFRAMES), value="5m", label="Timeframe").props("dense outlined")
            self._days = ui.input("Days back", value="365").props("dense outlined inputmode=decimal")
            self._since = ui.input("or from (day)").props("type=date dense outlined stack-label")
            self._until = ui.input("To (day; now)").props("type=date dense outlined stack-label")
        with ui.element("div").classes("row"):
            button = ui.button("Download", on_click=self._start).props("unelevated")
            hint = ui.label("Only what is not stored is fetched.").classes("muted")
            explained(hint, "Page by page: an interruption costs nothing that was stored. What is absent at the "
                      "exchange is not asked for again.")  # fmt: skip
            if offline or not may:
                button.disable()
            if not may:
                ui.label(f"This needs the role {Role.TRADER}.").classes("muted")
        self._place = ui.element("div").classes("column")
        self._show()
        self._visit.every(LOOK_S, self._look)

    async def _start(self) -> None:
        since, until = self._since.value or None, self._until.value or None
        try:
            terms = DownloadTerms(
                symbol=(self._symbol.value or "").strip(),
                exchange=str(self._exchange.value or "").strip().lower(),
                timeframe=str(self._timeframe.value),
                since=since,
                until=until,
                days=None if since else _days(self._days.value),
            )
            await self._visit.change(
                "studio: download",
                Role.TRADER,
                lambda: self._downloads.start(terms, self._visit.caller.name),
                f"{terms.exchange} {terms.symbol} {terms.timeframe}",
            )
        except AssayError as error:
            say(error)
            return
        self._show()

    async def _end(self, one: Download) -> None:
        try:
            await self._visit.change("studio: end download", Role.TRADER, one.end, one.name)
        except AssayError as error:
            say(error)
        self._show()

    async def _look(self) -> None:
        if self._show():
            await self._on_stored()

    def _show(self) -> bool:
        """Show the downloads as they are; return whether one has just ended."""
        ended = False
        for one in self._downloads.all()[:MOST_SHOWN][::-1]:
            if one.number not in self._lines:
                with self._place:
                    line = DownloadLine(one, self._end, may=self._visit.may(Role.TRADER))
                line.element.move(target_index=0)
                self._lines[one.number] = line
            ended |= self._lines[one.number].show()
        return ended


class DownloadLine:
    """A download, drawn once and updated in place."""

    def __init__(self, one: Download, end: Callable[[Download], Awaitable[None]], *, may: bool) -> None:
        self._one, self._was_over = one, one.is_over
        with ui.element("article").classes("job") as self.element:
            with ui.element("div").classes("row"):
                ui.label(one.name).classes("job-name")
                self._status = ui.label().classes("tag").props("role=status")
                self._text = ui.label().classes("muted grow")
                self._end = ui.button("End", on_click=lambda: end(one)).props(
                    f'outline dense aria-label="End {one.name}"'
                )
                if not may:
                    self._end.disable()
            self._bar = ui.linear_progress(0.0, show_value=False, size="6px").props(
                'aria-label="Bars that are fetched"'
            )
            self._came = ui.label().classes("lines")
        self.show()

    def show(self) -> bool:
        """Show how far it is; return whether it has just ended."""
        one = self._one
        self._status.set_text(one.status)
        self._bar.set_value(1.0 if one.is_over and one.status == "done" else one.done / max(one.total, 1))
        self._text.set_text(_progress(one))
        self._end.set_visibility(not one.is_over)
        self._came.set_text("\n".join(map(as_page, one.sentences)))
        just, self._was_over = one.is_over and not self._was_over, one.is_over
        return just


def _progress(one: Download) -> str:
    """Return how far a download is, how fast, and how long it still takes."""
    if one.status == "asking":
        return "asking the exchange which markets it has …"
    words = f"{count(one.done)} of {count(one.total)} bars"
    seconds = ((one.ended_ms or now_ms()) - one.begun_ms) / 1000
    if one.done and seconds > 1:
        rate = one.done / seconds
        words += f" · {number(rate, 0)}/s"
        if not one.is_over and one.total > one.done:
            words += f" · {duration((one.total - one.done) / rate)} left"
    return words


def _days(text: str | None) -> float | None:
    if not (text or "").strip():
        return None
    try:
        return float(str(text).replace(",", "."))
    except ValueError:
        raise InputError("days back", "must be a number", text) from None
