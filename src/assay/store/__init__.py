"""What lasts: bars, configurations, jobs and the ledger of trials, in SQLite or PostgreSQL."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.store.bars import BarStore, StoredMarket, Written
    from assay.store.database import Database
    from assay.store.imports import Alert, Import, Imported, Imports
    from assay.store.registry import Registered, Registry

__all__ = [
    "Alert",
    "BarStore",
    "Database",
    "Import",
    "Imported",
    "Imports",
    "Registered",
    "Registry",
    "StoredMarket",
    "Written",
]

_HOME = {
    "Alert": "imports",
    "BarStore": "bars",
    "Database": "database",
    "StoredMarket": "bars",
    "Import": "imports",
    "Imported": "imports",
    "Imports": "imports",
    "Registered": "registry",
    "Registry": "registry",
    "Written": "bars",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
