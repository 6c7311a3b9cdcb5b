"""`assay.backtest`: a run as frames and charts; and slips of whoever calls, each with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pytest

import assay
from assay import BacktestEngine, Costs, Execution, Experiment, SimulatedMarket, Sizing, errors, evaluation
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay import BacktestRun, Bars

POINT = {"min_level_touches": 1}


@pytest.fixture(scope="module")
def bars() -> Bars:
    return assay.simulate_market(SimulatedMarket(days=40, seed=11))


@pytest.fixture(scope="module")
def run(bars: Bars) -> BacktestRun:
    return assay.backtest(LiquiditySweep, bars, POINT)


def test_a_run_is_the_engines_own(run: BacktestRun, bars: Bars) -> None:
    plain = evaluation.backtest(LiquiditySweep(), bars, POINT)
    assert np.array_equal(run.sums, plain.sums)
    assert assay.measure(run, bars) == pytest.approx(assay.measure(plain, bars), nan_ok=True)
    assert not hasattr(plain, "to_frame")


def test_frames_hold_every_trade_and_every_day(run: BacktestRun, bars: Bars) -> None:
    result = BacktestEngine("LIQUIDITY_SWEEP").run_backtest(bars, POINT)
    trades, days = run.to_frame(), run.equity_frame()
    pd.testing.assert_frame_equal(trades, result.trades)
    pd.testing.assert_series_equal(days["equity"], result.equity_curve)
    assert len(trades) == len(run.trades) > 10
    assert 0 > days["drawdown_pct"].min() >= result.metrics["max_drawdown_pct"]  # which knows every bar
    growth = np.prod(1 + days["return_pct"] / 100)
    assert growth == pytest.approx(days["equity"].iloc[-1] / 10_000)


def test_a_plot_draws_the_run_and_is_written(run: BacktestRun, bars: Bars, tmp_path: Path) -> None:
    layout = cast("Any", run.plot(tmp_path / "run.html"))
    top, low, r = layout.children
    assert top.x_range is low.x_range
    equity, market = (s.data["equity"] for s in top.select({"type": assay_source()})), len(run.equity) + 1
    assert [len(line) for line in equity] == [market]
    assert r.yaxis[0].axis_label == "sum of R"
    page = (tmp_path / "run.html").read_text()
    assert "cdn.bokeh.org" not in page
    assert f"{len(run.trades)} trades" in page
    nothing = assay.backtest(LiquiditySweep, bars, {"pierce_depth": 0.05})
    assert not len(nothing.trades)
    assert len(cast("Any", nothing.plot()).children) == 2
    assert nothing.to_frame().empty


def assay_source() -> type:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource


def test_fees_of_a_call_have_the_same_limit(bars: Bars) -> None:
    engine = BacktestEngine("LIQUIDITY_SWEEP")
    with pytest.raises(
        errors.InputError, match="exchange_fees: of 1 % or more a side is taken only with its unit: 10%"
    ):
        engine.run_backtest(bars, POINT, exchange_fees=0.1)
    written = engine.run_backtest(bars, POINT, exchange_fees="2bps", slippage="0.01%").metrics
    assert written == pytest.approx(engine.run_backtest(bars, POINT, 0.0002, 0.0001).metrics, nan_ok=True)
    assert engine.run_backtest(bars, POINT, "10%").metrics["net_profit_pct"] < written["net_profit_pct"]


def frame() -> pd.DataFrame:
    return pd.DataFrame({"close": [1.0]})


UNTYPED: Any = assay
"""What a type checker would have seen, but who runs one in a notebook?"""

SLIPS: dict[str, tuple[Callable[[Any], object], str]] = {
    "the class of an experiment": (lambda b: UNTYPED.train(Experiment, b), r"an instance, Experiment\(\.\.\.\)"),
    "a frame to train on": (lambda _: UNTYPED.train(UNTYPED.Experiment(LiquiditySweep), frame()), "bars_from_frame"),
    "a path to train on": (lambda _: UNTYPED.train(UNTYPED.Experiment(LiquiditySweep), "x.csv"), "read_bars"),
    "a frame for a backtest": (lambda _: UNTYPED.backtest(LiquiditySweep, frame(), {}), "bars_from_frame"),
    "a name for a strategy": (lambda b: UNTYPED.backtest("LIQUIDITY_SWEEP", b, {}), "find_strategy"),
    "an abstract class": (lambda b: UNTYPED.backtest(UNTYPED.Strategy, b, {}), "must be made first"),
    "no parameters": (lambda b: UNTYPED.backtest(LiquiditySweep, b, [1]), "values: must be a mapping"),
    "costs for execution": (lambda b: UNTYPED.backtest(LiquiditySweep, b, {}, execution=Costs()), "must be Execution"),
    "a pair for a span": (lambda b: UNTYPED.signal_funnel(LiquiditySweep, b, {}, span=(0, 9)), "span: must be Span"),
    "a mapping for a space": (lambda _: UNTYPED.Experiment(LiquiditySweep, {"pierce_depth": [1]}), "parse_space"),
    "the class of costs": (lambda _: UNTYPED.Execution(costs=Costs), r"Costs\(\.\.\.\), not the class"),
    "a number for costs": (lambda _: UNTYPED.Execution(costs=0.001), "costs: must be Costs, not float"),
    "a text for a size": (lambda _: UNTYPED.Execution(sizing="risk"), "sizing: must be Sizing, not str"),
    "arguments the other way round": (lambda b: UNTYPED.measure(b, b), "run: must be Run, not Bars"),
    "an indicator of a frame": (lambda _: UNTYPED.atr(frame()), "bars_from_frame"),
    "another indicator of a frame": (lambda _: UNTYPED.volume_ratio(frame()), "bars_from_frame"),
    "the class of a market": (lambda _: UNTYPED.simulate_market(SimulatedMarket), "not the class SimulatedMarket"),
    "days for a market": (lambda _: UNTYPED.simulate_null(90), "spec: must be NullMarket, not int"),
    "a class for a name": (lambda _: UNTYPED.find_strategy(LiquiditySweep), "is one already"),
    "a class to load": (lambda _: UNTYPED.load_strategy(LiquiditySweep), "must be a registered name or path.py:Class"),
    "the class of an engine": (
        lambda b: UNTYPED.GridSearchOptimizer().optimize(BacktestEngine, b), "not the class BacktestEngine"
    ),
    "a strategy for an engine": (lambda b: UNTYPED.GridSearchOptimizer().optimize("X", b), "backtest_engine: must be"),
    "a picture for a page": (lambda b: assay.backtest(LiquiditySweep, b, POINT).plot("run.png"), "must end in .html"),
    "bars for evidence": (lambda b: UNTYPED.configuration(b, datetime.now(UTC)), "must be Evidence, not Bars"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_gets_a_sentence(bars: Bars, slip: str) -> None:
    call, words = SLIPS[slip]
    with pytest.raises(errors.InputError, match=words):
        call(bars)


def test_a_class_will_do_for_a_strategy_that_needs_nothing(bars: Bars) -> None:
    assert isinstance(UNTYPED.Experiment(LiquiditySweep).strategy, LiquiditySweep)
    assert assay.signal_funnel(LiquiditySweep, bars, {}).strategy == "LIQUIDITY_SWEEP"
    assert Execution(sizing=Sizing("notional")).sizing.method == "notional"
