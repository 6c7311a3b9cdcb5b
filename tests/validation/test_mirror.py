from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.market import Bars
from assay.market.price_grid import price_grid
from assay.validation import mirror, scaled
from assay.validation.null_kernels import build_bars, counted_random, mirror_moves
from validation.toys import HOURLY, first_stamps, market, with_hole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PRICES = ("open", "high", "low", "close")


def flipped(bars: Bars, flip: list[bool]) -> dict[str, list[float]]:
    """Prices of bars that are mirrored where it is said, off any grid and without the drift put back."""
    return followed(bars, flip, np.zeros(len(bars)), 1.0, 0.0)


def followed(
    bars: Bars, flip: list[bool], step: NDArray[np.float64], unit: float, drift: float
) -> dict[str, list[float]]:
    moves, out = np.empty((4, len(bars))), np.empty((4, len(bars)))
    bits = np.array(flip, dtype=np.uint64) << np.uint64(63)
    mirror_moves(bars.open, bars.high, bars.low, bars.close, bars.absent, bits, moves)
    build_bars(moves, bars.absent, step, bars.open[0] * unit, drift, out)
    return {name: (out[i] / unit).tolist() for i, name in enumerate(PRICES)}


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
    mirrored, same = flipped(bars, [True]), flipped(bars, [False])
    assert {n: v[0] for n, v in mirrored.items()} == pytest.approx({"open": 100, "high": 102, "low": 96, "close": 97})
    assert {n: v[0] for n, v in same.items()} == pytest.approx({"open": 100, "high": 104, "low": 98, "close": 103})


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
    assert flipped(bars_of([doubling]), [True])["high"] == pytest.approx([200.0])
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
        assert result[name][1:4] == [result["close"][0]] * 3
        assert result[name][1:4] == pytest.approx([97.0] * 3)
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
@given(st.integers(0, 10_000), st.integers(0, 500))
def test_what_stays_and_what_holds(market_seed: int, index: int) -> None:
    bars = rough(market_seed)
    other = mirror(bars, index)
    for name in ("time", "volume", "absent", "valid", "tradable", "session"):
        assert getattr(other, name) is getattr(bars, name) or np.array_equal(getattr(other, name), getattr(bars, name))
    assert (other.market, other.has_volume) == (bars.market, bars.has_volume)
    for name in PRICES:
        assert (getattr(other, name) > 0).all()
        assert np.isfinite(getattr(other, name)).all()
    assert (other.high >= np.maximum(other.open, other.close)).all()
    assert (other.low <= np.minimum(other.open, other.close)).all()
    there = ~bars.absent
    ranges = (bars.high - bars.low) / bars.open
    assert ((other.high - other.low) / other.open)[there] == pytest.approx(ranges[there], rel=1e-9, abs=1e-12)
    assert other.close[-1] == pytest.approx(bars.close[-1], rel=0.02)


def test_a_function_of_the_index_alone() -> None:
    bars = market(1, 30)
    first = mirror(bars, 0)
    mirror(bars, 1)
    np.random.seed(3)
    for name in PRICES:
        assert np.array_equal(getattr(mirror(bars, 0), name), getattr(first, name))
    assert not np.array_equal(mirror(bars, 1).close, first.close)


def signs(bars: Bars, index: int) -> NDArray[np.bool_]:
    out = np.empty(len(bars), dtype=np.uint64)
    counted_random(index, bars.time, out)
    return np.asarray(out >> np.uint64(63) == 1)


def test_the_sign_of_a_bar_is_that_of_its_stamp_on_every_market() -> None:
    long, other = market(1, 90), market(8, 90)
    later = long.tail(500)
    assert np.array_equal(signs(long, 3)[500:], signs(later, 3))
    assert np.array_equal(signs(long, 3), signs(other, 3))
    daily = long.time % (24 * 3_600_000) == 0
    assert np.array_equal(signs(long, 3)[daily], signs(replace(long, time=long.time), 3)[daily])
    assert not np.array_equal(signs(long, 3), signs(long, 4))


def test_bits_are_those_of_an_independent_splitmix64() -> None:
    """The generator of Steele, Lea and Flood, in Python's whole numbers."""

    def mix(z: int) -> int:
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    # first output of SplitMix64 for the seed 0, as published with the generator
    assert mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF
    bars = market(2, 5)
    out = np.empty(len(bars), dtype=np.uint64)
    counted_random(7, bars.time, out)
    key = mix(8 * 0x9E3779B97F4A7C15 % 2**64)
    assert out.tolist() == [mix((mix(key ^ t) + 0x9E3779B97F4A7C15) % 2**64) for t in bars.time.tolist()]


def test_flips_are_fair_and_independent() -> None:
    bars = market(2, 30)
    flips = np.array([signs(bars, i) for i in range(200)])
    n = flips.size
    assert abs(flips.mean() - 0.5) < 5 * 0.5 / np.sqrt(n)
    assert np.abs(flips.mean(axis=0) - 0.5).max() < 5.5 * 0.5 / np.sqrt(len(flips))
    for lag in (1, 2, 3, 4, 6, 12, 24):
        neighbours = np.mean(flips[:, lag:] == flips[:, :-lag])
        assert abs(neighbours - 0.5) < 5 * 0.5 / np.sqrt(n)
        layers = np.mean(flips[lag:] == flips[:-lag])
        assert abs(layers - 0.5) < 5 * 0.5 / np.sqrt(n)


@pytest.mark.parametrize("permute", [mirror, scaled])
def test_the_drift_is_put_back(permute: Callable[[Bars, int], Bars]) -> None:
    bars = market(3, 200)
    rising = bars.close * np.exp(np.arange(len(bars)) * 0.0005)
    opens = np.concatenate(([100.0], rising[:-1]))
    strong = replace(
        bars, open=opens, close=rising, high=np.maximum(opens, rising) * 1.001, low=np.minimum(opens, rising) * 0.999
    )
    assert np.log(rising[-1] / 100.0) > 1
    half = len(bars) // 2
    ends, middles = np.array(
        [[np.log(p.close[i] / 100.0) for i in (-1, half)] for p in map(partial(permute, strong), range(20))]
    ).T
    assert ends == pytest.approx(np.full(20, np.log(rising[-1] / 100.0)), abs=0.02)
    # along the whole way, not in one place
    assert middles.mean() == pytest.approx(ends.mean() / 2, abs=5 * middles.std() / np.sqrt(20))


# --- the grid of prices


def ticked(seed: int, tick: float, n: int = 3000, level: float = 1.0) -> Bars:
    """A market of whole ticks: steps of a few of them, gaps, flat bars, and the level where it begins."""
    rng = np.random.default_rng(seed)
    body = rng.integers(-4, 5, n)
    gap = np.where(rng.random(n) < 0.3, rng.integers(-1, 2, n), 0)
    close = round(level / tick) + np.cumsum(body + gap)
    assert close.min() > 10
    open_ = close - body
    high = np.maximum(open_, close) + rng.integers(0, 3, n)
    low = np.minimum(open_, close) - rng.integers(0, 3, n)
    o, h, lo, c = (np.round(p * tick, 5) for p in (open_, high, low, close))
    return Bars.from_columns(HOURLY, first_stamps(n), o, h, lo, c, rng.random(n) + 0.1)


def equalities(bars: Bars) -> dict[str, int]:
    o, h, low, c = (getattr(bars, name) for name in PRICES)
    return {
        "flat": int((h == low).sum()),
        "doji": int((o == c).sum()),
        "at an end": int((c == h).sum() + (c == low).sum()),
        "open at an end": int((o == h).sum() + (o == low).sum()),
        "open at the close before": int((o[1:] == c[:-1]).sum()),
    }


@pytest.mark.parametrize("permute", [mirror, scaled])
@pytest.mark.parametrize(("tick", "level"), [(0.01, 40.0), (0.01, 3.0), (0.00001, 0.06), (1.0, 3000.0)])
def test_permuted_prices_lie_on_the_tick_and_equal_prices_stay_equal(
    permute: Callable[[Bars, int], Bars], tick: float, level: float
) -> None:
    bars = ticked(5, tick, level=level)
    expected = equalities(bars)
    assert min(expected.values()) > 20
    for index in range(3):
        other = permute(bars, index)
        for name in PRICES:
            units = getattr(other, name) / tick
            assert np.abs(units - np.rint(units)).max() < 1e-6
            # the same doubles that a file with so many decimals would give
            assert getattr(other, name).tolist() == [float(f"{p:.5f}") for p in getattr(other, name).tolist()]
        assert abs(other.close[-1] - bars.close[-1]) <= 1.001 * tick
        assert equalities(other) == expected  # the same number of bars, not only nearly as many
        assert not np.array_equal(other.close, bars.close)


def test_unflipped_bars_on_a_tick_are_the_bars_themselves() -> None:
    bars = ticked(6, 0.01, level=40.0)
    same = followed(bars, [False] * len(bars), np.ones(len(bars)), 100.0, 0.0)
    for name in PRICES:
        assert same[name] == getattr(bars, name).tolist()


def test_the_tick_is_seen_with_its_changes() -> None:
    fine, coarse = ticked(1, 0.001, 4096, 4.0), ticked(2, 0.05, 4096, 200.0)
    o, h, lo, c = (np.concatenate((getattr(fine, n), np.round(getattr(coarse, n), 2))) for n in PRICES)
    bars = Bars.from_columns(HOURLY, first_stamps(8192), o, h, lo, c, np.ones(8192))
    ticks = price_grid(bars).ticks
    assert ticks[0] == ticks[3000] == 0.001
    assert ticks[-1] == ticks[5700] == 0.05
    other = mirror(bars, 0)
    late = other.low[5700:] / 0.05
    assert np.abs(late - np.rint(late)).max() < 1e-6


def test_prices_without_a_common_step_have_no_tick_but_the_markets_own() -> None:
    bars = market(1, 60)
    assert not price_grid(bars).exists
    known = replace(bars, market=replace(bars.market, tick=0.25))
    assert price_grid(known).ticks.tolist() == [0.25] * len(bars)
    few = ticked(3, 0.01, 4, 40.0)
    assert not price_grid(few).exists  # four bars lie on many grids


def test_a_move_of_a_tick_stays_one_where_the_price_is_lower() -> None:
    """1 % of 100 ticks is a tick; at 30 ticks it would be a third of one, and the bar would be flat."""
    moves = np.array([[0.0, 0.0], [0.01, 0.03], [-0.01, 0.0], [0.01, 0.03]])
    out = np.empty((4, 2))
    build_bars(moves, np.zeros(2, dtype=np.bool_), np.ones(2), 30.0, 0.0, out)
    assert out[:, 0].tolist() == [30.0, 31.0, 29.0, 31.0]
    assert out[:, 1].tolist() == [31.0, 32.0, 31.0, 32.0]  # 3 % of 31 is nearly one
