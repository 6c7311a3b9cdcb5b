"""A parameter is declared once; validation, search space, schema and form follow from it."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import ParameterError, near_name
from assay.fractions import has_unit, parse_fraction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_NUMBER = sys.float_info.max
"""A whole number may be larger, and is none that a float can hold."""

Value = float | int | str | bool
"""A parameter's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One declared parameter.

    Hard bounds, search range, step and default are four different things: a search space may leave
    the search range but not the hard bounds.

    Attributes
    ----------
    default : float, int, str or bool
        Used where nothing is given; its type is the parameter's type.
    low, high : float or None
        The search range for numbers.
    step : float or None
        Step of the search range; None = continuous.
    hard_low, hard_high : float or None
        Bounds that nothing may leave; the search range where not given.
    choices : tuple
        The only sensible values, where the parameter is not a range.
    grid : tuple
        Values of the default grid.
    """

    name: str
    default: Value
    doc: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    hard_low: float | None = None
    hard_high: float | None = None
    choices: tuple[Value, ...] = ()
    grid: tuple[Value, ...] = ()

    @property
    def is_integer(self) -> bool:
        """Whether values are whole numbers."""
        return isinstance(self.default, int) and not isinstance(self.default, bool)

    @property
    def is_number(self) -> bool:
        """Whether values are numbers at all."""
        return isinstance(self.default, (int, float)) and not isinstance(self.default, bool)

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that may ever be used."""
        numbers = [float(c) for c in self.choices if not isinstance(c, str)]
        low = self.hard_low if self.hard_low is not None else self.low
        high = self.hard_high if self.hard_high is not None else self.high
        return (
            low if low is not None else min(numbers, default=-math.inf),
            high if high is not None else max(numbers, default=math.inf),
        )

    def read(self, value: object) -> object:
        """Return a value as it is; where the parameter is a fraction, that of a text such as ``0.2%`` or ``20bps``."""
        return parse_fraction(self.name, value) if self.unit.startswith("fraction") and has_unit(value) else value

    def check(self, value: object) -> Value:
        """Return the value in the parameter's type, or raise `ParameterError`."""
        value = self.read(value)
        if not self.is_number:
            if value not in self.choices:
                raise ParameterError(self.name, f"must be one of {list(self.choices)}", value)
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            item = getattr(value, "item", None)
            value = item() if callable(item) else value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ParameterError(self.name, "must be a number", value)
        if not -MAX_NUMBER <= value <= MAX_NUMBER:  # NaN neither
            raise ParameterError(self.name, "must be a finite number", value)
        if self.is_integer and value != int(value):
            raise ParameterError(self.name, "must be a whole number", value)
        low, high = self.bounds
        if not low <= value <= high:
            raise ParameterError(self.name, f"must lie in [{low:g}, {high:g}]", value)
        return int(value) if self.is_integer else float(value)


class Parameters:
    """The declared parameters of a strategy, in order.

    Parameters
    ----------
    *declared : Parameter
        In the order of the grid: the first varies slowest.
    aliases : mapping of str to str
        Other names in use for a parameter.
    refused : mapping of str to str
        Names that users may know from elsewhere but that cannot be honoured, with the reason.
    """

    def __init__(
        self,
        *declared: Parameter,
        aliases: Mapping[str, str] | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._declared = {p.name: p for p in declared}
        self.aliases = dict(aliases or {})
        self.refused = dict(refused or {})
        if len(self._declared) != len(declared):
            raise ParameterError("parameters", "each name may be declared once")

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._declared.values())

    def __len__(self) -> int:
        return len(self._declared)

    def __getitem__(self, name: str) -> Parameter:
        return self._declared[self.resolve(name)]

    @property
    def names(self) -> tuple[str, ...]:
        """Declared names in order."""
        return tuple(self._declared)

    @property
    def defaults(self) -> dict[str, Value]:
        """Every parameter's default."""
        return {p.name: p.default for p in self}

    def resolve(self, name: str) -> str:
        """Return the declared name for a name or alias, or raise `ParameterError` with the near name."""
        if name in self.refused:
            raise ParameterError(name, self.refused[name])
        resolved = self.aliases.get(name, name)
        if resolved not in self._declared:
            raise ParameterError(name, "is not a parameter", hint=near_name(name, self._declared))
        return resolved

    def complete(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Return all parameters: those given (checked) over the defaults."""
        values = self.defaults
        seen: dict[str, str] = {}
        for name, value in given.items():
            resolved = self.resolve(name)
            if resolved in seen:
                raise ParameterError(name, f"is given twice (also as {seen[resolved]!r})", value)
            seen[resolved] = name
            values[resolved] = self[resolved].check(value)
        return values
