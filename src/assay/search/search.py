"""A search: run a sampler's combinations, keep the peak, look around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Combinations
from assay.search.objective import best, penalised, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from assay.parameters import Value
    from assay.search.space import Space

    Evaluate = Callable[[Combinations], tuple[NDArray[np.float64], NDArray[np.float64]]]
    """From combinations to (measure, trades), shape (n,) each."""

HISTOGRAM_BINS = 40


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The points one step from a winner, one axis at a time.

    Attributes
    ----------
    values : tuple of dict
        The neighbours.
    scores : float64, shape (n,)
        NaN where a neighbour is refused.
    median : float
        Over those not refused; NaN when all are.
    refused : int
    edges : tuple of str
        Parameters (of three or more values) whose winning value is the first or last of its axis.
    """

    values: tuple[dict[str, Value], ...]
    scores: NDArray[np.float64]
    median: float
    refused: int
    edges: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    best : dict or None
        All parameters of the winner; None when no point is positive.
    score : float
        Penalised objective of the winner; of the best point where there is no winner.
    measure : float
        Its plain objective.
    trades : int
    combinations : int
        How many were tried.
    scores : float64, shape (combinations,)
    """

    best: dict[str, Value] | None
    score: float
    measure: float
    trades: int
    combinations: int
    scores: NDArray[np.float64]

    def distribution(self) -> dict[str, object]:
        """Histogram and quantiles of the scores, for the record of trials."""
        counts, edges = np.histogram(self.scores, bins=HISTOGRAM_BINS)
        quantiles = np.quantile(self.scores, [0.0, 0.25, 0.5, 0.75, 0.95, 1.0])
        return {
            "counts": counts.tolist(),
            "edges": edges.tolist(),
            "quantiles": dict(zip(("min", "q25", "median", "q75", "q95", "max"), quantiles.tolist(), strict=True)),
        }


def run_search(combinations: Combinations, evaluate: Evaluate) -> SearchResult:
    """Run every combination and keep the peak of the penalised objective."""
    measure, trades = evaluate(combinations)
    scores = penalised(measure, trades)
    winner = best(scores, refused(measure, trades))
    top = winner if winner is not None else int(np.argmax(scores))
    return SearchResult(
        best=None if winner is None else combinations.at(winner),
        score=float(scores[top]),
        measure=float(measure[top]),
        trades=int(trades[top]),
        combinations=len(combinations),
        scores=scores,
    )


def steps_around(values: dict[str, Value], space: Space) -> list[tuple[str, int, dict[str, Value]]]:
    """Return the points one step away along each axis: (parameter, -1 or +1, values)."""
    around = []
    for name, axis in space.values.items():
        if len(axis) < 2:
            continue
        ordered = sorted(axis, key=lambda v: (isinstance(v, str), v))
        if values[name] in ordered:
            at = ordered.index(values[name])
            below, above = at - 1, at + 1
        else:  # a random point on a continuous axis lies between two levels
            above = int(np.searchsorted(np.array(ordered, dtype=float), float(values[name])))
            below = above - 1
        around += [
            (name, direction, {**values, name: ordered[i]})
            for direction, i in ((-1, below), (1, above))
            if 0 <= i < len(ordered)
        ]
    return around


def as_points(points: list[dict[str, Value]]) -> Combinations:
    """Return a list of parameter sets as combinations."""
    values = {name: tuple(dict.fromkeys(p[name] for p in points)) for name in points[0]}
    index = [[values[name].index(p[name]) for name in values] for p in points]
    return Combinations(values, np.array(index, dtype=np.int64))


def neighbourhood(winner: dict[str, Value], space: Space, evaluate: Evaluate) -> Neighbourhood:
    """Score the winner's neighbours; a true edge has good ones, luck stands alone."""
    around = [values for _, _, values in steps_around(winner, space)]
    scores = np.zeros(0)
    if around:
        measure, trades = evaluate(as_points(around))
        scores = np.where(refused(measure, trades), np.nan, penalised(measure, trades))
    known = scores[~np.isnan(scores)]
    edges = tuple(
        name for name, axis in space.values.items() if len(axis) >= 3 and winner[name] in (min(axis), max(axis))
    )
    return Neighbourhood(
        values=tuple(around),
        scores=scores,
        median=float(np.median(known)) if len(known) else float("nan"),
        refused=len(scores) - len(known),
        edges=edges,
    )
