"""`SAMPLERS`: the methods of a search by name. A new one is one record here and one module beside it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from assay.errors import ParameterError, wrong_choice
from assay.search.samplers import grid, random

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from assay.engine import Combinations
    from assay.search.axes import Axes, Point
    from assay.search.space import Space

    Points = Callable[[Space, int, int], Combinations]
    """From a space, a budget and a seed to points that are known before any is run."""

    Propose = Callable[[Axes, list[Point], NDArray[np.float64], int, int], list[Point]]
    """From axes, the history of points and scores, the length of its even start, and a seed, to the next points."""


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """One method of a search: exactly one of `points` and `module` is given.

    Attributes
    ----------
    about : str
        What it tries, as in the table of the documentation.
    budget : int or None
        How many points where none is asked for; None for a method that tries all of the space, whatever is asked for.
    points : callable or None
        A pure function of the space, the budget and the seed, for a method whose points do not depend on scores.
    module : str or None
        For a method that learns: the module whose ``propose`` is a pure function of the history and the seed. It is
        imported when it is first used, as it may bring heavy libraries.
    """

    about: str
    budget: int | None = None
    points: Points | None = None
    module: str | None = None

    def __post_init__(self) -> None:
        if (self.points is None) == (self.module is None):
            raise ValueError("a sampler has either points or a module that learns")
        if self.learns and self.budget is None:
            raise ValueError("a sampler that learns needs a budget")

    @property
    def learns(self) -> bool:
        """Whether it chooses points by the scores of those before."""
        return self.module is not None

    @property
    def propose(self) -> Propose:
        """The function that chooses the next points of a method that learns."""
        if self.module is None:
            raise TypeError("points of a sampler that does not learn are known before any is run")
        found: Propose = import_module(self.module).propose
        return found


def _everything(space: Space, _budget: int, _seed: int) -> Combinations:
    return grid(space)


SAMPLERS = {
    "grid": Sampler(about="every combination of the space", points=_everything),
    "random": Sampler(about="points drawn at random", budget=500, points=random),
    "gp": Sampler(
        about="points chosen by a Gaussian process (Matern 5/2, expected improvement)",
        budget=200,
        module="assay.search.gaussian_process",
    ),
    "tpe": Sampler(
        about="points chosen by Optuna's tree-structured Parzen estimator", budget=200, module="assay.search.parzen"
    ),
    "cmaes": Sampler(about="points chosen by CMA-ES with margin", budget=200, module="assay.search.evolution"),
}

METHODS = tuple(SAMPLERS)

ADAPTIVE = tuple(name for name, sampler in SAMPLERS.items() if sampler.learns)
"""Methods that choose points by the scores of those before (`assay.search.adaptive`)."""

BUDGETS = {name: sampler.budget for name, sampler in SAMPLERS.items() if sampler.budget is not None}
"""Points that a method tries where no number is given; a grid tries all of its own."""


def find_sampler(method: str) -> Sampler:
    """Return a method's record.

    Raises
    ------
    ParameterError
        When there is no such method, naming the near one.
    """
    if method not in SAMPLERS:
        raise wrong_choice("method", method, SAMPLERS, ParameterError)
    return SAMPLERS[method]
