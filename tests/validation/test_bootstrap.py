from __future__ import annotations

import math

import numpy as np
import pytest

from assay.engine import Bracket, Costs, Money, Setups, Signals, Sizing, Span, measure, replay
from assay.errors import InputError
from assay.market import Bars, Market, Timeframe
from assay.validation.bootstrap import OF_DAYS, OF_TRADES, intervals_of_days, intervals_of_trades

DAY_MS = 86_400_000


def test_undisturbed_the_measures_are_those_of_the_engine() -> None:
    rng = np.random.default_rng(8)
    n = 400
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, n)))
    opened = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opened, close) * 1.01, np.minimum(opened, close) * 0.99
    bars = Bars.from_columns(
        Market("test", "BTC/USDT", Timeframe(DAY_MS)), np.arange(n) * DAY_MS, opened, high, low, close, np.ones(n)
    )
    at = np.arange(1, n - 1, 7)
    side = rng.choice([-1, 1], len(at))
    setups = Setups.build(bar=at, side=side, features={}, stop_base=close[at], stop_unit=0.04 * close[at])
    span = Span(0, n)
    signals = Signals.select(bars, setups, (), Bracket(stop=1.0, target=1.5, max_bars=9), {}, span)
    run = replay(bars, signals, Money(Costs(), Sizing("risk")), span)
    engine = measure(run, bars)
    of_days = intervals_of_days(run.daily_returns, 365, seed=1, resamples=1)
    of_trades = intervals_of_trades(run.trades.net_return, run.trades.size, seed=1, resamples=1)
    assert len(run.trades) > 30
    for name in (*OF_DAYS, *OF_TRADES):
        if name != "annual_return_pct":
            assert (of_days | of_trades)[name].value == pytest.approx(engine[name], rel=1e-9), name
    growth = 100.0 * (run.equity[-1] ** (365 / len(run.equity)) - 1.0)
    assert of_days["annual_return_pct"].value == pytest.approx(growth, rel=1e-9)


def plain_measures(r: list[float], year: int) -> dict[str, float]:
    mean = math.fsum(r) / len(r)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in r) / (len(r) - 1))
    down = math.sqrt(math.fsum(min(x, 0.0) ** 2 for x in r) / len(r))
    equity, peak, worst = 1.0, 1.0, 0.0
    for x in r:
        equity *= 1.0 + x
        peak = max(peak, equity)
        worst = max(worst, 1.0 - equity / peak)
    growth = equity ** (year / len(r)) - 1.0
    return {
        "sharpe_ratio": mean / deviation * math.sqrt(year),
        "sortino_ratio": mean / down * math.sqrt(year),
        "net_profit_pct": 100.0 * (equity - 1.0),
        "annual_return_pct": 100.0 * growth,
        "max_drawdown_pct": -100.0 * worst,
        "calmar_ratio": growth / worst,
    }


def test_intervals_against_a_loop_over_the_same_draws() -> None:
    n, resamples, block = 40, 60, 4.0
    r = np.random.default_rng(1).normal(0.001, 0.01, n)
    rng = np.random.default_rng(77)
    starts = rng.integers(0, n, (resamples, n))
    renewed = rng.random((resamples, n)) < 1.0 / block
    many = []
    for path in range(resamples):
        at = [int(starts[path, 0])]
        for d in range(1, n):
            at.append(int(starts[path, d]) if renewed[path, d] else (at[-1] + 1) % n)
        many.append(plain_measures([float(r[i]) for i in at], 252))
    found = intervals_of_days(r, 252, seed=77, resamples=resamples, block=block, confidence=0.9)
    for name in OF_DAYS:
        low, high = np.quantile([m[name] for m in many], (0.05, 0.95))
        assert [found[name].low, found[name].high] == pytest.approx([low, high]), name
        assert found[name].value == pytest.approx(plain_measures(r.tolist(), 252)[name])


def test_blocks_have_the_mean_length_asked_for() -> None:
    # gains and losses in turn: a path that is never renewed has as many of both
    net = np.where(np.arange(200) % 2, 0.01, -0.01)
    alternating = intervals_of_days(net, 365, seed=1, block=1e9)["sharpe_ratio"]
    independent = intervals_of_days(net, 365, seed=1, block=1.0)["sharpe_ratio"]
    assert alternating.high - alternating.low < 0.01
    # i.i.d. signs: the standard error of an annual Sharpe ratio is sqrt(365 / 200)
    assert independent.high - independent.low == pytest.approx(2 * 1.96 * math.sqrt(365 / 200), rel=0.1)


def test_the_coverage_on_normal_days() -> None:
    rng = np.random.default_rng(21)
    true = 0.1
    covered = {"sharpe_ratio": 0, "net_profit_pct": 0}
    for i in range(250):
        found = intervals_of_days(0.01 * (rng.standard_normal(300) + true), 365, seed=i, resamples=400)
        covered["sharpe_ratio"] += found["sharpe_ratio"].low <= true * math.sqrt(365) <= found["sharpe_ratio"].high
        profit = 100.0 * math.expm1(300 * (0.01 * true - 0.5 * 0.01**2))
        covered["net_profit_pct"] += found["net_profit_pct"].low <= profit <= found["net_profit_pct"].high
    # 95 % asked; percentile intervals of a stationary bootstrap are a little narrow
    assert all(0.89 <= count / 250 <= 0.99 for count in covered.values()), covered


def test_the_coverage_of_trades() -> None:
    rng = np.random.default_rng(4)
    covered = {"win_rate": 0, "expectancy_pct": 0}
    for i in range(250):
        net = np.where(rng.random(120) < 0.4, 0.02, -0.01)
        found = intervals_of_trades(net, np.ones(120), seed=i, resamples=400)
        covered["win_rate"] += found["win_rate"].low <= 0.4 <= found["win_rate"].high
        covered["expectancy_pct"] += found["expectancy_pct"].low <= 0.2 <= found["expectancy_pct"].high
    assert all(0.90 <= count / 250 <= 0.99 for count in covered.values()), covered


def test_the_profit_factor_is_of_sized_trades() -> None:
    net, size = np.array([0.02, 0.01, -0.01]), np.array([0.5, 1.0, 0.25])
    found = intervals_of_trades(net, size, seed=1)
    assert found["profit_factor"].value == pytest.approx((0.01 + 0.01) / 0.0025)
    assert found["win_rate"].value == pytest.approx(2 / 3)
    assert math.isnan(found["win_rate"].low)  # three trades are not resampled


def test_unknown_stays_unknown() -> None:
    flat = intervals_of_days(np.zeros(50), 365, seed=1)
    assert math.isnan(flat["sharpe_ratio"].value)
    assert math.isnan(flat["sharpe_ratio"].low)
    assert (flat["net_profit_pct"].low, flat["net_profit_pct"].high) == (0.0, 0.0)
    one_loss = intervals_of_trades(np.array([0.01] * 19 + [-0.01]), np.ones(20), seed=1)["profit_factor"]
    assert one_loss.value == pytest.approx(19.0)
    assert math.isnan(one_loss.low)  # a third of the resamples hold no loss
    nothing = intervals_of_days(np.zeros(0), 365, seed=1) | intervals_of_trades(np.zeros(0), np.zeros(0), seed=1)
    assert all(math.isnan(i.value) and math.isnan(i.low) for i in nothing.values())


def test_ruin_is_ruin() -> None:
    found = intervals_of_days(np.array([0.01, -1.0] * 10), 365, seed=1)
    assert found["net_profit_pct"].value == -100.0
    assert found["max_drawdown_pct"].value == -100.0


def test_the_same_seed_gives_the_same_interval() -> None:
    r = np.random.default_rng(1).normal(0.0, 0.01, 60)
    assert intervals_of_days(r, 365, seed=5) == intervals_of_days(r, 365, seed=5)
    assert intervals_of_days(r, 365, seed=5) != intervals_of_days(r, 365, seed=6)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [("resamples", {"resamples": 0}), ("confidence", {"confidence": 1.0}), ("block", {"block": 0})],
)
def test_wrong_input_is_refused(field: str, arguments: dict[str, float]) -> None:
    with pytest.raises(InputError, match=field):
        intervals_of_days(np.zeros(20), 365, seed=1, **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="finite"):
        intervals_of_days(np.array([math.nan]), 365, seed=1)
