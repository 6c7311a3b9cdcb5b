"""Run a training: the part that needs neither a database nor files of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.service.fresh_process import FreshProcess
from assay.sources.clean_passes import StoredPasses
from assay.training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars
    from assay.training import Evidence, Experiment, Progress
    from assay.validation import Campaign


def run_training(
    experiment: Experiment,
    bars: Bars,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int = 1,
    campaign: Callable[[Evidence], Campaign] | None = None,
) -> Evidence:
    """Train; a strategy that was found clean before is not inspected again, and is asked in a fresh process.

    Parameters
    ----------
    campaign : callable, optional
        What else was tried on the same days (`assay.service.campaign.LedgerCampaign`).
    """
    return train(
        experiment,
        bars,
        on_progress,
        threads=threads,
        passes=StoredPasses(),
        fresh_process=FreshProcess(),
        campaign=campaign,
    )
