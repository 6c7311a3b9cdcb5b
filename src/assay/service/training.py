"""Train, look inside ambiguous bars, make the document, and store it: the one use case behind every way to train.

`train_and_store` does all of it in one call. Who needs an order of his own takes the steps: `run_training` and
`describe_training` compute, `save_trained` writes inside a transaction.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.documents.configuration import configuration
from assay.documents.figures import figures
from assay.errors import AssayError
from assay.market import data_filter
from assay.service.campaign import LedgerCampaign, begin_campaign, complete_for_promoted, withdraw
from assay.service.drilldown import drill_down
from assay.service.kernels import compile_kernels
from assay.service.ledger import append_training
from assay.service.reporter import StageProgress
from assay.service.run import run_training
from assay.store.chain import head
from assay.store.database import now_ms
from assay.store.ledger import counted
from assay.store.registry import check_timeframe, insert_configuration

if TYPE_CHECKING:
    import sqlalchemy as sa

    from assay.market import Bars
    from assay.service.reporter import Reporter
    from assay.store import BarStore, Database
    from assay.store.ledger import TrialEntry, Tried
    from assay.training import Evidence, Experiment
    from assay.validation import Ambiguity


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training gave.

    Attributes
    ----------
    evidence : Evidence
    document : dict
        The V3 document.
    figures : dict
        What its report draws.
    ambiguity : Ambiguity or None
        What finer bars say of ambiguous trades; None where nobody looked.
    """

    evidence: Evidence
    document: dict[str, Any]
    figures: dict[str, Any]
    ambiguity: Ambiguity | None = None


def describe_training(
    evidence: Evidence, at: datetime, finer: BarStore | None = None, *, requested: str | None = None
) -> Trained:
    """Return the document and the figures of a training.

    Parameters
    ----------
    at : datetime
        When the document was made: the same evidence at the same moment gives the same bytes.
    finer : BarStore, optional
        Where finer bars may be, to look inside ambiguous ones.
    requested : str, optional
        The stage that is asked for, which the evidence caps; what the evidence supports where not given.
    """
    inside = None if finer is None else drill_down(evidence, finer)
    return Trained(evidence, configuration(evidence, at, requested=requested), figures(evidence, inside), inside)


def save_trained(
    c: sa.Connection, trained: Trained, *, created_ms: int, at_ms: int, user: str, job_id: str | None = None
) -> TrialEntry:
    """Save a configuration, what was tried for it, and the opened holdout, in a transaction of the caller's.

    Returns
    -------
    TrialEntry
        What the ledger has of it.
    """
    evidence = trained.evidence
    used = slice(evidence.splits.start, evidence.splits.stop)
    filtered = data_filter(
        evidence.bars, evidence.provenance.quality, span=used, override=evidence.experiment.allow_bad_data
    )
    entry = append_training(c, evidence, user=user, at_ms=at_ms)
    # with its own entries in it: a ledger that is cut off later is shorter than its configurations say
    ledger = head(c)
    columns = {"data_filter_config": filtered, "ledger_length": ledger.length, "ledger_head": ledger.hash}
    insert_configuration(c, trained.document, at_ms=created_ms, job_id=job_id, columns=columns, figures=trained.figures)
    return entry


def store_trained(database: Database, trained: Trained) -> Tried:
    """Save a training and return what was tried on its days by now."""
    user, at = getpass.getuser(), now_ms()

    def write(c: sa.Connection) -> Tried:
        entry = save_trained(c, trained, created_ms=at, at_ms=at, user=user)
        return counted(c, entry.days)

    return database.write(write)


def train_and_store(
    experiment: Experiment,
    bars: Bars,
    database: Database,
    reporter: Reporter,
    *,
    finer: BarStore | None = None,
    threads: int = 1,
    prefix: str = "",
) -> tuple[Trained, Tried]:
    """Train on bars and store configuration, figures and trials.

    The database is open before the work begins: a trial that cannot be counted is not run.

    Parameters
    ----------
    finer : BarStore, optional
        Where finer bars may be, to look inside ambiguous ones.
    prefix : str
        Put before the title of every stage that the reporter hears of.
    """
    check_timeframe(bars.market.timeframe)
    compile_kernels(reporter, experiment.strategy, bars)
    campaign = LedgerCampaign(database, begin_campaign(database, experiment, bars), reporter, threads)
    try:
        with StageProgress(reporter, prefix) as progress:
            evidence = run_training(experiment, bars, progress, threads=threads, campaign=campaign)
    except AssayError:  # refused: it has told nobody what it found
        withdraw(database, [experiment.digest(bars)])
        raise
    trained = describe_training(evidence, datetime.now(UTC), finer)
    tried = store_trained(database, trained)
    complete_for_promoted(database, evidence, reporter, threads=threads)
    return trained, tried
