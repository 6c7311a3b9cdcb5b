"""From a document to its row, and back: whether a row is still what its document gives."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from assay.documents import Document, TrainedDocument
from assay.documents.schema import content_digest, validate
from assay.errors import FileFormatError
from assay.store.fields import CONTRACT, FIELDS, OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIBRARIES = ("numpy", "numba", "scipy", "sqlalchemy")

_COMPUTED = ("id", "max_position_size", "circuit_breakers")
"""Columns that follow from the document by more than a path."""

DERIVED = (*_COMPUTED, *(f.name for f in FIELDS.values() if f.source))
"""Columns that the document decides. All others may change after it was stored: activation, archive, monitoring."""

_TIMES = tuple(f.name for f in FIELDS.values() if f.unit == "time")
_END_OF_TIME_MS = 253_402_300_800_000  # the year 10000


def runtime_env() -> str:
    """Return Python, libraries and machine of this process."""
    libraries = " ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"python {platform.python_version()} {libraries} {platform.system()} {platform.machine()}"


def moment_ms(text: str) -> int:
    """Return an ISO 8601 moment in milliseconds UTC."""
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def row_of(document: Mapping[str, Any], *, at_ms: int, runtime: str | None = None) -> dict[str, Any]:
    """Return the row of a document: each column that is known, None for what nothing can know yet.

    Parameters
    ----------
    at_ms : int
        Now, milliseconds UTC.
    runtime : str, optional
        See `runtime_env`.
    """
    row = {f.name: f.read(document) for f in (*CONTRACT, *OWN)}
    typed = Document.of(document)
    return row | {
        "id": str(uuid5(NAMESPACE_URL, f"assay:{typed.config_id}")),
        "is_active": False,
        "max_position_size": typed.circuit_breakers.max_position_size_pct / 100.0,
        "discovery_date": moment_ms(typed.created_at),
        "runtime_env": runtime,
        "created_at": at_ms,
        "updated_at": at_ms,
        "circuit_breakers": {
            "stage": document["circuit_breakers"],
            "portfolio": document["portfolio_circuit_breakers"],
        },
        "data_filter_config": _data_filter(typed),
        "config_json": dict(document),
    }


def _data_filter(document: Document) -> dict[str, Any] | None:
    if not isinstance(document, TrainedDocument):
        return None
    quality = document.provenance.quality
    return {
        "bad_bars": "masked",
        "valid_pct": quality.valid_pct,
        "required_valid_pct": quality.required_valid_pct,
        "override": document.provenance.data_override,
    }


def change_of(row: Mapping[str, Any], document: Any) -> str:
    """Return what was changed in a row after it was stored, in words; empty where nothing was.

    Parameters
    ----------
    row : mapping
        All columns but the document.
    document : object
        What is stored as the document: a mapping, if nobody changed it.
    """
    if not isinstance(document, dict):
        return "its document is not a JSON object any more"
    try:
        validate(document)
    except FileFormatError as error:
        if error.field.endswith("document_digest"):
            claimed, found = str(error.value)[:12], content_digest(document)[:12]
            return f"its digest is {claimed}, its content gives {found}"
        return f"its document does not keep the schema ({error})"
    try:
        given = row_of(document, at_ms=0)
    except ValueError:
        return f"its createdAt {Document.of(document).created_at!r} is no time"
    for name in DERIVED:
        if not _equal(row[name], given[name]):
            return f"its column {name} is {row[name]!r}, its document gives {given[name]!r}"
    for name in _TIMES:
        moment = row[name]
        if moment is not None and not (isinstance(moment, int) and 0 <= moment < _END_OF_TIME_MS):
            return f"its column {name} is {moment!r}, which is no time"
    return ""


def _equal(stored: Any, given: Any) -> bool:
    """Whether a column holds a value; PostgreSQL's JSONB writes a float without a fraction as a whole number."""
    if isinstance(given, dict):
        return (
            isinstance(stored, dict)
            and stored.keys() == given.keys()
            and all(_equal(stored[name], value) for name, value in given.items())
        )
    if isinstance(given, list):
        return (
            isinstance(stored, list)
            and len(stored) == len(given)
            and all(_equal(a, b) for a, b in zip(stored, given, strict=True))
        )
    if isinstance(given, float) and isinstance(stored, int) and not isinstance(stored, bool):
        return abs(stored) < 10**309 and float(stored) == given
    return bool(stored == given) and isinstance(stored, bool) == isinstance(given, bool)
