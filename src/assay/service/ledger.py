"""What the ledger keeps of searches, trainings and opened holdouts."""

from __future__ import annotations

import getpass
import math
from typing import TYPE_CHECKING, Any

from assay.service.database import open_database
from assay.service.tasks import TrainingTask
from assay.store.campaigns import Declaration, append_nulls
from assay.store.database import now_ms
from assay.store.ledger import HoldoutOpening, Ledger, TrialEntry, append_opening, append_trial, pack_closes
from assay.validation import DayCloses, NullStatistics
from assay.validation.sharpe import expected_maximum

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from assay.market import Bars
    from assay.store.ledger import Tried
    from assay.store.schema import DeclarationKind
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
    market, closes = bars.market, DayCloses.of(bars, *span)
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
        first_day=closes.first,
        day_closes=pack_closes(closes),
        task=TrainingTask.of(experiment, bars).spec(),
    )


def tried_facts(tried: Tried) -> dict[str, Any]:
    """Return what was tried on some days, as plain values, with what the best of so many shows without any edge."""
    return {
        "experiments": tried.experiments,
        "combinations": tried.combinations,
        "holdout_openings": tried.openings,
        "expected_maximum": expected_maximum(tried.combinations),
    }


def declaration_of(experiment: Experiment, bars: Bars, kind: DeclarationKind, note: str | None = None) -> Declaration:
    """Return what the ledger keeps of an experiment that has no result."""
    start, stop = experiment.bounds(bars, experiment.evaluator(bars).warmup)
    market, closes = bars.market, DayCloses.of(bars, start, stop)
    return Declaration(
        experiment_digest=experiment.digest(bars),
        kind=kind,
        exchange=market.exchange,
        symbol=market.symbol,
        timeframe=str(market.timeframe),
        start_ms=int(bars.time[start]),
        stop_ms=bars.moment(stop),
        strategy=experiment.strategy.name,
        first_day=closes.first,
        day_closes=pack_closes(closes),
        note=note,
    )


def record_training(evidence: Evidence, url: str | None = None) -> None:
    """Write a training's search and its null statistics into the ledger of a database, as `record_search` does."""
    with open_database(url) as database:
        database.write(lambda c: append_training(c, evidence, user=getpass.getuser(), at_ms=now_ms()))


def append_training(c: sa.Connection, evidence: Evidence, *, user: str, at_ms: int) -> TrialEntry:
    """Append what a training tried, its null statistics and the opened holdout, in a transaction of the caller's."""
    entry, opening = trial_entry(evidence), opening_of(evidence)
    append_trial(c, entry, user=user, at_ms=at_ms)
    test = evidence.tests.permutation
    append_nulls(c, entry.experiment_digest, NullStatistics(test.statistic, 0, test.maxima), at_ms=at_ms)
    if opening is not None:
        append_opening(c, opening, user=user, at_ms=at_ms)
    return entry


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
