"""A pattern of exact prices, and its twin that is content with nearly the same price: strategies of a user's file.

Equal lows are common where prices lie on a tick and next to impossible where they do not. Permuted bars that leave the
tick can therefore not show how good such a pattern is by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay import Bracket, Parameter, Parameters, Setups, Strategy, at_least, atr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay import Bars
    from assay.parameters import Value

FROM, TO = 3, 30
"""Bars back, the second one excluded."""


class EqualLows(Strategy):
    """A low at the very price of a low 3 to 29 bars ago, and a body away from it (shorts: a high)."""

    name = "EQUAL_LOWS"
    parameters = Parameters(
        Parameter(
            name="body", default=0.5, low=0.0, high=3.0, grid=(0.1, 0.3, 0.6, 1.0), unit="ATR", doc="Body, at least."
        ),
        Parameter(name="stop", default=1.5, low=0.5, high=4.0, grid=(1.0, 1.5, 2.0, 3.0), unit="ATR", doc="Stop."),
        Parameter(
            name="reward", default=2.0, low=0.5, high=5.0, grid=(1.0, 1.5, 2.0, 3.0), unit="risks", doc="Target."
        ),
    )
    rules = (at_least("body", "body"),)
    bracket = Bracket(stop="stop", target="reward", max_bars=40)
    within_atr: ClassVar[float] = 0.0
    """How far two prices may lie apart that count as equal."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        """Return one row per bar whose low equals an earlier one."""
        unit, edge = atr(bars), bars.low if side > 0 else bars.high
        repeated = np.zeros(len(bars), dtype=np.bool_)
        for back in range(FROM, min(TO, len(bars))):
            apart: NDArray[np.float64] = np.abs(edge[back:] - edge[:-back])
            repeated[back:] |= (apart <= self.within_atr * unit[back:]) & ~bars.absent[:-back]
        t = np.flatnonzero(repeated & bars.valid & (unit > 0.0))
        body = side * (bars.close - bars.open)[t] / unit[t]
        return Setups.build(bar=t, side=np.full(len(t), side), stop_unit=unit[t], features={"body": body})


class NearLows(EqualLows):
    """The same within .05 ATR."""

    name = "NEAR_LOWS"
    within_atr: ClassVar[float] = 0.05
