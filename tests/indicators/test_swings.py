"""Swing points against plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.indicators import swing_high, swing_low, volume_mean, volume_ratio
from engine.bridge import bars_of, random_bars

if TYPE_CHECKING:
    from assay.market import Bars

NAN = float("nan")


def with_highs(*highs: float | None) -> Bars:
    return bars_of([[None] * 5 if h is None else [h - 1, h, h - 2, h - 1, 1.0] for h in highs])


def test_a_swing_is_known_two_bars_later() -> None:
    found = swing_high(with_highs(10, 11, 15, 12, 11, 11, 10))
    assert np.array_equal(found, [NAN, NAN, NAN, NAN, 15, 15, 15], equal_nan=True)


def test_it_is_strictly_above_the_bars_before_and_not_below_those_after() -> None:
    assert swing_high(with_highs(10, 10, 15, 15, 12, 11, 10))[4:].tolist() == [15.0] * 3
    assert np.isnan(swing_high(with_highs(10, 15, 15, 16, 16, 17, 18))).all()


def test_an_absent_bar_is_no_neighbour() -> None:
    assert np.isnan(swing_high(with_highs(10, 11, 15, None, 11, 11, 11))).all()


def plain(bars: Bars, order: int, sign: int) -> list[float]:
    edge = bars.high if sign > 0 else -bars.low
    found = []
    for t in range(len(bars)):
        begin = max(s for s in range(t + 1) if bars.age[s] == 0)
        best = NAN
        for s in range(begin + order, t - order + 1):
            around = [*range(s - order, s), *range(s + 1, s + order + 1)]
            if bars.absent[[s, *around]].any():
                continue
            if all(edge[s] > edge[k] for k in around[:order]) and all(edge[s] >= edge[k] for k in around[order:]):
                best = edge[s]
        found.append(sign * best)
    return found


@given(seed=st.integers(0, 2**32), order=st.integers(1, 3))
@settings(max_examples=25)
def test_swings_are_those_of_plain_python(seed: int, order: int) -> None:
    bars = random_bars(np.random.default_rng(seed), 120)
    assert np.array_equal(swing_high(bars, order), plain(bars, order, 1), equal_nan=True)
    assert np.array_equal(swing_low(bars, order), plain(bars, order, -1), equal_nan=True)


def test_the_mean_is_what_the_ratio_divides_by() -> None:
    bars = random_bars(np.random.default_rng(5), 200)
    assert np.array_equal(volume_ratio(bars, 5), bars.volume / volume_mean(bars, 5), equal_nan=True)
