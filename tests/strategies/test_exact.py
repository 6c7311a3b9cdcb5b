"""Features at the very boundary of their rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.strategies.exact import largest_multiple, largest_reach, smallest_hold

PRICES = st.floats(1e-6, 1e6)
SIDE = st.sampled_from([1, -1])


def reached(price: float, start: float, move: float, x: float, side: int) -> bool:
    return price <= start - x * move if side > 0 else price >= start + x * move


@given(price=PRICES, start=PRICES, share=st.floats(1e-4, 2.0), side=SIDE)
def test_the_largest_reach_is_the_last_float_that_passes(price: float, start: float, share: float, side: int) -> None:
    move = start * share
    x = largest_reach(price, start, move, side)
    assert reached(price, start, move, x, side)
    assert not reached(price, start, move, np.nextafter(x, np.inf), side)


@given(start=PRICES, share=st.floats(1e-4, 0.5), kept=st.sampled_from([0.0, 0.2, 0.5, 0.61, 1.0, 2.0]), side=SIDE)
def test_the_smallest_hold_is_the_first_float_that_passes(start: float, share: float, kept: float, side: int) -> None:
    move = start * share
    price = start - side * (kept * move)
    x = smallest_hold(price, start, move, side)
    held = [price >= start - y * move if side > 0 else price <= start + y * move for y in (x, np.nextafter(x, -np.inf))]
    assert held == [True, False]
    assert x <= kept


@given(value=st.floats(0.0, 1e6), unit=PRICES)
def test_the_largest_multiple_is_the_last_float_that_passes(value: float, unit: float) -> None:
    x = largest_multiple(value, unit)
    assert value >= x * unit
    assert value < np.nextafter(x, np.inf) * unit


@pytest.mark.parametrize("ratio", [1.0001, 2.0, 10.0, 18.0, 100.0, 1e6])
@pytest.mark.parametrize("side", [1, -1])
def test_the_largest_reach_is_found_for_bad_ticks_too(ratio: float, side: int) -> None:
    level = 100.0
    price = level / ratio if side > 0 else level * ratio
    d = largest_reach(price, level, level, side)
    assert reached(price, level, level, d, side)
    assert not reached(price, level, level, np.nextafter(d, np.inf), side)
