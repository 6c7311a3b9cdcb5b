"""A user's strategy of thirty lines, no numba: a close beyond the range of the last bars, on volume, with a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from assay import Bracket, Parameter, Parameters, Setups, Strategy, at_least, atr, equals
from assay.indicators import volume_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay import Bars
    from assay.parameters import Value


class RangeBreak(Strategy):
    """Close beyond the extreme of the last `lookback` bars."""

    name = "RANGE_BREAK"
    parameters = Parameters(
        Parameter(name="lookback", default=20, low=5, high=60, step=1, doc="Bars of the range."),
        Parameter(name="volume", default=1.5, low=0.0, high=10.0, doc="Volume ratio, at least."),
        Parameter(name="body", default=0.5, low=0.0, high=5.0, doc="Body in ATR, at least."),
        Parameter(name="beyond", default=0.0, low=0.0, high=5.0, doc="Distance beyond the range in ATR, at least."),
        Parameter(name="run", default=1, low=1, high=5, step=1, doc="Bars in a row in this direction."),
        Parameter(name="stop", default=1.5, low=0.25, high=5.0, doc="Stop in ATR."),
        Parameter(name="reward", default=2.0, low=0.5, high=10.0, doc="Target in risks."),
    )
    rules = (
        at_least("volume", "volume"),
        at_least("body", "body"),
        at_least("beyond", "beyond"),
        equals("run", "run"),
    )
    bracket = Bracket(stop="stop", target="reward", max_bars=30)

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        unit, window = atr(bars), int(shape["lookback"])
        edge = pd.Series(bars.high if side > 0 else -bars.low)
        ends = edge.rolling(window).max().shift(1).to_numpy()
        onward = pd.Series(side * (bars.close - bars.open) > 0)
        run = onward.astype(int).groupby((~onward).cumsum()).cumsum().to_numpy()
        beyond = (side * bars.close - ends) / unit
        t = np.flatnonzero((beyond > 0) & (unit > 0) & bars.valid)
        body = side * (bars.close - bars.open)[t] / unit[t]
        features = {"volume": volume_ratio(bars)[t], "body": body, "beyond": beyond[t], "run": run[t]}
        return Setups.build(bar=t, side=np.full(len(t), side), stop_unit=unit[t], features=features)


GRID = {
    "lookback": (5, 10, 15, 20, 30),
    "volume": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
    "body": (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5),
    "beyond": (0.1, 0.3, 0.6, 1.0, 1.5, 2.0),
    "run": (1, 2, 3, 4, 5),
    "stop": (0.5, 1.0, 1.5, 2.0),
    "reward": (1.5, 2.0, 2.5, 3.0, 3.5, 4.0),
}
"""201,600 combinations; nearly as many rows and accepted pairs as the built-in strategy with `user.LOOSER`."""
