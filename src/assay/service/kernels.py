"""Compile kernels before the work that is shown or timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.compiled import CACHE_DIRECTORY, cache_fault, kernels_are_complete, kernels_are_warm
from assay.engine import Combinations, Vote, at_least
from assay.engine.bitsets import words_of_axis
from assay.evaluation import Evaluator
from assay.validation import intervals_of_days, mirror, sharpe_statistics

if TYPE_CHECKING:
    from assay.market import Bars
    from assay.service.reporter import Reporter
    from assay.strategies import Strategy

_FEW_BARS = 2_000


def compile_kernels(reporter: Reporter, strategy: Strategy, bars: Bars) -> None:
    """Run replay and sweep once on a few bars where this version's kernels were never compiled."""
    if kernels_are_warm():
        return
    few, values = bars.head(_FEW_BARS), strategy.parameters.defaults
    evaluator = Evaluator(strategy)
    span = evaluator.span(0, len(few))
    with reporter.working("compiling kernels (once)…"):
        evaluator.replay(few, values, span)
        evaluator.score(few, span, Combinations({name: (value,) for name, value in values.items()}))
        words_of_axis((Vote(((100, at_least("x", 0.0)),), "vote"),), {"x": few.close}, ({"vote": 1.0},), len(few))
        mirror(few, 0)
        days = np.sin(np.arange(64.0))
        intervals_of_days(days, 365, seed=0, resamples=1)
        sharpe_statistics(
            days, np.stack([days, -days], axis=1), sharpe_variance=1.0, trials=2, maxima=days, days_per_year=365, seed=0
        )
    kernels_are_complete()
    if (why := cache_fault()) is not None:
        reporter.warn(
            f"compiled kernels cannot be kept in {CACHE_DIRECTORY} ({why}): every run compiles them anew. Free some "
            "space there, or name another folder with --home (ASSAY_HOME)"
        )
