from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import assay.validation
from assay.validation import probabilistic_sharpe, probabilistic_sharpe_of
from assay.validation.sharpe import CONVENTION, expected_maximum, moments, normal_cdf, sharpe_deviation


def test_normal_distribution_function() -> None:
    # printed in every table of the normal distribution
    assert normal_cdf(0.0) == 0.5
    assert normal_cdf(1.0) == pytest.approx(0.841344746068543, abs=1e-15)
    assert normal_cdf(1.959963984540054) == pytest.approx(0.975, abs=1e-15)
    assert normal_cdf(-8.0) == pytest.approx(6.220960574271785e-16, rel=1e-12)


def test_probabilities_of_the_paper() -> None:
    assert probabilistic_sharpe(0.458, 24) == pytest.approx(0.981675, abs=5e-7)
    assert probabilistic_sharpe(0.458, 24, -2.448, 10.164) == pytest.approx(0.913361, abs=5e-7)
    assert round(probabilistic_sharpe(0.458, 24), 3) == 0.982
    assert round(probabilistic_sharpe(0.458, 24, -2.448, 10.164), 3) == 0.913


def test_deviation_of_the_paper() -> None:
    assert round(sharpe_deviation(0.7079, 134, -0.2250, 2.9570), 4) == 0.1028


def test_the_kurtosis_is_plain() -> None:
    r = np.full(60, 0.02)
    r[::12] = -0.08
    r += np.linspace(-0.004, 0.004, 60)
    assert probabilistic_sharpe_of(r) == pytest.approx(0.9752200802, abs=5e-11)
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


def test_scipy_is_not_needed() -> None:
    for path in Path(assay.validation.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "scipy" for name in names)


@pytest.mark.parametrize(("n", "expected"), [(1, 0.0), (10, 1.574598), (100, 2.530603), (1000, 3.255122)])
def test_the_best_of_many_trials_without_an_edge(n: int, expected: float) -> None:
    assert expected_maximum(n) == pytest.approx(expected, abs=5e-7)
