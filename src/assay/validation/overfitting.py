"""Probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

Bailey, Borwein, Lopez de Prado and Zhu, The Probability of Backtest Overfitting (2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from assay.errors import InputError
from assay.validation.combinatorial import combinatorial_splits
from assay.validation.resampling_kernels import block_sums, ranks_of_winners

if TYPE_CHECKING:
    from numpy.typing import NDArray

NULL_DRAWS = 200
NULL_SPLITS = 500
"""A null matrix is judged by so many splits, evenly spaced: they differ far less than the matrices do."""

MIN_BLOCK_ROWS = 2


@dataclass(frozen=True, eq=False)
class Overfitting:
    """How often the best of one half of the days is a bad choice on the other half.

    Attributes
    ----------
    pbo : float
        Share of splits whose in-sample best ranks in the lower half out of sample (logit <= 0). NaN below two columns
        or two rows a block.
    logits : float64, shape (splits,)
        ln(w / (1 - w)), w = rank / (columns + 1).
    null_low, null_high : float
        Central 95 % of `pbo` where no column is better than another; NaN when not asked for.
    blocks : int
    """

    pbo: float
    logits: NDArray[np.float64]
    null_low: float
    null_high: float
    blocks: int


def probability_of_overfitting(
    returns: NDArray[np.float64],
    blocks: int = 16,
    *,
    measure: Literal["sharpe", "mean"] = "sharpe",
    draws: int = NULL_DRAWS,
    seed: int = 0,
) -> Overfitting:
    """Estimate the probability that choosing the best column is overfitting, with the band of no edge.

    The rows are cut into consecutive blocks (their sizes differ by at most one row, no row is left out); every half of
    the blocks is once the train half. A column that does not vary within a half scores 0 there, as cash does. Of equal
    columns in train the first is chosen, as the search does; in test, equals share the mean of their ranks.

    The band: PBO has a wide distribution around one half even where nothing can be overfitted, so a value alone says
    little. A null matrix is the given one with the sign of each row, all columns together, drawn at random. That keeps
    the dependence between columns, the days on which each traded, days without a trade and the path of volatility, and
    takes away every lasting difference of means; it is the null of the mirrored bars, on daily returns.

    Parameters
    ----------
    returns : float64, shape (T, N)
        Returns of N combinations, or an evenly thinned sample of them, on the same T periods.
    blocks : int
        S, even.
    measure : {"sharpe", "mean"}
        What is ranked.
    draws : int
        Null matrices; 0: no band.
    seed : int
        Of the null matrices.

    Raises
    ------
    InputError
        When `blocks` is odd or below 2, or a return is not finite.
    """
    if blocks < 2 or blocks % 2:
        raise InputError("blocks", "must be an even number, 2 or more", blocks)
    if not np.isfinite(returns).all():
        raise InputError("returns", "must be finite", "NaN or infinity")
    rows, columns = returns.shape
    if columns < 2 or rows < MIN_BLOCK_ROWS * blocks:
        return Overfitting(math.nan, np.zeros(0), math.nan, math.nan, blocks)
    splits = combinatorial_splits(blocks, blocks // 2)
    cscv = _Cscv(np.ascontiguousarray(returns, np.float64), blocks, by_mean=measure == "mean")
    logits = cscv.logits(splits)
    low, high = _null_band(cscv, _thinned(splits), draws, seed) if draws else (math.nan, math.nan)
    return Overfitting(_share_of_losers(logits), logits, low, high, blocks)


@dataclass(frozen=True, eq=False)
class _Cscv:
    """A matrix cut into blocks."""

    returns: NDArray[np.float64]
    blocks: int
    by_mean: bool

    def logits(self, splits: NDArray[np.int64], signs: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        rows, columns = self.returns.shape
        edges = np.arange(self.blocks + 1) * rows // self.blocks
        sums = np.empty((2, self.blocks, columns))
        block_sums(self.returns if signs is None else self.returns * signs[:, None], edges, sums)
        ranks = np.empty(len(splits))
        ranks_of_winners(sums, np.diff(edges), splits, self.by_mean, ranks)
        logits: NDArray[np.float64] = np.log(ranks / (columns + 1 - ranks))
        return logits


def _share_of_losers(logits: NDArray[np.float64]) -> float:
    return float(np.mean(logits <= 0))


def _thinned(splits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return at most `NULL_SPLITS` splits, each with its complement."""
    half = len(splits) // 2
    kept = np.unique(np.linspace(0, half - 1, min(half, NULL_SPLITS // 2)).round().astype(np.int64))
    return splits[np.concatenate((kept, len(splits) - 1 - kept))]


def _null_band(cscv: _Cscv, splits: NDArray[np.int64], draws: int, seed: int) -> tuple[float, float]:
    signs = 2.0 * np.random.default_rng(seed).integers(0, 2, (draws, len(cscv.returns))) - 1.0
    null = [_share_of_losers(cscv.logits(splits, row)) for row in signs]
    low, high = np.quantile(null, (0.025, 0.975))
    return float(low), float(high)
