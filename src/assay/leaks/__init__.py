"""The leak checks: whether a strategy knows what it cannot know."""

from assay.leaks.findings import Finding, Looked, NotRun
from assay.leaks.inspect import CHECKS, INSPECTION_VERSION, inspect_strategy, refuse_leaks
from assay.leaks.isolated_copy import copied
from assay.leaks.report import Answer, Check, LeakReport
from assay.leaks.search_answers import PROCESS, SEARCH, SearchProbe, inspect_fully, inspect_search, search_questions
from assay.leaks.self_test import Planting, self_test

__all__ = [
    "CHECKS",
    "INSPECTION_VERSION",
    "PROCESS",
    "SEARCH",
    "Answer",
    "Check",
    "Finding",
    "LeakReport",
    "Looked",
    "NotRun",
    "Planting",
    "SearchProbe",
    "copied",
    "inspect_fully",
    "inspect_search",
    "inspect_strategy",
    "refuse_leaks",
    "search_questions",
    "self_test",
]
