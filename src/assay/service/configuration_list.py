"""A page of the list of configurations, with what is drawn and worked out for its rows alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.documents.figures import stored_equity
from assay.service.configurations import standing_facts
from assay.store import Registry
from assay.store.configuration_pages import Order, Place, configuration_count, ordered_page
from assay.store.standing import Standing, standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from assay.store import Database, Registered
    from assay.store.configuration_pages import ConfigurationFilter

PAGE_ROWS = 50


@dataclass(frozen=True, eq=False)
class ListPage:
    """A page of a list.

    Attributes
    ----------
    rows : tuple of Registered
        Those that are as they were stored.
    changed : tuple of (str, str)
        configId of each that was changed since, and what was changed: such are named and not shown.
    total : int
        How many fit, on all pages.
    first : int
        The number of the first row among them, from 1; 0 of an empty page.
    previous, following : Place or None
        Where the pages before and after begin; None where there are none.
    """

    rows: tuple[Registered, ...]
    changed: tuple[tuple[str, str], ...]
    total: int
    first: int
    previous: Place | None
    following: Place | None


def list_page(
    database: Database,
    chosen: ConfigurationFilter,
    order: Order,
    *,
    place: Place | None = None,
    backwards: bool = False,
    limit: int = PAGE_ROWS,
) -> ListPage:
    """Return a page of a list; see `assay.store.configuration_pages.ordered_page`."""
    found = ordered_page(database, chosen, order, limit=limit, place=place, backwards=backwards)
    total = configuration_count(database, chosen)
    if not found:
        return ListPage((), (), total, 0, None, None)
    begin, end = found[0][0], found[-1][0]
    earlier = configuration_count(database, chosen, order, begin) if place is not None else 0
    rows = [one for _, one in found]
    return ListPage(
        rows=tuple(one for one in rows if not one.change),
        changed=tuple((one.config_id, one.change) for one in rows if one.change),
        total=total,
        first=earlier + 1,
        previous=begin if earlier else None,
        following=end if earlier + len(found) < total else None,
    )


@dataclass(frozen=True, eq=False)
class RowDetails:
    """What the rows of a page show when the rest of it is there.

    Attributes
    ----------
    equity : float64, shape (days,), or None
        Out of sample, at the end of each day from 1 before the first; None where it was stored without its run.
    p_adjusted : float or None
        With all that was tried on its days by now; None where it was not promoted, or has none.
    stage : str
        What it counts as today.
    reason : str or None
        Why that is less than its document says; None where it is not.
    """

    equity: NDArray[Any] | None
    p_adjusted: float | None
    stage: str
    reason: str | None


def row_details(database: Database, rows: Sequence[Registered]) -> dict[str, RowDetails]:
    """Return the details of some rows by configId, as they were read."""
    figures = Registry(database).figures_of(rows)
    today = database.read(lambda c: {one.config_id: standing(c, one.document) for one in rows})
    return {one.config_id: _details(one, figures.get(one.config_id), today[one.config_id]) for one in rows}


def _details(one: Registered, figures: dict[str, Any] | None, today: Standing) -> RowDetails:
    facts = standing_facts(one, today)
    return RowDetails(
        equity=None if figures is None else stored_equity(figures)["equity"],
        p_adjusted=None if math.isnan(today.p_adjusted) else today.p_adjusted,
        stage=facts["stage"],
        reason=facts["reason"],
    )
