"""Regimes: the rule as it is written, against scipy, and on bars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.market.regime import classify, daily_log_returns, measure_regime
from validation.toys import PER_DAY, changed_from, market, quiet, with_hole

if TYPE_CHECKING:
    from numpy.typing import NDArray


def returns(mean: float, spread: float, n: int = 100) -> NDArray[np.float64]:
    """Returns with exactly this mean and sample standard deviation."""
    raw = np.random.default_rng(1).normal(0, 1, n)
    raw = (raw - raw.mean()) / raw.std(ddof=1)
    scaled: NDArray[np.float64] = mean + spread * raw
    return scaled


@pytest.mark.parametrize(
    ("t", "volatility", "name"),
    [
        (1.51, 0.02, "bull"), (-1.51, 0.02, "bear"), (1.51, 0.09, "bull"), (-9.0, 0.09, "bear"),
        (1.49, 0.041, "volatile"), (-1.49, 0.041, "volatile"), (1.49, 0.039, "sideways"), (0.0, 0.01, "sideways"),
    ],
)  # fmt: skip
def test_the_rule(t: float, volatility: float, name: str) -> None:
    found = classify(returns(t * volatility / 10.0, volatility))
    assert (found.name, found.days) == (name, 100)
    assert found.t == pytest.approx(t)
    assert found.volatility == pytest.approx(volatility)


@given(seed=st.integers(0, 10_000), n=st.integers(20, 300))
def test_t_is_that_of_scipy(seed: int, n: int) -> None:
    sample = np.random.default_rng(seed).standard_t(4, n) * 0.03
    assert classify(sample).t == pytest.approx(float(stats.ttest_1samp(sample, 0.0).statistic), rel=1e-9)


def test_what_cannot_be_told_is_unknown() -> None:
    for sample in (np.zeros(0), np.zeros(1), np.zeros(50), returns(0.1, 0.01, 19)):
        found = classify(sample)
        assert found.name is None
        assert math.isnan(found.t)
    assert measure_regime(quiet(48, ()), 5, 6).days == 0


def test_daily_returns_are_those_of_the_last_closes() -> None:
    bars = market(3, 30)
    ends = bars.close[PER_DAY - 1 :: PER_DAY]
    assert np.allclose(daily_log_returns(bars, 0, len(bars)), np.diff(np.log(ends)), atol=1e-15)
    inside = daily_log_returns(bars, 5 * PER_DAY, 12 * PER_DAY)
    assert np.allclose(inside, np.diff(np.log(ends[5:12])), atol=1e-15)
    assert np.array_equal(inside, daily_log_returns(changed_from(bars, 12 * PER_DAY), 5 * PER_DAY, 12 * PER_DAY))


def test_a_day_that_ends_in_a_hole_closes_with_its_last_trade() -> None:
    bars = market(3, 30)
    holed = with_hole(bars, 10 * PER_DAY - 6, 10 * PER_DAY)
    expected = np.log(bars.close[10 * PER_DAY - 7] / bars.close[9 * PER_DAY - 1])
    assert daily_log_returns(holed, 0, len(holed))[8] == pytest.approx(expected)
