"""Fields of the form: each holds one term, shows what is wrong with it, and can be filled anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from nicegui import ui

from assay.studio.training.terms import as_number, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from assay.studio.training.terms import Path

T = TypeVar("T")

MOST_BOXES = 40
"""Boxes of a list; what else is stored is found by typing."""

LONG_NAME = 14

OTHER = "other"


class Field:
    """A term of the form.

    Parameters
    ----------
    path : tuple of str
        Where the term stands.
    changed : callable
        Called when the visitor changes it.
    """

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        self.path, self._changed, self._is_loading = path, changed, False
        self._was_given = False
        self._problem: ui.label | None = None

    @property
    def value(self) -> Any:
        """What the term is; None leaves it out."""
        raise NotImplementedError

    def load(self, value: Any) -> None:
        """Show a value; None is the default, which is left out again as long as it stays."""
        self._is_loading, self._was_given = True, value is not None
        try:
            self._fill(value)
        finally:
            self._is_loading = False

    def complain(self, text: str) -> None:
        """Say what is wrong; an empty text says that nothing is."""
        if self._problem is None:
            return
        self._problem.set_text(text)
        self._problem.classes(add="" if text else "hidden", remove="hidden" if text else "")

    def _fill(self, value: Any) -> None:
        raise NotImplementedError

    def _unless_default(self, value: T, default: object) -> T | None:
        """Return a value, or None where it is the default and nobody gave it: a plan stays as it was written."""
        return None if value == default and not self._was_given else value

    def _touched(self, *_: object) -> None:
        if not self._is_loading:
            self._changed()

    def _place_of_problem(self) -> None:
        self._problem = ui.label("").classes("problem hidden").props("role=alert")


class BoxesField(Field):
    """Several of a list, as boxes to tick, and any other by its name.

    Parameters
    ----------
    label : str
    known : mapping of str to str
        What stands beside each box, by value.
    other : str, optional
        What the field for another one is called; none where not given.
    stored : collection of str
        Values of which bars are stored: marked.
    groups : mapping of str to sequence of str
        Buttons that tick some of the boxes.
    """

    def __init__(
        self,
        path: Path,
        changed: Callable[[], None],
        label: str,
        known: Mapping[str, str],
        *,
        other: str = "",
        stored: Iterable[str] = (),
        groups: Mapping[str, Iterable[str]] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(path, changed)
        self._known, self._stored, self._notes = dict(known), set(stored), notes or {}
        self._boxes: dict[str, ui.checkbox] = {}
        with ui.element("div").classes("field").props(f'role=group aria-label="{label}"'):
            with ui.element("div").classes("row"):
                ui.label(label).classes("field-label grow")
                self._buttons(groups)
            is_long = any(len(name) > LONG_NAME for name in self._known.values())
            self._place = ui.element("div").classes("boxes wide-boxes" if is_long else "boxes")
            for value in list(self._known)[:MOST_BOXES]:
                self._box(value)
            if other:
                self._other(other)
            self._place_of_problem()

    @property
    def value(self) -> list[str]:
        """The ticked ones, in the order of the boxes."""
        return [value for value, box in self._boxes.items() if box.value]

    def tick(self, values: Iterable[str]) -> None:
        """Tick these and no others."""
        self.load(list(values))
        self._changed()

    def _fill(self, value: Any) -> None:
        given = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        wanted = [str(one) for one in given]
        for one in wanted:
            if one not in self._boxes:
                self._box(one)
        for one, box in self._boxes.items():
            box.set_value(one in wanted)

    def _box(self, value: str) -> None:
        with self._place:
            box = ui.checkbox(self._known.get(value, value), on_change=self._touched).props("dense")
            box.classes("stored" if value in self._stored else "")
            if note := self._notes.get(value):
                with box:
                    ui.tooltip(note).classes("explanation")
        self._boxes[value] = box

    def _buttons(self, groups: Mapping[str, Iterable[str]] | None) -> None:
        for name, values in (groups or {}).items():
            chosen = list(values)
            ui.button(name, on_click=lambda _, chosen=chosen: self.tick(chosen)).props("flat dense no-caps size=sm")

    def _other(self, name: str) -> None:
        entry = ui.input(name).props("dense outlined").classes("other-entry")
        if more := list(self._known)[MOST_BOXES:]:
            entry.set_autocomplete(more)

        def add() -> None:
            text = str(entry.value or "").strip()
            if text:
                self.load([*self.value, text])
                entry.set_value("")
                self._changed()

        entry.on("keydown.enter", add)
        with entry.add_slot("append"):
            ui.button("Add", on_click=add).props(f'flat dense size=sm aria-label="{name}: add"')


class ChoiceField(Field):
    """One of a list.

    Parameters
    ----------
    choices : mapping of str to str
        What each is called.
    default : str
        Of the plan: what stands for no value.
    """

    def __init__(
        self,
        path: Path,
        changed: Callable[[], None],
        label: str,
        choices: Mapping[str, str],
        *,
        default: str,
        note: str = "",
    ) -> None:
        super().__init__(path, changed)
        self._default = default
        with ui.element("div").classes("field"):
            self.select = ui.select(dict(choices), label=label, value=default, on_change=self._touched)
            self.select.props("dense outlined options-dense")
            if note:
                explained_field(self.select, note)
            self._place_of_problem()

    @property
    def value(self) -> str | None:
        """What is chosen."""
        return self._unless_default(self.chosen, self._default)

    @property
    def chosen(self) -> str:
        """What is chosen."""
        return str(self.select.value)

    def _fill(self, value: Any) -> None:
        wanted = self._default if value is None else str(value)
        options = self.select.options
        if isinstance(options, dict) and wanted not in options:
            self.select.set_options({**options, wanted: wanted})
        self.select.set_value(wanted)


class NumberField(Field):
    """A number, or whatever is typed in its place: who checks it says what is wrong.

    Parameters
    ----------
    default : str
        What stands for no value, shown as long as there is none.
    unit : str
    """

    def __init__(
        self,
        path: Path,
        changed: Callable[[], None],
        label: str,
        *,
        default: str = "",
        unit: str = "",
        note: str = "",
    ) -> None:
        super().__init__(path, changed)
        with ui.element("div").classes("field") as self.element:
            self.input = ui.input(label, on_change=self._touched, placeholder=default)
            self.input.props("dense outlined stack-label inputmode=decimal autocomplete=off")
            if unit:
                self.input.props(f'suffix="{unit}"')
            if note:
                explained_field(self.input, note)
            self._place_of_problem()

    @property
    def value(self) -> int | float | str | None:
        """The number; a text that is none; None where nothing stands there."""
        return as_number(self.input.value)

    def write(self, text: str) -> None:
        """Write into the field in the visitor's place."""
        self.input.set_value(text)

    def _fill(self, value: Any) -> None:
        self.input.set_value(as_text(value))


class LengthField(Field):
    """A length of time: a usual one of a list, or another one in the unit of the term.

    Parameters
    ----------
    usual : mapping of float to str
    default : float
    unit : str
        Of the term.
    """

    def __init__(
        self,
        path: Path,
        changed: Callable[[], None],
        label: str,
        usual: Mapping[int, str],
        *,
        default: float,
        unit: str,
        note: str = "",
    ) -> None:
        super().__init__(path, changed)
        self._default = default
        choices: dict[Any, str] = {**usual, OTHER: f"Other number of {unit} …"}
        with ui.element("div").classes("field"):
            self.select = ui.select(choices, label=label, value=default, on_change=self._chosen)
            self.select.props("dense outlined options-dense")
            if note:
                explained_field(self.select, note)
            self._entry = ui.input(f"{label}, {unit}", on_change=self._touched)
            self._entry.props("dense outlined inputmode=decimal autocomplete=off").classes("other-entry")
            self._entry.set_visibility(False)
            self._place_of_problem()

    @property
    def value(self) -> int | float | str | None:
        """The length; a text that is no number; None where nothing stands there."""
        if self.select.value != OTHER:
            return self._unless_default(as_number(as_text(self.select.value)), self._default)
        return as_number(self._entry.value)

    def _chosen(self) -> None:
        self._entry.set_visibility(self.select.value == OTHER)
        if self.select.value != OTHER or self._entry.value:
            self._touched()

    def _fill(self, value: Any) -> None:
        wanted = self._default if value is None else value if isinstance(value, int | float) else as_text(value)
        is_usual = isinstance(self.select.options, dict) and wanted in self.select.options
        self._entry.set_value("" if is_usual else as_text(wanted))
        self.select.set_value(wanted if is_usual else OTHER)
        self._entry.set_visibility(not is_usual)


class SwitchField(Field):
    """Whether something is so."""

    def __init__(self, path: Path, changed: Callable[[], None], label: str, *, default: bool, note: str = "") -> None:
        super().__init__(path, changed)
        self._default = default
        with ui.element("div").classes("field"):
            self._box = ui.checkbox(label, value=default, on_change=self._touched).props("dense")
            if note:
                explained_field(self._box, note)
            self._place_of_problem()

    @property
    def value(self) -> bool | None:
        """Whether it is so."""
        return self._unless_default(bool(self._box.value), self._default)

    def _fill(self, value: Any) -> None:
        self._box.set_value(self._default if value is None else bool(value))


def explained_field(element: ui.element, text: str) -> None:
    """Let a field explain itself on hover; it can be reached by the keyboard already."""
    element.props["aria-description"] = text
    with element:
        ui.tooltip(text).classes("explanation")
