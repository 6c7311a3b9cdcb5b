"""Train: what is searched, on which markets and how, and what that would cost before it is begun."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import Request
from nicegui import background_tasks, ui

from assay.errors import AssayError, InputError
from assay.service.jobs import terms_of
from assay.service.strategy_names import resolve
from assay.service.submission import submit
from assay.service.training_choices import first_terms, training_choices
from assay.store.jobs import JobStore
from assay.store.schema import Role
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.frame import PAGE_S, framed, styles
from assay.studio.panels import panel
from assay.studio.training.estimate_box import EstimateBox
from assay.studio.training.estimating import estimated, plan_of
from assay.studio.training.form import TrainingForm
from assay.studio.training.latest import Latest
from assay.studio.training.saved_forms import SavedForms, forms_of
from assay.studio.training.terms import GRID, at, changed, compact, expand, readable
from assay.studio.visit import Visit, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.service.estimate_parts import Estimate
    from assay.service.training_choices import TrainingChoices
    from assay.service.training_plan import TrainingPlan
    from assay.store.forms import Form

WAIT_S = 0.6
"""How long nobody must have typed before an estimate begins."""

TICK_S = 0.5


@ui.page(addresses.TRAIN, response_timeout=PAGE_S)
async def train(
    request: Request,
    form: str | None = None,
    job: str | None = None,
    terms: str | None = None,
    strategy: str | None = None,
    market: str | None = None,
) -> None:
    """Show the form.

    Parameters
    ----------
    form : str, optional
        A saved form that is loaded.
    job : str, optional
        A job that is repeated with changes.
    terms : str, optional
        What was changed since, as `assay.studio.training.terms.compact` packs it.
    strategy, market : str, optional
        What another page begins with: a name, and ``exchange:symbol:timeframe``.
    """
    with framed(request, "Train", addresses.TRAIN) as visit:
        styles("train.css")
        choices = await visit.work(lambda: training_choices(visit.state.bars, visit.state.settings.strategies))
        page = TrainPage(visit, choices, parent=job)
        await page.begin(form, terms, strategy, market)


class TrainPage:
    """The form with its estimate, its saved forms and its buttons.

    Parameters
    ----------
    visit : Visit
    choices : TrainingChoices
    parent : str or None
        The job that is repeated with changes.
    """

    def __init__(self, visit: Visit, choices: TrainingChoices, *, parent: str | None) -> None:
        self._visit, self._choices, self._parent = visit, choices, parent
        self._shown_strategies: list[str] | None = None
        self._latest: Latest[dict[str, Any], tuple[TrainingPlan, Estimate]] = Latest(
            partial(estimated, visit.state), self._show, wait_s=WAIT_S
        )
        ui.context.client.on_delete(self._latest.stop)
        client = ui.context.client
        self._in_background = partial(background_tasks.create, context=client)
        with ui.element("div").classes("grid train-page"):
            with ui.element("div").classes("column"):
                self._note = ui.label("").classes("muted hint")
                self.form = TrainingForm(choices, self._changed, self._other_strategy)
            with ui.element("aside").classes("column train-side").props('aria-label="Estimate and saved forms"'):
                with panel("Estimated resource usage"):
                    self._box = EstimateBox(self._apply)
                with panel("Saved forms", note="Yours alone; the API lists them, too."):
                    self._saved = SavedForms(visit, lambda: self.form.terms, self._was_saved)
        self._buttons()

    async def begin(self, form: str | None, packed: str | None, strategy: str | None, market: str | None) -> None:
        """Fill the form with what the address says."""
        try:
            terms = await self._first(form, packed, strategy, market)
        except AssayError as error:
            say(error)
            self._parent = self._saved.current = None
            self._note.set_text("")
            terms = first_terms(self._choices)
        await self._load(terms)
        await self._saved.refresh()
        self._visit.every(TICK_S, self._tick)
        self._ask(at_once=True)

    async def _tick(self) -> None:
        if (seconds := self._latest.waiting_s) is not None:
            self._box.waits(seconds)

    async def _first(
        self, form: str | None, packed: str | None, strategy: str | None, market: str | None
    ) -> dict[str, Any]:
        if form is not None:
            self._saved.current = await self._visit.read(forms_of(self._visit).get, form)
            self._note.set_text(f"Saved form “{self._saved.current.name}”.")
        if self._parent is not None:
            self._note.set_text(f"Repeats job {self._parent[:8]} with changes; the new job names it as its parent.")
        if packed is not None:
            return readable(expand(packed))
        if self._saved.current is not None:
            return readable(self._saved.current.config)
        if self._parent is not None:
            state = await self._visit.read(JobStore(self._visit.database).state, self._parent)
            return readable(terms_of(state))
        first = first_terms(self._choices)
        if strategy:
            first["strategies"] = [strategy]
        if market and market.count(":") >= 2:
            exchange, _, rest = market.partition(":")
            pair, _, frame = rest.rpartition(":")
            first |= {"exchanges": [exchange], "pairs": [pair], "timeframes": [frame]}
        return first

    async def _load(self, terms: Mapping[str, Any]) -> None:
        named = {**terms, "strategies": self._listed(terms.get("strategies", []))}
        self.form.load(named)
        await self._with_strategy(at(named, GRID))

    def _listed(self, names: object) -> list[str]:
        """Return strategies by the names of the list: LIQUIDITY_SWEEP_V3 is LIQUIDITY_SWEEP."""
        known = {one["name"]: one["name"] for one in self._choices.strategies}
        spelled = {name.casefold(): name for name in known} | {f"{name}_v3".casefold(): name for name in known}
        given = names if isinstance(names, list) else [names]
        return [known.get(str(one)) or spelled.get(str(one).casefold(), str(one)) for one in given]

    async def _with_strategy(self, grid: Mapping[str, Any] | None) -> None:
        """Show the parameters of the strategy, if it is one alone."""
        chosen = self.form.strategies
        self._shown_strategies = chosen
        found = None
        if len(chosen) == 1:
            folder = self._visit.state.settings.strategies
            try:
                found = await self._visit.work(lambda: resolve(chosen[0], folder))
            except AssayError:
                found = None  # the estimate says why
        if chosen == self._shown_strategies:
            self.form.show_strategy(found, grid)

    def _other_strategy(self) -> None:
        self._in_background(self._show_strategy())

    async def _show_strategy(self) -> None:
        if self.form.strategies != self._shown_strategies:
            await self._with_strategy(None)
            self._changed()

    def _changed(self) -> None:
        self._remember()
        self._ask()

    def _remember(self) -> None:
        current = self._saved.current
        self._visit.remember(
            addresses.TRAIN,
            form=None if current is None else current.id,
            job=self._parent,
            terms=compact(self.form.terms),
        )

    def _ask(self, *, at_once: bool = False) -> None:
        if not self._visit.may(Role.TRADER):
            self._box.withhold(f"An estimate needs the role {Role.TRADER}.")
            return
        self._latest.ask(self.form.terms, at_once=at_once)

    def _show(self, terms: dict[str, Any], answer: tuple[TrainingPlan, Estimate] | AssayError) -> None:
        if isinstance(answer, InputError):
            self._box.misses(answer, at_field=self.form.mark(answer))
            self.form.hint("")
            return
        if isinstance(answer, AssayError):
            self._box.fail(answer)
            return
        self.form.mark(None)
        plan, estimate = answer
        self._box.show(plan, estimate)
        sentences = [task.windows_sentence for task in estimate.tasks if task.windows_sentence]
        self.form.hint(sentences[0] if sentences else "")

    async def _apply(self, change: Mapping[str, Any]) -> None:
        try:
            terms = changed(self.form.terms, change, self.form.grid.whole)
        except AssayError as error:
            say(error)
            return
        await self._load(terms)
        self._changed()

    def _was_saved(self, form: Form | None) -> None:
        self._note.set_text("" if form is None else f"Saved form “{form.name}”.")
        self._remember()

    def _buttons(self) -> None:
        with ui.element("div").classes("actions").props('role=group aria-label="What to do with the form"'):
            ui.button("Cancel", on_click=self._cancel).props("flat no-caps")
            ui.element("div").classes("grow")
            estimate = ui.button("Estimate Runtime", on_click=lambda: self._ask(at_once=True)).props("outline no-caps")
            save = ui.button("Save Configuration", on_click=self._saved.save).props("outline no-caps")
            self._start = ui.button("Start Training", on_click=self._begin).props("unelevated no-caps")
            if not self._visit.may(Role.TRADER):
                for button in (estimate, save, self._start):
                    button.disable()
                why = f"This needs the role {Role.TRADER}, and you have the role {self._visit.caller.role}."
                ui.label(why).classes("warn small")

    def _cancel(self) -> None:
        ui.navigate.to(address(addresses.JOBS, job=self._parent) if self._parent else address(addresses.OVERVIEW))

    async def _begin(self) -> None:
        visit, terms = self._visit, json.loads(json.dumps(self.form.terms))
        self._start.disable()
        try:
            plan = await visit.work(lambda: plan_of(visit.state, terms))
            started = await visit.change(
                "studio: start training",
                Role.TRADER,
                lambda: submit(
                    visit.database,
                    plan,
                    user=visit.caller.name,
                    offline=visit.state.settings.offline,
                    parent=self._parent,
                ),
                self._parent,
            )
        except InputError as error:
            self._latest.drop()
            is_at_field = self.form.mark(error)
            self._box.misses(error, at_field=is_at_field)
            say(error)
            self._start.enable()
            return
        except AssayError as error:
            say(error)
            self._start.enable()
            return
        ui.navigate.to(address(addresses.JOBS, job=started.job))
