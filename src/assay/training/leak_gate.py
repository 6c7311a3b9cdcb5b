"""The gate before a training: a user's strategy goes through the leak checks, once per version of its code."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Protocol

from assay._version import __version__
from assay.compiled import result_digest
from assay.leaks import INSPECTION_VERSION, inspect_strategy, refuse_leaks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars
    from assay.training.experiment import Experiment


class CleanPasses(Protocol):
    """Where it is remembered which strategies were found clean; handed in, since a training knows no files."""

    def holds(self, key: str) -> bool:
        """Whether what the key stands for was found clean before."""

    def keep(self, key: str, facts: Mapping[str, Any]) -> None:
        """Remember a clean pass, with what was looked at."""


def refuse_unless_clean(experiment: Experiment, bars: Bars, passes: CleanPasses | None) -> None:
    """Look for leaks in a strategy that does not ship; those that ship are tested for them.

    A pass is remembered when every check could be run and found nothing. It stands for the strategy's file and what was
    asked of it, not for the bars: the same strategy on another market is not inspected again. A strategy without a
    file (of a notebook, of a script) is inspected every time: what it is made of cannot be known.

    Raises
    ------
    LeakError
        Naming the first finding.
    """
    if experiment.strategy.identity() is None:
        return
    facts = _identity(experiment)
    if facts["source"] is None:
        passes = None
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    if passes is not None and passes.holds(key):
        return
    space = experiment.grid_space.values
    report = inspect_strategy(experiment.strategy, bars, space, experiment.execution.sides, seed=experiment.seed)
    refuse_leaks(report)
    if passes is not None and report.is_complete:
        passes.keep(key, {**facts, "market": str(bars.market), "bars": report.bars})


def _identity(experiment: Experiment) -> dict[str, Any]:
    """Return everything that a clean pass stands for."""
    strategy, values = experiment.strategy, experiment.grid_space.values
    ends = {name: [given[0], given[-1]] for name, given in values.items() if strategy.parameters[name].is_number}
    return {
        "strategy": strategy.name,
        "class": type(strategy).__qualname__,
        "source": strategy.source_digest,
        "code": [__version__, result_digest()],
        "laboratory": INSPECTION_VERSION,
        "asked": {name: list(given) for name, given in values.items()} | ends,  # of modes each, of numbers the ends
        "sides": experiment.execution.sides,
    }
