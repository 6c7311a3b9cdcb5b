"""The leak laboratory: whether a strategy knows what it cannot know."""

from assay.validation.leaks.copies import copied
from assay.validation.leaks.laboratory import CHECKS, LAB_VERSION, inspect_strategy, refuse_leaks
from assay.validation.leaks.report import Answer, Check, Finding, LeakReport, Looked, NotRun
from assay.validation.leaks.self_test import Planting, self_test

__all__ = [
    "CHECKS",
    "LAB_VERSION",
    "Answer",
    "Check",
    "Finding",
    "LeakReport",
    "Looked",
    "NotRun",
    "Planting",
    "copied",
    "inspect_strategy",
    "refuse_leaks",
    "self_test",
]
