"""Experiments, training, evidence and the V3 configuration."""

from assay.training.evidence import Evidence
from assay.training.experiment import PERMUTATIONS, Experiment
from assay.training.null_statistics import null_statistics
from assay.training.train import Progress, settle, train

__all__ = [
    "PERMUTATIONS",
    "Evidence",
    "Experiment",
    "Progress",
    "null_statistics",
    "settle",
    "train",
]
