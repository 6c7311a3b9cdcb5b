"""One market: its candles, what is wrong with its bars day by day, and what masking them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.errors import AssayError
from assay.market.quality import FINDINGS, REQUIRED_VALID_PCT
from assay.service.markets import remove_bars
from assay.store.schema import Role
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.dialogs import confirmed
from assay.studio.elements.candles import Candles
from assay.studio.frame import is_dark
from assay.studio.markets import facts, plots
from assay.studio.markets.names import parts_of, title_of
from assay.studio.markets.stretch import Stretch
from assay.studio.panels import empty, explained, panel, tile
from assay.studio.plots import palette
from assay.studio.tables import Column, plain_table
from assay.studio.values import count, day, moment, number, percent
from assay.studio.visit import say
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assay.studio.visit import Visit

BLUES = {
    True: ("#14304f", "#1f5d99", "#4f9be0", "#bfe0ff"),
    False: ("#dcebfa", "#8dbbe8", "#2f78bf", "#0b3a6b"),
}
"""One colour from little to much, dark and light."""

STRETCHES = {"7 d": 7, "30 d": 30, "90 d": 90, "1 y": 365, "All": None}
DEFAULT_DAYS = 30

HEAT_NOTE = (
    "Each cell is a day with a finding: the lighter, the more of the day's bars. Absent, zero volume, flat and "
    "impossible bars are masked; stale bars and outliers are reported only."
)
MASK_NOTE = (
    "Masked bars stay where they are, so that time is not bent: they give no signal, and those without volume no fill."
)
EFFECT_NOTE = (
    "The indicators that strategies read, of each day: with the mask, and as if every recorded bar had traded and "
    "moved. Where the lines part, a strategy would have been deceived by bars that are none."
)


class ShownMarket:
    """A market below the list.

    Parameters
    ----------
    visit : Visit
    listed : Listed
    stretch : Stretch
        The days that are drawn.
    on_removed : callable
        Awaited when it was deleted.
    """

    def __init__(
        self, visit: Visit, listed: facts.Listed, stretch: Stretch, on_removed: Callable[[], Awaitable[None]]
    ) -> None:
        self._visit, self._on_removed = visit, on_removed
        self._key, self._row = listed.key, listed.row
        with ui.element("div").classes("grid") as self._place:
            self._build(stretch)

    def _build(self, stretch: Stretch) -> None:
        with ui.element("div").classes("grid two"):
            with panel(title_of(self._key), classes="flush"):
                self._tools(stretch)
                self._candles = Candles(parts_of(self._key), span=stretch.span, masks=True)
            with ui.element("div").classes("column"):
                with panel("Mask, before and after", note=MASK_NOTE) as self._mask:
                    self._waiting = ui.label("reading all bars of the market …").classes("muted").props("role=status")
                with panel("Came in", classes="flush") as self._imports:
                    pass
        with panel("Findings, day by day", note=HEAT_NOTE) as self._heat:
            pass
        with panel("Indicators with the mask and without", note=EFFECT_NOTE) as self._effect:
            pass

    async def load(self) -> None:
        """Read the bars and show what is known of them."""
        store = self._visit.state.bars
        try:
            found = await self._visit.work(lambda: facts.detail(store, self._key))
        except AssayError as error:
            self._waiting.set_text(as_page(str(error)))
            return
        self._waiting.delete()
        dark = is_dark(self._visit.request)
        colours = palette(dark=dark)
        with self._mask:
            _mask(found)
        with self._imports:
            _imports(found.quality["imports"])
        with self._heat:
            heat = plots.findings_map(colours, found.daily, scale=BLUES[dark])
            ui.echart(heat).classes("chart heat").props('aria-label="Findings of each day"')
        with self._effect:
            ui.label("solid: with the mask · dashed: all recorded bars").classes("muted")
            ui.echart(plots.mask_lines(colours, found.effect)).classes("chart effect").props(
                'aria-label="Indicators of each day with the mask and without"'
            )

    def _tools(self, stretch: Stretch) -> None:
        with ui.element("div").classes("row bar"):
            self._first = ui.input("From", value=stretch.first).props("type=date dense outlined")
            self._last = ui.input("To", value=stretch.last).props("type=date dense outlined")
            ui.button("Show", on_click=self._look).props("outline dense")
            for name, days in STRETCHES.items():
                ui.button(name, on_click=lambda _, days=days: self._newest(days)).props("flat dense").classes("small")
            ui.element("div").classes("grow")
            explained(ui.label("▮ masked").classes("warn"), "Strips at the top mark masked bars; a bar under the "
                      "pointer says why. Absent bars are no candles: they are gaps in time.")  # fmt: skip
            ui.link("Explore signals", address(addresses.STRATEGIES, market=self._key)).classes("export")
            remove = ui.button("Delete …", on_click=self._delete).props("outline dense").classes("danger")
            if not self._visit.may(Role.TRADER):
                remove.disable()
                ui.label(f"Deleting needs the role {Role.TRADER}.").classes("muted")

    def _newest(self, days: int | None) -> None:
        first = day(self._row["from"]) if days is None else None
        stretch = Stretch.of(self._row, first, None, days or DEFAULT_DAYS)
        self._first.set_value(stretch.first)
        self._last.set_value(stretch.last)
        self._look()

    def _look(self) -> None:
        stretch = Stretch(self._first.value or "", self._last.value or "")
        try:
            span = stretch.span
        except AssayError as error:
            say(error)
            return
        self._candles.show_bars(span)
        self._visit.remember(addresses.DATA, market=self._key, first=stretch.first, last=stretch.last)

    async def _delete(self) -> None:
        parts, store = parts_of(self._key), self._visit.state.bars
        sure = await confirmed(
            f"Delete {title_of(self._key)}?",
            f"{count(self._row['bars'])} bars are removed, and the market with them. Configurations that were trained "
            "on it stay, but can no longer be verified before the same bars are stored again.",
            f"Delete {count(self._row['bars'])} bars",
        )
        if not sure:
            return
        try:
            done = await self._visit.change(
                "studio: delete bars", Role.TRADER, lambda: remove_bars(store, parts), self._key
            )
        except AssayError as error:
            say(error)
            return
        self._visit.remember(addresses.DATA)
        await self._on_removed()
        self._place.clear()  # the last step: the button that was pressed is in it
        with self._place:
            empty(f"{title_of(self._key)} is gone", f"{count(done['removed'])} bars were removed.")


def _mask(found: facts.Detail) -> None:
    report, quality = found.quality["report"], found.quality
    expected = max(report["expected"], 1)
    before, after = 100.0 * report["recorded"] / expected, report["valid_pct"]
    with ui.element("div").classes("tiles"):
        tile(
            "Before",
            percent(before, 2),
            note="Bars that the source had, in percent of those that the calendar expects.",
        )
        tile(
            "After (valid)", percent(after, 2), tone="" if report["passes"] else "warn",
            note="Bars that may signal, in percent of those that the calendar expects. This is valid_pct: training "
            f"needs {REQUIRED_VALID_PCT:.0f} %.",
        )  # fmt: skip
        tile("Masked", count(quality["after"]["masked"]), note="Recorded bars that may not signal.")
        tile("May fill", count(quality["after"]["tradable"]), note=f"Bars on which orders fill: {quality['may_fill']}.")
        tile("Longest hole", count(report["longest_hole"]), note="Absent bars in a row.")
        traded = report["traded_pct"]
        known = traded == traded and traded is not None
        tile(
            "Traded",
            percent(traded if known else None, 1),
            note="Recorded bars with volume, in percent of the recorded.",
        )
    verdict = "Training takes these bars." if report["passes"] else (
        f"Refused for training: {after:.1f} % may signal, {REQUIRED_VALID_PCT:.0f} % are needed. A coarser timeframe "
        "or a more liquid market passes; training on bad data can be allowed, is recorded, and never promotes."
    )  # fmt: skip
    ui.label(verdict).classes("why" if not report["passes"] else "muted")
    columns = (
        Column("Finding"), Column("Bars", is_number=True), Column("Of expected", is_number=True),
        Column("What becomes of them"),
    )  # fmt: skip
    with plain_table(columns) as table:
        for name, finding in FINDINGS.items():
            with table.row():
                with table.cell():
                    explained(ui.label(finding.title), finding.meaning)
                table.text(count(report[name]))
                table.text(percent(100.0 * report[name] / expected, 2))
                table.text(_fate(name))


def _fate(name: str) -> str:
    if name == "absent":
        return "a gap, no signal, no fill"
    if name == "flat":
        return "masked: no signal; fills where it has volume"
    return "masked: no signal, no fill" if FINDINGS[name].masks else "reported, not masked"


def _imports(history: list[dict[str, Any]]) -> None:
    if not history:
        empty("Nothing is recorded", "Imports and downloads of this market will be listed here.")
        return
    columns = (
        Column("When"), Column("From"), Column("New", is_number=True), Column("Other values", is_number=True,
        note="Bars that were stored with other values, which stayed."), Column("Valid after", is_number=True),
    )  # fmt: skip
    with plain_table(columns) as table:
        for one in history[:8]:
            with table.row():
                table.text(moment(one["at"])).classes("nowrap")
                table.text(one["source"])
                table.text(count(one["inserted"]))
                table.text(count(one["changed"]), tone="warn" if one["changed"] else "")
                table.text(f"{number(one['valid_pct'], 1)} %" + (" ⚠ fell" if one["alert"] else ""))
