"""Wilder's averages against hand-computed values, pandas and the oracle's plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.indicators import atr, rsi, true_range
from assay.testing.oracle import oracle_bars
from engine.bridge import bars_of, random_bars
from oracle.sweep_rules import wilder_atr

if TYPE_CHECKING:
    from assay.market import Bars

ABSENT = [None] * 5
SMALL = (
    [10.0, 11.0, 9.0, 10.0, 1.0],
    [10.0, 12.0, 10.0, 12.0, 1.0],  # 12 - 10 = 2
    [14.0, 15.0, 13.0, 13.0, 1.0],  # gap up: 15 - 12 = 3
    [9.0, 10.0, 8.0, 9.0, 1.0],  # gap down: 13 - 8 = 5
    [9.0, 9.0, 9.0, 9.0, 1.0],  # flat: 0
)


def test_true_range_by_hand() -> None:
    found = true_range(bars_of(SMALL))
    assert np.isnan(found[0])
    assert found[1:].tolist() == [2.0, 3.0, 5.0, 0.0]


def test_atr_by_hand() -> None:
    found = atr(bars_of(SMALL), 2)
    assert np.isnan(found[:2]).all()
    assert found[2:].tolist() == [2.5, (2.5 + 5.0) / 2, ((2.5 + 5.0) / 2 + 0.0) / 2]


def test_rsi_by_hand() -> None:
    # changes +2, +1, -4, 0
    found = rsi(bars_of(SMALL), 2)
    gains, losses = [1.5, 0.75, 0.375], [0.0, 2.0, 1.0]
    assert np.isnan(found[:2]).all()
    assert found[2:].tolist() == [100.0 * g / (g + s) for g, s in zip(gains, losses, strict=True)]


def test_first_values_stand_at_bar_fourteen() -> None:
    bars = random_bars(np.random.default_rng(3), 40, rough=0.0)
    for found in (atr(bars), rsi(bars)):
        assert np.isnan(found[:14]).all()
        assert np.isfinite(found[14:]).all()


def test_rsi_at_its_ends() -> None:
    def closes(*prices: float) -> Bars:
        return bars_of([[c, c + 1, c - 1, c, 1.0] for c in prices])

    assert rsi(closes(*range(100, 120)))[-1] == 100.0
    assert rsi(closes(*range(120, 100, -1)))[-1] == 0.0
    assert rsi(closes(*[100.0] * 20))[-1] == 50.0


def seeded_ewm(values: pd.Series[float], period: int) -> pd.Series[float]:
    """The mean of the first `period` values, then an exponential mean of weight 1 / period."""
    head = values.iloc[:period].mean()
    tail = pd.concat([pd.Series([head]), values.iloc[period:]])
    average: pd.Series[float] = tail.ewm(alpha=1.0 / period, adjust=False).mean()
    average.index = values.index[period - 1 :]
    return average


@pytest.mark.parametrize("period", [2, 14, 21])
@pytest.mark.parametrize("seed", range(5))
def test_pandas_agrees_over_tradable_bars(seed: int, period: int) -> None:
    bars = random_bars(np.random.default_rng(seed), 400, rough=0.8 * (seed > 0))
    ages = np.flatnonzero(bars.age == 0).tolist()
    expected = {"atr": pd.Series(np.nan, range(len(bars))), "rsi": pd.Series(np.nan, range(len(bars)))}
    for begin, end in zip(ages, [*ages[1:], len(bars)], strict=True):
        kept = begin + np.flatnonzero(bars.tradable[begin:end])
        if len(kept) <= period:
            continue
        frame = pd.DataFrame({c: getattr(bars, c)[kept] for c in ("high", "low", "close")}, index=kept)
        before = frame["close"].shift(1)
        ranges = pd.concat(
            [frame["high"] - frame["low"], (frame["high"] - before).abs(), (frame["low"] - before).abs()],
            axis=1,
        ).max(axis=1)
        change = frame["close"].diff().iloc[1:]
        gain = seeded_ewm(change.clip(lower=0.0), period)
        loss = seeded_ewm((-change).clip(lower=0.0), period)
        segment = range(begin, end)
        expected["atr"][begin:end] = seeded_ewm(ranges.iloc[1:], period).reindex(segment).ffill()
        strength = (100.0 * gain / (gain + loss)).fillna(50.0)
        expected["rsi"][begin:end] = strength.reindex(segment).ffill()
    np.testing.assert_allclose(atr(bars, period), expected["atr"], rtol=1e-11)
    np.testing.assert_allclose(rsi(bars, period), expected["rsi"], rtol=1e-9, atol=1e-9)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.25]))
def test_oracle_agrees_to_the_last_bit(seed: int, grid: float) -> None:
    bars = random_bars(np.random.default_rng(seed), 250, grid=grid)
    assert np.array_equal(atr(bars), wilder_atr(oracle_bars(bars)), equal_nan=True)


def test_untradable_bars_are_not_entered() -> None:
    rows: list[list[float | None]]
    rows = [[100.0 + i % 3, 102.0 + i % 3, 99.0, 101.0, 5.0] for i in range(40)]
    odd: list[list[float | None]]
    odd = [[500.0, 900.0, 1.0, 600.0, 0.0], [None] * 5, [101.0, 101.5, 100.0, 102.0, 5.0]]
    quiet = [*rows[:20], *odd, *rows[20:]]
    whole, gaps = bars_of(rows), bars_of(quiet)
    assert gaps.tradable[19:24].tolist() == [True, False, False, False, True]
    kept = np.r_[0:20, 23:43]
    for indicator in (atr, rsi):
        found = indicator(gaps)
        assert found[kept].tolist()[14:] == indicator(whole).tolist()[14:]
        assert found[20:23].tolist() == [found[19]] * 3
    assert np.isnan(true_range(gaps)[20:23]).all()


@pytest.mark.parametrize(("hole", "restarts"), [(20, False), (21, True)])
def test_a_long_hole_restarts(hole: int, restarts: bool) -> None:
    bars = random_bars(np.random.default_rng(9), 60, rough=0.0)
    rows = np.stack([bars.open, bars.high, bars.low, bars.close, bars.volume], axis=1).tolist()
    split = bars_of([*rows[:30], *[ABSENT] * hole, *rows[30:]])
    for indicator in (atr, rsi):
        found = indicator(split)
        alone = indicator(bars_of(rows[30:])) if restarts else indicator(bars)[30:]
        assert np.array_equal(found[30 + hole :], alone, equal_nan=True)
        assert np.all(found[30 : 30 + hole] == found[29])
    assert np.isnan(true_range(split)[30 + hole]) == restarts


def test_too_few_bars_give_no_value() -> None:
    for n in (1, 2, 14):
        bars = bars_of([[100.0, 101.0, 99.0, 100.0, 1.0]] * n)
        assert np.isnan(atr(bars)).all()
        assert np.isnan(rsi(bars)).all()
