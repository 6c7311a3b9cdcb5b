"""Points that are asked for in batches, because an engine runs many at once faster than one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from assay.search.axes import Axes, Point

    Learner = Callable[[Axes, list[Point], NDArray[np.float64], int, np.random.Generator], list[Point]]
    """From points and their scores to the points, at most n, that promise most; some may be known."""

BATCH = 8
"""Points that gp and tpe ask for at once."""


def in_batches(
    learn: Learner, axes: Axes, known: list[Point], scores: NDArray[np.float64], start: int, seed: int
) -> list[Point]:
    """Return what is left of the current batch, which follows from the history before it.

    Parameters
    ----------
    known, scores : shape (n,)
        The history; its first `start` points filled the space.
    """
    begin = len(known) - (len(known) - start) % BATCH
    n = int(min(BATCH, axes.reach - begin))
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0xBA7C, begin])))
    wished = learn(axes, known[:begin], scores[:begin], n, rng)
    return axes.unknown(wished, set(known[:begin]), n, rng)[len(known) - begin :]
