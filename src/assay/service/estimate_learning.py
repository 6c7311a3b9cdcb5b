"""What estimates learn from trainings that are over: how long they took on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.service.calibration import known_calibration, learn
from assay.service.estimate_probe import probe
from assay.service.training_cost import expected_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.store import Database
    from assay.training import Evidence

LEAST_S = 0.5
"""Shorter work says more about what else the machine did."""


def learn_from(database: Database, evidence: Evidence, seconds: Mapping[str, float]) -> None:
    """Fold in how long the stages of a training on one thread took, where its strategy was timed on this machine.

    Parameters
    ----------
    seconds : mapping of str to float
        By stage, as `StageClock` counts them.
    """
    strategy, bars = evidence.experiment.strategy, evidence.bars
    rates, _ = known_calibration(database).of(strategy)
    taken = sum(seconds.values())
    if rates is None or taken < LEAST_S:
        return
    found = probe(strategy, evidence.experiment.execution, bars, evidence.splits.holdout_start)
    rows = 1.0 if found is None else found.density(rates)
    expected = expected_of(evidence, rates, rows)
    common = [name for name in expected if name in seconds]
    learn(database, strategy, sum(expected[name] for name in common), sum(seconds[name] for name in common))
