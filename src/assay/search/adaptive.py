"""Samplers that learn from the scores so far: each a pure function of the space, the history and the seed.

A search that is resumed after a crash asks for the same points as the uninterrupted one, and a larger
budget goes on where a smaller one ended. Points come in batches, because an engine runs many at once faster
than one by one: a batch is a function of the history before it, also when only a part of it was run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import qmc

from assay.search.axes import Axes
from assay.search.methods import find_sampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.parameters import Value
    from assay.search.axes import Point
    from assay.search.space import Space

MIN_START = 8
START_PER_AXIS = 2
"""The first batch fills the space evenly: 2 points per axis, 8 at least."""


@dataclass(frozen=True, eq=False)
class History:
    """Points in the order in which they were asked for, with their scores.

    Attributes
    ----------
    points : tuple of dict
        Values of all parameters.
    scores : float64, shape (n,)
        Finite; the higher, the better.
    """

    points: tuple[dict[str, Value], ...] = ()
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def propose(space: Space, method: str, history: History, seed: int) -> list[dict[str, Value]]:
    """Return the next points of a search, none of them known; empty where there is no other point.

    Parameters
    ----------
    method : str
        One of `ADAPTIVE`.
    history : History
        Everything that was asked for before, or any beginning of it.

    Raises
    ------
    ParameterError
        For an unknown method.
    """
    choose = find_sampler(method).propose
    axes = Axes.of(space)
    known = [tuple(p[axis.name] for axis in axes.all) for p in history.points]
    start = int(min(max(MIN_START, START_PER_AXIS * len(axes)), axes.reach))
    if len(known) < start:
        batch = _even(axes, start, seed)[len(known) :]
    elif len(known) >= axes.reach:
        batch = []
    else:
        batch = choose(axes, known, history.scores, start, seed)
    still = {name: values[0] for name, values in space.values.items()}
    return [still | dict(zip((axis.name for axis in axes.all), point, strict=True)) for point in batch]


def _even(axes: Axes, n: int, seed: int) -> list[Point]:
    """Return the first points of a scrambled Sobol sequence."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0x50B01])))
    # twice as many as needed: on few levels some coincide
    sequence = qmc.Sobol(len(axes), rng=rng).random_base2((2 * n - 1).bit_length())
    return axes.unknown(axes.points(axes.spread(sequence)), set(), n, rng)
