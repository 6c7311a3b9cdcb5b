"""What users hand in: histories, strategies and parameters in any of their usual forms."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from assay.errors import InputError, StrategyError
from assay.lazy import lazy
from assay.market import Bars
from assay.strategies import Strategy, find_strategy

if TYPE_CHECKING:
    from assay.sources import frames
else:
    frames = lazy("assay.sources.frames")

StrategyLike = str | type[Strategy] | Strategy
"""A registered name, a class that needs no arguments, or an instance."""


def cores() -> int:
    """Return how many threads a call uses."""
    return os.cpu_count() or 1


def is_history(given: object) -> bool:
    """Whether something is bars or a data frame."""
    return isinstance(given, Bars) or hasattr(given, "columns") or hasattr(given, "__arrow_c_stream__")


def as_bars(data: Any) -> Bars:
    """Return bars, or the bars of a data frame (its market stands in ``attrs["market"]`` or is inferred)."""
    if isinstance(data, Bars):
        return data
    if not is_history(data):
        raise InputError("data", "must be a data frame or Bars", type(data).__name__)
    return frames.bars_from_frame(data)


@cache
def _made(kind: type[Strategy]) -> Strategy:
    """One instance per class: bars keep the setups that they computed for an instance."""
    return kind()


def as_strategy(given: object) -> Strategy:
    """Return the strategy of a registered name, a class or an instance.

    Raises
    ------
    StrategyError
        For anything else, and for a class that breaks the contract of `Strategy`.
    """
    if isinstance(given, str):
        given = find_strategy(given)
    if isinstance(given, type) and issubclass(given, Strategy):
        try:
            given = _made(given)
        except TypeError as error:
            raise StrategyError("strategy_class", "must be complete and need no arguments", str(error)) from None
    if not isinstance(given, Strategy):
        raise StrategyError("strategy_class", "must be a registered name, a Strategy class or an instance", given)
    given.check()
    return given


def as_parameters(given: object) -> Mapping[str, Any]:
    """Return the parameters of a mapping, of a result or document that holds some, or of (parameters, score)."""
    if isinstance(given, tuple) and given:
        given = given[0]
    if isinstance(given, Mapping) and isinstance(given.get("parameters"), Mapping):
        given = given["parameters"]
    if not isinstance(given, Mapping):
        raise InputError("parameters", "must be a mapping of names to values", type(given).__name__)
    return given


def one_of(name: str, value: Any, other_name: str, other: Any, default: Any = None) -> Any:
    """Return the value of an argument that has two names.

    Raises
    ------
    InputError
        When both are given and differ.
    """
    if value is not None and other is not None and value != other:
        raise InputError(name, f"differs from {other_name} = {other!r}, which means the same", value)
    chosen = value if value is not None else other
    return default if chosen is None else chosen
