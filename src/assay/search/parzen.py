"""Points by Optuna's tree-structured Parzen estimator, asked of a study made from the history.

J. Bergstra, R. Bardenet, Y. Bengio and B. Kegl, Algorithms for Hyper-Parameter Optimization, 2011.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from assay.search.batches import in_batches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from optuna.distributions import BaseDistribution

    from assay.search.axes import Axes, Axis, Point

_QUIET = Lock()


def propose(axes: Axes, known: list[Point], scores: NDArray[np.float64], start: int, seed: int) -> list[Point]:
    """Return what is left of the current batch of points of a search.

    Parameters
    ----------
    known, scores : shape (n,)
        The history; its first `start` points filled the space.
    """
    return in_batches(promising, axes, known, scores, start, seed)


def promising(
    axes: Axes, points: list[Point], scores: NDArray[np.float64], n: int, rng: np.random.Generator
) -> list[Point]:
    """Return 2 n suggestions in turn, each aware of those before it: some may be known or equal."""
    study = _new_study(optuna.samplers.TPESampler(n_startup_trials=1, seed=int(rng.integers(2**31))))
    distributions = {axis.name: _distribution(axis) for axis in axes.all}
    study.add_trials(
        optuna.trial.create_trial(params=_internal(axes, point), distributions=distributions, value=float(score))
        for point, score in zip(points, scores, strict=True)
    )
    proposed = (study.ask(distributions).params for _ in range(2 * n))
    return [tuple(axis.levels[p[axis.name]] if axis.levels else p[axis.name] for axis in axes.all) for p in proposed]


def _internal(axes: Axes, point: Point) -> dict[str, float]:
    return {
        axis.name: axis.levels.index(value) if axis.levels else float(value)
        for axis, value in zip(axes.all, point, strict=True)
    }


def _distribution(axis: Axis) -> BaseDistribution:
    """Levels go by their number: in order where they have one."""
    if not axis.levels:
        return FloatDistribution(axis.low, axis.high)
    if axis.ordered:
        return IntDistribution(0, len(axis.levels) - 1)
    return CategoricalDistribution(range(len(axis.levels)))


def _new_study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    """Return a study in memory; Optuna's line about it is for those who call Optuna themselves."""
    with _QUIET:
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            return optuna.create_study(sampler=sampler, direction="maximize")
        finally:
            optuna.logging.set_verbosity(before)
