"""`train` for scripts and notebooks: all cores by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.frames.inputs import cores
from assay.frames.ledger import in_ledger
from assay.service.ledger import record_training
from assay.service.run import run_training

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars
    from assay.training import Evidence, Experiment, Progress


def train(
    experiment: Experiment,
    bars: Bars,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int | None = None,
) -> Evidence:
    """Search, walk forward, test against chance, and decide.

    The training is written into the user's ledger. What else was tried on the same days is counted in when the result
    is saved (`ConfigurationWriter.save_configuration`).

    Parameters
    ----------
    experiment : Experiment
    bars : Bars
        The last part is sealed before anything looks at it.
    on_progress : callable, optional
        Called with `Progress`; returning True during the permutations stops them for want of time, which
        blocks promotion.
    threads : int, optional
        As many as the machine has cores by default; has no influence on the result.

    Raises
    ------
    LeakError
        When a strategy of one's own knows what it cannot know; one that was found clean is not inspected again.
    QualityError
        Below 70 % valid bars, unless the experiment allows it.
    InsufficientDataError
        When the span cannot hold windows of at least 5 test days.

    Warns
    -----
    LedgerWarning
        When there is no database to count the training in.
    """
    evidence = run_training(experiment, bars, on_progress, threads=cores() if threads is None else threads)
    in_ledger(lambda: record_training(evidence))
    return evidence
