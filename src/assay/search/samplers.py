"""Combinations that are known before any is run: each sampler a pure function of the space and the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Combinations
from assay.errors import ParameterError
from assay.search.space import MAX_GRID, Range

if TYPE_CHECKING:
    from assay.parameters import Value
    from assay.search.space import Space


def grid(space: Space) -> Combinations:
    """Every combination of the space."""
    if space.size > MAX_GRID:
        longest = max(space.values.items(), key=lambda item: len(item[1]))
        raise ParameterError(
            "space",
            f"a grid may have at most {MAX_GRID:,} combinations",
            f"{space.size:,}",
            f"The axis with most values is {longest[0]} ({len(longest[1])})",
        )
    return Combinations(space.values)


def random(space: Space, n: int, seed: int) -> Combinations:
    """Draw n points, uniform on ranges and choices, independent of one another."""
    if n < 1:
        raise ParameterError("budget", "must be at least 1", n)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0x5EED])))
    values: dict[str, tuple[Value, ...]] = {}
    columns = []
    for name, dimension in space.dimensions:
        if isinstance(dimension, Range) and dimension.step is None:
            drawn = rng.uniform(dimension.low, dimension.high, n)
            found, index = np.unique(drawn, return_inverse=True)
            values[name] = tuple(float(v) for v in found)
        else:
            values[name] = space.values[name]
            index = rng.integers(0, len(values[name]), n)
        columns.append(index.astype(np.int64))
    return Combinations(values, np.stack(columns, axis=1))
