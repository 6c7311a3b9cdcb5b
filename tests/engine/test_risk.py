"""Measures of risk against numbers found by hand, numpy and scipy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine import Span, measure, risk
from assay.engine.glossary import MEASURES
from assay.market import Market, Timeframe
from validation.toys import first_stamps, market, trial_of

HUNDRED = (np.arange(100) - 50) / 1000.0
"""-5.0 %, -4.9 % ... 4.9 %."""


def test_value_at_risk_and_its_tail_by_hand() -> None:
    # the 5 % quantile of 100 numbers lies at place 4.95: .95 of the way from the fifth to the sixth
    assert risk.value_at_risk(HUNDRED) == pytest.approx(0.046 - 0.95 * 0.001)
    assert risk.expected_shortfall(HUNDRED) == pytest.approx((0.050 + 0.049 + 0.048 + 0.047 + 0.046) / 5)
    # 5 % of 30 days are one and a half
    thirty = np.r_[-0.10, -0.06, np.zeros(28)]
    assert risk.expected_shortfall(thirty) == pytest.approx((0.10 + 0.5 * 0.06) / 1.5)
    assert risk.value_at_risk(np.zeros(40)) == 0.0


def test_days_without_a_trade_do_not_dilute_the_tail() -> None:
    days = np.r_[np.full(4, -0.08), np.zeros(96)]
    assert risk.value_at_risk(days) == 0.0  # the quantile lies among the days without a trade
    assert risk.expected_shortfall(days) == pytest.approx(4 * 0.08 / 5)


@given(seed=st.integers(0, 1000), n=st.integers(20, 400))
def test_the_tail_is_the_integral_of_the_quantile(seed: int, n: int) -> None:
    sample = np.random.default_rng(seed).standard_t(3, n) / 50
    steps = np.sort(sample)
    edges = np.append(np.arange(0, 0.05, 1 / n), 0.05)
    area = float(np.sum(steps[: len(edges) - 1] * np.diff(edges)))  # of the step function, 0 to 5 %
    assert risk.expected_shortfall(sample) == pytest.approx(-area / 0.05, rel=1e-9)
    assert risk.value_at_risk(sample) == pytest.approx(-np.quantile(sample, 0.05))
    assert risk.expected_shortfall(sample) >= risk.value_at_risk(sample) - 1e-12


def test_resampled_months() -> None:
    draws = np.array([[0.0, 0.4], [0.4, 0.9], [0.9, 0.99], [0.0, 0.0]])
    two = np.r_[np.full(15, -0.1), np.full(15, 0.2)]
    months = [0.9 * 0.9 - 1, 0.9 * 1.2 - 1, 1.2 * 1.2 - 1, 0.9 * 0.9 - 1]
    assert risk.monte_carlo_value_at_risk(two, draws) == pytest.approx(-np.quantile(months, 0.05))
    sample = np.random.default_rng(3).normal(0.001, 0.02, 365)
    found = risk.monte_carlo_value_at_risk(sample)
    assert found == risk.monte_carlo_value_at_risk(sample)
    # months of independent normal days: the quantile of the lognormal
    mean, spread = np.log1p(sample).mean() * 30, np.log1p(sample).std() * math.sqrt(30)
    assert found == pytest.approx(1 - math.exp(mean - 1.6449 * spread), abs=0.02)


def test_clusters() -> None:
    assert risk.dispersion(np.array([2.0, 2.0, 2.0, 2.0])) == 0.0
    assert risk.dispersion(np.array([0.0, 4.0])) == pytest.approx(8.0 / 2.0)
    days = np.random.default_rng(1).integers(0, 5000, 20_000)
    assert risk.clustering(days + 7, 7, 5000) == pytest.approx(1.0, abs=0.06)  # at random
    assert risk.clustering(np.repeat(days[:2000], 10) + 7, 7, 5000) == pytest.approx(10.0, abs=0.9)
    assert math.isnan(risk.clustering(days[:29], 0, 5000))


def test_the_last_month() -> None:
    sample = np.r_[np.full(50, 9.0), np.random.default_rng(1).normal(0.01, 0.02, 30)]
    expected = sample[-30:].mean() / sample[-30:].std(ddof=1) * math.sqrt(365)
    assert risk.last_month_sharpe(sample, 365) == pytest.approx(expected)
    assert math.isnan(risk.last_month_sharpe(sample[:29], 365))
    assert math.isnan(risk.last_month_sharpe(np.zeros(40), 365))


def test_kelly() -> None:
    assert risk.kelly_fraction(0.6, 1.0, -1.0) == pytest.approx(0.2)  # 2p - 1 at even odds
    assert risk.kelly_fraction(0.4, 3.0, -1.5) == pytest.approx(0.1)
    assert risk.kelly_fraction(0.3, 1.0, -1.0) == 0.0
    for unknown in ((math.nan, 1.0, -1.0), (0.5, math.nan, -1.0), (0.5, 1.0, math.nan), (0.5, 1.0, 0.0)):
        assert math.isnan(risk.kelly_fraction(*unknown)) or math.isnan(unknown[0])


@pytest.mark.parametrize(
    ("timeframe", "known"),
    [("1m", {1: 0, 5: 4}), ("5m", {5: 0}), ("15m", {}), ("3m", {}), ("1h", {})],
)
def test_drift_after_the_fill(timeframe: str, known: dict[int, int]) -> None:
    step = Timeframe.parse(timeframe)
    bars = market(2, 40)
    time = first_stamps(1)[0] + np.arange(len(bars)) * step.ms
    bars = replace(bars, market=Market("test", "BTC/USDT", step), time=time)
    trial = trial_of()
    run = trial.replay(bars, trial.strategy.parameters.defaults, Span(100, len(bars), 40))
    t = run.trades
    assert len(t) > 20
    for minutes in (1, 5):
        found = risk.drift_bps(t, bars, minutes)
        if minutes not in known:
            assert math.isnan(found)
            continue
        moves = [
            side * (bars.close[at + known[minutes]] / bars.open[at] - 1)
            for side, at in zip(t.side.tolist(), t.entry_bar.tolist(), strict=True)
            if at + known[minutes] < len(bars)
        ]
        assert found == pytest.approx(1e4 * sum(moves) / len(moves))


def test_every_measure_of_a_run_is_explained() -> None:
    bars = market(2, 40)
    trial = trial_of()
    run = trial.replay(bars, trial.strategy.parameters.defaults, Span(100, len(bars), 40))
    found = measure(run, bars)
    assert set(found) | {"p_value", "stability_score", "kelly_fraction"} == set(MEASURES)
    assert found["var_95"] == risk.value_at_risk(run.daily_returns)
    assert found["trade_clustering"] == pytest.approx(
        np.bincount(bars.day[run.trades.entry_bar] - run.first_day, minlength=len(run.equity)).var(ddof=1)
        / (len(run.trades) / len(run.equity))
    )
