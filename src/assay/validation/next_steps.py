"""The cheapest thing that could change a gate's answer, in one sentence each.

The sentences stand in stored documents: a changed word is another document.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from assay.search.objective import MIN_TRADES

if TYPE_CHECKING:
    from assay.validation.facts import Facts

MAX_ROUND_TRIP_SHARE = 0.25
"""Share of the median stop distance from which the costs of a round trip are named."""

CHEAPER_STOPS = "a higher timeframe, a cheaper venue or min_stop_costs would leave more to the strategy"

FEW_TRADES = 30
"""Below so many trades the signal funnel says what keeps them few."""


MAX_GROSS_P = 0.05
"""Fees are named where trading for free would have earned more than chance does."""


def profit_step(f: Facts) -> str:
    """Return what to try where the stitched run has lost, or has not traded."""
    if f.trades == 0:
        return f"Nothing was traded out of sample. Use a longer history or looser thresholds. {f.funnel}".rstrip()
    if f.break_even == 0:
        return "It loses even without costs: try another market, another timeframe or another idea."
    if f.break_even < f.round_trip:
        if not f.gross_p <= MAX_GROSS_P:
            return (
                f"What it earns before costs may be chance (p = {f.gross_p:.2g} of its mean trade): cheaper trading is "
                "no remedy. Try a longer history or another idea."
            )
        return (
            f"It earns before costs: a round trip may cost {100 * f.break_even:.2f} % of the price, and costs "
            f"{100 * f.round_trip:.2f} %. Try maker fees, a cheaper venue, a higher timeframe or min_stop_costs."
        )
    return history_step(f)


def history_step(f: Facts) -> str:
    """Return what to try where too little was earned."""
    if f.round_trip_share > MAX_ROUND_TRIP_SHARE:
        return (
            f"Costs are {100 * f.round_trip_share:.0f} % of the median stop distance: try a higher timeframe, "
            "a cheaper venue or min_stop_costs before a longer history."
        )
    return "Try a longer history: three years find most of the edges that one year misses."


def trades_step(f: Facts, wanted: int) -> str:
    """Return how much longer a history would have so many trades."""
    if not (f.trades > 0 and f.days > 0):
        return f"Use a longer history. {f.funnel}".rstrip()
    more = math.ceil((wanted - f.trades) * f.days / f.trades)
    longer = f"Use a longer history: at {f.trades / f.days:.2g} trades a day {max(more, 1):,} more days would do."
    return f"{longer} {f.funnel}".rstrip()


def candidate_step(f: Facts) -> str:
    """Return what to try where no combination earns, or none trades often enough to be judged."""
    few = not f.judged
    what = (
        f"None of the {f.combinations:,} combinations trades {MIN_TRADES} times with a known measure on these days: "
        "use a longer history, a lower timeframe or looser thresholds."
        if few
        else f"None of the {f.combinations:,} combinations earns on these days (the best scores {f.best_score:.2f}): "
        "try another market, a higher timeframe, a cheaper venue or another idea."
    )
    return f"{what} {f.funnel}".rstrip() if few or f.trades < FEW_TRADES else what


def p_step(f: Facts) -> str:
    """Return what to try where bars without an edge do as well."""
    if not f.permutations_run:
        return "Run the permutation test (--evidence standard)."
    if f.stopped_by_budget:
        return "The test was stopped by its time budget: let it finish."
    many = f" or choose fewer than {f.combinations:,} combinations beforehand" if f.combinations > 1 else ""
    return f"A search on bars without direction finds as much too often: use a longer history{many}."


def campaign_step(f: Facts) -> str:
    """Return what to try where one of so many tries was bound to look as good."""
    blind = f", {f.unknown:,} of them without null statistics, which cost in full" if f.unknown else ""
    tried = f"{f.experiments:,} other experiments were made on these days{blind}"
    if f.needed:
        return f"{tried}: --permutations {f.needed} or more could tell."
    return f"{tried}. Use days that nobody has searched yet, or declare the one experiment beforehand."


def alpha_step(f: Facts) -> str:
    """Return what to try where the market's own drift explains the profit."""
    if math.isnan(f.alpha_t):
        return "Alpha is unknown: it needs 60 days out of sample on a market that moves. Use a longer history."
    return "What it earns the market gives at the same exposure: trade both sides, or use a longer history."


def process_step(f: Facts) -> str:
    """Return why a user's strategy was not asked in a fresh process, with the way out where there is one."""
    return "" if not f.fresh_process else f"It was not asked in a fresh process: {f.fresh_process}."
