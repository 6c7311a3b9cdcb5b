"""What is kept of a search too large to keep: its best points, marginal maps and a histogram, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from assay.search.objective import penalised, refused
from assay.search.streaming_kernels import absorb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from assay.parameters import Value

KEPT = 1000
"""Points that are kept."""

_DECADES = np.logspace(-2, 6, 65)
EDGES = np.concatenate((-_DECADES[::-1], [0.0], _DECADES))
"""Edges of the histogram's bins: the same for every search and objective, finer near 0; both ends are open."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the searched axes of a grid stand.

    Attributes
    ----------
    names : tuple of str
        Parameters of more than one value.
    strides, sizes : int64, shape (axes,)
        Index on an axis = position // stride % size.
    starts, cells : int64
        Where each axis begins in the marginals, and each pair of axes in the maps.
    """

    names: tuple[str, ...]
    strides: NDArray[np.int64]
    sizes: NDArray[np.int64]
    starts: NDArray[np.int64]
    cells: NDArray[np.int64]

    @classmethod
    def of(cls, values: Mapping[str, Sequence[Value]]) -> Self:
        """Lay out a grid."""
        lengths = np.array([len(v) for v in values.values()], dtype=np.int64)
        strides = np.append(np.cumprod(lengths[::-1])[::-1], 1)[1:]
        kept = [i for i, n in enumerate(lengths.tolist()) if n > 1]
        sizes = lengths[kept]
        areas = [int(sizes[a] * sizes[b]) for a, b in combinations(range(len(kept)), 2)]
        return cls(
            names=tuple(name for name, v in values.items() if len(v) > 1),
            strides=strides[kept],
            sizes=sizes,
            starts=np.cumsum([0, *sizes.tolist()]),
            cells=np.cumsum([0, *areas]),
        )


@dataclass(frozen=True, eq=False)
class Summary:
    """What is kept of the points tried so far.

    Sums of the same points in the same order have the same bits, whether the search was interrupted or not.

    Attributes
    ----------
    blocks, tried, refused : int
        Blocks and points so far; points without 10 trades or without a measure.
    position : int64, shape (n,)
        The best points, at most 1,000, best first; the lower position among equals.
    score, measure, trades : float64, shape (n,)
    count, total, best : shape (levels,)
        Per value of each axis: points not refused, the sum of their scores, the highest (-inf where there is none).
    pairs : float64, shape (cells,)
        Highest score per pair of values of each two axes.
    histogram : int64, shape (130,)
        Scores between `EDGES`, the first and last bin open.
    """

    blocks: int
    tried: int
    refused: int
    position: NDArray[np.int64]
    score: NDArray[np.float64]
    measure: NDArray[np.float64]
    trades: NDArray[np.float64]
    count: NDArray[np.int64]
    total: NDArray[np.float64]
    best: NDArray[np.float64]
    pairs: NDArray[np.float64]
    histogram: NDArray[np.int64]

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Return the summary of nothing."""
        levels = int(layout.starts[-1])
        none = np.zeros(0)
        return cls(
            blocks=0,
            tried=0,
            refused=0,
            position=np.zeros(0, dtype=np.int64),
            score=none,
            measure=none,
            trades=none,
            count=np.zeros(levels, dtype=np.int64),
            total=np.zeros(levels),
            best=np.full(levels, -np.inf),
            pairs=np.full(int(layout.cells[-1]), -np.inf),
            histogram=np.zeros(len(EDGES) + 1, dtype=np.int64),
        )

    @classmethod
    def of_block(
        cls, layout: Layout, position: NDArray[np.int64], measure: NDArray[np.float64], trades: NDArray[np.float64]
    ) -> Self:
        """Summarise one block of points."""
        score, out = penalised(measure, trades), refused(measure, trades)
        new = cls.empty(layout)
        absorb(
            position,
            score,
            out,
            layout.strides,
            layout.sizes,
            layout.starts,
            layout.cells,
            new.count,
            new.total,
            new.best,
            new.pairs,
            EDGES,
            new.histogram,
        )
        rows = np.flatnonzero(~out)
        if len(rows) > KEPT:
            worst = np.partition(score[rows], len(rows) - KEPT)[len(rows) - KEPT]
            rows = rows[score[rows] >= worst]
        rows = rows[np.lexsort((position[rows], -score[rows]))][:KEPT]
        return cls(
            1,
            len(position),
            int(out.sum()),
            position[rows],
            score[rows],
            measure[rows],
            trades[rows],
            new.count,
            new.total,
            new.best,
            new.pairs,
            new.histogram,
        )

    def plus(self, later: Self) -> Self:
        """Return this summary with the blocks that follow."""
        position = np.concatenate((self.position, later.position))
        score = np.concatenate((self.score, later.score))
        order = np.lexsort((position, -score))[:KEPT]
        return type(self)(
            self.blocks + later.blocks,
            self.tried + later.tried,
            self.refused + later.refused,
            position[order],
            score[order],
            np.concatenate((self.measure, later.measure))[order],
            np.concatenate((self.trades, later.trades))[order],
            self.count + later.count,
            self.total + later.total,
            np.maximum(self.best, later.best),
            np.maximum(self.pairs, later.pairs),
            self.histogram + later.histogram,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every field as an array, for a file."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return what `arrays` gave."""
        numbers = {name: int(arrays[name]) for name in ("blocks", "tried", "refused")}
        return cls(**{f.name: numbers.get(f.name, arrays[f.name]) for f in fields(cls)})  # type: ignore[arg-type]

    def marginals(self, layout: Layout) -> dict[str, list[dict[str, float]]]:
        """Per axis and value: points counted, their mean score and the highest; NaN where there is none."""
        found = {}
        for name, (begin, end) in zip(layout.names, pairwise(layout.starts.tolist()), strict=True):
            count, total = self.count[begin:end].tolist(), self.total[begin:end].tolist()
            found[name] = [
                {"count": n, "mean": t / n if n else np.nan, "best": b if n else np.nan}
                for n, t, b in zip(count, total, self.best[begin:end].tolist(), strict=True)
            ]
        return found

    def maps(self, layout: Layout) -> dict[tuple[str, str], NDArray[np.float64]]:
        """Per pair of axes: the highest score for each pair of values; NaN where there is none."""
        found = {}
        for k, (a, b) in enumerate(combinations(range(len(layout.names)), 2)):
            flat = self.pairs[layout.cells[k] : layout.cells[k + 1]]
            grid = np.where(np.isinf(flat), np.nan, flat).reshape(int(layout.sizes[a]), int(layout.sizes[b]))
            found[layout.names[a], layout.names[b]] = grid
        return found

    def least_influence(self, layout: Layout) -> str | None:
        """Name the axis whose values differ least in their mean score: the one whose values are first to be spared.

        None where no axis has two values with points that count.
        """
        spread = {}
        for name, rows in self.marginals(layout).items():
            means = [row["mean"] for row in rows if row["count"]]
            if len(means) > 1:
                spread[name] = max(means) - min(means)
        return min(spread, key=lambda n: spread[n]) if spread else None
