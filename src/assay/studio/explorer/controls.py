"""A control for each parameter: a slider over its search range, and a number that may leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from assay.errors import AssayError
from assay.parameters import Parameters
from assay.service.sets import parse_sets
from assay.studio.explorer.describing import shown
from assay.studio.panels import explained
from assay.studio.visit import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nicegui.events import ValueChangeEventArguments

    from assay.parameters import Parameter, Value

STEPS = 100
"""Into how many steps a slider divides a range that has no step of its own."""


class Controls:
    """The parameters of a strategy, to be moved.

    Parameters
    ----------
    parameters : Parameters
    values : mapping
        Where they stand.
    roles : mapping of str to str
        Of each parameter: threshold, shape or exit.
    on_moved : callable
        Called when one was moved.
    """

    def __init__(
        self,
        parameters: Parameters,
        values: Mapping[str, Value],
        roles: Mapping[str, str],
        on_moved: Callable[[], None],
    ) -> None:
        self._parameters, self._on_moved = parameters, on_moved
        self._quiet = False
        self._all: dict[str, Control] = {}
        for role, title in (("threshold", "Thresholds"), ("shape", "Shape of the pattern"), ("exit", "Ways out")):
            names = [name for name, one in roles.items() if one == role]
            if names:
                ui.label(title).classes("part-title")
            for name in names:
                self._all[name] = Control(parameters[name], values[name], self._moved)

    @property
    def values(self) -> dict[str, Value]:
        """Where the parameters stand."""
        return {name: one.value for name, one in self._all.items()}

    @property
    def moved(self) -> list[str]:
        """Parameters that do not stand at their default, as ``name=value``."""
        defaults = self._parameters.defaults
        return [f"{name}={_text(value)}" for name, value in self.values.items() if value != defaults[name]]

    def take(self, values: Mapping[str, Value]) -> None:
        """Move some parameters at once."""
        self._quiet = True
        for name, value in values.items():
            self._all[name].take(value)
        self._quiet = False
        self._on_moved()

    def reset(self) -> None:
        """Move all parameters to their default."""
        self.take(self._parameters.defaults)

    def _moved(self) -> None:
        if not self._quiet:
            self._on_moved()


class Control:
    """One parameter, to be moved."""

    def __init__(self, parameter: Parameter, value: Value, on_moved: Callable[[], None]) -> None:
        self.value = value
        self._parameter, self._on_moved = parameter, on_moved
        self._slider: ui.slider | None = None
        unit = f" ({parameter.unit})" if parameter.unit else ""
        with ui.element("div").classes("control"):
            label = ui.label(parameter.name)
            explained(label, f"{parameter.doc}\nDefault: {shown(parameter.default)}{unit}.")
            if not parameter.is_number:
                choices = {choice: shown(choice) for choice in parameter.choices}
                self._field: ui.select | ui.input = ui.select(choices, value=value, on_change=self._chosen)
                self._field.props(f'dense outlined aria-label="{parameter.name}"').classes("choice")
                return
            self._field = ui.input(value=_text(value)).props(
                f'dense outlined inputmode=decimal aria-label="{parameter.name}{unit}" debounce=300'
            )
            self._field.on_value_change(self._typed)
            if parameter.low is not None and parameter.high is not None:
                low, high = parameter.low, parameter.high
                step = parameter.step or (high - low) / STEPS
                self._slider = ui.slider(min=low, max=high, step=step, value=_within(value, low, high))
                self._slider.props(f'dense aria-label="{parameter.name}, slider" color=light-blue-4')
                self._slider.on_value_change(self._slid)

    def take(self, value: Value) -> None:
        """Move it from elsewhere."""
        self.value = value
        self._show(field=True, slider=True)
        self._on_moved()

    def _show(self, *, field: bool = False, slider: bool = False) -> None:
        """Let field and slider stand where the value is; what they say then changes nothing."""
        if field:
            if isinstance(self._field, ui.select):
                self._field.set_value(self.value)
            else:
                self._field.set_value(_text(self.value))
        low, high = self._parameter.low, self._parameter.high
        if slider and self._slider is not None and low is not None and high is not None:
            self._slider.set_value(_within(self.value, low, high))

    def _move(self, value: Value, *, field: bool = False, slider: bool = False) -> None:
        if value != self.value:
            self.value = value
            self._show(field=field, slider=slider)
            self._on_moved()

    def _slid(self, event: ValueChangeEventArguments[float | None]) -> None:
        low, high = self._parameter.low, self._parameter.high
        if event.value is None or low is None or high is None or event.value == _within(self.value, low, high):
            return  # it was moved to where the value is, which may lie outside of its range
        self._move(self._parameter.check(round(float(event.value), 10)), field=True)

    def _typed(self, event: ValueChangeEventArguments[str | None]) -> None:
        text = str(event.value or "").strip()
        if not text or text == _text(self.value):
            return
        try:
            (value,) = parse_sets([f"{self._parameter.name}={text}"], Parameters(self._parameter)).values()
        except AssayError as error:
            say(error)
            return
        self._move(value, slider=True)

    def _chosen(self, event: ValueChangeEventArguments[Value]) -> None:
        self._move(self._parameter.check(event.value))


def _within(value: Value, low: float, high: float) -> float:
    return min(max(float(value), low), high)


def _text(value: Value) -> str:
    return shown(value) if isinstance(value, float) else str(value)
