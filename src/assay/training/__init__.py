"""Experiments, training, evidence and the V3 configuration."""

from assay.training.evidence import Evidence
from assay.training.experiment import PERMUTATIONS, Experiment
from assay.training.train import Progress, train

__all__ = ["PERMUTATIONS", "Evidence", "Experiment", "Progress", "train"]
