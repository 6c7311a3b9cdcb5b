"""Splits, walk-forward, permutation tests, Sharpe statistics, intervals, fragility and the lifecycle."""

from assay.validation.ambiguity import Ambiguity, ambiguity
from assay.validation.bootstrap import Interval, intervals_of_days, intervals_of_trades
from assay.validation.campaign import (
    Campaign,
    DayCloses,
    NullStatistics,
    TriedExperiment,
    adjusted_p,
    needed_permutations,
    settle_campaign,
)
from assay.validation.comparability import Comparability, compare_counts
from assay.validation.facts import Facts
from assay.validation.fragility import Fragility, break_even, fragility
from assay.validation.holdout import Holdout, OpenedHoldout
from assay.validation.lifecycle import GATES, Answer, Gate, Stage, Verdict, decide, deserves_holdout
from assay.validation.market_alpha import MarketAlpha, market_alpha, market_returns
from assay.validation.matrix import Matrix, walk_forward_matrix
from assay.validation.null_bars import NULLS, mirror, scaled
from assay.validation.permutation import PermutationTest, permutation_test
from assay.validation.sharpe import mean_above_zero_p, probabilistic_sharpe, probabilistic_sharpe_of
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
    "Campaign",
    "Comparability",
    "DayCloses",
    "Facts",
    "FixedParameters",
    "Fragility",
    "Gate",
    "Holdout",
    "Interval",
    "MarketAlpha",
    "Matrix",
    "NullStatistics",
    "OpenedHoldout",
    "PermutationTest",
    "SharpeStatistic",
    "SharpeStatistics",
    "SplitPlan",
    "Splits",
    "Stage",
    "TriedExperiment",
    "Verdict",
    "WalkForward",
    "WhatIf",
    "Window",
    "adjusted_p",
    "ambiguity",
    "break_even",
    "compare_counts",
    "decide",
    "deserves_holdout",
    "fixed_parameters",
    "fixed_walk_forward",
    "fragility",
    "intervals_of_days",
    "intervals_of_trades",
    "make_splits",
    "market_alpha",
    "market_returns",
    "mean_above_zero_p",
    "mirror",
    "needed_permutations",
    "permutation_test",
    "probabilistic_sharpe",
    "probabilistic_sharpe_of",
    "scaled",
    "settle_campaign",
    "sharpe_statistics",
    "under_limits",
    "under_sizings",
    "walk_forward",
    "walk_forward_matrix",
]
