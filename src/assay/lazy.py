"""Modules that are imported when something of them is first used.

Imports stand at the top of a module; where one is heavy and most uses do without it, the module is named there as

>>> if TYPE_CHECKING:
...     import pandas as pd
... else:
...     pd = lazy("pandas")

and ``pd.DataFrame`` imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _LazyModule:
    """Stands for a module until something of it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


def lazy(name: str) -> Any:
    """Return what stands for a module, by its full name."""
    return _LazyModule(name)
