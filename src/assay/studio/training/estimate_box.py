"""The box of resources: what the form would compute, take, find and cost, as soon as it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.api.request_words import as_body
from assay.plurals import plural
from assay.service.estimate_parts import time_words
from assay.studio.panels import tile
from assay.studio.values import INFO, TIMES, UNKNOWN, count, size
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from assay.errors import AssayError
    from assay.service.estimate_parts import Estimate, TaskEstimate
    from assay.service.training_plan import TrainingPlan

TRAININGS = f"One per market and strategy: pairs {TIMES} exchanges {TIMES} timeframes {TIMES} strategies."
COMBINATIONS = "Sets of parameters that one search looks at."
BACKTESTS = (
    "Of all trainings at most: the search is repeated in every window, and on permuted bars to see what chance finds. "
    "Permutations end early where chance explains the result."
)
RUNTIME = (
    "Where nothing is found the lower bound holds; likely is a market without an edge; the upper bound has everything "
    "run. Timed on this server and corrected by its own trainings."
)
MEMORY = "Of the largest trainings that run at once."

MOST_ROWS = 200


class EstimateBox:
    """The box, drawn once and updated in place.

    Parameters
    ----------
    apply : callable
        Takes the changes of a cheaper way, as a TrainingConfig has them.
    """

    def __init__(self, apply: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
        self._apply, self._is_several = apply, False
        self._state = ui.label("").classes("muted").props("role=status aria-live=polite")
        self._problem = ui.label("").classes("problem hidden").props("role=alert")
        with ui.element("div").classes("tiles") as self._tiles:
            self._trainings = tile("Trainings", UNKNOWN, note=TRAININGS)
            self._combinations = tile("Combinations", UNKNOWN, note=COMBINATIONS)
            self._backtests = tile("Backtests", UNKNOWN, note=BACKTESTS)
            self._each = tile("Time per training", UNKNOWN, note=RUNTIME)
            self._runtime = tile("Total runtime", UNKNOWN, note=RUNTIME)
            self._memory = tile("Memory", UNKNOWN, note=MEMORY)
        self._product = ui.label("").classes("muted")
        self._range = ui.label("").classes("muted")
        self._sentences = ui.element("div").classes("sentences")
        self._cheaper = ui.element("div").classes("sentences")
        with ui.expansion("Each training").classes("advanced").props("dense dense-toggle") as self._details:
            self._table = ui.table(rows=[], columns=_COLUMNS, row_key="id", pagination=10).props("dense flat")
        self._details.set_visibility(False)

    def waits(self, seconds: float | None) -> None:
        """Say for how long it is calculated; None says that it is not."""
        self._state.set_text("" if seconds is None else f"calculating… {seconds:.0f} s")
        self._tiles.classes(add="" if seconds is None else "stale", remove="stale" if seconds is None else "")

    def fail(self, error: AssayError) -> None:
        """Say why there is no estimate."""
        self.waits(None)
        self._complain(as_page(str(error)))
        self._tiles.classes(add="stale")

    def withhold(self, why: str) -> None:
        """Say why nothing is estimated."""
        self._state.set_text(why)

    def misses(self, error: AssayError, *, at_field: bool) -> None:
        """Say that the form is not complete."""
        self.waits(None)
        self._complain("See the field that is marked." if at_field else as_page(str(error)))
        self._tiles.classes(add="stale")

    def show(self, plan: TrainingPlan, estimate: Estimate) -> None:
        """Show an estimate."""
        self.waits(None)
        self._complain("")
        self._is_several = len(plan.requests) > 1
        total = estimate.total
        run = [task for task in estimate.tasks if task.refused is None]
        self._trainings.set_text(count(total.tasks))
        sizes = sorted({task.combinations for task in estimate.tasks})
        self._combinations.set_text(_span(sizes))
        self._backtests.set_text(count(total.backtests))
        each = [task.seconds.likely for task in run if task.seconds is not None]
        self._each.set_text(f"≈ {time_words(max(each))}" if each else UNKNOWN)
        self._runtime.set_text(UNKNOWN if total.seconds is None else f"≈ {time_words(total.seconds.likely)}")
        self._memory.set_text(size(total.memory_bytes) if run else UNKNOWN)
        self._product.set_text(_product(plan, total.refused))
        seconds = total.seconds
        self._range.set_text(
            "" if seconds is None
            else f"{time_words(seconds.low)} to {time_words(seconds.high)} with {plural(estimate.workers, 'worker')}"
            + (" (sequential)" if estimate.workers == 1 else "")
        )  # fmt: skip
        self._say(estimate)
        self._ways(estimate)
        self._table.rows = [_row(number, task) for number, task in enumerate(estimate.tasks[:MOST_ROWS])]
        self._table.update()
        self._details.set_visibility(len(estimate.tasks) > 1)

    def _complain(self, text: str) -> None:
        self._problem.set_text(text)
        self._problem.classes(add="" if text else "hidden", remove="hidden" if text else "")

    def _say(self, estimate: Estimate) -> None:
        self._sentences.clear()
        with self._sentences:
            for text, kind in sentences(estimate):
                ui.label(text).classes(kind)

    def _ways(self, estimate: Estimate) -> None:
        self._cheaper.clear()
        with self._cheaper:
            for way in estimate.cheaper:
                change = as_body(way.change)
                with ui.element("div").classes("tip"):
                    ui.label(f"Tip: {as_page(way.sentence)}").classes("grow")
                    has_values = "parameterGrid" in change.get("optimizationParams", {})
                    if not (has_values and self._is_several):  # values are one strategy's
                        button = ui.button("Apply", on_click=lambda _, change=change: self._apply(change))
                        button.props("flat dense no-caps size=sm")


_COLUMNS = [
    {"name": name, "label": label, "field": name, "align": align, "sortable": True}
    for name, label, align in (
        ("market", "Market", "left"),
        ("strategy", "Strategy", "left"),
        ("days", "Days", "right"),
        ("windows", "Windows", "right"),
        ("combinations", "Combinations", "right"),
        ("seconds", "Likely", "right"),
        ("note", "Note", "left"),
    )
]


def sentences(estimate: Estimate) -> list[tuple[str, str]]:
    """Return what an estimate says in words, each once, with the class of its line."""
    run = [task for task in estimate.tasks if task.refused is None]
    refused = [task for task in estimate.tasks if task.refused is not None]
    shown = [(f"{_market(task)} is left out: {as_page(task.refused or '')}", "warn") for task in refused]
    windows = _once(run, lambda task: task.windows_sentence)
    if len(windows) > 1:
        shown += [(f"{INFO} {text}.", "") for text in windows]
    shown += [(text, "muted") for text in _once(run, lambda task: task.data.sentence)]
    shown += [(f"Price of this try: {text}", "") for text in _once(run, _price)]
    shown += [(f"Power: {text}", "muted") for text in _once(run, _power)]
    for task in run:
        shown += [(as_page(note), "muted") for note in task.notes if (as_page(note), "muted") not in shown]
    if len(shown) > MOST_SENTENCES:
        left = len(shown) - MOST_SENTENCES
        shown = [*shown[:MOST_SENTENCES], (f"and {left} more: see each training below", "muted")]
    return shown


MOST_SENTENCES = 8


def _price(task: TaskEstimate) -> str | None:
    return None if task.campaign is None else task.campaign.sentence


def _power(task: TaskEstimate) -> str | None:
    return None if task.power is None else task.power.sentence


def _once(tasks: Sequence[TaskEstimate], say: Callable[[TaskEstimate], str | None]) -> list[str]:
    """Return what tasks say, each sentence once; with what it is about where they say different things."""
    said: dict[str, list[TaskEstimate]] = {}
    for task in tasks:
        if text := say(task):
            said.setdefault(as_page(text), []).append(task)
    if len(said) == 1:
        return list(said)
    whole = _names(tasks)
    found = []
    for text, about in said.items():
        parts = [_some(mine) for mine, every in zip(_names(about), whole, strict=True) if len(mine) < len(every)]
        found.append(f"{' on '.join(parts)}: {text}" if parts else text)
    return found


def _names(tasks: Sequence[TaskEstimate]) -> tuple[list[str], list[str]]:
    """Return the strategies and the markets of tasks, each once."""
    strategies, markets = [task.strategy for task in tasks], [_market(task) for task in tasks]
    return list(dict.fromkeys(strategies)), list(dict.fromkeys(markets))


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


MOST_NAMED = 2


def _market(task: TaskEstimate) -> str:
    return f"{task.market.symbol} {task.market.timeframe} · {task.market.exchange}"


def _span(values: list[int]) -> str:
    if not values:
        return UNKNOWN
    return count(values[0]) if len(values) == 1 else f"{count(values[0])} to {count(values[-1])}"


def _product(plan: TrainingPlan, refused: int) -> str:
    """Return how the number of trainings comes about."""
    parts = [
        plural(len({market.symbol for market in plan.markets}), "pair"),
        plural(len({market.exchange for market in plan.markets}), "exchange"),
        plural(len({market.timeframe for market in plan.markets}), "timeframe"),
    ]
    if len(plan.requests) > 1:
        parts.append(f"{len(plan.requests)} strategies")
    words = f"{f' {TIMES} '.join(parts)} = {plural(len(plan.markets) * len(plan.requests), 'training')}"
    return words + (f", {refused} left out" if refused else "")


def _row(number: int, task: TaskEstimate) -> dict[str, Any]:
    notes = [task.refused] if task.refused is not None else [task.data.sentence or "", *task.notes]
    return {
        "id": number,
        "market": _market(task),
        "strategy": task.strategy,
        "days": UNKNOWN if task.data.days is None else f"{task.data.days:.0f}",
        "windows": UNKNOWN if task.windows is None else task.windows,
        "combinations": count(task.combinations),
        "seconds": UNKNOWN if task.seconds is None else time_words(task.seconds.likely),
        "note": " ".join(as_page(note) for note in notes if note),
    }
