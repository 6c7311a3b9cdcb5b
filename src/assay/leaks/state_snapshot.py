"""What a strategy's class and its module hold between calls, and how to put back what it was."""

from __future__ import annotations

import copy
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, staticmethod, classmethod, property, np.ufunc)
"""Kinds of values that are code; every other one counts as memory."""


@dataclass(frozen=True, eq=False)
class StateSnapshot:
    """Variables of a strategy's classes, and those of its modules that its functions name, as they were.

    Attributes
    ----------
    places : tuple of (class or module, names, values)
        The names that count, and copies of what stood under them.
    """

    places: tuple[tuple[type | ModuleType, dict[str, Any]], ...]

    @classmethod
    def by(cls, kind: type) -> Self:
        """Copy the state before the first call."""
        places: list[tuple[type | ModuleType, dict[str, Any]]] = []
        for one in kind.__mro__:
            if one.__module__ in ("abc", "builtins") or one.__module__.startswith("assay.strategies."):
                continue
            places.append((one, _copied(vars(one))))
            if (module := sys.modules.get(one.__module__)) is not None:
                named = _named(one, module)
                places.append((module, _copied({n: v for n, v in vars(module).items() if n in named})))
        return cls(tuple(places))

    @contextmanager
    def put_back(self) -> Iterator[None]:
        """Let everything be as it was before the first call, and afterwards as it is now."""
        now = [(place, {n: v for n, v in vars(place).items() if _counts(n, v)}) for place, _ in self.places]
        for place, before in self.places:
            for name in _data(place) - set(before) if isinstance(place, type) else ():
                delattr(place, name)  # a call has made it
            for name, value in _copied(before).items():
                setattr(place, name, value)
        try:
            yield
        finally:
            for place, values in now:
                for name, value in values.items():
                    setattr(place, name, value)


def _counts(name: str, value: object) -> bool:
    # what a class declares (rules, bracket, abstract methods, ...) is as Python and the project made it
    return not isinstance(value, CODE) and not name.startswith(("__", "_abc_"))


def _data(place: type | ModuleType) -> set[str]:
    return {name for name, value in vars(place).items() if _counts(name, value)}


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the data among values; what Python cannot copy stays the thing itself."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        if _counts(name, value):
            try:
                out[name] = copy.deepcopy(value)
            except Exception:  # noqa: BLE001  (copying runs the value's own code)
                out[name] = value
    return out


def _named(kind: type, module: ModuleType) -> set[str]:
    """Names of variables that the functions of a class use, and the functions of its module that they call."""
    codes = [code for value in vars(kind).values() for code in _codes(value)]
    named: set[str] = set()
    while codes:
        code = codes.pop()
        codes += [one for one in code.co_consts if isinstance(one, CodeType)]
        for name in set(code.co_names) - named:
            named.add(name)
            codes += _codes(vars(module).get(name))
    return named


def _codes(value: object) -> list[CodeType]:
    """Return the code of a function, in whatever it is wrapped."""
    if isinstance(value, property):
        return [code for function in (value.fget, value.fset) for code in _codes(function)]
    function = getattr(value, "__func__", getattr(value, "__wrapped__", value))
    return [function.__code__] if isinstance(function, FunctionType) else []
