"""A user's own strategy, byte for byte as the first release trained it: its document holds the digest of this file."""

from typing import Any

import numpy as np

from assay import Bracket, Parameter, Parameters, Setups, Strategy, at_least, atr


class Rising(Strategy):
    """A bar with a large body."""

    name = "RISING"
    parameters = Parameters(
        Parameter(name="strength", default=1.0, low=0.5, high=3.0, grid=(0.5, 1.0), doc="Body in ATR."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, grid=(1.0, 2.0, 3.0), doc="Stop in ATR."),
    )
    rules = (at_least("body", "strength"),)
    bracket = Bracket(stop="stop", target=2.0, max_bars=20)

    def setups(self, bars: Any, side: int, shape: Any) -> Setups:  # noqa: ARG002  (nothing shapes a single bar)
        unit = atr(bars)
        t = np.arange(len(bars))
        body = side * (bars.close - bars.open) / unit
        return Setups.build(bar=t, side=np.full(len(t), side), features={"body": body}, stop_unit=unit)
