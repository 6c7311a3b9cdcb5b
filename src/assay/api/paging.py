"""Listings in pages: ``limit`` and an opaque ``cursor`` that says where the next page begins."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from assay.errors import InputError

S = TypeVar("S")
T = TypeVar("T")

MAX_LIMIT = 1_000

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]


class Page(BaseModel, Generic[T]):
    """Some rows of a listing."""

    items: list[T]
    next_cursor: str | None = Field(None, description="Where the next page begins; null on the last one.")


def page_of(found: Sequence[S], limit: int, place: Callable[[S], tuple[Any, ...]], show: Callable[[S], T]) -> Page[T]:
    """Return the page of rows that were looked for with one more than it holds.

    Parameters
    ----------
    place : callable
        From a row to the values that the next page begins after.
    show : callable
        From a row to what is shown of it.
    """
    return Page(items=[show(row) for row in found[:limit]], next_cursor=next_cursor(found, limit, place))


def next_cursor(found: Sequence[S], limit: int, place: Callable[[S], tuple[Any, ...]]) -> str | None:
    """Return where the page after some rows begins; None where there is no row beyond them."""
    return encode_cursor(*place(found[limit - 1])) if len(found) > limit else None


def encode_cursor(*place: Any) -> str:
    """Return the place after a row as an opaque text."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """Return the place that a cursor says; None where there is no cursor.

    Raises
    ------
    InputError
        When it is none that `encode_cursor` made of values of these kinds, as a database can hold them.
    """
    if cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        place = None
    if not (
        isinstance(place, list)
        and len(place) == len(kinds)
        and all(type(value) is kind and _is_storable(value) for value, kind in zip(place, kinds, strict=True))
    ):
        raise InputError("cursor", "must be the next_cursor of a page before", cursor)
    return tuple(place)


def _is_storable(value: Any) -> bool:
    """Whether a database can be asked for a value: a number of 64 bits, a text without what no column can hold."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, str) or not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)
