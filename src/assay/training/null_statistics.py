"""The null statistics of an experiment: what its search finds on bars without an edge, permutation by permutation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.threads import ordered_map
from assay.training.training_run import TrainingRun
from assay.validation import NULLS, NullStatistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars
    from assay.training.experiment import Experiment


def null_statistics(
    experiment: Experiment,
    bars: Bars,
    first: int,
    stop: int,
    *,
    threads: int = 1,
    on_done: Callable[[int], None] | None = None,
) -> NullStatistics:
    """Repeat the search of an experiment on permuted bars first to stop - 1: those that its own training would meet.

    Parameters
    ----------
    on_done : callable, optional
        Called with how many are done.
    """
    run = TrainingRun.begin(experiment, (bars,), threads, lambda *_: False, inspect=False)
    mirrored = NULLS["mirror"]
    maxima = np.empty(stop - first)
    found = ordered_map(lambda i: run.repeated(mirrored(run.before, i))[0], range(first, stop), threads)
    for number, value in enumerate(found):
        maxima[number] = value
        if on_done is not None:
            on_done(number + 1)
    return NullStatistics(run.statistic(), first, maxima)
