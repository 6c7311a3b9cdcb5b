"""Points by the covariance matrix adaptation of evolution strategies, with a margin for levels.

N. Hansen, The CMA Evolution Strategy: A Tutorial, 2016; R. Hamano, S. Saito, M. Nomura and S. Shirakawa, CMA-ES
with Margin, 2022. The implementation is that behind Optuna's sampler, called without it: Optuna keeps the state of
the strategy beside each trial, here it follows from the history, generation by generation. Levels without an order
have none to learn from: they go by their number, and the margin keeps all of them in reach.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from cmaes import CMAwM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.search.axes import Axes, Point

FIRST_WIDTH = 0.25
"""Standard deviation of the first generation on axes of [0, 1]."""

STALE = 3
"""Generations in a row without a new point after which the strategy starts anew elsewhere."""

MAX_STARTS = 20
"""Starts without a new point after which points are drawn."""


def propose(axes: Axes, known: list[Point], scores: NDArray[np.float64], start: int, seed: int) -> list[Point]:
    """Return the points of the first generation that has some without a score.

    Points met again bring their score along and cost nothing.

    Parameters
    ----------
    known, scores : shape (n,)
        The history; its first `start` points filled the space.
    """
    score_of = dict(zip(known, scores.tolist(), strict=True))
    met = set(known[:start])
    mean = axes.places([known[int(np.argmax(scores[:start]))]])[0]
    fruitless = 0
    for number in count():
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0xC3AE5, number])))
        before = len(met)
        missing = _run(axes, mean if number == 0 else rng.random(len(axes)), score_of, met, rng)
        if missing:
            return missing
        fruitless = 0 if len(met) > before else fruitless + 1
        if fruitless == MAX_STARTS:
            break
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0xD4A3, len(known)])))
    return axes.unknown([], set(known), 1, rng)


def _run(
    axes: Axes, mean: NDArray[np.float64], score_of: dict[Point, float], met: set[Point], rng: np.random.Generator
) -> list[Point]:
    """Replay one start of the strategy, adding to `met`; return the points that need a score."""
    strategy = CMAwM(
        mean=mean,
        sigma=FIRST_WIDTH,
        bounds=np.tile([0.0, 1.0], (len(axes), 1)),
        steps=np.array([axis.step for axis in axes.all]),
        n_max_resampling=10 * len(axes),
        seed=int(rng.integers(2**31)),
    )
    stale = 0
    while stale < STALE and not strategy.should_stop():
        proposed = [strategy.ask() for _ in range(strategy.population_size)]
        points = axes.points(np.array([place for place, _ in proposed]))
        if missing := [point for point in dict.fromkeys(points) if point not in score_of]:
            return missing
        stale = stale + 1 if met.issuperset(points) else 0
        met.update(points)
        strategy.tell([(raw, -score_of[point]) for (_, raw), point in zip(proposed, points, strict=True)])
    return []
