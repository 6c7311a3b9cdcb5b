"""Backtests: trades, equity and measures that can be computed from one another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from assay import (
    BacktestEngine,
    Bars,
    Bracket,
    Costs,
    LiquiditySweepStrategy,
    Market,
    Parameter,
    Parameters,
    Setups,
    Strategy,
    Timeframe,
    errors,
)
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE = BacktestEngine("LIQUIDITY_SWEEP")
HOUR_MS = 3_600_000


class EveryFourth(Strategy):
    """A long at every fourth bar with a stop and a target of two points."""

    name = "EVERY_FOURTH"
    parameters = Parameters(Parameter(name="stop", default=2.0, low=1.0, high=3.0, doc="Points."))
    rules: ClassVar[tuple[Any, ...]] = ()
    bracket = Bracket(stop="stop", target=1.0, max_bars=3)

    def warmup(self, shape: Mapping[str, Any]) -> int:
        return 0

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Any]) -> Setups:
        t = np.arange(0, len(bars), 4) if side > 0 else np.zeros(0, dtype=int)
        return Setups.build(bar=t, side=np.full(len(t), side), features={}, stop_unit=np.ones(len(t)))


def planted(trades: int, wins: int) -> Bars:
    """Blocks of a signal, a bar that decides the trade and two quiet bars."""
    high, low = np.full(4 * trades, 100.5), np.full(4 * trades, 99.5)
    won = np.arange(trades) < wins
    high[1::4] = np.where(won, 103.0, 100.5)
    low[1::4] = np.where(won, 99.5, 97.0)
    flat = np.full(4 * trades, 100.0)
    time = np.arange(4 * trades) * HOUR_MS
    return Bars.from_columns(
        Market("test", "BTC/USDT", Timeframe(HOUR_MS)), time, flat, high, low, flat, np.ones(4 * trades)
    )


def test_twelve_wins_of_eighty_are_fifteen_hundredths() -> None:
    metrics = BacktestEngine(EveryFourth).run_backtest(planted(80, 12), {}).metrics
    assert metrics["sample_size"] == 80
    assert metrics["gross_win_rate"] == 0.15
    assert metrics["win_rate"] == 0.15


def test_averages_are_there_whatever_the_trades() -> None:
    for wins in (0, 12, 80):
        metrics = BacktestEngine(EveryFourth).run_backtest(planted(80, wins), {}).metrics
        for name, known in (("avg_win", wins > 0), ("avg_loss", wins < 80)):
            assert math.isnan(metrics[name]) is not known
            assert metrics[name] == pytest.approx(metrics[f"{name}_pct"] / 100, nan_ok=True)
    assert metrics["avg_win_pct"] == pytest.approx(100 * (102 * 0.9995 / (100 * 1.0005) - 1) - 0.2, abs=0.01)


def test_measures_follow_from_trades_and_equity(data: pd.DataFrame) -> None:
    result = ENGINE.run_backtest(data, {"pierce_depth": 0.001})
    trades, equity, metrics = result.trades, result.equity_curve, result.metrics
    assert len(trades) > 50
    growth = np.prod(1 + trades["size"] * trades["pnl_pct"] / 100)
    assert metrics["net_profit_pct"] == pytest.approx(100 * (growth - 1))
    assert metrics["net_profit"] == pytest.approx(equity.iloc[-1] - 10_000)
    assert metrics["win_rate"] == pytest.approx((trades["pnl_pct"] > 0).mean())
    assert metrics["gross_win_rate"] == pytest.approx((trades["gross_pnl_pct"] > 0).mean())
    assert metrics["expectancy_r"] == pytest.approx(trades["r_multiple"].mean())
    daily = pd.concat([pd.Series([10_000.0]), equity]).pct_change().iloc[1:]
    assert metrics["sharpe_ratio"] == pytest.approx(daily.mean() / daily.std() * math.sqrt(365))
    assert metrics["max_drawdown"] == pytest.approx(metrics["max_drawdown_pct"] / 100)
    assert metrics["max_drawdown"] <= (equity / equity.cummax() - 1).min() < 0
    assert {"STOP_LOSS", "TAKE_PROFIT", "MAX_HOLDING"} >= set(trades["reason"])
    assert all(isinstance(metrics[name], int) for name in ("sample_size", "total_trades"))


def test_trades_lie_on_their_bars(bars: Bars) -> None:
    result = ENGINE.run_backtest(bars, {})
    trades = result.trades
    assert (trades["entry_time"] - trades["signal_time"] == pd.Timedelta(minutes=5)).all()
    assert (trades["exit_time"] >= trades["entry_time"]).all()
    side = np.where(trades["direction"] == "LONG", 1, -1)
    assert (side * (trades["take_profit"] - trades["stop_loss"]) > 0).all()
    index = result.equity_curve.index
    assert isinstance(index, pd.DatetimeIndex)
    assert str(index[0]) == "2022-08-01 00:00:00+00:00"
    assert len(index) == 100
    assert (np.diff(index) == np.timedelta64(1, "D")).all()


def test_a_frame_its_bars_and_a_frame_without_attributes_agree(bars: Bars, data: pd.DataFrame) -> None:
    bare = data.set_index("timestamp")
    bare.attrs = {}
    results = [ENGINE.run_backtest(history, {}) for history in (bars, data, bare)]
    for other in results[1:]:
        pd.testing.assert_frame_equal(results[0].trades, other.trades)
        assert results[0].metrics == other.metrics


@pytest.mark.parametrize(
    "strategy",
    [
        "LIQUIDITY_SWEEP",
        "LIQUIDITY_SWEEP_V3",
        "liquidity_sweep",
        LiquiditySweep,
        LiquiditySweepStrategy,
        LiquiditySweep(),
    ],
    ids=["name", "document", "lower", "class", "frames", "instance"],
)
def test_a_strategy_is_a_name_a_class_or_an_instance(bars: Bars, strategy: Any) -> None:
    expected = ENGINE.run_backtest(bars, {}).metrics
    assert BacktestEngine(strategy).run_backtest(bars, {}).metrics == expected
    assert BacktestEngine().run_backtest(bars, {}, strategy_class=strategy).metrics == expected


def test_costs_are_the_calls_or_the_engines(bars: Bars) -> None:
    free = ENGINE.run_backtest(bars, {}, exchange_fees=0.0, slippage=0.0)
    own = BacktestEngine("LIQUIDITY_SWEEP", costs=Costs(0.0, 0.0)).run_backtest(bars, {})
    assert free.metrics == own.metrics
    assert free.metrics["net_profit"] > ENGINE.run_backtest(bars, {}).metrics["net_profit"]
    np.testing.assert_allclose(free.trades["pnl_pct"], free.trades["gross_pnl_pct"])


def test_sides_are_the_engines(bars: Bars) -> None:
    assert set(BacktestEngine("LIQUIDITY_SWEEP", sides="short").run_backtest(bars, {}).trades["direction"]) == {"SHORT"}


def test_a_result_is_a_mapping(bars: Bars) -> None:
    result = ENGINE.run_backtest(bars, {"rejection_candles": 1})
    assert list(result) == list(dict(result)) == ["trades", "equity_curve", "metrics", "parameters"]
    assert result["metrics"] is result.metrics
    assert result["parameters"]["reversal_candles"] == 1
    assert len(result) == 4
    assert result.get("run") is None
    assert result == result
    assert result != ENGINE.run_backtest(bars, {})


def test_no_trades_leave_measures_undefined_and_frames_empty(bars: Bars) -> None:
    result = ENGINE.run_backtest(bars, {"pierce_depth": 0.05})
    assert len(result.trades) == 0
    assert result.metrics["sample_size"] == 0
    assert math.isnan(result.metrics["sharpe_ratio"])
    assert (result.equity_curve == 10_000).all()


def test_wrong_input_is_named(bars: Bars) -> None:
    with pytest.raises(errors.StrategyError, match="must be given"):
        BacktestEngine().run_backtest(bars, {})
    with pytest.raises(errors.StrategyError, match="Did you mean 'LIQUIDITY_SWEEP'"):
        BacktestEngine("LIQUIDITY_SWEP")
    for wrong in (dict, 3, Strategy):
        with pytest.raises(errors.StrategyError, match="strategy_class"):
            BacktestEngine(wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.ParameterError, match="Did you mean 'pierce_depth'"):
        ENGINE.run_backtest(bars, {"pierce_dept": 0.002})
    with pytest.raises(errors.InputError, match="data: must be a data frame or Bars"):
        ENGINE.run_backtest([1, 2], {})
    with pytest.raises(errors.InputError, match="parameters: must be a mapping"):
        ENGINE.run_backtest(bars, 3)  # type: ignore[arg-type]
    with pytest.raises(errors.InsufficientDataError, match="warm-up"):
        ENGINE.run_backtest(bars.head(50), {})
