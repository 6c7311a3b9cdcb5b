"""The values of a search as people write them in a table, one text for each parameter.

>>> parse_values("0.001, 0.002"), parse_values("1.5 to 4 step 0.5")
([0.001, 0.002], {'low': 1.5, 'high': 4, 'step': 0.5})
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from assay.errors import InputError
from assay.service.request import SearchTerms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.strategies import Strategy

_RANGE = re.compile(r"(\S+)\s+to\s+(\S+?)(?:\s+step\s+(\S+))?", re.IGNORECASE)


def parse_values(text: str) -> Any:
    """Return what a text says: a list of values, or low, high and step of a range.

    Raises
    ------
    InputError
        When it is empty, or a value is missing between two commas.
    """
    stripped = text.strip()
    if (found := _RANGE.fullmatch(stripped)) is not None:
        said = zip(("low", "high", "step"), found.groups(), strict=True)
        return {name: _value(part) for name, part in said if part}
    parts = [part.strip() for part in stripped.split(",")]
    if not all(parts):
        rule = "needs values with commas between them, or a range such as 1.5 to 4 step 0.5"
        raise InputError("values", rule, text)
    return [_value(part) for part in parts]


def _value(text: str) -> float | int | str | bool:
    """Return a text in the kind that it looks like; what fits no kind is left for `Parameter.check`."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def text_of_values(values: Any) -> str:
    """Return the text that `parse_values` reads as these values."""
    if isinstance(values, dict):
        step = f" step {_text(values['step'])}" if values.get("step") is not None else ""
        return f"{_text(values['low'])} to {_text(values['high'])}{step}"
    return ", ".join(_text(value) for value in (values if isinstance(values, list | tuple) else [values]))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def default_texts(strategy: Strategy) -> dict[str, str]:
    """Return the text of each parameter's values in the strategy's own grid."""
    grid = strategy.default_grid
    return {p.name: text_of_values(list(grid.get(p.name, (p.default,)))) for p in strategy.parameters}


def texts_of_grid(strategy: Strategy, grid: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the text of each parameter's values in a grid; None stands for the strategy's own.

    Raises
    ------
    ParameterError
        When the grid names a parameter that the strategy does not have.
    """
    if grid is None:
        return default_texts(strategy)
    said = {strategy.parameters[name].name: values for name, values in grid.items()}
    return {p.name: text_of_values(said.get(p.name, p.default)) for p in strategy.parameters}


def changed_grid(strategy: Strategy, texts: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the grid that the texts of all parameters say; None where it is the strategy's own.

    Raises
    ------
    InputError
        By the name of the parameter whose text says no values.
    """
    default = default_texts(strategy)
    said = {name: texts.get(name, default[name]) for name in default}
    if all(_same(said[name], default[name]) for name in default):
        return None
    grid = {}
    for name, text in said.items():
        try:
            grid[name] = parse_values(text)
        except InputError as error:
            raise InputError(name, error.rule, error.value) from None
    return grid


def _same(one: str, other: str) -> bool:
    return re.sub(r"\s", "", one) == re.sub(r"\s", "", other)


def grid_size(strategy: Strategy, grid: Mapping[str, Any] | None, fixed: Mapping[str, Any] | None = None) -> int:
    """Return how many combinations a grid has; None stands for the strategy's own.

    Raises
    ------
    ParameterError
        By the name of the parameter whose values it cannot take.
    """
    return SearchTerms(space=grid, fixed=fixed or {}).space_of(strategy).size


def value_count(strategy: Strategy, name: str, text: str) -> int:
    """Return how many values the text of a parameter stands for.

    Raises
    ------
    InputError
        When it stands for none, or for values that the parameter cannot take.
    """
    space = SearchTerms(space={name: parse_values(text)}).space_of(strategy)
    return len(space.values[name])
