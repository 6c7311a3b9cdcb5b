"""Splits, walk-forward, permutation tests, Sharpe statistics, fragility and the lifecycle."""

from assay.validation.ambiguity import Ambiguity, ambiguity
from assay.validation.fragility import Fragility, fragility
from assay.validation.holdout import Holdout
from assay.validation.lifecycle import Facts, Gate, Verdict, decide, deserves_holdout
from assay.validation.matrix import Matrix, walk_forward_matrix
from assay.validation.permutation import PermutationTest, mirror, permutation_test
from assay.validation.sharpe import probabilistic_sharpe, probabilistic_sharpe_of
from assay.validation.splits import SplitPlan, Splits, Window, make_splits
from assay.validation.walkforward import FixedParameters, WalkForward, fixed_parameters, fixed_walk, walk_forward

__all__ = [
    "Ambiguity",
    "Facts",
    "FixedParameters",
    "Fragility",
    "Gate",
    "Holdout",
    "Matrix",
    "PermutationTest",
    "SplitPlan",
    "Splits",
    "Verdict",
    "WalkForward",
    "Window",
    "ambiguity",
    "decide",
    "deserves_holdout",
    "fixed_parameters",
    "fixed_walk",
    "fragility",
    "make_splits",
    "mirror",
    "permutation_test",
    "probabilistic_sharpe",
    "probabilistic_sharpe_of",
    "walk_forward",
    "walk_forward_matrix",
]
