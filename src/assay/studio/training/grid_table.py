"""The parameter space as a table: each parameter with its meaning, its range and the values that a search takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.errors import InputError
from assay.service.parameter_grid import (
    changed_grid,
    default_texts,
    grid_size,
    parse_values,
    texts_of_grid,
    value_count,
)
from assay.service.strategy_facts import describe
from assay.studio.tables import Column, plain_table
from assay.studio.training.terms import GRID, reason
from assay.studio.values import UNKNOWN, count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.strategies import Strategy

COLUMNS = (
    Column("Parameter"),
    Column("Meaning"),
    Column("Unit"),
    Column("Range", note="A search may leave the usual range, but never the bounds that are shown here."),
    Column("Values", note="With commas between them, or a range: 1.5 to 4 step 0.5."),
    Column("Number", is_number=True, note="The numbers of all parameters, multiplied, are the combinations."),
)

SEVERAL = "Choose one strategy alone to change its values; of several each takes its own grid."


class GridTable:
    """The values of a strategy's parameters; a part of the form as its fields are.

    Parameters
    ----------
    changed : callable
        Called when the visitor changes a value.
    """

    path = GRID

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._strategy: Strategy | None = None
        self._unread: Any = None
        self._inputs: dict[str, ui.input] = {}
        self._counts: dict[str, ui.label] = {}
        self._problems: dict[str, str] = {}
        with ui.expansion().classes("advanced").props("dense dense-toggle expand-separator") as self.expansion:
            with ui.element("div").classes("row"):
                self._why = ui.label(SEVERAL).classes("muted grow")
                self._reset = ui.button("Reset to the strategy's own grid", on_click=self.reset)
                self._reset.props("flat dense no-caps size=sm")
            self._place = ui.element("div")
        self._title("")

    @property
    def value(self) -> dict[str, Any] | None:
        """The grid; None where it is the strategy's own."""
        if self._strategy is None:
            return self._unread if isinstance(self._unread, dict) else None
        try:
            return changed_grid(self._strategy, self._texts())
        except InputError:
            return {name: field.value for name, field in self._inputs.items()}  # the plan says what is wrong with it

    @property
    def whole(self) -> dict[str, Any] | None:
        """The values of every parameter, the strategy's own too; None where there is no strategy, or one is wrong."""
        if self._strategy is None:
            return None
        try:
            return {name: parse_values(text) for name, text in self._texts().items()}
        except InputError:
            return None

    def show(self, strategy: Strategy | None, grid: Mapping[str, Any] | None) -> None:
        """Show the parameters of a strategy; of none where several are chosen."""
        self._strategy, self._unread = strategy, grid
        self._inputs.clear()
        self._counts.clear()
        self._place.clear()
        self._why.set_text(SEVERAL if strategy is None else "")
        self._reset.set_visibility(strategy is not None)
        if strategy is None:
            self._title("")
            return
        try:
            texts = texts_of_grid(strategy, grid)
        except InputError as error:
            texts = default_texts(strategy)
            self._why.set_text(f"The saved values were left out. {error}")
        with self._place:
            self._draw(strategy, texts)
        self._count()

    def reset(self) -> None:
        """Take the strategy's own grid."""
        if self._strategy is None:
            return
        for name, text in default_texts(self._strategy).items():
            self._inputs[name].set_value(text)

    def complain(self, text: str) -> None:
        """Say what is wrong with the values; an empty text says that nothing is."""
        self._why.set_text(text or ("" if self._strategy is not None else SEVERAL))
        self._why.classes(add="problem" if text else "muted", remove="muted" if text else "problem")

    def complain_of(self, name: str, text: str) -> bool:
        """Say what is wrong with one parameter; return whether there is such."""
        field = self._inputs.get(name)
        if field is None:
            return False
        field.props(add="error").props["error-message"] = text
        field.update()
        self.expansion.open()
        return True

    def _draw(self, strategy: Strategy, texts: Mapping[str, str]) -> None:
        with plain_table(COLUMNS) as table:
            for row in describe(strategy)["parameters"]:
                name = row["name"]
                with table.row():
                    table.text(name, tone="mono")
                    table.text(row["doc"], tone="meaning")
                    table.text(row["unit"], tone="muted")
                    table.text(_range(row), tone="mono")
                    with table.cell():
                        field = ui.input(value=texts[name], on_change=lambda _: self._edited())
                        field.props(f'dense outlined hide-bottom-space aria-label="Values of {name}"')
                        self._inputs[name] = field.classes("values")
                    self._counts[name] = table.text("")

    def _texts(self) -> dict[str, str]:
        return {name: str(field.value or "") for name, field in self._inputs.items()}

    def _edited(self) -> None:
        self._count()
        self._changed()

    def _count(self) -> None:
        """Count the values of each parameter and the combinations; what cannot be counted says why."""
        if self._strategy is None:
            return
        whole = True
        for name, text in self._texts().items():
            field = self._inputs[name]
            try:
                self._counts[name].set_text(count(value_count(self._strategy, name, text)))
                field.props(remove="error error-message")
            except InputError as error:
                whole = False
                self._counts[name].set_text(UNKNOWN)
                field.props(add="error").props["error-message"] = reason(error)
            field.update()
        size = grid_size(self._strategy, changed_grid(self._strategy, self._texts())) if whole else None
        self._title(f" · {count(size)} combinations" if whole else " · a value is wrong")

    def _title(self, more: str) -> None:
        self.expansion.set_text(f"Advanced: Customize Parameter Grid{more}")


def _range(row: Mapping[str, Any]) -> str:
    if row["choices"]:
        return "one of " + ", ".join(str(choice) for choice in row["choices"])
    return f"{row['hard_low']:g} to {row['hard_high']:g}"
