from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import assay.validation
from assay.validation import probabilistic_sharpe, probabilistic_sharpe_of
from assay.validation.sharpe import (
    CONVENTION,
    deflated_sharpe,
    expected_maximum,
    implied_trials,
    minimum_backtest_length,
    minimum_track_record,
    moments,
    normal_cdf,
    sharpe_deviation,
)


def test_normal_distribution_function() -> None:
    # printed in every table of the normal distribution
    assert normal_cdf(0.0) == 0.5
    assert normal_cdf(1.0) == pytest.approx(0.841344746068543, abs=1e-15)
    assert normal_cdf(1.959963984540054) == pytest.approx(0.975, abs=1e-15)
    assert normal_cdf(-8.0) == pytest.approx(6.220960574271785e-16, rel=1e-12)


def test_excess_kurtosis_by_mistake_would_be_seen() -> None:
    r = np.full(60, 0.02)
    r[::12] = -0.08
    r += np.linspace(-0.004, 0.004, 60)
    assert probabilistic_sharpe_of(r) < 0.976
    sharpe, skewness, kurtosis = moments(r)
    # the mistake: a library's default, which is the corrected excess (normal = 0), in the same formula
    n, excess = 60, kurtosis - 3.0
    corrected = skewness * math.sqrt(n * (n - 1)) / (n - 2)
    fisher = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6)
    assert probabilistic_sharpe(sharpe, n, corrected, fisher) == pytest.approx(0.9766, abs=5e-5)


def test_a_benchmark_at_the_sharpe_itself_is_a_coin() -> None:
    assert probabilistic_sharpe(0.3, 100, benchmark=0.3) == 0.5


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=40))
def test_moments_against_a_loop(values: list[float]) -> None:
    n = len(values)
    mean = math.fsum(values) / n
    m2, m3, m4 = (math.fsum((v - mean) ** k for v in values) / n for k in (2, 3, 4))
    if m2 < 1e-6:
        return
    sharpe, skewness, kurtosis = moments(np.array(values))
    assert sharpe == pytest.approx(mean / math.sqrt(m2 * n / (n - 1)), rel=1e-9, abs=1e-12)
    assert skewness == pytest.approx(m3 / m2**1.5, rel=1e-9, abs=1e-9)
    assert kurtosis == pytest.approx(m4 / m2**2, rel=1e-9)


@pytest.mark.parametrize("returns", [[], [0.1], [0.0, 0.0, 0.0]])
def test_returns_that_do_not_vary_have_no_sharpe(returns: list[float]) -> None:
    assert all(math.isnan(m) for m in moments(np.array(returns)))
    assert math.isnan(probabilistic_sharpe_of(np.array(returns)))


def test_impossible_moments_give_nan() -> None:
    assert math.isnan(sharpe_deviation(1.0, 50, skewness=9.0, kurtosis=3.0))
    assert math.isnan(probabilistic_sharpe(1.0, 1))


def test_the_convention_is_named() -> None:
    assert "2012" in CONVENTION
    assert "normal = 3" in CONVENTION


def test_heavy_libraries_are_imported_only_where_they_are_used() -> None:
    for path in Path(assay.validation.__path__[0]).glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"scipy", "arch"}, path.name


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.integers(5, 3000), st.floats(-2, 2), st.floats(3, 12))
def test_more_is_surer(a: float, b: float, n: int, skewness: float, kurtosis: float) -> None:
    low, high = sorted((a, b))
    against = [probabilistic_sharpe(0.2, n, skewness, kurtosis, benchmark) for benchmark in (high, low)]
    assert against[0] <= against[1]
    if a > 0:
        assert probabilistic_sharpe(a, n) <= probabilistic_sharpe(a, n + 1)


@given(st.floats(0.01, 0.5), st.floats(-1, 0.5), st.floats(3, 12), st.floats(0.6, 0.999))
def test_the_minimum_track_record_is_where_the_confidence_is_reached(
    sharpe: float, skewness: float, kurtosis: float, confidence: float
) -> None:
    n = minimum_track_record(sharpe, skewness, kurtosis, sharpe / 3, confidence)
    # a length between whole numbers is put into the formula of the standard error as it is
    z = (sharpe - sharpe / 3) * math.sqrt((n - 1) / (1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2))
    assert stats.norm.cdf(z) == pytest.approx(confidence, rel=1e-9)


def test_no_track_record_shows_what_is_not_there() -> None:
    for sharpe in (0.1, 0.05, -1.0, math.nan):
        assert math.isnan(minimum_track_record(sharpe, benchmark=0.1))


@given(st.floats(2, 1e12), st.floats(1.001, 10))
def test_the_best_of_more_is_expected_higher(n: float, factor: float) -> None:
    assert expected_maximum(n) < expected_maximum(n * factor)


@pytest.mark.parametrize("n", [2, 7, 45, 18_432, 10**9, 10**12])
def test_the_expected_maximum_by_quantiles_of_scipy(n: int) -> None:
    gamma = 0.57721566490153286
    expected = (1 - gamma) * stats.norm.isf(1 / n) + gamma * stats.norm.isf(1 / (n * math.e))
    assert expected_maximum(n) == pytest.approx(expected, rel=1e-9)


def test_the_expected_maximum_has_no_end() -> None:
    assert expected_maximum(10**17) < expected_maximum(10**40) < 14


@given(st.floats(2, 1e15), st.floats(1e-6, 10))
def test_implied_trials_invert_the_expected_maximum(n: float, variance: float) -> None:
    mean = math.sqrt(variance) * expected_maximum(n)
    assert implied_trials(np.array([0.9, 1.1]) * mean, variance) == pytest.approx(n, rel=1e-6)


def test_implied_trials_that_are_not_defined() -> None:
    assert implied_trials(np.array([-0.2, 0.1]), 0.01) == 1.0
    for maxima, variance in (([], 1.0), ([1.0], 0.0), ([1.0], math.nan), ([math.nan], 1.0), ([50.0], 1.0)):
        assert math.isnan(implied_trials(np.array(maxima), variance))


def test_one_trial_is_not_deflated() -> None:
    one = deflated_sharpe(0.1, 300, 1, math.nan, -0.5, 5.0)
    assert (one.threshold, one.probability) == (0.0, probabilistic_sharpe(0.1, 300, -0.5, 5.0))
    assert math.isnan(deflated_sharpe(0.1, 300, 2, math.nan).probability)
    assert math.isnan(deflated_sharpe(0.1, 300, math.nan, 0.1).probability)


def test_the_threshold_of_many_trials_is_a_coin() -> None:
    threshold = deflated_sharpe(0.1, 300, 50, 0.004).threshold
    assert threshold == pytest.approx(math.sqrt(0.004) * expected_maximum(50))
    assert deflated_sharpe(threshold, 300, 50, 0.004).probability == 0.5


def test_a_backtest_for_no_target_has_no_length() -> None:
    assert minimum_backtest_length(45, 2.0) == pytest.approx(minimum_backtest_length(45) / 4)
    assert math.isnan(minimum_backtest_length(45, 0.0))
