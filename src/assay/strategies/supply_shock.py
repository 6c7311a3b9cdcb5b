"""SUPPLY_SHOCK: a large move on large volume that does not retrace goes on.

What a shock of supply leaves in bars: displacement beyond the recent range, closed near its end, and held. Shorts
mirror it, where they are allowed.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.compiled import compiled
from assay.engine import Bracket, Setups, at_least, at_most, equals
from assay.indicators import atr, volume_ratio
from assay.parameters import Parameter, Parameters
from assay.strategies.base import Strategy
from assay.strategies.exact import smallest_hold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value

RANGE_BARS = 20
MAX_DELAY = 5
STRONG_CLOSE = 0.7
_FIELDS = 7


@compiled
def _beyond(s, side, edge, close, absent):
    """Whether bar s closes beyond the range of the bars before it, one of which must be there."""
    seen = False
    for j in range(s - RANGE_BARS, s):
        if absent[j]:
            continue
        seen = True
        if not side * (close[s] - edge[j]) > 0.0:
            return False
    return seen


@compiled
def _rows(high, low, close, absent, valid, unit, ratio, side):
    """Find every (shock bar, delay); columns: t, move, volume, catalyst, retracement, delay, close before the shock."""
    n = len(close)
    ahead, behind = (high, low) if side > 0 else (low, high)
    out = np.empty((1024, _FIELDS))
    made = 0
    for s in range(RANGE_BARS, n):
        # The unit is that of the bar before: the shock would otherwise be measured by itself.
        if absent[s] or absent[s - 1] or not unit[s - 1] > 0.0 or np.isnan(ratio[s]) or not high[s] > low[s]:
            continue
        gain = side * (close[s] - close[s - 1])
        if not gain > 0.0 or not side * (close[s] - behind[s]) / (high[s] - low[s]) >= STRONG_CLOSE:
            continue
        # Asked last, since it looks at twenty bars and the conditions above refuse most bars.
        if not _beyond(s, side, ahead, close, absent):
            continue
        move = gain / unit[s - 1]
        catalyst = 0.5 * min(1.0, move / 6.0) + 0.5 * min(1.0, ratio[s] / 12.0)
        # One row per delay, each with the deepest price since the shock: the same shock then serves every persistence
        # and retracement.
        worst = np.nan
        for t in range(s + 1, min(s + MAX_DELAY, n - 1) + 1):
            if absent[t]:
                continue
            # Before the bar may be passed over as invalid: what it gave back counts for the later delays.
            if not side * (behind[t] - worst) >= 0.0:
                worst = behind[t]
            if not valid[t] or np.isnan(unit[t]):
                continue
            if made == len(out):
                grown = np.empty((2 * made, _FIELDS))
                grown[:made] = out
                out = grown
            out[made, 0] = t
            out[made, 1] = move
            out[made, 2] = ratio[s]
            out[made, 3] = catalyst
            out[made, 4] = smallest_hold(worst, close[s], gain, side)
            out[made, 5] = t - s
            # The close from which the shock came: a close beyond it says that nothing of the move is left.
            out[made, 6] = close[s - 1]
            made += 1
    return out[:made]


class SupplyShock(Strategy):
    """Displacement with volume that does not retrace."""

    name = "SUPPLY_SHOCK"
    parameters = Parameters(
        Parameter(
            name="gap_threshold_atr", default=2.0, low=1.5, high=5.0, hard_low=0.1, hard_high=100.0,
            grid=(1.5, 2.0, 3.0), unit="ATR", doc="Move of the shock bar from the close before it, at least.",
        ),
        Parameter(
            name="volume_surge_multiplier", default=3.0, low=2.0, high=12.0, hard_low=0.0, hard_high=200.0,
            grid=(2.0, 3.0, 5.0), unit="multiple of the mean of 20 bars", doc="Volume of the shock bar, at least.",
        ),
        Parameter(
            name="momentum_persistence", default=1, low=1, high=5, step=1, choices=(1, 2, 3, 4, 5),
            grid=(1, 2, 3), unit="bars", doc="The signal comes so many bars after the shock.",
        ),
        Parameter(
            name="max_retracement", default=0.5, low=0.2, high=0.6, hard_low=0.0, hard_high=2.0,
            grid=(0.3, 0.5), unit="fraction of the move", doc="How much of the move may be given back until then.",
        ),
        Parameter(
            name="catalyst_strength_minimum", default=0.4, low=0.3, high=0.9, hard_low=0.0, hard_high=1.0,
            grid=(0.3, 0.4, 0.5), unit="score",
            doc="Half by the move (full at 6 ATR), half by the volume (full at 12).",
        ),
        Parameter(
            name="atr_multiplier_sl", default=2.0, low=1.0, high=3.0, hard_low=0.1, hard_high=10.0,
            grid=(1.5, 2.0, 3.0), unit="ATR", doc="Distance of the stop from the signal's close.",
        ),
        Parameter(
            name="trail_stop_activation", default=1.5, low=1.5, high=3.0, hard_low=0.0, hard_high=50.0,
            grid=(1.5, 2.5), unit="ATR", doc="Gain at a close from which on the stop trails.",
        ),
        Parameter(
            name="trail_distance", default=1.5, low=1.0, high=3.0, hard_low=0.1, hard_high=50.0,
            grid=(1.0, 1.5, 2.5), unit="ATR", doc="Distance of the trailing stop from the best close.",
        ),
        Parameter(
            name="position_hold_maximum", default=20, low=5, high=30, step=1, hard_low=1, hard_high=5000,
            grid=(10, 20, 30), unit="bars", doc="Time stop.",
        ),
        Parameter(name="allow_short", default=False, choices=(False, True), grid=(False,), doc="Sell falls too."),
    )  # fmt: skip
    rules: ClassVar[tuple[AnyRule, ...]] = (
        at_least("move", "gap_threshold_atr"),
        at_least("volume", "volume_surge_multiplier"),
        at_least("catalyst", "catalyst_strength_minimum"),
        at_most("retracement", "max_retracement"),
        equals("delay", "momentum_persistence"),
    )
    bracket = Bracket(
        stop="atr_multiplier_sl",
        max_bars="position_hold_maximum",
        trail="distance",
        trail_activation="trail_stop_activation",
        trail_distance="trail_distance",
    )

    def warmup(self, shape: Mapping[str, Value]) -> int:
        """The range before the shock, which volume needs too, and the longest delay."""
        del shape
        return RANGE_BARS + 1 + MAX_DELAY

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        """One row per shock bar and delay; none short unless allowed."""
        unit = bars.derived("atr14", lambda: atr(bars))
        ratio = bars.derived("volume_ratio20", lambda: volume_ratio(bars))
        found = _rows(bars.high, bars.low, bars.close, bars.absent, bars.valid, unit, ratio, side)
        if side < 0 and not shape["allow_short"]:
            found = found[:0]
        t, move, volume, catalyst, retracement, delay, before = found.T
        signal = t.astype(np.int64)
        return Setups.build(
            bar=signal,
            side=np.full(len(signal), side),
            features={
                "move": move,
                "volume": volume,
                "catalyst": catalyst,
                "retracement": retracement,
                "delay": delay,
            },
            stop_unit=unit[signal],
            invalid_price=before,
        )
