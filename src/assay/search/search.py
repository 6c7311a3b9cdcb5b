"""A search: run what its plan says, keep the peak, look around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Combinations
from assay.engine.objectives import has_no_loss
from assay.errors import ParameterError
from assay.lazy import lazy
from assay.rounding import deviation
from assay.search.axes import Axes
from assay.search.methods import find_sampler
from assay.search.objective import best, penalised, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from assay.parameters import Value
    from assay.search import adaptive
    from assay.search.space import Space

    Evaluate = Callable[[Combinations], tuple[NDArray[np.float64], NDArray[np.float64]]]
    """From combinations to (measure, trades), shape (n,) each."""
else:
    adaptive = lazy("assay.search.adaptive")  # scipy and more, for the methods that learn

HISTOGRAM_BINS = 40

MAX_BUDGET = 1_000_000
"""Points of a search that is no grid: each is kept with all its values."""


@dataclass(frozen=True)
class SearchPlan:
    """Which points a search tries.

    Attributes
    ----------
    space : Space
    method : str
        One of `SAMPLERS`.
    budget : int or None
        How many points at most; that of the sampler where not given, and always None for a grid.
    seed : int
        A grid does not depend on it.

    Raises
    ------
    ParameterError
        For an unknown method (with the near one) and a budget below 1.
    """

    space: Space
    method: str = "grid"
    budget: int | None = None
    seed: int = 42

    def __post_init__(self) -> None:
        usual = find_sampler(self.method).budget
        budget = None if usual is None else self.budget
        if budget is not None and budget < 1:
            raise ParameterError("budget", "must be at least 1", budget)
        if budget is not None and budget > MAX_BUDGET:
            raise ParameterError("budget", f"must be at most {MAX_BUDGET:,}", budget)
        object.__setattr__(self, "budget", usual if budget is None else budget)

    @property
    def size(self) -> int:
        """How many points the search tries."""
        if self.budget is None:
            return self.space.size
        return int(min(self.budget, Axes.of(self.space).reach)) if find_sampler(self.method).learns else self.budget

    @property
    def ahead(self) -> Combinations | None:
        """The points, where they are known before any is run; None where scores decide.

        A method that learns tries every point where there are no more than its budget.
        """
        sampler = find_sampler(self.method)
        if sampler.points is not None:
            return sampler.points(self.space, self.size, self.seed)
        if self.budget is None or Axes.of(self.space).reach <= self.budget:
            return Combinations({name: tuple(dict.fromkeys(values)) for name, values in self.space.values.items()})
        return None


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
        Penalised objective of the winner; of the best point where there is no winner. Above 1e6 where it has no loss.
    measure : float
        Its plain objective; NaN where that is undefined for want of a loss.
    trades : int
    combinations : int
        How many were tried.
    variance : float
        Of the plain objective over the combinations that traded; NaN with fewer than two, 0 where all are alike.
    scores : float64, shape (combinations,)
    tried : Combinations
        The points, in the order of the scores.
    """

    best: dict[str, Value] | None
    score: float
    measure: float
    trades: int
    combinations: int
    variance: float
    scores: NDArray[np.float64]
    tried: Combinations = field(repr=False)

    def distribution(self) -> dict[str, object]:
        """Histogram and quantiles of the scores, for the record of trials."""
        return distribution(self.scores)


def distribution(scores: NDArray[np.float64]) -> dict[str, object]:
    """Histogram and quantiles of scores, shape (n,)."""
    counts, edges = np.histogram(scores, bins=HISTOGRAM_BINS)
    quantiles = np.quantile(scores, [0.0, 0.25, 0.5, 0.75, 0.95, 1.0])
    return {
        "counts": counts.tolist(),
        "edges": edges.tolist(),
        "quantiles": dict(zip(("min", "q25", "median", "q75", "q95", "max"), quantiles.tolist(), strict=True)),
    }


def run_search(plan: SearchPlan, evaluate: Evaluate) -> SearchResult:
    """Run a plan and keep the peak of the penalised objective; the first of equals wins."""
    combinations = plan.ahead
    if combinations is None:
        combinations, measure, trades = _learn(plan, evaluate)
    else:
        measure, trades = evaluate(combinations)
    scores = penalised(measure, trades)
    winner = best(scores, refused(measure, trades))
    plain = np.where(has_no_loss(measure), np.nan, measure)
    known = plain[np.isfinite(plain)]
    top = winner if winner is not None else int(np.argmax(scores))
    return SearchResult(
        best=None if winner is None else combinations.at(winner),
        score=float(scores[top]),
        measure=float(plain[top]),
        trades=int(trades[top]),
        combinations=len(combinations),
        variance=_variance(known),
        scores=scores,
        tried=combinations,
    )


def _variance(known: NDArray[np.float64]) -> float:
    if len(known) < 2:
        return float("nan")
    return float(np.var(known, ddof=1)) if np.isfinite(deviation(known)) else 0.0


def _learn(plan: SearchPlan, evaluate: Evaluate) -> tuple[Combinations, NDArray[np.float64], NDArray[np.float64]]:
    """Ask for points and run them, batch by batch; return them all with their measure and trades."""
    points: list[dict[str, Value]] = []
    measure, trades = np.zeros(0), np.zeros(0)
    while len(points) < plan.size:
        history = adaptive.History(tuple(points), penalised(measure, trades))
        batch = adaptive.propose(plan.space, plan.method, history, plan.seed)[: plan.size - len(points)]
        found = evaluate(as_points(batch))
        points += batch
        measure, trades = np.append(measure, found[0]), np.append(trades, found[1])
    return as_points(points), measure, trades


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
    number = {name: {value: i for i, value in enumerate(axis)} for name, axis in values.items()}
    index = [[number[name][p[name]] for name in values] for p in points]
    return Combinations(values, np.array(index, dtype=np.int64))


def neighbourhood(winner: dict[str, Value], space: Space, evaluate: Evaluate) -> Neighbourhood:
    """Score the winner's neighbours; a true edge has good ones, a chance peak stands alone."""
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
