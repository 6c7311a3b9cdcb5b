"""A line of an equity that is small enough for a row of a table: points of an SVG, of a few of its days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

WIDTH, HEIGHT = 84, 22
MOST_POINTS = 48


@dataclass(frozen=True)
class Sparkline:
    """A small line.

    Attributes
    ----------
    points : str
        Of an SVG polyline in a box of `WIDTH` x `HEIGHT`: ``x,y x,y ...``.
    start_y : float
        Where a worth of 1 lies, at which the line begins.
    label : str
        The same in words.
    """

    points: str
    start_y: float
    label: str


def sparkline(worth: ArrayLike) -> Sparkline | None:
    """Return a line of a worth by day, from 1 before the first; None where there is no day.

    Parameters
    ----------
    worth : array_like, shape (days,)
        Of many days, stretches of equal length are drawn by the day that lies farthest from where its stretch began,
        so that no fall is lost; the last day is always one of them.
    """
    values = np.concatenate(([1.0], np.asarray(worth, dtype=np.float64)))
    if len(values) < 2:
        return None
    chosen = _chosen(values)
    low, high = float(values.min()), float(values.max())
    room = high - low or 1.0
    x = 1.0 + (WIDTH - 2.0) * chosen / (len(values) - 1)

    def height(value: float) -> float:
        return round(HEIGHT - 1.0 - (HEIGHT - 2.0) * (value - low) / room, 1) if high > low else HEIGHT / 2

    points = " ".join(f"{a:.1f},{height(float(values[i])):g}" for a, i in zip(x.tolist(), chosen.tolist(), strict=True))
    label = f"from 1 to {values[-1]:.3f} in {len(values) - 1:,} days, between {low:.3f} and {high:.3f}"
    return Sparkline(points, height(1.0), label)


def _chosen(values: np.ndarray) -> np.ndarray:
    """Return which days are drawn, in their order: the start, one of each stretch, the last."""
    n = len(values)
    if n <= MOST_POINTS:
        return np.arange(n)
    edges = np.linspace(1, n - 1, MOST_POINTS - 1).astype(np.int64)
    inner = [
        int(begin + np.argmax(np.abs(values[begin:end] - values[begin - 1])))
        for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    return np.array([0, *inner, n - 1])
