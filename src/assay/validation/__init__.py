"""Splits, walk-forward, permutation tests, Sharpe statistics, intervals, fragility and the lifecycle."""

from assay.validation.ambiguity import Ambiguity, ambiguity
from assay.validation.bootstrap import Interval, intervals_of_days, intervals_of_trades
from assay.validation.facts import Facts
from assay.validation.fragility import Fragility, break_even, fragility
from assay.validation.holdout import Holdout, OpenedHoldout
from assay.validation.lifecycle import GATES, Answer, Gate, Stage, Verdict, decide, deserves_holdout
from assay.validation.matrix import Matrix, walk_forward_matrix
from assay.validation.permutation import NULLS, PermutationTest, mirror, permutation_test, scaled
from assay.validation.sharpe import probabilistic_sharpe, probabilistic_sharpe_of
from assay.validation.sharpe_statistics import SharpeStatistic, SharpeStatistics, sharpe_statistics
from assay.validation.splits import BarSplits, SplitPlan, Splits, Window, make_splits
from assay.validation.walkforward import (
    FixedParameters,
    WalkForward,
    fixed_parameters,
    fixed_walk_forward,
    walk_forward,
)
from assay.validation.whatif import WhatIf, under_limits, under_sizings

__all__ = [
    "GATES",
    "NULLS",
    "Ambiguity",
    "Answer",
    "BarSplits",
    "Facts",
    "FixedParameters",
    "Fragility",
    "Gate",
    "Holdout",
    "Interval",
    "Matrix",
    "OpenedHoldout",
    "PermutationTest",
    "SharpeStatistic",
    "SharpeStatistics",
    "SplitPlan",
    "Splits",
    "Stage",
    "Verdict",
    "WalkForward",
    "WhatIf",
    "Window",
    "ambiguity",
    "break_even",
    "decide",
    "deserves_holdout",
    "fixed_parameters",
    "fixed_walk_forward",
    "fragility",
    "intervals_of_days",
    "intervals_of_trades",
    "make_splits",
    "mirror",
    "permutation_test",
    "probabilistic_sharpe",
    "probabilistic_sharpe_of",
    "scaled",
    "sharpe_statistics",
    "under_limits",
    "under_sizings",
    "walk_forward",
    "walk_forward_matrix",
]
