from __future__ import annotations

import numpy as np
import pytest

from assay.errors import InputError
from assay.validation.combinatorial import backtest_paths, combinatorial_splits


def test_splits_and_paths_of_skfolio() -> None:
    # skfolio 1.12.2, CombinatorialPurgedCV(n_folds=5, n_test_folds=3): binary_train_test_sets and recombined_paths
    assert combinatorial_splits(5, 3).tolist() == [
        [0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 2, 3], [0, 2, 4], [0, 3, 4], [1, 2, 3], [1, 2, 4], [1, 3, 4], [2, 3, 4],
    ]  # fmt: skip
    assert backtest_paths(5, 3).T.tolist() == [
        [0, 1, 2, 3, 4, 5], [0, 1, 2, 6, 7, 8], [0, 3, 4, 6, 7, 9], [1, 3, 5, 6, 8, 9], [2, 4, 5, 7, 8, 9],
    ]  # fmt: skip


@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (7, 1), (10, 8), (16, 8)])
def test_each_split_and_group_is_on_one_path(groups: int, tested: int) -> None:
    splits, paths = combinatorial_splits(groups, tested), backtest_paths(groups, tested)
    used = sorted((int(split), group) for path in paths for group, split in enumerate(path))
    assert used == sorted((i, int(group)) for i, split in enumerate(splits) for group in split)


def test_complements_mirror_each_other() -> None:
    splits = combinatorial_splits(8, 4)
    both = np.concatenate((splits, splits[::-1]), axis=1)
    assert (np.sort(both, axis=1) == np.arange(8)).all()


@pytest.mark.parametrize(("groups", "tested"), [(5, 0), (5, 5), (40, 20)])
def test_impossible_splits_are_refused(groups: int, tested: int) -> None:
    with pytest.raises(InputError):
        combinatorial_splits(groups, tested)
