"""Combinatorial splits and their paths (Lopez de Prado, Advances in Financial Machine Learning, 2018, chapter 12)."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SPLITS = 1_000_000


def combinatorial_splits(groups: int, tested: int) -> NDArray[np.int64]:
    """Return every way to test on some of the groups of rows and to train on the others.

    Parameters
    ----------
    groups : int
        N, consecutive groups of rows.
    tested : int
        k, groups in a test set; 1 to N - 1.

    Returns
    -------
    int64, shape (C(N, k), k)
        The tested groups of each split, in lexicographic order. With k = N/2 the split at i from the beginning has its
        complement at i from the end.

    Raises
    ------
    InputError
        When k is not in [1, N - 1], or there would be more than a million splits.
    """
    if not 0 < tested < groups:
        raise InputError("tested", f"must be from 1 to {groups - 1}, below the number of groups", tested)
    count = math.comb(groups, tested)
    if count > MAX_SPLITS:
        raise InputError("groups", f"must give at most {MAX_SPLITS:,} splits ({count:,} with {tested} tested)", groups)
    flat = itertools.chain.from_iterable(itertools.combinations(range(groups), tested))
    return np.fromiter(flat, np.int64, count * tested).reshape(count, tested)


def backtest_paths(groups: int, tested: int) -> NDArray[np.int64]:
    """Return the paths through the splits: each tests every group once.

    Returns
    -------
    int64, shape (C(N - 1, k - 1), N)
        Path p takes the test result of group g from split ``paths[p, g]``, the p-th split that tests g.
    """
    splits = combinatorial_splits(groups, tested)
    return np.stack([np.flatnonzero((splits == group).any(axis=1)) for group in range(groups)], axis=1)
