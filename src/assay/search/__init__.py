"""Spaces, samplers and what a search keeps. Nothing here has heard of markets."""

from assay.search.objective import best, penalised, refused
from assay.search.samplers import METHODS, grid, random, sample
from assay.search.search import Neighbourhood, SearchResult, neighbourhood, run_search, steps_around
from assay.search.space import Range, Space, parse_space

__all__ = [
    "METHODS",
    "Neighbourhood",
    "Range",
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
    "sample",
    "steps_around",
]
