from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.engine import measure
from assay.validation import market_alpha, market_returns
from assay.validation.market_alpha import regression
from validation.toys import Spike, market, trial_of


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 400), st.floats(-2, 2), st.floats(-0.01, 0.01))
def test_the_regression_is_that_of_statsmodels(seed: int, days: int, beta: float, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    market_days = rng.standard_t(4, days) * 0.02
    noise = rng.standard_normal(days + 3)
    returns = alpha + beta * market_days + 0.01 * (noise[3:] + noise[2:-1] + noise[:-3])
    fit = sm.OLS(returns, sm.add_constant(market_days)).fit(cov_type="HAC", cov_kwds={"maxlags": 5})
    found = regression(returns, market_days)
    assert found == pytest.approx((fit.params[0], fit.params[1], fit.tvalues[0]), rel=1e-8)


def test_what_does_not_vary_has_no_alpha() -> None:
    rng = np.random.default_rng(1)
    moving = rng.standard_normal(90) * 0.01
    assert all(math.isnan(v) for v in regression(moving, np.zeros(90)))
    assert all(math.isnan(v) for v in regression(moving, np.full(90, 0.001)))
    alpha, beta, t = regression(2.0 * moving + 0.001, moving)  # the market explains all of it
    assert (alpha, beta) == pytest.approx((0.001, 2.0))
    assert math.isnan(t)
    assert math.isnan(regression(np.zeros(90), moving)[2])


def test_a_run_beside_its_market() -> None:
    bars = market(3, 90)
    trial = trial_of()
    span = trial.span(40, len(bars))
    run = trial.replay(bars, Spike.parameters.defaults, span)
    found = market_alpha(run, bars)
    # by hand: the last close of each UTC day over that of the day before
    days = bars.time // 86_400_000
    closes = {int(day): float(close) for day, close in zip(days, bars.close, strict=True)}
    covered = range(run.first_day, run.first_day + len(run.equity))
    slow = [closes[day] / closes[day - 1] - 1 if day - 1 in closes else None for day in covered]
    fast = market_returns(run, bars)
    for a, b in zip(slow[1:], fast[1:], strict=True):
        assert b == pytest.approx(a)
    assert found.days == len(run.equity) == measure(run, bars)["days"]
    trades = run.trades
    long = sum(int(n) for n, side in zip(trades.bars_held, trades.side, strict=True) if side > 0)
    short = sum(int(n) for n, side in zip(trades.bars_held, trades.side, strict=True) if side < 0)
    assert (found.long_bars, found.short_bars) == (long, short)
    assert found.lean == pytest.approx(abs(long - short) / (long + short))
    assert found.exposure == pytest.approx((long - short) / (len(bars) - 40))
    assert found.market_pct == pytest.approx(100 * (np.prod(1 + fast) - 1))
    assert found.same_exposure_pct == pytest.approx(100 * (np.prod(1 + found.exposure * fast) - 1))
    assert found.alpha_pct == pytest.approx(100 * 365 * regression(run.daily_returns, fast)[0])


def test_few_days_have_no_alpha() -> None:
    bars = market(3, 40)
    trial = trial_of()
    found = market_alpha(trial.replay(bars, Spike.parameters.defaults, trial.span(40, len(bars))), bars)
    assert found.days < 60
    assert math.isnan(found.t)
    assert math.isnan(found.alpha_pct)
    assert not math.isnan(found.market_pct)
