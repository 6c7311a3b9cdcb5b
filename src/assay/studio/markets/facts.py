"""What the page of markets reads: the same functions as those of the API's routes and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.evaluation import MaskEffect, mask_effect
from assay.market import daily_quality
from assay.service.markets import market_row, quality_of, stored_market
from assay.store import BarStore, Imports
from assay.store.market_pages import market_page
from assay.studio.markets.names import key_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.market.quality import DailyQuality

MOST_MARKETS = 1_000

Span = tuple[int, int]


@dataclass(frozen=True)
class Listed:
    """A market of the list.

    Attributes
    ----------
    key : str
        Its name in addresses.
    row : dict
        As `assay.service.markets.market_row` describes it.
    spans : list of (int, int)
        What was asked for and answered, milliseconds UTC.
    """

    key: str
    row: dict[str, Any]
    spans: list[Span]


@dataclass(frozen=True, eq=False)
class Detail:
    """What is known of the bars of one market.

    Attributes
    ----------
    quality : dict
        As `assay.service.markets.quality_of` describes it.
    daily : DailyQuality
    effect : MaskEffect
    span_ms : (int, int)
        From the first bar to the end of the last.
    """

    quality: dict[str, Any]
    daily: DailyQuality
    effect: MaskEffect
    span_ms: Span


def listed(store: BarStore) -> list[Listed]:
    """Return the stored markets."""
    imports, sizes = Imports(store), store.size_bytes()
    found = []
    for stored in market_page(store, (None, None, None), limit=MOST_MARKETS):
        row = market_row(imports, stored, sizes)
        found.append(Listed(key_of(row), row, store.coverage(stored.market)))
    return found


def detail(store: BarStore, key: str) -> Detail:
    """Return what is known of a market's bars; all of them are read for it.

    Raises
    ------
    InputError
        When it has no bars; NotFoundError when it is not stored.
    """
    stored = stored_market(store, *parts_of(key))
    quality = quality_of(Imports(store), stored)
    bars = store.read(stored.market)
    return Detail(quality, daily_quality(bars), mask_effect(bars), bars.span_ms)


def on_one_axis(markets: Sequence[Listed]) -> list[list[tuple[float, float]]]:
    """Return the spans of each market as beginning and length in percent of the time that all markets cover."""
    low = min((span[0] for one in markets for span in one.spans), default=0)
    high = max((span[1] for one in markets for span in one.spans), default=1)
    scale = 100.0 / max(high - low, 1)
    return [[((a - low) * scale, (b - a) * scale) for a, b in one.spans] for one in markets]
