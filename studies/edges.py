"""Which signals of a simulated market carry an edge, and how much drift makes it what it is called.

An edge is called by what trades of the true parameters earn on average, net of costs, in risks. That is less than the
drift that is planted: a trade that meets its stop early forgoes the rest of it. The drifts here were found by replaying
the true parameters over 20 seeds at two drifts each (standard errors of .006 to .012) and going along the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.engine import Costs

if TYPE_CHECKING:
    from assay.parameters import Value

COSTS = {"zero": Costs(fee=0.0, slippage=0.0), "exchange": Costs()}

WIDE: dict[str, Value] = {
    "pierce_depth": 0.001,
    "volume_spike_threshold": 1.5,
    "reversal_candles": 3,
    "min_level_touches": 1,
    "key_level_lookback": 50,
}
"""Every sweep that some combination of the default grid would trade: some 850 signals a year."""

NARROW: dict[str, Value] = {}
"""Sweeps of the strategy's default parameters: some 210 signals a year."""

_DRIFTS = {
    ("wide", "zero", 0.1): 0.115,
    ("wide", "zero", 0.2): 0.234,
    ("wide", "zero", 0.4): 0.471,
    ("wide", "exchange", 0.1): 0.192,
    ("wide", "exchange", 0.2): 0.297,
    ("wide", "exchange", 0.4): 0.507,
    ("narrow", "exchange", 0.2): 0.265,
    ("narrow", "exchange", 0.4): 0.475,
}


def planted(truth: str, costs: str, edge_r: float) -> float:
    """Drift to plant (`SimulatedMarket.edge_r`) for a net edge; 0 where there is none."""
    return _DRIFTS[truth, costs, edge_r] if edge_r else 0.0
