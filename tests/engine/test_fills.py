"""The worked fill cases, and the rules that the fuzz against the oracle once caught broken."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Bracket, Costs, Money, Setups, Signals, Sizing, Span, measure, replay
from assay.market import Bars, Market, Timeframe
from engine.bridge import OWN_ANSWERS, quiet, row_at, trade_row, worked_differences

if TYPE_CHECKING:
    from pathlib import Path

CASES = (
    "gap_through_stop",
    "gap_through_target_short_flat_bar",
    "stop_and_target_in_one_bar",
    "entry_bar_stops_out",
    "open_beyond_the_stop",
    "untradable_next_bar",
    "untradable_exit_bar",
    "time_exit_on_untradable_bar",
    "last_bar",
    "partial_then_break_even_in_one_bar",
    "trail_from_the_next_bar",
    "flat_by_bar_absent",
)
FREE = Money(Costs(0.0, 0.0), Sizing("notional"))


@pytest.fixture(scope="module")
def answers(shared_data: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((shared_data.parent / "answers" / "fills.json").read_text())
    return content


def test_every_worked_case_is_asked(answers: dict[str, Any]) -> None:
    assert tuple(case["name"] for case in answers["cases"]) == CASES


@pytest.mark.parametrize("name", CASES)
def test_worked_case(answers: dict[str, Any], name: str) -> None:
    case = next(c for c in answers["cases"] if c["name"] == name)
    assert case["row"]["bar"] == answers["signal_bar"]
    assert not worked_differences(answers, case)


@pytest.mark.parametrize("case", OWN_ANSWERS["cases"], ids=lambda case: case["name"])
def test_own_case(case: dict[str, Any]) -> None:
    assert not worked_differences(OWN_ANSWERS, case)


def test_a_fill_delayed_beyond_the_flat_bar_sends_no_order() -> None:
    run = trade_row(quiet(9, {}), row_at(flat_by=3), FREE, delay=1)
    assert (run.signals, run.orders_sent, len(run.trades)) == (1, 0, 0)
    run = trade_row(quiet(9, {}), row_at(flat_by=4), FREE, delay=1)
    assert (run.orders_sent, run.trades.exit_bar.tolist()) == (1, [4])


def test_a_signal_on_the_last_bar_or_the_flat_bar_is_no_order() -> None:
    for row in (row_at(bar=8), row_at(flat_by=2), row_at(flat_by=1)):
        run = trade_row(quiet(9, {}), row, FREE)
        assert (run.orders_sent, len(run.trades)) == (0, 0)


def test_risk_sizing_is_fixed_at_the_signal_and_capped() -> None:
    for stop, cap, size in ((98.0, 1.0, 0.01 * 100 / 2), (99.5, 1.0, 1.0), (99.5, 3.0, 2.0)):
        run = trade_row(quiet(8, {}), row_at(stop=stop), Money(Costs(), Sizing("risk", 0.01, cap)))
        assert run.trades.size.tolist() == [size]
        assert run.equity.tolist() == [1.0 + size * run.trades.net_return[0]]


def test_costs_of_a_contract_are_ticks_and_points() -> None:
    money = Money(Costs(fee=0.0, slippage=0.0, tick=0.25, commission=0.04), Sizing("notional"))
    run = trade_row(quiet(8, {4: (100.0, 104.5, 99.5, 104.0, 10.0)}), row_at(), money)
    assert (run.trades.entry_price[0], run.trades.exit_price[0]) == (100.25, 103.75)
    expected = ((103.75 - 100.25) - 2 * 0.04) / 100.25
    assert math.isclose(run.trades.net_return[0], expected, rel_tol=1e-14)
    short = trade_row(quiet(8, {4: (100.0, 100.5, 95.5, 96.0, 10.0)}), row_at(side=-1, stop=102.0, target=96.0), money)
    assert (short.trades.entry_price[0], short.trades.exit_price[0]) == (99.75, 96.25)


def test_daily_equity_marks_open_positions_and_counts_empty_days() -> None:
    bars = quiet(80, {30: (100.0, 101.0, 99.5, 100.8, 10.0), 50: (100.0, 104.5, 99.5, 104.0, 10.0)})
    bars[47] = (101.0, 101.5, 100.5, 101.25, 10.0)
    run = trade_row(bars, row_at(max_bars=100), Money(Costs(0.001, 0.0), Sizing("notional")))
    first = 1.0 + (100.0 / 100.0 - 1.0 - 0.001)
    second = 1.0 + (101.25 / 100.0 - 1.0 - 0.001)
    last = 1.0 + run.trades.net_return[0]
    assert run.equity.tolist() == [first, second, last, last]
    assert np.allclose(run.daily_returns, [first - 1, second / first - 1, last / second - 1, 0.0], atol=1e-15)


def test_a_stop_beyond_the_price_is_no_signal() -> None:
    for side, stop in ((1, 100.0), (1, 101.0), (-1, 100.0), (-1, 99.0)):
        run = trade_row(quiet(8, {}), row_at(side=side, stop=stop, target=None), FREE)
        assert (run.signals, run.orders_sent) == (0, 0)


def test_ruin_ends_the_run_at_zero() -> None:
    """Short at 100 with everything; the market opens at 250: more is lost than there was, and trading ends."""
    rows = [[100, 100.5, 99.5, 100]] * 4 + [[250, 251, 249, 250]] * 4
    table = np.array(rows, dtype=float)
    market = Market("test", "X/Y", Timeframe.parse("1h"))
    time = np.arange(len(rows), dtype=np.int64) * 3_600_000
    o, h, low, c = table.T
    bars = Bars.from_columns(market, time, o, h, low, c, np.ones(len(rows)))
    setups = Setups.build(bar=[1, 5], side=[-1, 1], features={}, stop_unit=[2.0, 2.0])
    span = Span(0, len(bars))
    signals = Signals.select(bars, setups, (), Bracket(stop=1.0), {}, span)
    run = replay(bars, signals, Money(sizing=Sizing("notional")), span)
    assert run.trades.net_return[0] < -1.5
    assert len(run.trades) == 1
    measures = measure(run, bars)
    assert measures["net_profit_pct"] == -100.0
    assert measures["max_drawdown_pct"] == -100.0
    assert run.equity.tolist() == [0.0]
    assert run.daily_returns.tolist() == [-1.0]
