"""The grid that a market's prices lie on: its tick, as it is seen in the bars, with its changes over time."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from assay.market.bars import Bars

BLOCK_BARS = 512
"""Bars whose prices are looked at together; a change of the tick is seen to within two such blocks."""

MAX_DECIMALS = 10
MAX_UNITS = 1e13
"""Prices in units of the last decimal stay below this, where a double still tells them apart."""

TOLERANCE = 0.01
"""How far a price may lie from the grid, in units of the last decimal: prices that went through 32 bits do."""

MIN_PRICES = 20
"""With fewer different prices in a history any number of them would lie on a coarse grid by chance."""


@dataclass(frozen=True, eq=False)
class PriceGrid:
    """Where prices may lie.

    Attributes
    ----------
    unit : float
        Units of the last decimal in a price of 1, a power of ten.
    step : float64, shape (n,)
        The tick of each bar in those units, a whole number; 0 where prices have none in common.
    """

    unit: float
    step: NDArray[np.float64]

    @property
    def exists(self) -> bool:
        """Whether prices have a tick."""
        return bool(len(self.step) and self.step[0] > 0)

    @property
    def ticks(self) -> NDArray[np.float64]:
        """The tick of each bar as a price, shape (n,); 0 where there is none."""
        return self.step / self.unit


def price_grid(bars: Bars) -> PriceGrid:
    """Return the grid of the prices of bars: the tick that is seen in them, else the market's own, else none.

    The tick of a block of bars is the greatest common divisor of its prices in units of the last decimal, with those of
    the two blocks on either side: a coarser tick by chance needs thousands of prices that agree.
    """
    return bars.derived("price grid", lambda: _found(bars))


def _found(bars: Bars) -> PriceGrid:
    there = ~bars.absent
    prices = np.stack([bars.open, bars.high, bars.low, bars.close], axis=1)
    none = PriceGrid(1.0, np.zeros(len(bars)))
    distinct = np.unique(prices[there])
    decimals = _decimals(distinct)
    own = bars.market.tick
    if decimals is None or len(distinct) < MIN_PRICES:
        return none if own is None else _of_tick(own, len(bars))
    unit = 10.0**decimals
    units = np.rint(prices * unit).astype(np.int64)
    blocks = [units[i : i + BLOCK_BARS][there[i : i + BLOCK_BARS]] for i in range(0, len(bars), BLOCK_BARS)]
    seen = [int(np.gcd.reduce(block, axis=None)) if block.size else 0 for block in blocks]
    pooled = [_divisor(seen[max(i - 2, 0) : i + 3]) or _divisor(seen) for i in range(len(seen))]
    return PriceGrid(unit, np.repeat(np.array(pooled, dtype=np.float64), BLOCK_BARS)[: len(bars)])


def _divisor(values: Sequence[int]) -> int:
    return int(np.gcd.reduce(np.array(values, dtype=np.int64)))


def _decimals(prices: NDArray[np.float64]) -> int | None:
    """Return how many decimals all prices have at most; None where they are no such numbers."""
    for decimals in range(MAX_DECIMALS + 1):
        units = prices * 10.0**decimals
        if not len(units) or units[-1] > MAX_UNITS:
            return None
        if (np.abs(units - np.rint(units)) <= TOLERANCE).all():
            return decimals
    return None


def _of_tick(tick: float, n: int) -> PriceGrid:
    """Return the grid of a known tick, whose text is exact."""
    exponent = Decimal(repr(float(tick))).normalize().as_tuple().exponent
    unit = 10.0 ** max(-int(exponent), 0)
    return PriceGrid(unit, np.full(n, round(tick * unit), dtype=np.float64))
