from __future__ import annotations

import itertools
import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import InputError
from assay.validation.combinatorial import combinatorial_splits
from assay.validation.overfitting import _thinned, probability_of_overfitting

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plain_sharpe(values: list[float]) -> float:
    return fmean(values) / stdev(values) if len(set(values)) > 1 else 0.0


def plain_logits(returns: NDArray[np.float64], blocks: int) -> list[float]:
    """Follow the paper step by step on lists, with rounded scores so that equal columns are equal."""
    rows, columns = returns.shape
    cut = [returns[rows * b // blocks : rows * (b + 1) // blocks].tolist() for b in range(blocks)]

    def scores(chosen: tuple[int, ...]) -> list[float]:
        joined = [row for b in chosen for row in cut[b]]
        return [round(plain_sharpe([row[c] for row in joined]), 10) for c in range(columns)]

    logits = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        train = scores(chosen)
        test = scores(tuple(b for b in range(blocks) if b not in chosen))
        mine = test[train.index(max(train))]
        rank = sum(s < mine for s in test) + (sum(s == mine for s in test) + 1) / 2
        logits.append(math.log(rank / (columns + 1 - rank)))
    return logits


@pytest.mark.parametrize(("rows", "columns", "blocks"), [(24, 3, 4), (61, 7, 6), (43, 2, 8)])
def test_logits_against_the_paper_step_by_step(rows: int, columns: int, blocks: int) -> None:
    rng = np.random.default_rng(rows)
    returns = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < 0.6)
    found = probability_of_overfitting(returns, blocks, draws=0)
    expected = plain_logits(returns, blocks)
    assert found.logits == pytest.approx(expected, abs=1e-12)
    assert found.pbo == np.mean(np.array(expected) <= 0)


def test_equal_and_constant_columns() -> None:
    rng = np.random.default_rng(3)
    one = rng.standard_normal((32, 1)) + 0.2
    flat = np.zeros((32, 1))
    for returns in (np.hstack((one, one, flat)), np.hstack((flat, flat)), np.hstack((flat + 0.1, one, flat))):
        found = probability_of_overfitting(returns, 4, draws=0)
        assert found.logits == pytest.approx(plain_logits(returns, 4), abs=1e-12)
    # equal columns share rank 1.5 of 2: no one can tell whether the choice was good
    assert probability_of_overfitting(np.hstack((one, one)), 4, draws=0).logits.tolist() == [0.0] * 6


def test_the_first_of_equals_is_chosen() -> None:
    wave = np.array([0.1, 0.3])
    idle = np.zeros(2)
    # in the first half two columns are as good as cash and the third loses; in the second half the first one wins
    returns = np.stack([np.r_[idle, wave], np.r_[idle, -wave], np.r_[-wave, idle]], axis=1)
    assert probability_of_overfitting(returns, 2, draws=0).logits[0] == pytest.approx(math.log(3))
    assert probability_of_overfitting(returns[:, [1, 0, 2]], 2, draws=0).logits[0] == pytest.approx(math.log(1 / 3))


def test_null_matrices_are_judged_by_even_splits() -> None:
    splits = combinatorial_splits(16, 8)
    few = _thinned(splits)
    assert len(few) == 500
    assert np.bincount(few.ravel()).tolist() == [250] * 16  # each block trains as often as it tests
    assert len(_thinned(splits[:: len(splits) - 1])) == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([2, 4, 6]))
def test_invariances(seed: int, columns: int, blocks: int) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_normal((30, columns))
    found = probability_of_overfitting(returns, blocks, draws=0)
    assert 0.0 <= found.pbo <= 1.0
    assert len(found.logits) == math.comb(blocks, blocks // 2)
    # the order of columns, and the unit of each, say nothing about ranks of Sharpe ratios
    other = (returns * rng.uniform(0.1, 10.0, columns))[:, rng.permutation(columns)]
    assert probability_of_overfitting(other, blocks, draws=0).logits == pytest.approx(found.logits, abs=1e-12)


def test_an_edge_lies_below_the_band_and_luck_inside() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for i in range(40):
        found = probability_of_overfitting(
            0.7 * rng.standard_normal((240, 1)) + rng.standard_normal((240, 12)), 8, seed=i
        )
        inside += found.null_low <= found.pbo <= found.null_high
    assert inside >= 35  # binomial(40, .95): 34 or fewer once in 90
    edge = rng.standard_normal((240, 12))
    edge[:, 4] += 0.35
    found = probability_of_overfitting(edge, 8)
    assert found.pbo < found.null_low


def test_the_band_is_that_of_fresh_matrices_without_an_edge() -> None:
    rng = np.random.default_rng(11)
    fresh = [probability_of_overfitting(rng.standard_normal((240, 10)), draws=0).pbo for _ in range(250)]
    low, high = np.quantile(fresh, (0.025, 0.975))
    found = probability_of_overfitting(np.random.default_rng(2024).standard_normal((240, 10)), draws=400)
    assert found.null_low == pytest.approx(low, abs=0.08)
    assert found.null_high == pytest.approx(high, abs=0.08)
    assert found.null_low < 0.2
    assert found.null_high > 0.8


def test_the_band_is_a_function_of_the_seed() -> None:
    returns = np.random.default_rng(1).standard_normal((64, 5))
    bands = [(f.null_low, f.null_high) for f in (probability_of_overfitting(returns, 8, seed=s) for s in (1, 1, 2))]
    assert bands[0] == bands[1] != bands[2]


@pytest.mark.parametrize("shape", [(300, 1), (300, 0), (31, 5), (0, 3)])
def test_too_little_is_unknown(shape: tuple[int, int]) -> None:
    found = probability_of_overfitting(np.zeros(shape))
    assert math.isnan(found.pbo)
    assert math.isnan(found.null_low)
    assert len(found.logits) == 0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match="blocks"):
        probability_of_overfitting(np.zeros((40, 3)), 5)
    with pytest.raises(InputError, match="finite"):
        probability_of_overfitting(np.full((40, 3), np.nan), 4)
