from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import SPA, StepM

from assay.errors import InputError
from assay.validation.reality import scale_of, superior_ability


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_the_library(seed: int) -> None:
    returns = np.random.default_rng(seed).standard_normal((200, 8))
    returns[:, :3] += 0.18
    found = superior_ability(returns, seed=seed, repetitions=300)
    spa = SPA(np.zeros(200), -returns, block_size=5, reps=300, seed=seed)
    spa.compute()
    assert (found.lower, found.consistent, found.upper) == tuple(spa.pvalues)
    step = StepM(np.zeros(200), -returns, size=0.05, block_size=5, reps=300, seed=seed)
    step.compute()
    assert list(found.superior) == step.superior_models


def test_all_columns_may_be_superior_one_after_the_other() -> None:
    # one large edge hides a small one in the first step; after the second step nothing is left to test
    rng = np.random.default_rng(2)
    returns = rng.standard_normal((400, 3)) * [1.0, 1.0, 0.1] + [1.0, 1.0, 0.05]
    assert superior_ability(returns, seed=1, repetitions=300).superior == (0, 1, 2)


def test_columns_that_do_not_vary_are_no_trouble() -> None:
    returns = np.zeros((50, 3))
    found = superior_ability(returns, seed=1, repetitions=50)
    assert found.superior == ()
    assert scale_of(returns).tolist() == [1.0, 1.0, 1.0]
    assert scale_of(np.array([[1.0, 0.0], [3.0, 0.0]])).tolist() == [math.sqrt(2.0), 1.0]


@pytest.mark.parametrize("shape", [(9, 4), (100, 0), (0, 0)])
def test_too_little_is_unknown(shape: tuple[int, int]) -> None:
    found = superior_ability(np.zeros(shape), seed=1)
    assert math.isnan(found.consistent)
    assert found.superior == ()


def test_returns_must_be_finite() -> None:
    with pytest.raises(InputError, match="finite"):
        superior_ability(np.full((50, 2), np.inf), seed=1)
