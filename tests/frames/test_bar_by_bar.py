"""The questions of a bar-by-bar loop: no view of the future, shorts by short rules, the engine's answers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay import BacktestEngine, Bars, LiquiditySweepStrategy, Setups, errors, frame_from_bars
from assay.engine import Span
from assay.evaluation import Evaluator

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

STRATEGY = LiquiditySweepStrategy()
PARAMS = {"pierce_depth": 0.001, "reversal_candles": 1, "min_level_touches": 1, "volume_spike_threshold": 1.5}
ROWS = 1_500


@pytest.fixture(scope="module")
def short(bars: Bars) -> Bars:
    return bars.head(ROWS)


@pytest.fixture(scope="module")
def signals(short: Bars) -> set[int]:
    """Bars with a signal of one side, as the engine sees them."""
    values = STRATEGY.parameters.complete(PARAMS)
    rows = Evaluator(STRATEGY).signals(short, values, Span(0, ROWS, STRATEGY.warmup(values))).rows
    pairs = set(zip(rows.bar.tolist(), rows.side.tolist(), strict=True))
    found = {bar for bar, side in pairs if (bar, -side) not in pairs}
    assert len(found) > 5
    return found


def test_signals_are_the_engines(short: Bars, signals: set[int]) -> None:
    asked = sorted({i + d for i in signals for d in (-1, 0, 1)} | set(range(0, ROWS - 1, 25)))
    assert {i for i in asked if STRATEGY.check_entry_signal(short, i, PARAMS)} == signals


def test_later_bars_do_not_matter(short: Bars, signals: set[int]) -> None:
    frame = frame_from_bars(short)
    for i in sorted({i + d for i in signals for d in (-3, -2, -1, 0)}):
        later = frame.copy()
        columns = ["open", "high", "low", "close"]
        later.loc[i + 1 :, columns] *= np.linspace(1.5, 0.7, ROWS - i - 1)[:, None]
        later.loc[i + 1 :, "volume"] *= 50.0
        cut = frame.iloc[: i + 1]
        answers = {STRATEGY.check_entry_signal(history, i, PARAMS) for history in (frame, later, cut)}
        assert answers == {i in signals}


def test_a_reversal_to_come_is_no_signal_yet(short: Bars, signals: set[int]) -> None:
    """A sweep bar asked about a reversal on the bars after it must not know of it."""
    values = STRATEGY.parameters.complete(PARAMS | {"reversal_candles": 3})
    rows = Evaluator(STRATEGY).signals(short, values, Span(0, ROWS, STRATEGY.warmup(values))).rows
    for t in rows.bar.tolist():
        assert STRATEGY.check_entry_signal(short, t, values)
        assert not STRATEGY.check_entry_signal(short, t - 2, values) or t - 2 in rows.bar
    assert signals


class Undecided(LiquiditySweepStrategy):
    """Every signal is one of both sides."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Any]) -> Setups:
        found = super().setups(bars, 1, shape)
        return replace(found, side=np.full(len(found), side, dtype=np.int8))


def test_a_bar_that_signals_both_sides_is_no_signal(short: Bars, signals: set[int]) -> None:
    assert not any(Undecided().check_entry_signal(short, i, PARAMS) for i in signals)


def test_a_row_of_a_frame_with_absent_stamps_is_counted_as_it_stands(short: Bars, signals: set[int]) -> None:
    frame = frame_from_bars(short)
    last = max(signals)
    gone = [10, 11, 300]
    holed = frame.drop(index=gone).reset_index(drop=True)
    assert STRATEGY.check_entry_signal(frame, last, PARAMS)
    assert STRATEGY.check_entry_signal(holed, last - len(gone), PARAMS)
    assert not STRATEGY.check_entry_signal(holed, last, PARAMS)


def test_rows_that_are_not_there_are_refused(short: Bars) -> None:
    assert STRATEGY.check_entry_signal(frame_from_bars(short), 0, PARAMS) is False
    for index in (-1, ROWS):
        with pytest.raises(errors.InputError, match=r"index: must lie in \[0, 1499\]"):
            STRATEGY.check_entry_signal(short, index, PARAMS)
    with pytest.raises(errors.ParameterError, match="Did you mean"):
        STRATEGY.check_entry_signal(short, 5, {"pierce": 0.1})


def candle(low: float, high: float, volume: float = 1.0) -> pd.DataFrame:
    bars = Bars.from_columns(  # the market does not matter here
        BARS_OF.market, [0], [(low + high) / 2], [high], [low], [(low + high) / 2], [volume]
    )
    return frame_from_bars(bars)


BARS_OF = SimpleNamespace(market=None)


@pytest.fixture(autouse=True)
def _market(bars: Bars) -> None:
    BARS_OF.market = bars.market


@pytest.mark.parametrize(
    ("direction", "low", "high", "expected"),
    [
        ("SHORT", 99.0, 105.0, "STOP_LOSS"),
        ("SHORT", 90.0, 101.0, "TAKE_PROFIT"),
        ("SHORT", 90.0, 105.0, "STOP_LOSS"),
        ("SHORT", 90.1, 104.9, None),
        ("LONG", 95.0, 101.0, "STOP_LOSS"),
        ("LONG", 99.0, 110.0, "TAKE_PROFIT"),
        ("LONG", 95.0, 110.0, "STOP_LOSS"),
        ("LONG", 95.1, 109.9, None),
    ],
)
def test_each_side_leaves_by_its_own_rules(direction: str, low: float, high: float, expected: str | None) -> None:
    stop, target = (105.0, 90.0) if direction == "SHORT" else (95.0, 110.0)
    fields = {"direction": direction, "stop_loss": stop, "take_profit": target, "entry_price": 100.0}
    for trade in (fields, SimpleNamespace(**fields)):
        answer = STRATEGY.check_exit_signal(candle(low, high), 0, trade, PARAMS)
        assert answer == (expected is not None, expected)


def test_exits_without_target_or_trading() -> None:
    trade: dict[str, Any] = {"direction": "SHORT", "stop_loss": 105.0, "take_profit": None}
    assert STRATEGY.check_exit_signal(candle(1.0, 104.0), 0, trade) == (False, None)
    assert STRATEGY.check_exit_signal(candle(99.0, 106.0, volume=0.0), 0, trade) == (False, None)
    with pytest.raises(errors.InputError, match="trade stop_loss: is needed"):
        STRATEGY.check_exit_signal(candle(99.0, 101.0), 0, {"direction": "SHORT"})
    with pytest.raises(errors.InputError, match="must be LONG or SHORT"):
        STRATEGY.check_exit_signal(candle(99.0, 101.0), 0, trade | {"direction": "UP"})


def test_every_exit_of_a_backtest_is_found_on_its_bar(bars: Bars) -> None:
    trades = BacktestEngine(STRATEGY).run_backtest(bars, PARAMS).trades
    first = bars.time[0]
    seen: set[tuple[str, str]] = set()
    for _, trade in trades.iterrows():
        entry, leave = (int((trade[n].value // 1_000_000 - first) // 300_000) for n in ("entry_time", "exit_time"))
        answers = [STRATEGY.check_exit_signal(bars, i, trade) for i in range(entry, leave + 1)]
        assert all(answer == (False, None) for answer in answers[:-1])
        timed_out = trade["reason"] == "MAX_HOLDING"
        assert answers[-1] == ((False, None) if timed_out else (True, trade["reason"]))
        seen.add((trade["direction"], trade["reason"]))
    assert {(d, r) for d in ("LONG", "SHORT") for r in ("STOP_LOSS", "TAKE_PROFIT")} <= seen


def test_position_size() -> None:
    assert STRATEGY.calculate_position_size(100.0, 98.0, 10_000.0) == 50.0
    assert STRATEGY.calculate_position_size(100.0, 104.0, 10_000.0, risk_percent=0.02) == 50.0
    with pytest.raises(errors.InputError):
        STRATEGY.calculate_position_size(100.0, 100.0, 10_000.0)
    assert STRATEGY.name == "LIQUIDITY_SWEEP"
