"""One unit of training: a market and a strategy, from the stored bars to a configuration in the registry."""

from __future__ import annotations

import getpass
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.documents.configuration import configuration
from assay.errors import InputError
from assay.market import Market, Timeframe, data_filter
from assay.sources.clean_passes import StoredPasses
from assay.sources.user_strategy import load_strategy
from assay.store import Database
from assay.store.database import now_ms
from assay.store.ledger import HoldoutOpening, Ledger, TrialEntry, append_opening, append_trial
from assay.store.location import database_url
from assay.store.registry import insert_configuration
from assay.training import Experiment, train

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sqlalchemy as sa

    from assay.market import Bars
    from assay.store.bars import BarStore
    from assay.training import Evidence, Progress


@dataclass(frozen=True)
class TrainingTask:
    """What to train on which stored bars.

    Attributes
    ----------
    exchange, symbol, timeframe : str
    strategy : str
        A name, or ``path.py:Class``.
    experiment : mapping
        `Experiment.canonical`, with the digest of the bars.
    first_ms, last_ms : int
        Opens of the first and last bar that are handed to the training: bars that are stored later change nothing.
    """

    exchange: str
    symbol: str
    timeframe: str
    strategy: str
    experiment: Mapping[str, Any]
    first_ms: int
    last_ms: int

    @property
    def market(self) -> Market:
        """The market's name."""
        return Market(self.exchange, self.symbol, Timeframe.parse(self.timeframe), "spot", None)

    def bars(self, store: BarStore) -> Bars:
        """Read the bars.

        Raises
        ------
        InputError
            When they are not those of the experiment any more.
        """
        bars = store.read_resampled(self.market, self.first_ms, self.last_ms + self.market.timeframe.ms)
        if bars.digest != self.experiment["data_digest"]:
            raise InputError(
                str(self.market), "its stored bars have changed since the job was made", bars.digest[:12],
                "Start a new job",
            )  # fmt: skip
        return bars


def task_of(experiment: Experiment, bars: Bars, strategy: str) -> TrainingTask:
    """Describe a unit of work on bars that are stored."""
    market = bars.market
    return TrainingTask(
        exchange=market.exchange,
        symbol=market.symbol,
        timeframe=str(market.timeframe),
        strategy=strategy,
        experiment=experiment.canonical(bars),
        first_ms=int(bars.time[0]),
        last_ms=int(bars.time[-1]),
    )


def run_task(
    unit: TrainingTask,
    store: BarStore,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int = 1,
) -> Evidence:
    """Train a unit: the same evidence wherever and however often it runs."""
    bars = unit.bars(store)
    experiment = Experiment.from_canonical(unit.experiment, load_strategy(unit.strategy))
    return train(experiment, bars, on_progress, threads=threads, passes=StoredPasses())


def document_of(evidence: Evidence, created_ms: int) -> dict[str, Any]:
    """Return the configuration of a job that was made at a time: the same bytes when the unit runs again."""
    return configuration(evidence, datetime.fromtimestamp(created_ms / 1000, UTC))


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def trial_entry(evidence: Evidence) -> TrialEntry:
    """Return what the ledger keeps of a training's search."""
    e = evidence
    span = e.splits.start, e.splits.stop
    return entry_of(e.experiment, e.bars, span, e.search.combinations, e.search.score, e.search.distribution())


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
    database = Database.open(url or database_url())
    try:
        Ledger(database).record(entry, user=getpass.getuser(), at_ms=now_ms())
    finally:
        database.close()


def opening_of(evidence: Evidence) -> HoldoutOpening | None:
    """Return the look behind the door, if there was one."""
    e, bars = evidence, evidence.bars
    if not e.holdout_openings:
        return None
    return HoldoutOpening(
        experiment_digest=e.experiment_digest,
        exchange=bars.market.exchange,
        symbol=bars.market.symbol,
        timeframe=str(bars.market.timeframe),
        start_ms=int(bars.time[e.splits.holdout_start]),
        stop_ms=int(bars.time[e.splits.stop - 1]) + bars.market.timeframe.ms,
        reason="all other gates of MATURE hold",
        sharpe_ratio=_known(e.holdout.get("sharpe_ratio", math.nan)),
    )


def save_evidence(
    c: sa.Connection,
    evidence: Evidence,
    document: Mapping[str, Any],
    figures: Mapping[str, Any],
    *,
    created_ms: int,
    at_ms: int,
    user: str,
    job_id: str | None,
) -> TrialEntry:
    """Save a configuration, what was tried for it, and the look behind the door, in a transaction of the caller's.

    Parameters
    ----------
    figures : mapping
        Those of the evidence: they are made before the transaction, which keeps others waiting.

    Returns
    -------
    TrialEntry
        What the ledger has of it.
    """
    filtered = data_filter(evidence.bars, evidence.quality, override=evidence.experiment.allow_bad_data)
    columns = {"data_filter_config": filtered}
    insert_configuration(c, document, at_ms=created_ms, job_id=job_id, columns=columns, figures=figures)
    entry = trial_entry(evidence)
    append_trial(c, entry, user=user, at_ms=at_ms)
    if (opening := opening_of(evidence)) is not None:
        append_opening(c, opening, user=user, at_ms=at_ms)
    return entry
