"""A funnel that is asked again and again is the one of a single answer; what is kept never outlives the bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine.execution import ExecutionTerms
from assay.errors import InputError, NotFoundError, ParameterError
from assay.evaluation import PreparedFunnel, backtest
from assay.market import Market, Timeframe
from assay.service import funnels
from assay.service.funnels import FunnelExplorer, FunnelQuestion, lost_at
from assay.service.markets import remove_bars
from assay.service.spans import SpanTerms
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database
from assay.store.bars import present
from assay.strategies import find_strategy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.market import Bars

BARS = simulate_market(SimulatedMarket(days=20, seed=1))
MARKET = BARS.market
STRATEGY = find_strategy("LIQUIDITY_SWEEP")()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[BarStore]:
    path = tmp_path_factory.mktemp("funnels") / "f.db"
    path.write_bytes(sqlite_template)
    opened = Database.open(path, upgrade=False)
    add(BarStore(opened), BARS)
    yield BarStore(opened)
    opened.close()


def add(store: BarStore, bars: Bars) -> None:
    store.write(bars.market, present(bars), source="test", at_ms=1)


def question(market: Market = MARKET, **span: float) -> FunnelQuestion:
    return FunnelQuestion(strategy=STRATEGY, market=market, span=SpanTerms(**span), terms=ExecutionTerms(side="long"))  # type: ignore[arg-type]


@pytest.mark.parametrize("market", [MARKET, Market(MARKET.exchange, MARKET.symbol, Timeframe.parse("15m"))], ids=str)
def test_moving_a_parameter_gives_what_one_answer_gives(store: BarStore, market: Market) -> None:
    explorer = FunnelExplorer(store)
    for values in ({}, {"min_level_touches": 1}, {"key_level_lookback": 50}, {"pierce_depth": 0.001}, {}):
        found = explorer.explore(question(market, days=15), values)
        document = question(market, days=15).document(store, values)
        assert found.with_steps().as_dict() == document["funnel"]
        assert found.span_ms[1] == BARS.span_ms[1]
        run = backtest(
            STRATEGY, found.bars, {**document["parameters"]}, execution=ExecutionTerms(side="long").on(market),
            span=found.span,
        )  # fmt: skip
        marks = found.marks()
        assert len(marks) == found.followed.funnel.signals
        assert [t for t, _, filled in marks if filled] == found.bars.time[run.trades.signal_bar].tolist()
        assert {side for _, side, _ in marks} <= {1}


def test_what_is_lost_at_each_stage_is_the_difference(store: BarStore) -> None:
    found = FunnelExplorer(store).explore(question(), {}).followed.funnel
    lost = lost_at(found)
    assert lost[0] == 0
    assert np.cumsum(lost)[-1] == found.stages[0].passed - found.trades


def test_patterns_are_looked_for_once_until_bars_change(store: BarStore, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    of = PreparedFunnel.of

    def counted(*given: Any) -> PreparedFunnel:
        looked.append(given)
        return of(*given)

    monkeypatch.setattr(PreparedFunnel, "of", counted)
    explorer = FunnelExplorer(store)
    for values in ({}, {"pierce_depth": 0.003}, {"key_level_lookback": 50}, {}, {"risk_reward_ratio": 3.0}):
        before = explorer.explore(question(), values)
    assert len(looked) == 2
    monkeypatch.setattr(funnels, "MAX_ROWS", 0)
    explorer.explore(question(), {"key_level_lookback": 150})
    assert len(looked) == 3
    explorer.explore(question(), {})
    assert len(looked) == 4, "only the newest is kept where there is no room"
    end = BARS.time[-300]
    remove_bars(store, (MARKET.exchange, MARKET.symbol, str(MARKET.timeframe)), (int(end), None))
    after = explorer.explore(question(), {})
    assert len(looked) == 5
    assert after.span_ms[1] == end < before.span_ms[1]
    add(store, BARS)


def test_only_the_newest_signals_are_shown_one_by_one(store: BarStore, monkeypatch: pytest.MonkeyPatch) -> None:
    found = FunnelExplorer(store).explore(question(), {"min_level_touches": 1, "reversal_candles": 1})
    every = found.marks()
    monkeypatch.setattr(funnels, "MAX_MARKS", 5)
    assert len(every) > 5
    assert found.marks() == every[-5:]


def test_what_makes_no_sense_is_said(store: BarStore) -> None:
    explorer = FunnelExplorer(store)
    with pytest.raises(ParameterError, match="pierce_depth"):
        explorer.explore(question(), {"pierce_depth": 9.0})
    with pytest.raises(InputError, match="days"):
        explorer.explore(question(days=900), {})
    with pytest.raises(NotFoundError, match="is not stored"):
        explorer.explore(question(Market("binance", "NO/USDT", Timeframe.parse("5m"))), {})
    with pytest.raises(NotFoundError, match="is not stored"):
        remove_bars(store, ("binance", "NO/USDT", "5m"))
