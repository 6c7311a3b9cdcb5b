from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.market import Bars
from assay.validation import mirror
from assay.validation.resampling_kernels import mirror_paths
from validation.toys import HOURLY, first_stamps, market, with_hole

PRICES = ("open", "high", "low", "close")


def flipped(bars: Bars, flip: list[bool]) -> dict[str, list[float]]:
    out = np.empty((4, len(bars)))
    mirror_paths(bars.open, bars.high, bars.low, bars.close, bars.absent, np.array(flip), out)
    return {name: out[i].tolist() for i, name in enumerate(PRICES)}


def bars_of(rows: list[tuple[float, float, float, float]]) -> Bars:
    open_, high, low, close = np.array(rows).T
    return Bars.from_columns(HOURLY, first_stamps(len(rows)), open_, high, low, close, np.ones(len(rows)))


def rough(seed: int, n: int = 400) -> Bars:
    """Gaps, flat bars, a hole, and bars that double or more."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.standard_t(3, n) * 0.03))
    open_ = np.concatenate(([50.0], close[:-1])) * np.exp(rng.normal(0, 0.02, n))
    high = np.maximum(open_, close) * (1 + rng.exponential(0.02, n))
    low = np.minimum(open_, close) * (1 - rng.beta(1, 40, n))
    jump = rng.integers(10, n - 10, 3)
    high[jump] = open_[jump] * rng.uniform(2.0, 4.0, 3)
    high = np.maximum(high, close)
    same = rng.random(n) < 0.05
    close[same] = high[same] = low[same] = open_[same]
    bars = Bars.from_columns(HOURLY, first_stamps(n), open_, high, low, close, rng.random(n))
    return with_hole(bars, 100, 107)


def test_one_bar_by_hand() -> None:
    bars = bars_of([(100.0, 104.0, 98.0, 103.0)])
    assert flipped(bars, [True]) == {"open": [100.0], "high": [102.0], "low": [96.0], "close": [97.0]}
    assert flipped(bars, [False]) == {"open": [100.0], "high": [104.0], "low": [98.0], "close": [103.0]}


def test_the_gap_is_kept_as_it_was() -> None:
    # 103 -> 103.0 x 1.02: the gap of 2 % up stays a gap of 2 % up, now from 97
    bars = bars_of([(100.0, 104.0, 98.0, 103.0), (105.06, 110.313, 105.06, 107.1612)])
    result = flipped(bars, [True, False])
    assert result["open"][1] == pytest.approx(97.0 * 1.02, rel=1e-14)
    assert result["high"][1] == pytest.approx(97.0 * 1.02 * 1.05, rel=1e-14)
    assert result["low"][1] == pytest.approx(97.0 * 1.02, rel=1e-14)
    assert result["close"][1] == pytest.approx(97.0 * 1.02 * 1.02, rel=1e-14)
    both = flipped(bars, [True, True])
    assert both["high"][1] == pytest.approx(97.0 * 1.02, rel=1e-14)
    assert both["low"][1] == pytest.approx(97.0 * 1.02 * 0.95, rel=1e-14)
    assert both["close"][1] == pytest.approx(97.0 * 1.02 * 0.98, rel=1e-14)


def test_a_bar_that_doubles_stays() -> None:
    doubling = (100.0, 200.0, 90.0, 110.0)
    assert flipped(bars_of([doubling]), [True])["high"] == [200.0]
    almost = (100.0, 199.0, 90.0, 110.0)
    assert flipped(bars_of([almost]), [True])["low"] == pytest.approx([1.0])


def test_a_recorded_close_above_the_high_cannot_turn_prices_negative() -> None:
    bars = bars_of([(100.0, 150.0, 90.0, 260.0), (100.0, 101.0, 99.0, 100.5)])
    assert not bars.tradable[0]
    assert min(min(column) for column in flipped(bars, [True, True]).values()) > 0


def test_absent_bars_repeat_the_last_close() -> None:
    whole = bars_of([(100.0, 104.0, 98.0, 103.0)] * 5)
    bars = with_hole(whole, 1, 4)
    result = flipped(bars, [True, True, True, True, False])
    for name in PRICES:
        assert result[name][1:4] == [result["close"][0]] * 3 == [97.0] * 3
    assert result["open"][4] == pytest.approx(97.0 * 100 / 103)


@pytest.mark.parametrize("seed", range(6))
def test_flipping_all_twice_restores(seed: int) -> None:
    bars = rough(seed)
    every = [True] * len(bars)
    once = {name: np.array(v) for name, v in flipped(bars, every).items()}
    assert not np.allclose(once["close"], bars.close)
    twice = flipped(bars.with_prices(once["open"], once["high"], once["low"], once["close"]), every)
    for name in PRICES:
        assert np.array(twice[name]) == pytest.approx(getattr(bars, name), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 1_000), st.integers(0, 500))
def test_what_stays_and_what_holds(market_seed: int, seed: int, index: int) -> None:
    bars = rough(market_seed)
    other = mirror(bars, seed, index)
    for name in ("time", "volume", "absent", "valid", "tradable", "session"):
        assert getattr(other, name) is getattr(bars, name) or np.array_equal(getattr(other, name), getattr(bars, name))
    assert (other.market, other.has_volume) == (bars.market, bars.has_volume)
    for name in PRICES:
        assert (getattr(other, name) > 0).all()
        assert np.isfinite(getattr(other, name)).all()
    assert (other.high >= np.maximum(other.open, other.close)).all()
    assert (other.low <= np.minimum(other.open, other.close)).all()
    there = ~bars.absent
    up, same = other.close / other.open - 1, bars.close / bars.open - 1
    assert np.abs(up[there]) == pytest.approx(np.abs(same[there]), abs=1e-9)
    ranges = (bars.high - bars.low) / bars.open
    assert ((other.high - other.low) / other.open)[there] == pytest.approx(ranges[there], abs=1e-9)
    gap, gap_before = other.open[1:] / other.close[:-1], bars.open[1:] / bars.close[:-1]
    assert gap[there[1:]] == pytest.approx(gap_before[there[1:]], rel=1e-9)


def test_a_pure_function_of_seed_and_index() -> None:
    bars = market(1, 30)
    first = mirror(bars, 42, 0)
    mirror(bars, 42, 1)
    np.random.seed(3)
    for name in PRICES:
        assert np.array_equal(getattr(mirror(bars, 42, 0), name), getattr(first, name))
    assert not np.array_equal(mirror(bars, 42, 1).close, first.close)
    assert not np.array_equal(mirror(bars, 43, 0).close, first.close)
    assert not np.array_equal(mirror(bars, 0, 42).close, first.close)


def test_flips_are_fair_and_independent() -> None:
    bars = market(2, 30)
    real = np.sign(bars.close - bars.open)
    flips = np.array([np.sign(m.close - m.open) != real for m in (mirror(bars, 5, i) for i in range(200))])
    n = flips.size
    assert abs(flips.mean() - 0.5) < 5 * 0.5 / np.sqrt(n)
    assert np.abs(flips.mean(axis=0) - 0.5).max() < 5.5 * 0.5 / np.sqrt(len(flips))
    neighbours = np.mean(flips[:, 1:] == flips[:, :-1])
    assert abs(neighbours - 0.5) < 5 * 0.5 / np.sqrt(n)
    layers = np.mean(flips[1:] == flips[:-1])
    assert abs(layers - 0.5) < 5 * 0.5 / np.sqrt(n)


def test_a_drift_is_not_added_back() -> None:
    bars = market(3, 200)
    rising = bars.close * np.exp(np.arange(len(bars)) * 0.002)
    opens = np.concatenate(([100.0], rising[:-1]))
    strong = replace(
        bars, open=opens, close=rising, high=np.maximum(opens, rising) * 1.001, low=np.minimum(opens, rising) * 0.999
    )
    ends = [float(np.log(mirror(strong, 9, i).close[-1] / 100.0)) for i in range(40)]
    step = float(np.std(rising / opens - 1) + abs(np.mean(rising / opens - 1)))
    assert np.log(rising[-1] / 100.0) > 5
    assert abs(np.mean(ends)) < 5 * step * np.sqrt(len(bars)) / np.sqrt(40) + step**2 * len(bars)
