"""Values that do not vary have no ratio of mean to spread: the same ones, whoever asks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine import Bracket, Combinations, Costs, Execution, Setups, Sizing, at_least, from_sums, kernels, layout
from assay.engine import measure as measures_of
from assay.engine.risk import last_month_sharpe
from assay.engine.sums import without_loss
from assay.evaluation import Evaluator
from assay.market import Bars, Market, Timeframe
from assay.market.regime import classify
from assay.parameters import Parameter, Parameters
from assay.rounding import ROUNDING, deviation
from assay.strategies import Strategy
from assay.validation import intervals_of_days, mean_above_zero_p, probabilistic_sharpe_of
from assay.validation.market_alpha import regression
from assay.validation.overfitting import probability_of_overfitting
from assay.validation.reality import scale_of
from assay.validation.resampling_kernels import sums_of_days

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.engine import Run
    from assay.engine.rules import AnyRule
    from assay.parameters import Value

HOUR_MS = 3_600_000
FREE = Execution(costs=Costs(0.0, 0.0), sizing=Sizing(method="notional"))


def one_pass(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums of a run with these daily returns, added one after the other as the engine does."""
    n = len(returns)
    sums = np.zeros((1, layout.SUM_FIELDS))
    sums_of_days(returns, np.zeros((1, n), np.int64), np.zeros((1, n), np.bool_), sums)
    run: NDArray[np.float64] = sums[0]
    return run


def ratios(returns: NDArray[np.float64]) -> dict[str, float]:
    """Every ratio over the spread of daily returns that there is."""
    return {
        "sums": float(from_sums(one_pass(returns), "sharpe_ratio", 365)),
        "limits": float(kernels.annual_sharpe(returns, 365)),
        "last month": last_month_sharpe(returns, 365),
        "probabilistic": probabilistic_sharpe_of(returns),
        "p of the mean": mean_above_zero_p(returns),
        "regime": classify(returns).t,
        "interval": intervals_of_days(returns, 365, seed=0, resamples=40)["sharpe_ratio"].value,
        "interval, low": intervals_of_days(returns, 365, seed=0, resamples=40)["sharpe_ratio"].low,
        "alpha": regression(np.sin(np.arange(len(returns))), returns)[2],
        "t of alpha": regression(returns, np.sin(np.arange(len(returns))))[2],
    }


@given(
    level=st.floats(1e-9, 0.2) | st.floats(-0.2, -1e-9),
    days=st.integers(30, 1500),
    noise=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_days_that_do_not_vary_are_unknown_to_all(level: float, days: int, noise: int, seed: int) -> None:
    off = np.random.default_rng(seed).integers(-noise, noise + 1, days)
    returns = np.asarray((1.0 + level + off * 2.0**-52) - 1.0, dtype=np.float64)
    assert {name: value for name, value in ratios(returns).items() if not math.isnan(value)} == {}
    assert np.isnan(deviation(returns))
    assert scale_of(returns[:, None]).tolist() == [1.0]


@given(level=st.floats(-0.05, 0.05), spread=st.floats(1e-5, 0.1), days=st.integers(30, 200), seed=st.integers(0, 999))
def test_days_that_vary_keep_every_bit(level: float, spread: float, days: int, seed: int) -> None:
    returns = np.random.default_rng(seed).normal(level, spread, days)
    sums = one_pass(returns)
    mean = sums[layout.SUM_RETURNS] / days
    variance = (sums[layout.SUM_RETURNS_SQUARED] - sums[layout.SUM_RETURNS] * mean) / (days - 1)
    assert float(from_sums(sums, "sharpe_ratio", 365)) == mean / np.sqrt(variance) * math.sqrt(365)
    assert not {name for name, value in ratios(returns).items() if math.isnan(value)}
    assert float(deviation(returns)) == returns.std(ddof=1)
    assert scale_of(returns[:, None])[0] == returns.std(ddof=1)


def test_the_bound_covers_what_sums_of_equal_values_err_by() -> None:
    """One-pass sums of a constant over a lifetime of days: the worst case of rounding."""
    worst = 0.0
    for level in (0.003, 1 / 3, 1e-4 + 1e-9, 0.1, 7e-7):
        for n in (2, 30, 365, 3650, 20_000):
            total = squares = 0.0
            for _ in range(n):
                total += level
                squares += level * level
            noise = abs(squares - total * (total / n))
            bound = n * (4 * 2.0**-53 * squares + ROUNDING**2)
            worst = max(worst, noise / bound)
    assert 0.0 < worst < 1.0


def test_a_column_that_does_not_vary_is_ranked_as_cash() -> None:
    rng = np.random.default_rng(5)
    noise = 0.003 + rng.integers(-3, 4, 240) * 2.0**-54
    columns = [rng.normal(0.002, 0.01, 240) for _ in range(5)]
    cash = probability_of_overfitting(np.stack([*columns, np.zeros(240)], axis=1), 8, draws=0)
    found = probability_of_overfitting(np.stack([*columns, noise], axis=1), 8, draws=0)
    assert found.logits.tolist() == cash.logits.tolist()


class Clock(Strategy):
    """Buys in the same hour of each day."""

    name = "CLOCK"
    parameters = Parameters(
        Parameter(name="hold", default=4, low=1, high=20, grid=(2, 3, 4, 5, 6), unit="bars", doc="Time."),
        Parameter(name="floor", default=0.5, low=0.0, high=2.0, grid=(0.25, 0.75), unit="1", doc="None."),
    )
    rules: ClassVar[tuple[AnyRule, ...]] = (at_least("one", "floor"),)
    bracket = Bracket(stop=50.0, target=1000.0, max_bars="hold")

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        del shape
        t = np.flatnonzero((bars.time // HOUR_MS % 24 == 2) & (side > 0))
        return Setups.build(
            bar=t,
            side=np.full(len(t), side),
            features={"one": np.ones(len(t))},
            stop_unit=bars.close[t] * 0.001,
        )


def hourly(close: NDArray[np.float64]) -> Bars:
    opened = np.append(close[0], close[:-1])
    high, low = np.maximum(opened, close) * 1.0005, np.minimum(opened, close) * 0.9995
    market = Market("test", "SAW/USDT", Timeframe(HOUR_MS))
    return Bars.from_columns(
        market, np.arange(len(close)) * HOUR_MS, opened, high, low, close, np.full(len(close), 9.0)
    )


def saw(days: int) -> Bars:
    """Every day the same: up by .1 an hour from 3 to 8, and down again."""
    hour = np.arange(24 * days) % 24
    return hourly(100.0 + 0.1 * np.maximum(0, 5 - np.abs(hour - 7)))


def rising(days: int, seed: int = 1) -> Bars:
    """In the hours from 3 to 6 always up, by another step each day; then down, at times further than they came up."""
    rng = np.random.default_rng(seed)
    step = np.zeros((days, 24))
    step[:, 3:7] = rng.uniform(0.0005, 0.002, (days, 4))
    step[:, 7] = -rng.uniform(0.0, 0.004, days)
    step[:, 8] = -rng.uniform(0.0, 0.012, days)
    return hourly(100.0 * np.exp(np.cumsum(step.ravel())))


def grid() -> Combinations:
    return Combinations({name: tuple(values) for name, values in Clock().default_grid.items()})


def swept(bars: Bars, objective: str) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Run]]:
    """Worth and trades of the grid by the sweep, and the replay of each point."""
    evaluator = Evaluator.over(Clock(), Clock().default_grid, execution=FREE, objective=objective)
    span, points = evaluator.span(24 * 5, len(bars) - 24), grid()  # whole days, after the warm-up
    worth, trades = evaluator.score(bars, span, points)
    return worth, trades, [evaluator.replay(bars, points.at(i), span) for i in range(len(points))]


def test_a_market_of_equal_days_has_no_sharpe_ratio_anywhere() -> None:
    bars = saw(90)
    worth, trades, runs = swept(bars, "sharpe_ratio")
    assert (trades > 80).all()
    assert np.isnan(worth).all()
    for run in runs:
        assert run.daily_returns.std() < 1e-15
        measures = measures_of(run, bars)
        names = ("sharpe_ratio", "lifetime_sharpe_ratio", "rolling_30d_sharpe", "z_score")
        assert {name: measures[name] for name in names if not math.isnan(measures[name])} == {}


@pytest.mark.parametrize("objective", ["profit_factor", "sortino_ratio"])
def test_without_a_loss_a_set_is_above_every_ratio_and_profit_decides(objective: str) -> None:
    bars = rising(80)
    worth, trades, runs = swept(bars, objective)
    sums = np.array([run.sums for run in runs])
    perfect = without_loss(sums, objective)
    assert 2 <= perfect.sum() < len(perfect)
    known = from_sums(sums, objective, 365)
    assert np.isnan(known[perfect]).all()
    assert np.isfinite(known[~perfect]).all()
    assert (worth[perfect].min() > 1e6) & (worth[~perfect].max() < 1e6)
    profit = from_sums(sums, "net_profit_pct", 365)
    assert len(set(trades.tolist())) == 1
    ranked = np.argsort(-worth[perfect], kind="stable")
    assert ranked.tolist() == np.argsort(-profit[perfect], kind="stable").tolist()


def sums_with(**values: Any) -> NDArray[np.float64]:
    sums = np.zeros((1, layout.SUM_FIELDS))
    for name, value in values.items():
        sums[0, layout.SUMS.index(name)] = value
    return sums


@pytest.mark.parametrize(
    ("name", "column", "noise", "loss"),
    [
        ("profit_factor", "losses", 1e-15, 1e-9),
        ("sortino_ratio", "losses_squared", 1e-30, 1e-18),
        ("calmar_ratio", "drawdown", 1e-15, 1e-9),
    ],
)
def test_a_loss_that_is_rounding_is_none(name: str, column: str, noise: float, loss: float) -> None:
    run = {"trades": 40, "wins": 39, "equity": 1.2, "gains": 0.2, "days": 100, "returns": 0.18, "returns_squared": 0.01}
    for value, unknown in ((0.0, True), (noise, True), (loss, False)):
        sums = sums_with(**run, **{column: value})
        assert math.isnan(float(from_sums(sums, name, 365)[0])) is unknown
        assert bool(without_loss(sums, name)[0]) is unknown
    nothing_made = sums_with(**run | {"equity": 1.0})
    assert not without_loss(nothing_made, name)[0]
