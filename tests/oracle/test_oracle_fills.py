"""The oracle against worked cases, hand-computed cases and its own dense twin."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.testing.oracle import (
    NAN,
    OracleBars,
    OracleCosts,
    OracleOrder,
    OracleStop,
    OracleTarget,
    OracleTrade,
    make_order,
    resolve_signals,
    round_to_tick,
    simulate,
)

from .dense import MEASURES, dense_sweep
from .sweep_rules import SweepParams, levels, liquidity_sweep_orders, signals, volume_ratio, wilder_atr

SHARED = Path(os.environ.get("ASSAY_SHARED", Path(__file__).parents[3] / "shared"))
FILLS = SHARED / "answers" / "fills.json"
NOTIONAL = OracleCosts(sizing="notional")
FREE = OracleCosts(fee=0.0, slippage=0.0, sizing="notional")
MINUTE = 60_000
QUIET = [100, 100.5, 99.5, 100, 10]


def make_bars(rows: list[list[float | None]], days: list[int] | None = None) -> OracleBars:
    """Build bars from open, high, low, close, volume; a row of nulls is an absent stamp."""
    n = len(rows)
    columns = [[NAN if row[k] is None else float(row[k] or 0.0) for row in rows] for k in range(4)]
    volume = [float(row[4] or 0.0) for row in rows]
    absent = [row[0] is None for row in rows]
    tradable = [v > 0 for v in volume]
    return OracleBars(
        time=[5 * MINUTE * j for j in range(n)],
        open=columns[0],
        high=columns[1],
        low=columns[2],
        close=columns[3],
        volume=volume,
        absent=absent,
        tradable=tradable,
        valid=[ok and high > low for ok, high, low in zip(tradable, columns[1], columns[2], strict=True)],
        day=days if days is not None else [0] * n,
        age=list(range(n)),
    )


def quiet_bars(n: int, changes: dict[int, list[float | None]] | None = None) -> OracleBars:
    """Build n quiet bars around 100 with some replaced."""
    changes = changes or {}
    return make_bars([changes.get(j, list(QUIET)) for j in range(n)])


def order_at(bar: int, side: int = 1, **changes: Any) -> OracleOrder:
    """Build an order from 100 with a stop 2 and a target 4 away."""
    return replace(OracleOrder(bar, side, 100.0, 100.0 - 2.0 * side, 100.0 + 4.0 * side, 1.0), **changes)


def only(bars: OracleBars, order: OracleOrder, costs: OracleCosts = FREE, *, entry_delay: int = 0) -> OracleTrade:
    """Trade one order and return its only trade."""
    result = simulate(bars, [order], costs, 0, len(bars), entry_delay)
    assert len(result.trades) == 1
    return result.trades[0]


# The worked cases


def worked_cases() -> list[Any]:
    """Return the worked cases, or one skipped case where the shared data is not at hand."""
    if not FILLS.exists():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason="no shared data"), id="absent")]
    answers = json.loads(FILLS.read_text())
    return [pytest.param(answers, case, id=case["name"]) for case in answers["cases"]]


@pytest.mark.parametrize(("answers", "case"), worked_cases())
def test_worked_case(answers: dict[str, Any], case: dict[str, Any]) -> None:
    costs = OracleCosts(**answers["costs"])
    row, expected = case["row"], case["expected"]
    bars = make_bars(case["bars"])
    order = OracleOrder(
        bar=row["bar"],
        side=row["side"],
        close=answers["reference_price"],
        stop=row["stop"],
        target=NAN if row["target"] is None else row["target"],
        unit=1.0,
        partial=row.get("partial", NAN),
        max_bars=row["max_bars"],
        flat_by=row.get("flat_by", -1),
    )
    if "trail" in row:
        order.trail_kind = "distance"
        order.trail_activation = row["trail"]["activation"]
        order.trail_distance = row["trail"]["distance"]
    result = simulate(bars, [order], costs, 0, len(bars))
    assert result.orders_sent == 1
    assert len(result.trades) == int(expected["filled"])
    if not expected["filled"]:
        return
    trade = result.trades[0]
    for name, value in expected.items():
        if name == "filled":
            continue
        got = getattr(trade, name)
        if isinstance(value, float):
            assert math.isclose(got, value, rel_tol=1e-15, abs_tol=0.0), (name, got, value)
        else:
            assert got == value, name
    if "net_return_optimistic" not in expected and not trade.ambiguous:
        assert trade.net_return_optimistic == trade.net_return
    if "partial_raw" not in expected:
        assert math.isnan(trade.partial_raw)


# Eligibility and limits


def test_cooldown_counts_from_the_exit_bar() -> None:
    bars = quiet_bars(30)
    orders = [order_at(t, max_bars=2, cooldown=3) for t in range(2, 12)]
    result = simulate(bars, orders, FREE, 0, 30)
    # In at 3, out at the close of 4; signals from 7 on; in at 8, out at 9; signals from 12 on.
    assert [(x.signal_bar, x.entry_bar, x.exit_bar) for x in result.trades] == [(2, 3, 4), (7, 8, 9)]
    assert result.orders_sent == 2


def test_exit_at_the_close_frees_the_same_bar() -> None:
    orders = [order_at(t, max_bars=2) for t in range(2, 8)]
    result = simulate(quiet_bars(30), orders, FREE, 0, 30)
    assert [x.signal_bar for x in result.trades] == [2, 4, 6]


def test_caps_count_fills_not_orders() -> None:
    bars = quiet_bars(20, {3: [100, 100, 100, 100, 0]})
    orders = [order_at(t, max_bars=1, group_a=7, cap_a=2) for t in range(2, 10)]
    result = simulate(bars, orders, FREE, 0, 20)
    # The order of bar 2 is sent, never filled and takes no share of the cap.
    assert [x.signal_bar for x in result.trades] == [3, 4]
    assert result.orders_sent == 3
    both = [replace(order, group_b=order.bar // 4, cap_b=1) for order in orders]
    assert [x.signal_bar for x in simulate(bars, both, FREE, 0, 20).trades] == [3, 4]
    per_pair = [replace(order, cap_a=9, group_b=order.bar // 4, cap_b=1) for order in orders]
    assert [x.signal_bar for x in simulate(bars, per_pair, FREE, 0, 20).trades] == [3, 4, 8]


def test_long_and_short_on_one_bar_cancel() -> None:
    first, second = order_at(4), order_at(4, stop=97.0)
    kept = resolve_signals([second, first, order_at(6), order_at(6, -1), order_at(5, -1)])
    assert [(x.bar, x.side, x.stop) for x in kept] == [(4, 1, 97.0), (5, -1, 102.0)]


def test_last_bar_sends_no_order_and_the_window_limits_signals() -> None:
    bars = quiet_bars(12)
    assert simulate(bars, [order_at(11)], FREE, 0, 12).orders_sent == 0
    result = simulate(bars, [order_at(1), order_at(4), order_at(6)], FREE, 2, 6)
    assert [(x.signal_bar, x.exit_bar) for x in result.trades] == [(4, 11)]


def test_entry_delay_moves_the_fill_and_nothing_else() -> None:
    bars = quiet_bars(12, {4: [99, 99.5, 98.5, 99, 10], 5: [99, 105, 99, 104, 10]})
    trade = only(bars, order_at(2), entry_delay=1)
    assert (trade.entry_bar, trade.entry_raw, trade.exit_bar, trade.exit_raw) == (4, 99.0, 5, 104.0)
    assert trade.r_multiple == (104.0 / 99.0 - 1.0) * 99.0 / 2.0
    assert simulate(bars, [order_at(10)], FREE, 0, 12, entry_delay=1).orders_sent == 0


def test_opposite_signal_leaves_at_the_next_tradable_open() -> None:
    bars = quiet_bars(14, {6: [100, 100, 100, 100, 0], 7: [100.2, 100.5, 99.5, 100, 10]})
    orders = [order_at(2), order_at(5, -1), order_at(7, -1)]
    trades = simulate(bars, orders, FREE, 0, 14, exit_on_opposite=True).trades
    assert [(x.side, x.exit_bar, x.exit_raw, x.reason) for x in trades] == [
        (1, 7, 100.2, "OPPOSITE_SIGNAL"),
        (-1, 13, 100.0, "END_OF_DATA"),
    ]
    assert simulate(bars, orders, FREE, 0, 14).trades[0].reason == "END_OF_DATA"


# Exits


def test_close_beyond_the_invalid_price_leaves_at_the_next_open() -> None:
    changes: dict[int, list[float | None]] = {
        4: [100, 100.5, 98.6, 98.8, 10],
        5: [98.8, 98.8, 98.8, 98.8, 0],
        6: [98.7, 99, 98.5, 99, 10],
    }
    order = order_at(2, invalid_price=99.0, max_bars=20)
    trade = only(quiet_bars(12, changes), order)
    assert (trade.exit_bar, trade.exit_raw, trade.reason, trade.bars_held) == (6, 98.7, "INVALIDATION", 4)
    # A close at the price itself is not beyond it.
    assert only(quiet_bars(12, changes), replace(order, invalid_price=98.8)).reason == "END_OF_DATA"


def test_time_exit_beats_invalidation_at_the_same_close() -> None:
    bars = quiet_bars(12, {4: [100, 100.5, 98.6, 98.8, 10]})
    trade = only(bars, order_at(2, invalid_price=99.0, max_bars=2))
    assert (trade.exit_bar, trade.exit_raw, trade.reason) == (4, 98.8, "MAX_HOLDING")


def test_flat_by_beats_the_time_exit() -> None:
    trade = only(quiet_bars(12), order_at(2, flat_by=4, max_bars=2))
    assert (trade.exit_bar, trade.reason, trade.flag) == (4, "SESSION_END", "")
    assert simulate(quiet_bars(12), [order_at(4, flat_by=4)], FREE, 0, 12).orders_sent == 0


def test_open_beyond_the_target_on_the_entry_bar_leaves_at_that_open() -> None:
    trade = only(quiet_bars(8, {3: [105, 106, 97, 100, 10]}), order_at(2), NOTIONAL)
    assert (trade.exit_bar, trade.exit_raw, trade.reason, trade.ambiguous) == (3, 105.0, "TAKE_PROFIT", False)
    assert trade.gross_return == 0.0
    assert trade.net_return < -0.0029


def test_extreme_trail_follows_the_lowest_tradable_low() -> None:
    changes: dict[int, list[float | None]] = {
        4: [100, 102, 99.8, 101.7, 10],
        5: [101.7, 101.7, 90, 101.7, 0],
        6: [101.7, 102.4, 101.2, 102, 10],
        7: [102, 102.3, 100.9, 101.5, 10],
        8: [101.5, 101.8, 100.8, 101, 10],
    }
    order = order_at(
        2, target=NAN, trail_kind="extreme", trail_activation=0.8, trail_activation_in="risk", trail_bars=3
    )
    trade = only(quiet_bars(14, changes), order)
    # Armed at the close of 4 (1.7 >= .8 x 2): rows 2..4 give 99.5.
    # Bar 6: rows 4..6 without the untradable 5: 99.8.
    # Bar 7: rows 5..7: 100.9, in force from bar 8, whose low 100.8 reaches it.
    assert (trade.exit_bar, trade.exit_raw, trade.reason) == (8, 100.9, "TRAILING_STOP")
    short = replace(order, side=-1, stop=102.0)
    mirrored = quiet_bars(14)
    for j, bar in changes.items():
        o, h, lo, c, v = (float(x or 0.0) for x in bar)
        mirrored.open[j], mirrored.high[j], mirrored.low[j] = 200 - o, 200 - lo, 200 - h
        mirrored.close[j], mirrored.volume[j], mirrored.tradable[j] = 200 - c, v, v > 0
    again = only(mirrored, short)
    assert (again.exit_bar, again.reason) == (8, "TRAILING_STOP")
    assert math.isclose(again.exit_raw, 99.1)


def test_no_ambiguity_without_a_target() -> None:
    trade = only(quiet_bars(8, {4: [100, 120, 97, 100, 10]}), order_at(2, target=NAN))
    assert (trade.reason, trade.ambiguous) == ("STOP_LOSS", False)


# Two legs


def test_stop_before_both_targets_has_its_optimistic_end_at_both() -> None:
    order = order_at(2, partial=102.0)
    trade = only(quiet_bars(8, {4: [100, 104, 98, 100, 10]}), order)
    assert (trade.exit_raw, trade.reason, trade.ambiguous) == (98.0, "STOP_LOSS", True)
    assert math.isnan(trade.partial_raw)
    assert trade.net_return_optimistic == 0.5 * (102.0 / 100.0 - 1.0) + 0.5 * (104.0 / 100.0 - 1.0)
    trade = only(quiet_bars(8, {4: [100, 103, 98, 100, 10]}), order)
    assert trade.ambiguous
    assert trade.net_return_optimistic == 0.5 * (102.0 / 100.0 - 1.0) + 0.5 * (102.0 / 100.0 - 1.0)


def test_second_leg_alone_has_its_optimistic_end_at_the_target() -> None:
    changes: dict[int, list[float | None]] = {
        4: [100.5, 102.5, 100.4, 102, 10],
        5: [102, 104.5, 99, 101, 10],
    }
    trade = only(quiet_bars(8, changes), order_at(2, partial=102.0))
    assert (trade.exit_bar, trade.exit_raw, trade.reason) == (5, 100.0, "BREAK_EVEN")
    assert trade.ambiguous
    assert trade.partial_raw == 102.0
    assert trade.net_return_optimistic == 0.5 * (102.0 / 100.0 - 1.0) + 0.5 * (104.0 / 100.0 - 1.0)


def test_break_even_bar_with_r2_inside() -> None:
    trade = only(quiet_bars(8, {4: [100.5, 104.5, 99.9, 101, 10]}), order_at(2, partial=102.0))
    assert (trade.exit_raw, trade.reason, trade.ambiguous) == (100.0, "BREAK_EVEN", True)
    assert trade.net_return == 0.5 * (102.0 / 100.0 - 1.0) + 0.5 * 0.0
    assert trade.net_return_optimistic == 0.5 * (102.0 / 100.0 - 1.0) + 0.5 * (104.0 / 100.0 - 1.0)


@pytest.mark.parametrize(
    ("bar", "raw", "reason", "ambiguous"),
    [
        ([103, 103.5, 99.9, 101, 10], 100.0, "BREAK_EVEN", False),
        ([103, 104.5, 99.9, 101, 10], 100.0, "BREAK_EVEN", True),
        ([103, 104.5, 100.1, 101, 10], 104.0, "TAKE_PROFIT", False),
    ],
)
def test_open_beyond_r1_on_a_later_bar(bar: list[float | None], raw: float, reason: str, ambiguous: bool) -> None:
    trade = only(quiet_bars(8, {4: bar}), order_at(2, partial=102.0))
    assert (trade.exit_bar, trade.exit_raw, trade.reason, trade.ambiguous) == (4, raw, reason, ambiguous)
    assert trade.partial_raw == 103.0
    if ambiguous:
        assert trade.net_return_optimistic == 0.5 * (103.0 / 100.0 - 1.0) + 0.5 * (104.0 / 100.0 - 1.0)


def test_entry_bar_asks_break_even_from_the_next_bar() -> None:
    changes: dict[int, list[float | None]] = {
        3: [100, 102.5, 99, 101, 10],
        4: [101, 101, 99.9, 100.5, 10],
    }
    trade = only(quiet_bars(8, changes), order_at(2, partial=102.0))
    assert (trade.exit_bar, trade.reason, trade.ambiguous) == (4, "BREAK_EVEN", False)
    trade = only(quiet_bars(8, {3: [100, 104, 99, 101, 10]}), order_at(2, partial=102.0))
    assert (trade.exit_bar, trade.partial_raw, trade.exit_raw) == (3, 102.0, 104.0)
    assert (trade.reason, trade.ambiguous) == ("TAKE_PROFIT", False)


def test_open_beyond_r2_takes_both_legs_at_the_open() -> None:
    trade = only(quiet_bars(8, {4: [105, 106, 97, 100, 10]}), order_at(2, partial=102.0))
    assert (trade.partial_raw, trade.exit_raw, trade.reason) == (105.0, 105.0, "TAKE_PROFIT")
    assert trade.net_return == 105.0 / 100.0 - 1.0


# Money


def test_a_known_tick_is_the_least_slippage() -> None:
    coarse = OracleCosts(tick=0.25, sizing="notional")
    trade = only(quiet_bars(6), order_at(2), coarse)
    assert (trade.entry_price, trade.exit_price) == (100.25, 99.75)
    fine = OracleCosts(tick=0.01, sizing="notional")
    trade = only(quiet_bars(6), order_at(2, -1), fine)
    assert (trade.entry_price, trade.exit_price) == (100 * (1 - 0.0005), 100 * (1 + 0.0005))


def test_futures_pay_one_tick_and_a_commission() -> None:
    costs = OracleCosts(fee=0.0, slippage=0.0, tick=0.25, commission=2.1 / 50, leverage_cap=10.0)
    bars = quiet_bars(8, {4: [100, 104, 99.5, 103, 10]})
    trade = only(bars, order_at(2), costs)
    # (103.75 - 100.25 - 2 x .042) / 100.25; a stop 2 away at 1 % risk is a leverage of .5.
    assert math.isclose(trade.net_return, (103.75 - 100.25 - 0.084) / 100.25, rel_tol=1e-14)
    assert math.isclose(trade.r_multiple, 3.416 / 2.0, rel_tol=1e-14)
    assert trade.size == 0.01 * 100.0 / 2.0
    near = only(bars, order_at(2, stop=99.0), costs)
    assert near.size == 1.0
    assert only(bars, order_at(2, stop=99.95), costs).size == 10.0


def test_bracket_is_rounded_away_from_the_reference() -> None:
    order = make_order(5, 1, 100.0, 1.1, OracleStop(1.0), OracleTarget(2.1), r1=1.0, tick=0.25)
    assert order is not None
    # 98.9 -> 98.75, risk 1.25, target 102.625 -> 102.75, R1 101.25 stays.
    assert (order.stop, order.target, order.partial) == (98.75, 102.75, 101.25)
    short = make_order(5, -1, 100.0, 1.1, OracleStop(1.0), OracleTarget(2.1), r1=1.0, tick=0.25)
    assert short is not None
    assert (short.stop, short.target, short.partial) == (101.25, 97.25, 98.75)
    assert round_to_tick(98.75 - 1e-12, 0.25, upwards=False) == 98.75


def test_rows_that_are_no_signal() -> None:
    assert make_order(5, 1, 100.0, NAN, OracleStop(1.0)) is None
    assert make_order(5, 1, 100.0, 0.0, OracleStop(1.0)) is None
    assert make_order(5, 1, 100.0, 1.0, OracleStop(1.0), flat_by=5) is None
    assert make_order(5, 1, 100.0, 1.0, OracleStop(1.0), OracleTarget(2.0, limit=99.0)) is None
    assert make_order(5, 1, 100.0, 1.0, OracleStop(1.0), OracleTarget(2.0, limit=100.7, min_r=0.8)) is None
    kept = make_order(5, 1, 100.0, 1.0, OracleStop(1.0), OracleTarget(2.0, limit=100.7))
    assert kept is not None
    assert kept.target == 100.7
    anchored = make_order(5, -1, 100.0, 1.0, OracleStop(1.0, floor=1.5, anchor=103.0))
    assert anchored is not None
    assert (anchored.stop, math.isnan(anchored.target)) == (103.0, True)


def test_measures_by_hand() -> None:
    rows: list[list[float | None]] = [list(QUIET) for _ in range(12)]
    rows[3] = [100, 101, 99.5, 101, 10]
    rows[4] = [101, 102, 100.5, 102, 10]
    rows[5] = [102, 104, 101, 103, 10]
    rows[8] = [100, 100.5, 97, 99, 10]
    days = [0, 0, 0, 0, 1, 1, 1, 1, 4, 4, 5, 5]
    result = simulate(make_bars(rows, days), [order_at(2), order_at(7)], FREE, 0, 12)
    assert [x.reason for x in result.trades] == ["TAKE_PROFIT", "STOP_LOSS"]
    up, down = 1.0 + (104.0 / 100.0 - 1.0), 1.0 + (98.0 / 100.0 - 1.0)
    # Day 0 ends inside the first trade; days 2 and 3 have no bars and count.
    assert result.equity_by_day == [1.0 + (101.0 / 100.0 - 1.0), up, up, up, up * down, up * down]
    m = result.measures
    assert m["total_trades"] == 2
    assert m["win_rate"] == 0.5
    assert math.isclose(m["profit_factor"], 2.0, rel_tol=1e-12)
    assert math.isclose(m["max_drawdown_pct"], -2.0, rel_tol=1e-12)
    assert math.isclose(m["net_profit_pct"], 100 * (1.04 * 0.98 - 1), rel_tol=1e-12)
    returns = np.array([0.01, 1.04 / 1.01 - 1, 0, 0, -0.02, 0])
    sharpe = returns.mean() / returns.std(ddof=1) * math.sqrt(365)
    assert math.isclose(m["sharpe_ratio"], sharpe, rel_tol=1e-9)
    sortino = returns.mean() / math.sqrt(0.0004 / 6) * math.sqrt(365)
    assert math.isclose(m["sortino_ratio"], sortino, rel_tol=1e-9)


def test_no_trade_has_no_rates() -> None:
    result = simulate(quiet_bars(6), [], FREE, 0, 6)
    assert result.measures["total_trades"] == 0
    for name in ("win_rate", "profit_factor", "sharpe_ratio", "fill_rate", "expectancy_pct"):
        assert math.isnan(result.measures[name]), name


# The dense twin


def random_bars(rng: np.random.Generator, n: int) -> OracleBars:
    """Build a random walk with gaps, flat bars, zero-volume bars, absent stamps and uneven days."""
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.004, n)))
    opening = np.concatenate(([100.0], close[:-1]))
    gaps = rng.random(n) < 0.1
    opening[gaps] *= np.exp(rng.normal(0.0, 0.01, int(gaps.sum())))
    high = np.maximum(opening, close) * (1.0 + np.abs(rng.normal(0.0, 0.002, n)))
    low = np.minimum(opening, close) * (1.0 - np.abs(rng.normal(0.0, 0.002, n)))
    volume = rng.lognormal(3.0, 0.6, n)
    flat = rng.random(n) < 0.02
    for column in (opening, high, low):
        column[flat] = close[flat]
    volume[rng.random(n) < 0.03] = 0.0
    absent = rng.random(n) < 0.02
    for column in (opening, high, low, close):
        column[absent] = np.nan
    volume[absent] = 0.0
    tradable = volume > 0
    steps = rng.choice([0, 1, 3], size=n, p=[0.97, 0.025, 0.005])
    return OracleBars(
        time=[5 * MINUTE * j for j in range(n)],
        open=opening.tolist(),
        high=high.tolist(),
        low=low.tolist(),
        close=close.tolist(),
        volume=volume.tolist(),
        absent=absent.tolist(),
        tradable=tradable.tolist(),
        valid=(tradable & (high > low)).tolist(),
        day=np.cumsum(steps).tolist(),
        age=list(range(n)),
    )


@pytest.mark.parametrize("risk_sizing", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dense_loop_agrees_to_the_last_bit(seed: int, risk_sizing: bool) -> None:
    rng = np.random.default_rng(seed)
    n = 1500
    bars = random_bars(rng, n)
    start, stop = 40, 1400
    valid = np.flatnonzero(np.array(bars.valid))
    row_bar = np.sort(rng.choice(valid, size=500))
    row_side = rng.choice(np.array([-1, 1], dtype=np.int8), size=row_bar.size)
    row_start = np.searchsorted(row_bar, np.arange(n + 1)).astype(np.int64)
    features = np.column_stack(
        [
            rng.uniform(0.0005, 0.006, row_bar.size),
            rng.integers(1, 4, row_bar.size),
            rng.uniform(1.0, 5.0, row_bar.size),
            rng.integers(1, 5, row_bar.size),
            rng.uniform(0.0, 2.0, row_bar.size),
        ]
    ).astype(np.float64)
    features[rng.random(features.shape) < 0.02] = np.nan
    unit = rng.uniform(0.1, 1.5, row_bar.size)
    unit[:10] = np.nan
    combos = np.column_stack(
        [
            rng.choice([0.0005, 0.001, 0.002], 60),
            rng.choice([1.0, 2.0, 3.0], 60),
            rng.choice([1.0, 1.5, 2.0], 60),
            rng.choice([1.0, 2.0], 60),
            rng.choice([0.0, 0.5], 60),
            rng.choice([0.5, 1.0, 2.0], 60),
            rng.choice([1.5, 2.0, 4.0], 60),
            rng.choice([0.0, 10.0, 30.0], 60),
        ]
    )
    combos[0, 2] = 99.0
    costs = OracleCosts(sizing="risk" if risk_sizing else "notional")
    dense = dense_sweep(
        np.array(bars.open),
        np.array(bars.high),
        np.array(bars.low),
        np.array(bars.close),
        np.array(bars.tradable),
        np.array(bars.day),
        row_start,
        row_side,
        features,
        unit,
        combos,
        costs.fee,
        costs.slippage,
        costs.risk_fraction,
        costs.leverage_cap,
        risk_sizing,
        start,
        stop,
    )
    seen = 0
    for combo, got in zip(combos, dense, strict=True):
        orders = []
        for k, t in enumerate(row_bar.tolist()):
            f = features[k]
            at_least = np.array([f[0] >= combo[0], f[2] >= combo[2], f[3] >= combo[3], f[4] >= combo[4]])
            if f[1] != combo[1] or not at_least.all():
                continue
            order = make_order(
                t,
                int(row_side[k]),
                bars.close[t],
                float(unit[k]),
                OracleStop(float(combo[5])),
                OracleTarget(float(combo[6])),
                max_bars=int(combo[7]),
            )
            if order is not None:
                orders.append(order)
        measures = simulate(bars, resolve_signals(orders), costs, start, stop).measures
        want = np.array([measures[name] for name in MEASURES])
        seen += int(measures["total_trades"])
        known = ~np.isnan(want)
        np.testing.assert_array_equal(np.isnan(got), ~known)
        np.testing.assert_array_equal(got.view(np.int64)[known], want.view(np.int64)[known])
    assert seen > 1000


# The sweep rules


def with_long_hole(bars: OracleBars, first: int) -> OracleBars:
    """Restart the age at one bar, as after a long hole."""
    return replace(bars, age=[j if j < first else j - first for j in range(len(bars))])


def test_atr_and_volume_ratio_skip_untradable_bars_and_restart() -> None:
    bars = quiet_bars(60, {10: [50, 60, 40, 50, 0], 25: [100, 103, 99.5, 100, 30]})
    atr, ratio = wilder_atr(bars), volume_ratio(bars)
    # Bar 10 does not exist for the averages: fourteen true ranges are those of bars 1..9 and 11..15.
    assert math.isnan(atr[14])
    assert atr[15] == 1.0
    assert atr[25] == (13 * 1.0 + 3.5) / 14
    assert math.isnan(ratio[10])
    # Bar 21 is the first with twenty tradable bars before it.
    assert math.isnan(ratio[20])
    assert ratio[21] == 1.0
    assert ratio[25] == 3.0
    assert ratio[26] == 10 / (220 / 20)
    again = with_long_hole(bars, 30)
    assert math.isnan(wilder_atr(again)[43])
    assert wilder_atr(again)[44] == 1.0
    assert math.isnan(volume_ratio(again)[49])
    assert volume_ratio(again)[50] == 1.0


def sweep_bars() -> OracleBars:
    """Build a level at 99 with two touches (bars 30 and 40), swept at bar 60 and reclaimed at once."""
    return quiet_bars(
        80,
        {
            30: [100, 100.5, 99.0, 100, 10],
            40: [100, 100.5, 99.0, 100, 10],
            60: [100, 100.2, 98.5, 99.4, 30],
            61: [99.4, 100.4, 99.3, 100.2, 12],
        },
    )


def test_levels_cluster_neighbouring_swings() -> None:
    bars = sweep_bars()
    assert levels(bars, 60, 1, 100, 0.001) == [(99.0, 2)]
    assert levels(bars, 60, 1, 20, 0.001) == [(99.0, 1)]
    assert levels(bars, 43, 1, 100, 0.001) == [(99.0, 2)]
    assert levels(bars, 42, 1, 100, 0.001) == [(99.0, 1)]
    bars.low[40] = 99.05
    assert levels(bars, 60, 1, 100, 0.001) == [((99.0 + 99.05) / 2, 2)]
    assert levels(bars, 60, 1, 100, 0.0001) == [(99.0, 1), (99.05, 1)]
    bars.absent[38] = True
    assert levels(bars, 60, 1, 100, 0.0001) == [(99.0, 1)]


def test_sweep_signals_at_its_last_reversal_candle() -> None:
    bars = sweep_bars()
    rows = signals(bars, SweepParams(), 1, 0, 80, 20)
    assert [(row["t"], row["sweep"], row["reclaim"], row["touches"]) for row in rows] == [(61, 60, 60, 2)]
    assert rows[0]["volume"] == 3.0
    assert signals(bars, SweepParams(volume_spike_threshold=3.5), 1, 0, 80, 20) == []
    assert signals(bars, SweepParams(min_level_touches=3), 1, 0, 80, 20) == []
    assert signals(bars, SweepParams(pierce_depth=0.006), 1, 0, 80, 20) == []
    assert signals(bars, SweepParams(reversal_candle_size=1.0), 1, 0, 80, 20) == []
    assert signals(bars, SweepParams(), 1, 0, 61, 20) == []
    assert signals(bars, SweepParams(), 1, 0, 80, 62) == []
    orders = liquidity_sweep_orders(bars, SweepParams(), (1, -1), OracleCosts(), 0, 80, 20)
    assert [(order.bar, order.side, order.max_bars) for order in orders] == [(61, 1, 30)]
    atr = wilder_atr(bars)[61]
    assert orders[0].stop == 100.2 - 1.5 * atr
    assert orders[0].target == 100.2 + 2.0 * abs(100.2 - orders[0].stop)


def test_short_sweeps_mirror_long_ones() -> None:
    rng = np.random.default_rng(5)
    bars = random_bars(rng, 3000)
    # Mirrored about 200 on a grid of 1/1024, so that every mirrored price and difference is exact.
    for name in ("open", "high", "low", "close"):
        setattr(bars, name, [x if math.isnan(x) else round(x * 1024) / 1024 for x in getattr(bars, name)])
    mirrored = replace(
        bars,
        open=[200 - x for x in bars.open],
        high=[200 - x for x in bars.low],
        low=[200 - x for x in bars.high],
        close=[200 - x for x in bars.close],
    )
    params = SweepParams(pierce_depth=0.0005, min_level_touches=1, volume_spike_threshold=1.2)
    longs = signals(bars, params, 1, 0, 3000, 120)
    shorts = signals(mirrored, params, -1, 0, 3000, 120)
    # Fractions of the price differ between the mirror images, so only most rows can agree.
    common = {(row["t"], row["sweep"]) for row in longs} & {(row["t"], row["sweep"]) for row in shorts}
    assert len(longs) > 20
    assert len(common) > 0.7 * max(len(longs), len(shorts))
