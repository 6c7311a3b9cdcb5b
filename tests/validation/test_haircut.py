from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.errors import InputError
from assay.validation.haircut import adjust_p_values, haircut_sharpe, harmonic, p_value_of, sharpe_of

P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


@given(P_VALUES)
def test_adjusted_p_values_by_their_definitions(values: list[float]) -> None:
    m = len(values)
    ascending = sorted(values)
    c = math.fsum(1.0 / i for i in range(1, m + 1))
    found = adjust_p_values(np.array(values))
    for i, p in enumerate(values):
        last = max(j for j in range(m) if ascending[j] == p)  # of equals the last: Holm rises, BHY falls
        first = ascending.index(p)
        assert found.bonferroni[i] == pytest.approx(min(m * p, 1.0))
        assert found.holm[i] <= min(max((m - j) * ascending[j] for j in range(last + 1)), 1.0) + 1e-12
        assert found.holm[i] >= min(max((m - j) * ascending[j] for j in range(first + 1)), 1.0) - 1e-12
        assert found.bhy[i] == pytest.approx(min([m * c * ascending[j] / (j + 1) for j in range(first, m)] + [1.0]))


def test_bhy_against_scipy() -> None:
    p = np.random.default_rng(1).random(40) ** 3
    assert adjust_p_values(p).bhy == pytest.approx(stats.false_discovery_control(p, method="by"))


def test_a_weight_stands_for_so_many_equal_tests() -> None:
    p, weights = np.array([0.001, 0.02, 0.3]), np.array([1.0, 4.0, 5.0])
    few, many = adjust_p_values(p, weights), adjust_p_values(np.repeat(p, weights.astype(int)))
    assert few.bonferroni == pytest.approx(many.bonferroni[[0, 4, 9]])
    assert few.bhy == pytest.approx(many.bhy[[0, 4, 9]])
    assert few.holm == pytest.approx(many.holm[[0, 4, 9]])


def test_harmonic_numbers() -> None:
    for n in (1, 2, 45, 1000):
        assert harmonic(n) == pytest.approx(math.fsum(1.0 / i for i in range(1, n + 1)), rel=1e-13)


def test_a_haircut_by_hand() -> None:
    # SR .1 a day, 400 days: t = 2.0 with 399 degrees of freedom
    cut = haircut_sharpe(0.1, 400, 10)
    assert cut.p_value == pytest.approx(2 * stats.t(399).sf(2.0), rel=1e-12)
    assert cut.bonferroni == pytest.approx(stats.t(399).isf(10 * stats.t(399).sf(2.0)) / 20.0, rel=1e-9)
    assert cut.holm == pytest.approx(cut.bonferroni, rel=1e-12)
    assert cut.bhy == 0.0  # c(10) = 2.93: p = 1


def test_others_that_are_good_too_make_bhy_milder() -> None:
    alone = haircut_sharpe(0.2, 400, 1000)
    among = haircut_sharpe(0.2, 400, 1000, np.full(50, 0.19))
    assert among.bonferroni == pytest.approx(alone.bonferroni, rel=1e-12)
    assert among.bhy > alone.bhy
    # all 1,000 are about as good: the adjustment is c(1000) = 7.485 times the p value of the others
    assert among.p_bhy == pytest.approx(7.485470860550345 * float(p_value_of(np.array([0.19]), 400)[0]), rel=1e-9)


def test_what_there_is_to_cut() -> None:
    single = haircut_sharpe(0.15, 250, 1)
    assert [single.bonferroni, single.bhy] == pytest.approx([0.15, 0.15])
    for sharpe in (0.0, -0.1, math.nan):
        assert math.isnan(haircut_sharpe(sharpe, 250, 5).bhy)
    with pytest.raises(InputError, match="trials"):
        haircut_sharpe(0.1, 250, 0)


@given(st.floats(0.01, 0.4), st.integers(20, 2000))
def test_p_values_and_sharpe_ratios_are_inverse(sharpe: float, n: int) -> None:
    p = float(p_value_of(np.array([sharpe]), n)[0])
    if p > 1e-300:
        assert sharpe_of(p, n) == pytest.approx(sharpe, rel=1e-6)


@given(st.floats(0.01, 0.4), st.integers(1, 10_000), st.integers(1, 10_000))
def test_more_trials_never_leave_more(sharpe: float, a: int, b: int) -> None:
    few, many = haircut_sharpe(sharpe, 300, min(a, b)), haircut_sharpe(sharpe, 300, max(a, b))
    assert many.bonferroni <= few.bonferroni + 1e-12 <= sharpe + 1e-9
    assert many.bhy <= few.bhy + 1e-12
