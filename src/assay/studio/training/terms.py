"""The terms of a form: a TrainingConfig in snake_case, which a page keeps in its address."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import TYPE_CHECKING, Any

from assay.errors import InputError
from assay.service.training_plan import TrainingPlan, in_snake_case, written_term

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Path = tuple[str, ...]
"""Where a term stands: its name, and before it that of the params in which it lies."""

MAX_BYTES = 64 * 1024
"""Of the terms of an address; a saved form may have as many."""

GRID: Path = ("optimization_params", "parameter_grid")


def at(terms: Mapping[str, Any], path: Path) -> Any:
    """Return a term; None where it is not given."""
    found: Any = terms
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def put(terms: dict[str, Any], path: Path, value: Any) -> None:
    """Give a term; None gives nothing."""
    if value is None:
        return
    inner = terms
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    inner[path[-1]] = value


def without(terms: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Return the terms that lie at none of some places."""
    left = {name: dict(value) if isinstance(value, dict) else value for name, value in terms.items()}
    for path in paths:
        inner: Any = left
        for name in path[:-1]:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.pop(path[-1], None)
    params = ("optimization_params", "validation_params")
    return {name: value for name, value in left.items() if not (name in params and not value)}


def compact(terms: Mapping[str, Any]) -> str:
    """Return terms as a short text for an address."""
    content = json.dumps(terms, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


def expand(text: str) -> dict[str, Any]:
    """Return the terms of `compact`.

    Raises
    ------
    InputError
        When the text is none of its own: an address that was cut off, say.
    """
    unpacking, terms = zlib.decompressobj(), None
    try:
        content = unpacking.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), MAX_BYTES)
        terms = json.loads(content) if unpacking.eof else None
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        pass
    if not isinstance(terms, dict):
        raise InputError("form", "cannot be read from this address: it was cut off or changed")
    return terms


def readable(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the terms of a saved form or of a job in the form's own spelling: `strategies`, snake_case.

    Raises
    ------
    InputError
        For a name that no training has.
    """
    terms = in_snake_case(given)
    if "strategy" in terms:
        terms.setdefault("strategies", [terms["strategy"]])
        del terms["strategy"]
    return terms


def changed(
    terms: Mapping[str, Any], change: Mapping[str, Any], own_grid: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return terms with a cheaper way of an estimate; the grid stays where the method changes.

    Parameters
    ----------
    own_grid : mapping, optional
        The strategy's own, of which a change takes values away where the terms have none.
    """
    grid = at(terms, GRID)
    if grid is None and at(readable(change), GRID) is not None:
        grid = own_grid
    found = readable(TrainingPlan.changed(terms, change))
    new = at(found, GRID)
    if grid is not None and (new is None or new != grid):
        found = without(found, [GRID])
        put(found, GRID, grid if new is None else {**grid, **new})
    return found


def as_number(text: str | float | None) -> int | float | str | None:
    """Return the number that a field says; a text that is none stays, and whoever checks it says so."""
    if text is None or not str(text).strip():
        return None
    said = str(text).strip().replace(",", "")
    for kind in (int, float):
        try:
            return kind(said)
        except ValueError:
            continue
    return str(text).strip()


def as_text(value: object) -> str:
    """Return what a field shows of a value."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) and value == int(value) and abs(value) < 1e15 else str(value)


def field_of(error: InputError, paths: Iterable[Path]) -> Path | None:
    """Return the place of the form that an error is about; None where it is about none."""
    name = written_term(error.field.rpartition(".")[2])
    if name == "strategy":
        name = "strategies"
    return next((path for path in paths if path[-1] == name), None)


def reason(error: InputError) -> str:
    """Return what is wrong without the name of the field, beside which it is shown."""
    said = str(error)
    return said[len(error.field) + 2 :] if said.startswith(f"{error.field}: ") else said
