"""One strategy on bars: the scores of many combinations, the replay of one, and the signal funnel."""

from assay.evaluation.answers import NO_PROCESS, Answers, FreshProcess, SetupsQuestion, digest_of
from assay.evaluation.constraint_mask import ConstraintMask
from assay.evaluation.evaluator import MAX_CACHED_SHAPES, Evaluator
from assay.evaluation.funnel import Followed, PreparedFunnel, SignalFunnel, signal_funnel
from assay.evaluation.masking import MaskEffect, mask_effect
from assay.evaluation.prepared_replay import PreparedReplay, backtest, first_signal_bar

__all__ = [
    "MAX_CACHED_SHAPES",
    "NO_PROCESS",
    "Answers",
    "ConstraintMask",
    "Evaluator",
    "Followed",
    "FreshProcess",
    "MaskEffect",
    "PreparedFunnel",
    "PreparedReplay",
    "SetupsQuestion",
    "SignalFunnel",
    "backtest",
    "digest_of",
    "first_signal_bar",
    "mask_effect",
    "signal_funnel",
]
