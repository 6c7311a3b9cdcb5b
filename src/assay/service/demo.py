"""Three simulated markets whose truth is known: what the demonstration trains on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.service.submission import submit
from assay.service.training_plan import TrainingPlan
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore
from assay.store.bars import present
from assay.store.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars
    from assay.store import Database

EDGE_R = 0.4
EDGE_SEED, WALK_SEED, DIRTY_SEED = 0, 1, 2
"""One market each: with one seed for all they would be tries on the same days."""

STRATEGY = "LIQUIDITY_SWEEP"

TRUTH: Mapping[str, str] = {
    "edge": f"a planted edge: after costs a trade earns {EDGE_R} times what it risks ({EDGE_R} R) on average",
    "walk": "no edge at all",
    "dirty": "no edge at all, and bad data",
}


def simulated_markets(days: int) -> dict[str, Bars]:
    """Simulate a market with a planted edge, one without any, and a dirty one."""
    return {
        "edge": simulate_market(SimulatedMarket(days=days, seed=EDGE_SEED, edge_r=EDGE_R)),
        "walk": simulate_market(SimulatedMarket(days=days, seed=WALK_SEED)),
        "dirty": simulate_market(SimulatedMarket(days=days, seed=DIRTY_SEED, dirty=True)),
    }


def start_demo(database: Database, *, user: str, days: int = 365, permutations: int | None = None) -> str:
    """Store the simulated markets and start a training on all of them; return the job.

    Parameters
    ----------
    permutations : int, optional
        Fewer than usual, where there is less time.
    """
    store = BarStore(database)
    found = simulated_markets(days)
    for bars in found.values():
        store.write(bars.market, present(bars), source="simulated", at_ms=now_ms())
    first = next(iter(found.values())).market
    terms = {
        "strategy": STRATEGY,
        "pairs": [bars.market.symbol for bars in found.values()],
        "exchanges": [first.exchange],
        "timeframes": [str(first.timeframe)],
        "permutations": permutations,
    }
    plan = TrainingPlan.from_dict({name: value for name, value in terms.items() if value is not None})
    return submit(database, plan, user=user, offline=True).job
