"""Spaces, samplers and what a search keeps. Nothing here has heard of markets."""

from assay.search.objective import best, penalised, refused
from assay.search.samplers import ADAPTIVE, METHODS, grid, random
from assay.search.search import (
    BUDGETS,
    Neighbourhood,
    SearchPlan,
    SearchResult,
    neighbourhood,
    run_search,
    steps_around,
)
from assay.search.space import Range, Space, parse_space

__all__ = [
    "ADAPTIVE",
    "BUDGETS",
    "METHODS",
    "Neighbourhood",
    "Range",
    "SearchPlan",
    "SearchResult",
    "Space",
    "best",
    "grid",
    "neighbourhood",
    "parse_space",
    "penalised",
    "random",
    "refused",
    "run_search",
    "steps_around",
]
