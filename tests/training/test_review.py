"""Faults that a review of the whole found; each stays found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.documents.configuration import configuration
from assay.engine import Bracket, Costs, Execution, Setups, Side, Span, at_least
from assay.errors import InputError, StrategyError
from assay.evaluation import Evaluator, backtest
from assay.frames.engine import BacktestEngine
from assay.indicators import atr
from assay.market import Market, Timeframe, refuse_futures
from assay.parameters import Parameter, Parameters
from assay.search import parse_space
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies import Strategy, find_strategy
from assay.training import Experiment, train

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value


class Bodies(Strategy):
    """A large body goes on."""

    name = "BODIES"
    parameters = Parameters(
        Parameter(name="strength", default=1.0, low=0.5, high=3.0, doc="Body in ATR."),
        Parameter(name="hold", default=10, low=0, high=50, doc="Time stop; 0 = off."),
    )
    rules: tuple[AnyRule, ...] = (at_least("body", "strength"),)  # type: ignore[misc]
    bracket = Bracket(stop=2.0, target=2.0, max_bars="hold")

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        del shape
        unit = atr(bars)
        t = np.flatnonzero(unit > 0)
        body = side * (bars.close - bars.open)[t] / unit[t]
        return Setups.build(bar=t, side=np.full(len(t), side), features={"body": body}, stop_unit=unit[t])


@pytest.fixture(scope="module")
def walk() -> Bars:
    return simulate_market(SimulatedMarket(days=90, timeframe="15m", seed=4))


def test_a_time_stop_that_may_be_off_bounds_nothing() -> None:
    def holding(values: list[int]) -> int | None:
        return Experiment(Bodies(), parse_space({"hold": values}, Bodies.parameters)).holding_bars

    assert holding([10, 20]) == 20
    assert holding([0, 10]) is None


def test_a_profit_factor_below_one_is_no_candidate(walk: Bars) -> None:
    space = parse_space({"strength": [0.5, 1.0], "hold": [10]}, Bodies.parameters)
    evidence = train(Experiment(Bodies(), space, objective="profit_factor", permutations=0), walk)
    assert evidence.search.result.trades > 30
    assert evidence.search.result.best is None
    assert evidence.search.result.score < 0


def test_a_name_that_no_document_may_have_is_refused_before_any_work() -> None:
    class Lower(Bodies):
        name = "Bodies"

    with pytest.raises(StrategyError, match="capitals"):
        Experiment(Lower())


def test_numbers_of_numpy_do_for_an_experiment(walk: Bars) -> None:
    plain = Experiment(Bodies(), start_ms=int(walk.time[500]), seed=7)
    other = Experiment(Bodies(), start_ms=walk.time[500], seed=np.int64(7))  # type: ignore[arg-type]
    assert plain.digest(walk) == other.digest(walk)
    with pytest.raises(InputError, match="seed"):
        Experiment(Bodies(), seed=1.5)  # type: ignore[arg-type]


def test_dearer_costs_keep_the_stops_of_the_trial(walk: Bars) -> None:
    evaluator = Evaluator(Bodies(), Execution(min_stop_costs=3.0), warmup=20)
    span = Span(100, len(walk), 20)
    signals = evaluator.signals(walk, Bodies.parameters.defaults, span)
    costs = evaluator.money.costs
    dearer = replace(evaluator.money, costs=costs.times(1.5), stop_floor_costs=costs.round_trip)
    from assay.engine import replay

    usual, dear = replay(walk, signals, evaluator.money, span), replay(walk, signals, dearer, span)
    assert usual.trades.stop.tolist() == dear.trades.stop.tolist()
    assert dear.equity[-1] < usual.equity[-1]


def test_a_backtest_uses_the_tick_of_its_market_and_the_defaults(walk: Bars) -> None:
    ticked = replace(walk, market=replace(walk.market, tick=0.5))
    given = Execution(costs=Costs(tick=0.5))
    assert (
        backtest(Bodies(), ticked, {}).equity[-1] == backtest(Bodies(), walk, {"hold": 10}, execution=given).equity[-1]
    )
    assert backtest(Bodies(), ticked, {}).equity[-1] != backtest(Bodies(), walk, {}).equity[-1]


def test_futures_are_refused_until_their_clock_and_costs_are_built() -> None:
    refuse_futures(Market("binance", "BTC/USDT", Timeframe.parse("5m")))
    with pytest.raises(InputError, match="futures need their own sessions and costs"):
        refuse_futures(Market("cme", "ES", Timeframe.parse("5m"), kind="future"))


def test_bars_without_volume_are_said_to_be_so(walk: Bars) -> None:
    bars = type(walk).from_columns(walk.market, walk.time, walk.open, walk.high, walk.low, walk.close, None)
    evidence = train(Experiment(find_strategy("LIQUIDITY_SWEEP")(), permutations=0), bars)
    assert any("no volume column" in w for w in evidence.judgement.warnings)
    assert "None of the 18,432 combinations trades 10 times" in evidence.verdict.why_not_promoted


def test_memory_of_outcomes_is_bounded_and_blocks_change_nothing(walk: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    from assay.search import grid, random

    module = import_module("assay.engine.sweep")
    space = parse_space({"strength": (0.5, 3.0, 0.5), "hold": (0, 50, 5)}, Bodies.parameters)
    evaluator, span = Evaluator(Bodies(), warmup=20), Span(100, len(walk), 20)
    whole = evaluator.score(walk, span, grid(space))
    for name, value in (("RUNS", 5), ("PARTS", 3), ("SHAPES", 1), ("TABLE_BYTES", 1)):  # the last: no table at all
        monkeypatch.setattr(module, name, value)
        for threads in (1, 2):
            small = evaluator.score(walk, span, grid(space), threads=threads)
            assert [a.tobytes() for a in whole] == [b.tobytes() for b in small]
    drawn = random(space, 12, seed=1)  # few uses per exit: pairs are replayed one by one
    measure, trades = evaluator.score(walk, span, drawn)
    where = np.ravel_multi_index(tuple(drawn.points.T), [len(v) for v in drawn.values.values()])  # type: ignore[union-attr]
    assert measure.tobytes() == whole[0][where].tobytes()
    assert trades.tobytes() == whole[1][where].tobytes()


def test_classes_of_one_name_are_different_strategies(walk: Bars) -> None:
    class Bodies2(Bodies):
        def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
            return super().setups(bars, -side, shape)

    class Bodies3(Bodies):
        def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
            return super().setups(bars, side + 0, shape)

    digests = {Experiment(kind()).digest(walk) for kind in (Bodies, Bodies2, Bodies3)}
    assert len(digests) == 3
    assert Experiment(Bodies2()).digest(walk) == Experiment(Bodies2()).digest(walk)


def test_a_document_brings_its_own_terms(walk: Bars) -> None:
    sweep = find_strategy("LIQUIDITY_SWEEP")()
    execution = Execution(Side.LONG, Costs(fee=0.0002, slippage=0.0001), min_stop_costs=2.0)
    experiment = Experiment(sweep, execution=execution, permutations=0)
    evidence = train(experiment, walk)
    document = configuration(evidence, datetime(2026, 1, 1, tzinfo=UTC))
    result = BacktestEngine().run_backtest(walk, document)
    assert set(result.run.trades.side.tolist()) <= {1}
    span = Span(sweep.warmup(evidence.parameters), len(walk), sweep.warmup(evidence.parameters))
    known = backtest(sweep, walk, evidence.parameters, execution=execution, span=span)
    assert result.run.equity.tolist() == known.equity.tolist()
    assert len(known.trades)
