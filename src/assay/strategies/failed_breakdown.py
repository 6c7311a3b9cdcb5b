"""FAILED_BREAKDOWN: a break below a range that is bought back (a spring; an upthrust for shorts).

A quiet range with several visits to both edges is left downwards, without volume behind it, and the price comes back
into it within a few bars on volume: who sold the break is trapped.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.compiled import compiled
from assay.engine import Bracket, Setups, Switch, at_least, at_most
from assay.indicators import atr
from assay.parameters import Parameter, Parameters
from assay.strategies.base import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value

MAX_DELAY = 6
EDGE_SHARE = 0.15
_FIELDS = 12


@compiled
def _visits(first, stop, edge, at, side, reach, absent):
    """Maximal runs of bars whose edge comes within `reach` of the level `at` (below it plus reach, side +1)."""
    runs = 0
    inside = False
    for j in range(first, stop):
        there = not absent[j] and side * (at + side * reach - edge[j]) >= 0.0
        if there and not inside:
            runs += 1
        inside = there
    return runs


@compiled
def _mean_volume(first, stop, volume, tradable):
    """Mean volume of the tradable bars in [first, stop); NaN without any."""
    total, count = 0.0, 0
    for j in range(first, stop):
        if tradable[j]:
            total += volume[j]
            count += 1
    return total / count if count else np.nan


@compiled
def _rows(high, low, close, volume, absent, valid, tradable, unit, side, lookback, least_depth):
    """Find every break that recovers; columns: t, tightness, touches, depth, breakdown, recovery, delay, score, ..."""
    n = len(close)
    near, far = (low, high) if side > 0 else (high, low)
    out = np.empty((1024, _FIELDS))
    made = 0
    for b in range(lookback, n):
        # Measured before the break, which would widen the very unit that its depth is judged by.
        size = unit[b - 1]
        if absent[b] or not size > 0.0:
            continue
        first = b - lookback
        bottom, top = np.nan, np.nan
        for j in range(first, b):
            if absent[j]:
                continue
            # `not >=` lets the first price replace the NaN, and a range without a bar keeps it.
            if not side * (near[j] - bottom) >= 0.0:
                bottom = near[j]
            if not side * (far[j] - top) <= 0.0:
                top = far[j]
        height = side * (top - bottom)
        depth = side * (bottom - near[b]) / size
        # A break that the shallowest depth of the search refuses is of no use to any combination.
        if not height > 0.0 or not depth >= least_depth:
            continue
        worst, t = near[b], -1
        # The first close back in the range is the recovery at any recovery_speed: the longest is searched, and the
        # delay is a feature that the rule judges.
        for j in range(b, min(b + MAX_DELAY, n - 1) + 1):
            if absent[j]:
                continue
            if side * (near[j] - worst) < 0.0:
                worst = near[j]
            if side * (close[j] - bottom) > 0.0:
                t = j
                break
        if t < 0 or not valid[t]:
            continue
        # Too deep a break was no trap, and a close beyond the middle leaves too little of the way to the other edge.
        if side * (bottom - worst) > 2.0 * size or side * (close[t] - (bottom + side * (0.5 * height))) > 0.0:
            continue
        usual = _mean_volume(first, b, volume, tradable)
        if not usual > 0.0:
            continue
        # A break that recovers on its own bar has spent no bar outside: its own volume serves the score, and the rule
        # of the breakdown is not asked (below).
        quiet = _mean_volume(b, t if t > b else b + 1, volume, tradable) / usual
        loud = volume[t] / usual
        reach = EDGE_SHARE * height
        # Visits are runs of bars, not bars: a price that lingers at an edge has tested it once.
        at_near = _visits(first, b, near, bottom, side, reach, absent)
        at_far = _visits(first, b, far, top, -side, reach, absent)
        score = (
            0.28 * (1.0 - min(1.0, quiet / 2.0))
            + 0.33 * min(1.0, loud / 3.0)
            + 0.22 * (1.0 - (t - b) / 8.0)
            + 0.17 * min(1.0, (at_near + at_far) / 10.0)
        )
        if made == len(out):
            grown = np.empty((2 * made, _FIELDS))
            grown[:made] = out
            out = grown
        out[made, 0] = t
        out[made, 1] = height / (size * math.sqrt(lookback))
        out[made, 2] = min(at_near, at_far)
        out[made, 3] = depth
        out[made, 4] = quiet if t > b else -np.inf  # not asked of a break that recovers at once
        out[made, 5] = loud
        out[made, 6] = t - b
        out[made, 7] = score
        out[made, 8] = worst
        out[made, 9] = size
        out[made, 10] = top
        out[made, 11] = b
        made += 1
    return out[:made]


class FailedBreakdown(Strategy):
    """Spring below a range (shorts: upthrust above it)."""

    name = "FAILED_BREAKDOWN"
    parameters = Parameters(
        Parameter(
            name="range_lookback_periods", default=50, low=30, high=150, step=1, hard_low=10, hard_high=2000,
            choices=(30, 50, 75, 100, 150), grid=(30, 50, 100), unit="bars", doc="Length of the range.",
        ),
        Parameter(
            name="range_tightness", default=1.5, low=0.8, high=2.0, hard_low=0.1, hard_high=20.0,
            grid=(1.2, 1.5, 2.0), unit="ATR x sqrt(bars)", doc="Height of the range, at most.",
        ),
        Parameter(
            name="min_touches", default=2, low=2, high=3, step=1, choices=(2, 3), hard_low=1, hard_high=50,
            grid=(2, 3), unit="visits", doc="Visits to each edge of the range, at least.",
        ),
        Parameter(
            name="breakdown_depth_atr", default=0.1, low=0.05, high=1.0, hard_low=0.001, hard_high=2.0,
            grid=(0.1, 0.3, 0.6), unit="ATR", doc="How far the break trades beyond the range, at least.",
        ),
        Parameter(
            name="breakdown_volume_threshold", default=1.5, low=0.5, high=2.0, hard_low=0.0, hard_high=100.0,
            grid=(1.5,), unit="multiple of the range's mean", doc="Mean volume outside the range, at most.",
        ),
        Parameter(
            name="recovery_volume_threshold", default=0.8, low=0.5, high=2.5, hard_low=0.0, hard_high=100.0,
            grid=(0.8, 1.5), unit="multiple of the range's mean", doc="Volume of the recovery, at least.",
        ),
        Parameter(
            name="recovery_speed", default=5, low=1, high=6, step=1, hard_low=0, hard_high=MAX_DELAY,
            grid=(3, 5), unit="bars", doc="Bars from the break to the close back in the range, at most.",
        ),
        Parameter(
            name="accumulation_score_minimum", default=0.45, low=0.3, high=0.7, hard_low=0.0, hard_high=1.0,
            grid=(0.45, 0.55), unit="score",
            doc="Weighs .28 a quiet break, .33 a loud recovery, .22 its speed, .17 visits to the edges.",
        ),
        Parameter(
            name="atr_multiplier_sl", default=0.5, low=0.1, high=1.5, hard_low=0.01, hard_high=10.0,
            grid=(0.3, 0.5, 1.0), unit="ATR", doc="Distance of the stop beyond the spring.",
        ),
        Parameter(
            name="target_mode", default="reward", choices=("reward", "range_high"), grid=("reward", "range_high"),
            doc="Target by risk_reward_ratio, or the other edge of the range (where that is worth a risk).",
        ),
        Parameter(
            name="risk_reward_ratio", default=2.0, low=1.5, high=4.0, hard_low=0.1, hard_high=50.0,
            grid=(1.5, 2.0, 3.0), unit="risks", doc="Distance of the target in stop distances; off at range_high.",
        ),
        Parameter(
            name="max_holding_periods", default=40, low=15, high=60, step=1, hard_low=1, hard_high=5000,
            choices=(15, 25, 40, 60), grid=(25, 40), unit="bars", doc="Time stop.",
        ),
    )  # fmt: skip
    rules: ClassVar[tuple[AnyRule, ...]] = (
        at_most("tightness", "range_tightness"),
        at_least("touches", "min_touches"),
        at_least("depth", "breakdown_depth_atr"),
        at_most("breakdown", "breakdown_volume_threshold"),
        at_least("recovery", "recovery_volume_threshold"),
        at_most("delay", "recovery_speed"),
        at_least("score", "accumulation_score_minimum"),
    )
    bracket = Bracket(
        stop="atr_multiplier_sl",
        target=Switch("target_mode", (("reward", "risk_reward_ratio"), ("range_high", math.inf))),
        target_limited=Switch("target_mode", (("reward", 0.0), ("range_high", 1.0))),
        min_target_r=Switch("target_mode", (("reward", 0.0), ("range_high", 1.0))),
        max_bars="max_holding_periods",
    )

    def constraint(self, values: Mapping[str, Value]) -> str | None:
        """With the range's edge as target one risk_reward_ratio stands for all."""
        ratio = self.parameters["risk_reward_ratio"]
        if values["target_mode"] == "range_high" and values["risk_reward_ratio"] != ratio.default:
            return f"risk_reward_ratio is off at target_mode range_high: leave it at {ratio.default:g}"
        return None

    def warmup(self, shape: Mapping[str, Value]) -> int:
        """The range, the break and the longest recovery."""
        return int(shape["range_lookback_periods"]) + 1 + MAX_DELAY

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        """One row per break that recovers; of two that recover on one bar the earlier comes first."""
        unit = bars.derived("atr14", lambda: atr(bars))
        found = np.zeros((0, _FIELDS))
        if bars.has_volume:
            found = _rows(
                bars.high, bars.low, bars.close, bars.volume, bars.absent, bars.valid, bars.tradable, unit, side,
                int(shape["range_lookback_periods"]), float(shape.get("breakdown_depth_atr", 0.001)),
            )  # fmt: skip
        found = found[np.lexsort((found[:, 11], found[:, 0]))]
        t, tightness, touches, depth, breakdown, recovery, delay, score, spring, size, top, _ = found.T
        return Setups.build(
            bar=t.astype(np.int64),
            side=np.full(len(t), side),
            features={
                "tightness": tightness,
                "touches": touches,
                "depth": depth,
                "breakdown": breakdown,
                "recovery": recovery,
                "delay": delay,
                "score": score,
            },
            stop_base=spring,
            stop_unit=size,
            target_limit=top,
        )
