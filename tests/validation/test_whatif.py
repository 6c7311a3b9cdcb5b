"""The stitched run under limits and other sizes, against replays and a loop over its trades."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from assay.engine import Costs, Limits, Money, Sizing, calculate_position_size, measure
from assay.errors import InputError
from assay.validation import SplitPlan, make_splits, under_limits, under_sizings, walk_forward
from assay.validation.walkforward import stitched
from validation.toys import Spike, grid_of, market, trial_of

MONEY = Money(Costs(fee=0.0005, slippage=0.0002))
BARS = market(21, 100, edge=0.012)
SPLITS = make_splits(SplitPlan(train_days=30, test_days=15, holdout=0.0), 40, len(BARS), 24.0, 6)
TRIAL = trial_of(money=MONEY)
WALK = walk_forward(TRIAL, BARS, grid_of(Spike()), SPLITS)
TIGHT = Limits(max_daily_loss_pct=0.05, max_consecutive_losses=2, daily_trade_limit=1, cooldown_after_loss_minutes=600)


def test_limits_hold_back_what_they_say() -> None:
    runs = {run.name: run for run in under_limits(TRIAL, BARS, WALK, SPLITS, TIGHT)}
    assert list(runs) == ["none", *Limits.names(), "all of them"]
    none = runs["none"]
    assert (none.net_profit_pct, none.sharpe_ratio, none.trades, none.held_back) == (
        WALK.measures["net_profit_pct"],
        WALK.measures["sharpe_ratio"],
        len(WALK.run.trades),
        0,
    )
    for name in ("max_drawdown_pct", "min_sharpe_ratio"):  # off
        assert replace(runs[name], name="none") == none
    for name in ("max_daily_loss_pct", "daily_trade_limit", "cooldown_after_loss_minutes"):
        assert runs[name].held_back > 0
        assert runs[name].trades < none.trades
    assert runs["all of them"].trades <= min(run.trades for run in runs.values())
    limited = stitched(BARS, WALK.signals, TRIAL, SPLITS, limits=TIGHT.alone("daily_trade_limit"))
    days = BARS.day[limited.trades.entry_bar]
    assert len(np.unique(days)) == len(days) == runs["daily_trade_limit"].trades
    assert runs["daily_trade_limit"].net_profit_pct == measure(limited, BARS)["net_profit_pct"]


def test_sizes_are_those_of_the_rule() -> None:
    kelly = 0.12
    runs = {run.name: run for run in under_sizings(TRIAL, BARS, WALK, SPLITS, kelly)}
    trades = WALK.run.trades
    risk = np.abs(BARS.close[trades.signal_bar] - trades.stop)
    lost = trades.net_return < 0
    mean_loss = -float(np.mean((trades.net_return * trades.entry_price / risk)[lost]))  # of what lies at the stop
    assert abs(mean_loss - 1.0) > 0.05  # it is not the same
    at_stop = kelly / mean_loss
    assert list(runs) == [
        "risk 1 %",
        "notional",
        f"half Kelly, risk {50 * at_stop:.3g} %",
        f"Kelly, risk {100 * at_stop:.3g} %",
    ]
    for run, share in zip(runs.values(), (0.01, math.inf, at_stop / 2, at_stop), strict=True):
        size = np.minimum(1.0, share * BARS.close[trades.signal_bar] / risk)
        growth = 100 * (np.prod(1.0 + size * trades.net_return) - 1.0)
        assert run.net_profit_pct == pytest.approx(growth, rel=1e-9)
        assert run.capped == np.mean(size >= 1.0)
        assert run.trades == len(trades)
    assert runs["risk 1 %"].net_profit_pct == WALK.measures["net_profit_pct"]
    assert runs["notional"].capped == 1.0


@pytest.mark.parametrize("kelly", [math.nan, 0.0])
def test_without_a_kelly_fraction_nothing_is_sized_by_it(kelly: float) -> None:
    assert len(under_sizings(TRIAL, BARS, WALK, SPLITS, kelly)) == 2


def test_kelly_is_no_sizing_of_a_search() -> None:
    with pytest.raises(InputError, match="known only of an edge that is proven"):
        Sizing("kelly")  # type: ignore[arg-type]


def test_a_position_is_no_larger_than_the_leverage() -> None:
    # 1 % of 10,000 over a distance of .1 would be 1,000 units of 100: ten times the account
    assert calculate_position_size(100.0, 99.9, 10_000.0, leverage_cap=1.0) == 100.0
    assert calculate_position_size(100.0, 99.9, 10_000.0, leverage_cap=2.5) == 250.0
    assert calculate_position_size(100.0, 98.0, 10_000.0, leverage_cap=1.0) == 50.0


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("entry_price", (0.0, 98.0, 1e4, 0.01)),
        ("stop_loss", (100.0, math.nan, 1e4, 0.01)),
        ("account_balance", (100.0, 98.0, -1.0, 0.01)),
        ("account_balance", (100.0, 98.0, math.nan, 0.01)),
        ("risk_percent", (100.0, 98.0, 1e4, 1.5)),
        ("stop_loss", (100.0, 100.0, 1e4, 0.01)),
    ],
)
def test_a_size_of_nonsense_is_refused(field: str, values: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match=field):
        calculate_position_size(*values)


@pytest.mark.parametrize("name", [n for n in Limits.names() if n != "min_sharpe_ratio"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        Limits(**{name: 0.0})
