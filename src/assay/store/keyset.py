"""Pages of a listing by keys: each begins after the last row of the one before, whatever was added meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Sequence

    Ordered = tuple[sa.ColumnElement[Any], bool]
    """A column that orders, and whether its largest value comes first."""


def order_of(keys: Sequence[Ordered], *, backwards: bool = False) -> list[sa.ColumnElement[Any]]:
    """Return the order of a listing: unknown values come last, in both directions and on both kinds of database.

    Parameters
    ----------
    backwards : bool
        From the last row to the first, where unknown values come first.
    """
    order: list[sa.ColumnElement[Any]] = []
    for column, falling in keys:
        unknown = column.is_(None)
        order += [unknown.desc() if backwards else unknown, column.desc() if falling != backwards else column.asc()]
    return order


def after(keys: Sequence[Ordered], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Return what is true of the rows that come after the one with these values; None is unknown."""
    (column, falling), *more = keys
    value, *others = values
    if value is None:  # only what is unknown, too, comes after it
        later: sa.ColumnElement[bool] = sa.false()
        equal = column.is_(None)
    else:
        beyond = column < value if falling else column > value
        later = sa.or_(beyond, column.is_(None))
        equal = column == value
    return sa.or_(later, sa.and_(equal, after(more, others))) if more else later


def before(keys: Sequence[Ordered], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Return what is true of the rows that come before the one with these values; None is unknown."""
    (column, falling), *more = keys
    value, *others = values
    if value is None:  # all that is known comes before it
        earlier: sa.ColumnElement[bool] = column.is_not(None)
        equal = column.is_(None)
    else:
        earlier = column > value if falling else column < value
        equal = column == value
    return sa.or_(earlier, sa.and_(equal, before(more, others))) if more else earlier
