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
    judged : int
        Combinations that traded often enough to be judged, with a known measure; `best_score` is the best of these.
    gross_p : float
        One-sided p of the mean trade before costs: whether it earns at all, were trading free.
    similarity : float
        How alike permuted and real bars are for the winner's pattern (`Comparability.similarity`).
    counts : str
        The counts behind it, in words.
    lean : float
        How far the position leans to one side, 0 to 1.
    alpha_t : float
        t of the alpha over the market.
    p_adjusted : float
        p with everything that was tried on the same days counted in.
    experiments, unknown : int
        Other experiments on these days, and those of them without null statistics.
    needed : int
        Permutations without which p_adjusted cannot reach its limit; 0 where these are enough.
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
    judged: int = 0
    gross_p: float = math.nan
    similarity: float = math.nan
    counts: str = ""
    lean: float = math.nan
    alpha_t: float = math.nan
    campaign_known: bool = False
    p_adjusted: float = math.nan
    experiments: int = 0
    unknown: int = 0
    needed: int = 0
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
