"""`Facts`: what the verdict is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MEASURE_OF = {
    "net_profit_pct": "net_profit_pct",
    "sharpe": "sharpe_ratio",
    "trades": "total_trades",
    "fill_rate": "fill_rate",
    "p_value": "p_value",
    "adverse_selection": "adverse_selection_score",
    "win_rate": "win_rate",
    "stability": "stability_score",
    "days": "days",
}
"""The measure that each fact is."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the verdict is made of; all stitched out of sample, NaN = unknown.

    Attributes
    ----------
    has_candidate : bool
        The search on all days before the holdout found a positive point.
    round_trip_share : float
        Round-trip cost over the median stop distance.
    round_trip, break_even : float
        What a round trip costs, and would have to cost for a profit of 0; fractions of the price.
    days : float
        Days out of sample.
    funnel : str
        What keeps the trades few.
    holdout_sharpe : float
        Sharpe ratio of the holdout; NaN while it is sealed.
    fresh_process : str or None
        Why a user's strategy was not asked in a fresh process; "" when it was, None for a strategy that ships.
    """

    has_candidate: bool
    net_profit_pct: float = math.nan
    sharpe: float = math.nan
    trades: float = math.nan
    fill_rate: float = math.nan
    p_value: float = math.nan
    stopped_by_budget: bool = False
    data_override: bool = False
    fragile: tuple[str, ...] = ()
    fragility_known: bool = False
    adverse_selection: float = math.nan
    win_rate: float = math.nan
    stability: float = math.nan
    round_trip_share: float = math.nan
    round_trip: float = math.nan
    break_even: float = math.nan
    days: float = math.nan
    permutations_run: int = 0
    combinations: int = 0
    best_score: float = math.nan
    funnel: str = ""
    holdout_sharpe: float = math.nan
    fresh_process: str | None = None

    def measured(self, measures: Mapping[str, float]) -> Facts:
        """Return the facts with those of a stitched run: the one place that knows which measure is which fact.

        Parameters
        ----------
        measures : mapping of str to float
            Under the names of documents; what is missing stays as it is.
        """
        facts: dict[str, Any] = {fact: measures[name] for fact, name in MEASURE_OF.items() if name in measures}
        return replace(self, **facts)
