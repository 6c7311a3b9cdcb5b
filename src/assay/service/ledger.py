"""What the ledger keeps of searches, trainings and opened holdouts."""

from __future__ import annotations

import getpass
import math
from typing import TYPE_CHECKING, Any

from assay.service.database import open_database
from assay.store.database import now_ms
from assay.store.ledger import HoldoutOpening, Ledger, TrialEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars
    from assay.training import Evidence, Experiment


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def trial_entry(evidence: Evidence) -> TrialEntry:
    """Return what the ledger keeps of a training's search."""
    e = evidence
    span = e.splits.start, e.splits.stop
    found = e.search.result
    return entry_of(e.experiment, e.bars, span, found.combinations, found.score, found.distribution())


def entry_of(
    experiment: Experiment,
    bars: Bars,
    span: tuple[int, int],
    combinations: int,
    best: float,
    distribution: Mapping[str, Any],
) -> TrialEntry:
    """Return what the ledger keeps of a search over the signal bars [start, stop)."""
    market = bars.market
    return TrialEntry(
        experiment_digest=experiment.digest(bars),
        data_digest=bars.digest,
        exchange=market.exchange,
        symbol=market.symbol,
        timeframe=str(market.timeframe),
        start_ms=int(bars.time[span[0]]),
        stop_ms=int(bars.time[span[1] - 1]) + market.timeframe.ms,
        strategy=experiment.strategy.name,
        strategy_source=experiment.strategy.identity(),
        method=experiment.search_method,
        objective=experiment.objective,
        combinations=combinations,
        best=_known(best),
        distribution=distribution,
    )


def record_search(entry: TrialEntry, url: str | None = None) -> None:
    """Write a search into the ledger of a database, the user's own where no address is given.

    Raises
    ------
    StoreError
        When there is no database to write to.
    """
    with open_database(url) as database:
        Ledger(database).record(entry, user=getpass.getuser(), at_ms=now_ms())


def opening_of(evidence: Evidence) -> HoldoutOpening | None:
    """Return the opening of the sealed holdout, if there was one."""
    e, bars = evidence, evidence.bars
    if not e.holdout_openings:
        return None
    return HoldoutOpening(
        experiment_digest=e.provenance.experiment_digest,
        exchange=bars.market.exchange,
        symbol=bars.market.symbol,
        timeframe=str(bars.market.timeframe),
        start_ms=int(bars.time[e.splits.holdout_start]),
        stop_ms=int(bars.time[e.splits.stop - 1]) + bars.market.timeframe.ms,
        reason="all other gates of MATURE hold",
        sharpe_ratio=_known(e.holdout_measures.get("sharpe_ratio", math.nan)),
    )
