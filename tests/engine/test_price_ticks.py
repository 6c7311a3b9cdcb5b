"""Prices on the tick grid: expected values by exact rational numbers."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine.kernels import round_away
from assay.testing.oracle import round_to_tick

TICKS = [
    "0.0001",
    "0.01",
    "0.05",
    "0.1",
    "0.25",
    "0.5",
    "0.03125",
    "1",
    "2.5",
    "5",
    "0.15",
    "0.00000001",
    "0.0000000001",
]


def both(price: float, side: int, tick: float) -> float:
    """What the engine makes of a price, and the oracle too."""
    found = float(round_away(price, side, tick))
    assert round_to_tick(price, tick, upwards=side > 0) == found
    return found


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(
    ("price", "tick"), [(5000.0003, 0.0001), (0.3, 0.1), (98_765.43, 0.01), (0.00001234, 1e-8), (67_123.4, 0.1)]
)
def test_a_price_on_the_grid_stays(price: float, tick: float, side: int) -> None:
    assert both(price, side, tick) == price


@given(
    tick=st.sampled_from(TICKS),
    steps=st.integers(1, 10**9),
    side=st.sampled_from([-1, 1]),
    last_bits=st.integers(-2, 2),
)
def test_a_price_of_the_grid_is_the_float_that_a_file_is_read_as(
    tick: str, steps: int, side: int, last_bits: int
) -> None:
    exact = steps * Fraction(Decimal(tick))
    price = float(exact)
    nearby = price + last_bits * math.ulp(price)  # as a computed price is
    assert both(nearby, side, float(tick)) == price


@given(
    tick=st.sampled_from(TICKS),
    steps=st.integers(1, 10**7),
    part=st.fractions(Fraction(1, 1000), Fraction(999, 1000)),
    side=st.sampled_from([-1, 1]),
)
def test_a_price_between_moves_to_the_next_on_its_side(tick: str, steps: int, part: Fraction, side: int) -> None:
    step = Fraction(Decimal(tick))
    price = float((steps + part) * step)
    assert both(price, side, float(tick)) == float((steps + (side > 0)) * step)


@pytest.mark.parametrize("tick", [0.0, -1.0])
def test_without_a_tick_a_price_is_as_it_is(tick: float) -> None:
    assert both(1.23456789, 1, tick) == 1.23456789


def test_a_tick_without_a_decimal_form_is_multiplied() -> None:
    assert float(round_away(2.0, -1, 1 / 3)) == 6 * (1 / 3)
