"""The fields of the form, in the panels of the users' plan; together they say the terms of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.errors import InputError
from assay.service.cost_presets import MAKER_NOTE, PRESETS
from assay.service.request import ProofTerms, SearchTerms
from assay.service.training_choices import (
    ABOUT_METHODS,
    METHODS,
    SAMPLES,
    SIDES,
    SIZINGS,
    TIER_1,
    VALIDATIONS,
    evidence_levels,
    objectives,
)
from assay.service.training_plan import belongs
from assay.studio.panels import panel
from assay.studio.training.fields import BoxesField, ChoiceField, Field, LengthField, NumberField, SwitchField
from assay.studio.training.grid_table import GridTable
from assay.studio.training.terms import GRID, at, field_of, put, reason, without
from assay.studio.values import INFO
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.service.training_choices import TrainingChoices
    from assay.strategies import Strategy
    from assay.studio.training.terms import Path

DAYS = {7: "1 week", 14: "2 weeks", 30: "1 month (30 days)", 60: "2 months (60 days)", 90: "3 months (90 days)"} | {
    180: "6 months (180 days)",
    365: "12 months (365 days)",
}
GAPS = {0: "As long as a trade may last", 1: "1 day", 3: "3 days", 7: "1 week", 14: "2 weeks", 30: "1 month (30 days)"}
MONTHS = {1: "Last month"} | {n: f"Last {n} months" for n in (3, 6, 12, 18, 24, 36, 60)}
DEFAULT_MONTHS = 12
RATIOS = {"0.5": "50 %", "0.6": "60 %", "0.7": "70 %", "0.8": "80 %", "0.9": "90 %"}

OWN_COSTS = "own"

WHAT_WINDOWS_ARE = (
    "The search is repeated on each train period and judged on the test period that follows it, which it has not seen."
)
GAP_NOTE = "Days between train and test, so that no trade of one reaches into the other. Never less than a trade lasts."
WORKERS_NOTE = "What the estimate counts with. How many workers there are is the operator's business: see Jobs."
EVIDENCE_NOTE = "How many permuted histories are searched, too, to see what chance finds. Quick proves nothing."
SPANS = ("days", "start", "stop")


class TrainingForm:
    """The form, drawn once.

    Parameters
    ----------
    choices : TrainingChoices
    changed : callable
        Called when the visitor changes anything.
    strategy_changed : callable
        Called when other strategies are chosen: the table of parameters is to be shown anew.
    """

    def __init__(
        self, choices: TrainingChoices, changed: Callable[[], None], strategy_changed: Callable[[], None]
    ) -> None:
        self._choices, self._changed, self._strategy_changed = choices, changed, strategy_changed
        self._extra: dict[str, Any] = {}
        self._fields: list[Field] = []
        with ui.element("div").classes("form-columns"):
            with ui.element("div").classes("column"):
                self._strategy_panel()
                self._market_panel()
                self._data_panel()
            with ui.element("div").classes("column"):
                self._method_panel()
                self._validation_panel()
                self._cost_panel()
        with panel("Parameter space", note="Which values the search may combine."):
            self.grid = GridTable(self._touched)
        self._extra_place = ui.element("div")
        self._follow()

    @property
    def strategies(self) -> list[str]:
        """The chosen ones."""
        return list(self._strategies.value)

    @property
    def terms(self) -> dict[str, Any]:
        """What the form says, as a plan is read from it."""
        terms: dict[str, Any] = {}
        for field in self._fields:
            if self._applies(field.path):
                put(terms, field.path, field.value)
        put(terms, GRID, self.grid.value)
        for name, value in self._extra.items():
            if isinstance(value, dict) and isinstance(terms.get(name), dict):
                terms[name] = {**value, **terms[name]}
            else:
                terms.setdefault(name, value)
        if any(name in self._extra for name in SPANS):
            terms.pop("historical_period_months", None)
        return terms

    def load(self, terms: Mapping[str, Any]) -> None:
        """Show terms; those that have no field are kept, and named below."""
        for field in self._fields:
            field.load(at(terms, field.path))
        left = without(terms, [*(field.path for field in self._fields), GRID])
        self._extra = {name: value for name, value in left.items() if name != "strategy"}
        self._follow()
        self._show_extra()

    def show_strategy(self, strategy: Strategy | None, grid: Mapping[str, Any] | None) -> None:
        """Show the parameters of the one strategy that is chosen."""
        self.grid.show(strategy, grid)

    def mark(self, error: InputError | None) -> bool:
        """Say what is wrong at the field that it is about; return whether there is one."""
        for field in self._fields:
            field.complain("")
        self.grid.complain("")
        if error is None:
            return True
        text = as_page(reason(error))
        path = field_of(error, [field.path for field in self._fields])
        found = next((field for field in self._fields if field.path == path), None)
        if found is not None:
            found.complain(text)
            return True
        if self.grid.complain_of(error.field.rpartition(".")[2], text):
            return True
        if error.field in ("space", GRID[-1], ".".join(GRID)):
            self.grid.complain(text)
            return True
        return False

    def _applies(self, path: Path) -> bool:
        """Whether a term belongs to the chosen method and validation."""
        if path[0] == "optimization_params":
            return belongs(path[1], self._method.chosen)
        if path[0] == "validation_params":
            return belongs(path[1], self._validation.chosen)
        return True

    def _touched(self) -> None:
        self._follow()
        self._changed()

    def _follow(self) -> None:
        """Show the fields of the chosen method and validation, and no others."""
        for field, box in self._conditional:
            box.set_visibility(self._applies(field.path))
        self._about.set_text(METHOD_WORDS.get(self._method.chosen, ABOUT_METHODS.get(self._method.chosen, "")))

    def _show_extra(self) -> None:
        """Name the terms that no field shows; each can be taken away."""
        self._extra_place.clear()
        if not self._extra:
            return
        with self._extra_place, panel("Also in this form", note="Terms that have no field here; they are kept."):
            for name, value in self._extra.items():
                with ui.element("div").classes("row"):
                    ui.label(f"{name} = {value}").classes("mono grow")
                    button = ui.button("Remove", on_click=lambda _, name=name: self._remove(name))
                    button.props("flat dense no-caps size=sm")
                    button.props["aria-label"] = f"Remove {name}"

    def _remove(self, name: str) -> None:
        self._extra.pop(name, None)
        self._show_extra()
        self._touched()

    def _add(self, field: Field) -> Field:
        self._fields.append(field)
        return field

    def _strategy_panel(self) -> None:
        known = {one["name"]: one["name"].replace("_", " ") for one in self._choices.strategies}
        notes = {one["name"]: one["summary"] for one in self._choices.strategies}
        with panel("Strategy selection"):
            self._strategies = BoxesField(("strategies",), self._other_strategy, "Strategies", known, notes=notes)
            self._fields.append(self._strategies)

    def _other_strategy(self) -> None:
        self._strategy_changed()
        self._touched()

    def _market_panel(self) -> None:
        stored = self._choices.stored
        names = {name: name.capitalize() if name.islower() else name for name in self._choices.exchanges}
        with panel(
            "Market selection", note="A dot marks what is stored; missing bars are fetched from their exchange."
        ):
            groups = {"Select All": self._choices.pairs[:40], "Select None": (), "Load Tier 1": TIER_1}
            self._add(
                BoxesField(
                    ("pairs",),
                    self._touched,
                    "Trading pairs",
                    {pair: pair for pair in self._choices.pairs},
                    other="Another pair",
                    stored={symbol for _, symbol, _ in stored},
                    groups=groups,
                )
            )
            of_exchanges = {exchange for exchange, _, _ in stored}
            self._add(
                BoxesField(
                    ("exchanges",), self._touched, "Exchanges", names, other="Another exchange", stored=of_exchanges
                )
            )
            frames = {frame: frame for frame in self._choices.timeframes}
            of_frames = {frame for _, _, frame in stored}
            self._add(BoxesField(("timeframes",), self._touched, "Timeframes", frames, stored=of_frames))

    def _method_panel(self) -> None:
        changed = self._touched
        search = SearchTerms()
        with panel("Optimization settings"):
            self._method = ChoiceField(("optimization_method",), changed, "Method", METHODS, default="grid")
            self._fields.append(self._method)
            self._about = ui.label("").classes("muted hint")
            self._conditional: list[tuple[Field, ui.element]] = []
            for name, title, methods in (
                ("n_samples", "Samples", ("random",)),
                ("n_iterations", "Iterations", ("bayesian", "tpe", "cmaes")),
            ):
                with ui.element("div") as box:
                    usual = str(SAMPLES[methods[0]])
                    field = NumberField(("optimization_params", name), changed, title, default=usual)
                self._conditional.append((self._add(field), box))
            with ui.element("div").classes("field-row"):
                self._add(
                    ChoiceField(("objective",), changed, "Objective", _titled(objectives()), default=search.objective)
                )
                self._add(
                    ChoiceField(("side",), changed, "Side", SIDES, default="both", note="Which signals are traded.")
                )
                note = "Of sampling and permutations: the same seed gives the same result, to the last bit."
                self._add(NumberField(("seed",), changed, "Seed", default=str(search.seed), note=note))

    def _validation_panel(self) -> None:
        changed, proof = self._touched, ProofTerms()
        with panel("Validation settings", note=WHAT_WINDOWS_ARE):
            self._validation = ChoiceField(
                ("validation_method",), changed, "Method", VALIDATIONS, default="walk_forward"
            )
            self._fields.append(self._validation)
            with ui.element("div").classes("field-row"):
                for name, title, usual, default, note in (
                    ("train_period_days", "Train Period", DAYS, proof.train_days, "Of the first window."),
                    ("test_period_days", "Test Period", DAYS, proof.test_days, "Of each window."),
                    ("gap_period_days", "Gap Period", GAPS, proof.gap_days, GAP_NOTE),
                ):
                    with ui.element("div") as box:
                        path = ("validation_params", name)
                        field = LengthField(
                            path, changed, title, usual, default=int(default), unit="days", note=note
                        )  # fmt: skip
                    self._conditional.append((self._add(field), box))
                with ui.element("div") as box:
                    path = ("validation_params", "train_ratio")
                    ratio = NumberField(path, changed, "Train share", default=f"{proof.train_ratio:g}")
                self._conditional.append((self._add(ratio), box))
            self._hint = ui.label("").classes("window-hint")
            self._add(
                ChoiceField(
                    ("evidence",),
                    changed,
                    "Evidence",
                    evidence_levels(),
                    default=proof.evidence,
                    note=EVIDENCE_NOTE,
                )
            )

    def hint(self, text: str) -> None:
        """Say how many windows the days make."""
        self._hint.set_text(f"{INFO} {text}." if text else "")

    def _data_panel(self) -> None:
        changed = self._touched
        workers = {1: "1 (Sequential)"} | {n: str(n) for n in (2, 4, 8, 16)}
        with panel("Data & resources") as body, ui.element("div").classes("field-row"):
            self._add(
                LengthField(
                    ("historical_period_months",),
                    changed,
                    "Historical Data",
                    MONTHS,
                    default=DEFAULT_MONTHS,
                    unit="months",
                    note="The newest months may signal; of a market that has fewer, all of them.",
                )
            )
            self._add(
                LengthField(
                    ("parallel_workers",),
                    changed,
                    "Parallel Workers",
                    workers,
                    default=1,
                    unit="workers",
                    note=WORKERS_NOTE,
                )
            )
            note = "Stops the job so many seconds after its first task began; what is done stays, the rest can go on."
            self._add(NumberField(("max_runtime",), changed, "Longest runtime", default="none", unit="s", note=note))
        with body, ui.element("div").classes("field-row"):
            fetch = "Whether bars that are not stored are fetched from their exchange first."
            self._add(SwitchField(("fetch",), changed, "Fetch missing bars", default=True, note=fetch))
            bad = "Below 70 % valid bars a training is refused. With this it runs, is recorded so and never promoted."
            self._add(SwitchField(("allow_bad_data",), changed, "Train on bad data", default=False, note=bad))

    def _cost_panel(self) -> None:
        changed = self._touched
        with panel("Costs", note="Of each fill, in and out. They are part of every number that follows."):
            with ui.element("div").classes("field"):
                self._preset = ui.select(preset_names(), label="Preset", value=OWN_COSTS, on_change=self._take_preset)
                self._preset.props("dense outlined options-dense")
            self._source = ui.label("").classes("muted hint")
            with ui.element("div").classes("field-row"):
                forms = "0.001, 0.1% or 10bps"
                self._fee = NumberField(("fee",), self._own_fee, "Fee", default="0.001", note=f"Of each fill: {forms}.")
                self._fields.append(self._fee)
                self._add(
                    NumberField(("slippage",), changed, "Slippage", default="0.0005", note=f"Of each fill: {forms}.")
                )
                note = "Stops stay this many round trips of cost away; 0 is off."
                self._add(NumberField(("min_stop_costs",), changed, "Least stop", default="0", unit="costs", note=note))
                self._add(ChoiceField(("sizing",), changed, "Sizing", SIZINGS, default="risk"))

    def _own_fee(self) -> None:
        fee = self._fee.value
        chosen = PRESET_FEES.get(str(self._preset.value))
        if chosen is not None and fee != chosen:
            self._preset.set_value(OWN_COSTS)
        self._touched()

    def _take_preset(self) -> None:
        name = str(self._preset.value)
        self._source.set_text(preset_words(name))
        if name in PRESET_FEES:
            self._fee.write(f"{PRESET_FEES[name]:g}")


METHOD_WORDS = {
    "grid": "Tests all parameter combinations: most thorough, but slowest.",
    "random": "Draws combinations at random: faster, and nearly as good where the best hundredth is enough.",
    "bayesian": "Learns from each batch where to look next (Gaussian process): few, well chosen combinations.",
}

PRESET_FEES = {f"{one.exchange} {kind}": getattr(one, kind) for one in PRESETS for kind in ("taker", "maker")}


def preset_names() -> dict[str, str]:
    """Return what the presets are called; the first one is none."""
    named = {OWN_COSTS: "Own values"}
    for one in PRESETS:
        for kind in ("taker", "maker"):
            fee = f"{100 * getattr(one, kind):g} %"
            named[f"{one.exchange} {kind}"] = f"{one.exchange.capitalize()} {kind}, {fee}"
    return named


def preset_words(name: str) -> str:
    """Return where a preset comes from, and of which customers it is."""
    exchange, _, kind = name.partition(" ")
    found = next((one for one in PRESETS if one.exchange == exchange), None)
    if found is None:
        return ""
    where = found.source.removeprefix("https://")
    words = f"{found.tier}, about {found.as_of}. Exchanges change their fees: look yours up ({where})."
    return f"{words} {MAKER_NOTE}" if kind == "maker" else words


def _titled(words: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{text[:1].upper()}{text[1:]}" for name, text in words.items()}
