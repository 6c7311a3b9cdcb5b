"""Which bars of a market may be looked at: none of those that a training seals, or has sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.documents import Document, TrainedDocument
from assay.service.times import parse_moment
from assay.validation.splits import HOLDOUT_SHARE

if TYPE_CHECKING:
    from assay.market import Market
    from assay.store.registry import Registry


def shown_until(registry: Registry, market: Market, span: tuple[int, int]) -> int:
    """Return the moment (milliseconds UTC) from which on the days of a market are sealed.

    That is where the holdout of a training on all stored days begins, or an earlier one that a configuration of the
    same market, at whatever timeframe, has sealed.

    Parameters
    ----------
    span : (int, int)
        From the first stored bar to the end of the last.
    """
    first, end = span
    found = registry.find(exchange=market.exchange, pair=market.symbol, archived=None)
    sealed = [begin for one in found if (begin := sealed_from(one.typed)) is not None]
    return min([end - int((end - first) * HOLDOUT_SHARE), *sealed])


def sealed_from(document: Document) -> int | None:
    """Return where a configuration's sealed holdout begins; None where there is none, or its training opened it."""
    if not isinstance(document, TrainedDocument):
        return None
    holdout = document.validation.holdout
    return None if holdout.opened or holdout.from_ is None else parse_moment(holdout.from_, "holdout")
