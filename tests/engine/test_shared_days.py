"""Runs on common days: cases computed by hand, and pandas as an independent second reading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assay.engine.shared_days import MIN_SHARED_DAYS, DailyPath, drawdown_pct, shared_days


def path(first_day: int, *returns: float) -> DailyPath:
    return DailyPath(first_day, np.asarray(np.cumprod(1.0 + np.array(returns)), np.float64))


def test_two_paths_by_hand() -> None:
    found = shared_days([path(10, 0.5, 0.1, -0.2, 0.25), path(11, 0.2, 0.0, -0.5, 0.9)], 365)
    assert found is not None
    assert (found.first_day, found.days) == (11, 3)
    # the first earned 50 % before the common days: it begins them at 1 all the same
    np.testing.assert_allclose(found.worth, [[1.1, 1.2], [0.88, 1.2], [1.1, 0.6]])
    np.testing.assert_allclose(found.drawdown_pct, [[0, 0], [-20, 0], [0, -50]], atol=1e-12)
    first, second = found.measures
    assert (first.net_profit_pct, second.net_profit_pct) == pytest.approx((10.0, -40.0))
    assert (first.max_drawdown_pct, second.max_drawdown_pct) == pytest.approx((-20.0, -50.0))
    # 0.1, -0.2, 0.25: mean 0.05, squares about it 0.0025 + 0.0625 + 0.04 = 0.105, over 2
    assert first.volatility_pct == pytest.approx(100 * math.sqrt(0.0525 * 365))
    assert first.sharpe_ratio == pytest.approx(0.05 / math.sqrt(0.0525) * math.sqrt(365))
    assert np.isnan(found.correlation).all()  # three days are chance
    assert found.equal_risk is None


def test_a_first_day_below_the_start_is_a_drawdown() -> None:
    np.testing.assert_allclose(drawdown_pct(np.array([0.9, 1.2, 0.6])), [-10.0, 0.0, -50.0])


def test_the_weights_by_hand() -> None:
    swing = np.tile([0.02, -0.02], 10)
    found = shared_days([path(0, *swing), path(0, *(3 * swing))], 365)
    assert found is not None
    assert found.equal_risk is not None
    np.testing.assert_allclose(found.equal_risk.weights, [0.75, 0.25])  # three times as restless, a third of the weight
    np.testing.assert_allclose(found.equal_risk.worth, np.cumprod(1.0 + 1.5 * swing))
    np.testing.assert_allclose(found.correlation, 1.0)


def test_as_pandas_reads_it() -> None:
    rng = np.random.default_rng(3)
    common, each = rng.normal(0.0005, 0.01, 90), rng.normal(0.0, 0.02, (4, 90)) * [[0.2], [0.5], [1.0], [2.0]]
    starts, lengths = (100, 103, 95, 110), (80, 90, 85, 70)
    series: list[Any] = []
    paths = []
    for i, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        returns = pd.Series((common + each[i])[:length], index=range(start, start + length))
        series.append(returns)
        paths.append(path(start, *returns))
    frame: Any = pd.concat(series, axis=1, join="inner")
    found = shared_days(paths, 365)
    assert found is not None
    assert (found.first_day, found.days) == (110, len(frame)) == (110, 70)
    worth = (1 + frame).cumprod()
    np.testing.assert_allclose(found.worth, worth)
    np.testing.assert_allclose(found.drawdown_pct, 100 * (worth / worth.cummax().clip(lower=1.0) - 1), atol=1e-9)
    np.testing.assert_allclose(found.correlation, frame.corr(), atol=1e-12)
    together = found.equal_risk
    assert together is not None
    weights = (1 / frame.std()) / (1 / frame.std()).sum()
    np.testing.assert_allclose(together.weights, weights)
    returns = frame @ weights
    np.testing.assert_allclose(together.worth, (1 + returns).cumprod())
    for measured, of in zip((*found.measures, together.measures), (*(frame[c] for c in frame), returns), strict=True):
        assert measured.sharpe_ratio == pytest.approx(of.mean() / of.std() * math.sqrt(365))
        assert measured.volatility_pct == pytest.approx(100 * of.std() * math.sqrt(365))
        assert measured.net_profit_pct == pytest.approx(100 * ((1 + of).prod() - 1))
    assert together.measures.max_drawdown_pct == pytest.approx(together.drawdown_pct.min())


@pytest.mark.parametrize("days", [MIN_SHARED_DAYS - 1, MIN_SHARED_DAYS])
def test_too_few_days_say_nothing(days: int) -> None:
    rng = np.random.default_rng(5)
    found = shared_days([path(0, *rng.normal(0, 0.01, days)), path(0, *rng.normal(0, 0.01, days))], 365)
    assert found is not None
    known = days >= MIN_SHARED_DAYS
    assert np.isnan(found.correlation).all() == (not known)
    assert (found.equal_risk is not None) == known


def test_what_does_not_vary_has_no_correlation_and_no_weight() -> None:
    rng = np.random.default_rng(7)
    found = shared_days([path(0, *rng.normal(0, 0.01, 40)), path(0, *[0.0] * 40)], 365)
    assert found is not None
    assert found.correlation[0, 0] == 1.0
    assert np.isnan(found.correlation[1:]).all()
    assert found.equal_risk is None
    assert math.isnan(found.measures[1].sharpe_ratio)


def test_ruin_is_final() -> None:
    found = shared_days([path(0, 0.1, -1.0, 0.5), path(1, 0.1, 0.1)], 365)
    assert found is not None
    assert found.worth[:, 0].tolist() == [0.0, 0.0]
    assert found.measures[0].max_drawdown_pct == -100.0


def test_days_that_do_not_meet() -> None:
    assert shared_days([path(0, 0.1, 0.1), path(2, 0.1)], 365) is None
    alone = shared_days([path(0, 0.1), path(0, 0.2)], 365)
    assert alone is not None
    assert alone.days == 1
