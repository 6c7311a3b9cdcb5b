"""Spaces, samplers and what a search keeps. Nothing here has heard of markets."""

from assay.search.methods import ADAPTIVE, BUDGETS, METHODS, SAMPLERS, Sampler, find_sampler
from assay.search.objective import best, penalised, refused
from assay.search.samplers import grid, random
from assay.search.search import (
    MAX_BUDGET,
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
    "MAX_BUDGET",
    "METHODS",
    "SAMPLERS",
    "Neighbourhood",
    "Range",
    "Sampler",
    "SearchPlan",
    "SearchResult",
    "Space",
    "best",
    "find_sampler",
    "grid",
    "neighbourhood",
    "parse_space",
    "penalised",
    "random",
    "refused",
    "run_search",
    "steps_around",
]
