"""Volume against its own past: hand-computed values, plain Python and the oracle."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.indicators import atr, volume_ratio
from assay.market import Bars
from assay.testing.oracle import oracle_bars
from engine.bridge import HOUR_MS, HOURLY, bars_of, random_bars
from oracle.sweep_rules import volume_ratio as oracle_ratio

ABSENT = [None] * 5


def with_volumes(*volumes: float | None) -> Bars:
    return bars_of([ABSENT if v is None else [100.0, 101.0, 99.0, 100.0, v] for v in volumes])


def test_by_hand() -> None:
    found = volume_ratio(with_volumes(1.0, 2.0, 3.0, 6.0, 5.5), 3)
    assert np.isnan(found[:3]).all()
    assert found[3:].tolist() == [6.0 / (6.0 / 3), 5.5 / (11.0 / 3)]


def test_twenty_bars_before_are_needed() -> None:
    found = volume_ratio(with_volumes(*[4.0] * 20, 10.0))
    assert np.isnan(found[:20]).all()
    assert found[20] == 2.5


def test_untradable_bars_have_no_ratio_and_enter_no_mean() -> None:
    found = volume_ratio(with_volumes(1.0, 2.0, 0.0, None, 3.0, 6.0, 0.0, 5.5), 3)
    assert np.isnan(found[[0, 1, 2, 3, 4, 6]]).all()
    assert found[[5, 7]].tolist() == [3.0, 1.5]


def test_a_long_hole_restarts() -> None:
    for hole, expected in ((20, 5.0), (21, np.nan)):
        found = volume_ratio(with_volumes(*[2.0] * 25, *[None] * hole, 10.0, *[2.0] * 20))
        assert np.array_equal(found[25 + hole], expected, equal_nan=True)
        assert np.isfinite(found[-1])


def test_a_market_without_volume_has_no_ratio() -> None:
    n = 40
    time = np.arange(n) * HOUR_MS
    bars = Bars.from_columns(HOURLY, time, [100.0] * n, [101.0] * n, [99.0] * n, [100.0] * n, None)
    assert np.isnan(volume_ratio(bars)).all()
    assert atr(bars)[14:].tolist() == [2.0] * (n - 14)


def plain(bars: Bars, period: int) -> list[float]:
    found = []
    for t in range(len(bars)):
        begin = max(s for s in range(t + 1) if bars.age[s] == 0)
        before = [float(bars.volume[s]) for s in range(begin, t) if bars.tradable[s]][-period:]
        defined = bars.tradable[t] and len(before) == period
        found.append(float(bars.volume[t]) / (sum(before) / period) if defined else np.nan)
    return found


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 5, 20]))
def test_plain_python_agrees(seed: int, period: int) -> None:
    bars = random_bars(np.random.default_rng(seed), 120)  # whole volumes: every sum is exact
    assert np.array_equal(volume_ratio(bars, period), plain(bars, period), equal_nan=True)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(0, 10_000))
def test_oracle_agrees_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [[100.0, 101.0, 99.0, 100.0, float(v)] for v in rng.lognormal(1.0, 1.0, 150)]
    for i in np.flatnonzero(rng.random(150) < 0.1):
        rows[i][4] = 0.0
    bars = bars_of(rows)
    assert np.array_equal(volume_ratio(bars), oracle_ratio(oracle_bars(bars)), equal_nan=True)
