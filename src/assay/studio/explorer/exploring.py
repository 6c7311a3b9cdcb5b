"""The funnel explorer: a market, the parameters of a strategy, and what becomes of them at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import background_tasks, ui

from assay.documents.explained import explained as in_words
from assay.engine import Side
from assay.engine.execution import ExecutionTerms
from assay.errors import AssayError
from assay.market import Timeframe, named_market
from assay.market.calendar import DAY_MS
from assay.service.funnels import MAX_MARKS, FunnelQuestion
from assay.service.sets import parse_sets
from assay.service.spans import SpanTerms
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.elements.candles import Candles
from assay.studio.explorer.controls import Controls
from assay.studio.explorer.stages import StageTable, StepTable
from assay.studio.markets.names import parts_of, title_of
from assay.studio.markets.stretch import Stretch
from assay.studio.panels import explained, panel
from assay.studio.values import count, day
from assay.studio.visit import say
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from assay.evaluation.funnel import Relaxed
    from assay.service.funnels import Explored
    from assay.strategies import Strategy
    from assay.studio.markets.facts import Listed
    from assay.studio.visit import Visit

LEAST_S = 0.25
"""Between two answers while something is moved."""

SPAN_DAYS = 365

EXPLORER_NOTE = (
    "Where the moments of the pattern are lost on their way to trades. Move a threshold: the counts and the marked "
    "candles change at once. What looks best here was chosen by looking, and has to be proven by a training."
)
SEALED_NOTE = (
    "A training keeps its newest days sealed and opens them once, to test what it has chosen. Thresholds that are "
    "chosen by what is seen there are not tested by them any more. The explorer leaves them out unless you ask for "
    "them."
)
MARKS_NOTE = (
    "Arrows below a bar are long, above it short. A signal has no trade when a position is open already, for example."
)


@dataclass(frozen=True)
class Asked:
    """What an address asks of the explorer.

    Attributes
    ----------
    market : Listed
        One that has bars.
    first, last : str or None
        Days.
    side : str
        both, long or short.
    sets : sequence of str
        Parameters, ``name=value``.
    sealed_ms : int
        From where on days of the market are sealed.
    """

    market: Listed
    first: str | None
    last: str | None
    side: str
    sets: Sequence[str]
    sealed_ms: int

    @property
    def stretch(self) -> Stretch:
        """The days that are looked at: up to the sealed ones where the address does not say."""
        # of a market of few days at least the first one
        last = self.last or max(day(max(self.sealed_ms - DAY_MS, 0)), day(self.market.row["from"]))
        return Stretch.of(self.market.row, self.first, last, SPAN_DAYS)


class FunnelExplorerPanel:
    """The explorer of one strategy.

    Parameters
    ----------
    visit : Visit
    strategy : Strategy
    facts : mapping
        As `assay.service.strategy_facts.describe` gives them.
    markets : sequence of Listed
        Those that have bars.
    asked : Asked

    Raises
    ------
    InputError
        When a parameter, a day or the side of the address makes no sense.
    """

    def __init__(
        self, visit: Visit, strategy: Strategy, facts: Mapping[str, Any], markets: Sequence[Listed], asked: Asked
    ) -> None:
        self._visit, self._strategy, self._asked = visit, strategy, asked
        self._key = asked.market.key
        self._side, self._stretch = Side.parse(asked.side).value, asked.stretch
        self._wanted, self._answered, self._busy, self._next = 0, 0, False, 0.0
        self._marks: list[tuple[int, int, bool]] | None = None
        values = strategy.parameters.complete(parse_sets(asked.sets, strategy.parameters))
        roles = {one["name"]: one["role"] for one in facts["parameters"]}
        span = self._stretch.span
        with panel("Funnel explorer", note=EXPLORER_NOTE):
            self._choices(markets)
            with ui.element("div").classes("grid side"):
                with ui.element("div").classes("controls"):
                    self._beside = ui.label().classes("phone-only strong").props("aria-hidden=true")
                    self._controls = Controls(strategy.parameters, values, roles, self._moved)
                with ui.element("div").classes("column"):
                    self._results(span)

    def _choices(self, markets: Sequence[Listed]) -> None:
        with ui.element("div").classes("row bar"):
            names = {one.key: title_of(one.key) for one in markets}
            market = ui.select(names, value=self._key, label="Market", with_input=True).classes("wide")
            market.props("dense outlined").on_value_change(lambda event: self._go(event.value))
            self._first = ui.input("From", value=self._stretch.first).props("type=date dense outlined")
            self._last = ui.input("To", value=self._stretch.last).props("type=date dense outlined")
            side = ui.select([one.value for one in Side], value=self._side, label="Side").props("dense outlined")
            side.on_value_change(lambda event: self._turn(event.value))
            ui.button("Show", on_click=self._respan).props("outline dense")
            ui.button("Reset to defaults", on_click=self._reset).props("flat dense").classes("small")
            ui.element("div").classes("grow")
            self._sealed = ui.label()
            explained(self._sealed, SEALED_NOTE)
        self._say_sealed()

    def _results(self, span: tuple[str, str]) -> None:
        self._sentence = ui.label("looking for the pattern …").classes("why").props("role=status aria-live=polite")
        with ui.element("div").classes("row"):
            self._counts = ui.label().classes("strong").props("data-testid=counts")
            explained(ui.label("▲▼ a trade came of it   ● a signal without one").classes("muted"), MARKS_NOTE)
            ui.element("div").classes("grow")
            self._time = ui.label().classes("muted").props("data-testid=took")
            explained(self._time, "How long the server took for these counts.")
        self._candles = Candles(parts_of(self._key), span=span, masks=True).classes("explored")
        with ui.element("div").classes("grid stages"):
            with ui.element("div"):
                self._stages = StageTable()
            with ui.element("div").classes("column"):
                self._steps = StepTable(self._take)
                ui.link("Train this strategy", address(addresses.TRAIN, strategy=self._strategy.name)).classes("muted")

    # what the visitor does

    def begin(self) -> None:
        """Show the first funnel."""
        self._moved()

    def _take(self, step: Relaxed) -> None:
        self._controls.take({step.parameter: self._strategy.parameters[step.parameter].check(step.looser)})

    def _reset(self) -> None:
        self._controls.reset()

    def _turn(self, side: str) -> None:
        self._side = side
        self._moved()

    def _go(self, key: str | None) -> None:
        if key and key != self._key:
            ui.navigate.to(
                address(addresses.STRATEGIES, **self._query() | {"market": key, "first": None, "last": None})
            )

    def _respan(self) -> None:
        stretch = Stretch(self._first.value or "", self._last.value or "")
        try:
            span = stretch.span
        except AssayError as error:
            say(error)
            return
        self._stretch = stretch
        self._candles.show_bars(span)
        self._say_sealed()
        self._moved()

    def _say_sealed(self) -> None:
        sealed = day(self._asked.sealed_ms)
        shows = self._stretch.last >= sealed
        self._sealed.set_text(
            f"⚠ shows days from {sealed} on, which trainings seal" if shows else f"sealed from {sealed} on"
        )
        self._sealed.classes(add="warn" if shows else "muted", remove="muted" if shows else "warn")

    def _query(self) -> dict[str, Any]:
        return {
            "strategy": self._strategy.name,
            "market": self._key,
            "first": self._stretch.first,
            "last": self._stretch.last,
            "side": None if self._side == "both" else self._side,
            "set": self._controls.moved or None,
        }

    # what is answered

    def _moved(self) -> None:
        """Answer what is asked now; what was asked in between is passed over."""
        self._wanted += 1
        if not self._busy:
            self._busy = True
            background_tasks.create(self._answer(), name="funnel")

    async def _answer(self) -> None:
        try:
            while self._answered != self._wanted and not self._is_gone():
                await asyncio.sleep(max(0.0, self._next - time.monotonic()))
                number = self._wanted
                self._next = time.monotonic() + LEAST_S
                with self._candles.client:
                    await self._once()
                self._answered = number
        finally:
            self._busy = False

    async def _once(self) -> None:
        begun, explorer, values = time.monotonic(), self._visit.state.funnels, self._controls.values
        try:
            question = self._question()
            found = await self._visit.work(lambda: explorer.explore(question, values))
        except AssayError as error:
            self._refuse(error)
            return
        if self._is_gone():
            return
        self._show(found, time.monotonic() - begun)
        steps = await self._visit.work(found.with_steps)
        if not self._is_gone():
            self._sentence.set_text(in_words(steps.sentence))
            self._steps.show(steps)

    def _is_gone(self) -> bool:
        """Whether nobody looks any more."""
        return self._candles.is_deleted

    def _question(self) -> FunnelQuestion:
        exchange, symbol, timeframe = parts_of(self._key)
        first, end = self._stretch.span
        row = self._asked.market.row
        # a day that the bars do not fill begins and ends with them
        span = SpanTerms(
            start=None if first <= day(row["from"]) else first,
            stop=None if self._stretch.last >= day(row["to"]) else end,
            names=("days", "from", "to"),
        )
        market = named_market(exchange, symbol, Timeframe.parse(timeframe))
        terms = ExecutionTerms(side=self._side)
        return FunnelQuestion(strategy=self._strategy, market=market, span=span, terms=terms)

    def _show(self, found: Explored, seconds: float) -> None:
        funnel = found.followed.funnel
        self._stages.show(funnel)
        signals, trades = funnel.signals, funnel.trades
        more = f" (the newest {count(MAX_MARKS)} are marked)" if signals > MAX_MARKS else ""
        self._counts.set_text(f"{count(signals)} signals{more}, {count(trades)} trades")
        self._beside.set_text(self._counts.text)
        self._time.set_text(f"{1000 * seconds:.0f} ms")
        marks = found.marks()
        if marks != self._marks:
            self._marks = marks
            self._candles.show_signals(marks)
        self._visit.remember(addresses.STRATEGIES, **self._query())

    def _refuse(self, error: AssayError) -> None:
        self._sentence.set_text(as_page(str(error)))
        self._counts.set_text("no funnel")
        self._marks = []
        self._candles.show_signals([])
