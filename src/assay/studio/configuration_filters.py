"""The filters of the list of configurations, which put what is entered into the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.studio.configuration_query import BOUNDS, ListQuery
from assay.studio.configuration_rows import note_of
from assay.validation.lifecycle import STAGES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ANY = ""
CHOICES = (("stage", "Stage"), ("strategy", "Strategy"), ("pair", "Pair"), ("exchange", "Exchange"),
           ("timeframe", "Timeframe"))  # fmt: skip
SWITCHES = (
    ("active", "Active", {ANY: "any", "true": "active", "false": "not active"}),
    ("archived", "Archived", {"false": "in use", "true": "archived", ANY: "both"}),
)
NUMBERS = (
    ("min_sharpe_ratio", "Least Sharpe", "sharpe_ratio"),
    ("min_net_profit", "Least net profit", "net_profit"),
    ("min_sample_size", "Least trades", "sample_size"),
    ("max_p_value", "Greatest p", "p_value"),
)
_COLUMN = {"strategy": "strategy_name"}
_VALUES: dict[Any, bool | None] = {ANY: None, "true": True, "false": False}
_TEXTS = {None: ANY, True: "true", False: "false"}


class Filters:
    """Fields that filter a list.

    Parameters
    ----------
    query : ListQuery
        What they show at first.
    names : dict
        As `configuration_names` gives them.
    changed : callable
        Called with all filters as they are now, by their names in `ListQuery`.
    """

    def __init__(
        self, query: ListQuery, names: dict[str, list[str]], changed: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        self._changed, self._quiet = changed, False
        self._fields: dict[str, Any] = {}
        with ui.element("div").classes("row filters"):
            for name, label in CHOICES:
                known = list(STAGES)[::-1] if name == "stage" else names[_COLUMN.get(name, name)]
                given = getattr(query, name)
                options = {ANY: "any"} | {one: one for one in known}
                if given and given not in options:
                    options[given] = given  # an address may say what nothing has
                self._fields[name] = ui.select(options, value=given or ANY, label=label, on_change=self._look)
            for name, label, options in SWITCHES:
                value = _TEXTS[getattr(query, name)]
                self._fields[name] = ui.select(options, value=value, label=label, on_change=self._look)
            for name, label, column in NUMBERS:
                field = ui.number(label, value=getattr(query, name), on_change=self._look).props(
                    "debounce=400 clearable"
                )
                self._fields[name] = field
                with field:
                    ui.tooltip(note_of(column)).classes("explanation")
        for field in self._fields.values():
            field.props("outlined dense options-dense").classes("filter")

    def set(self, query: ListQuery) -> None:
        """Show other filters without asking for the list again."""
        self._quiet = True
        for name, field in self._fields.items():
            value = getattr(query, name)
            field.set_value(
                value if name in BOUNDS else _TEXTS[value] if name in ("active", "archived") else value or ANY
            )
        self._quiet = False

    def _look(self) -> Awaitable[None] | None:
        if self._quiet:
            return None
        values: dict[str, Any] = {name: self._fields[name].value or None for name, _ in CHOICES}
        values |= {name: _VALUES[self._fields[name].value] for name, _, _ in SWITCHES}
        values |= {name: self._fields[name].value for name, _, _ in NUMBERS}
        return self._changed(values)
