"""Simulated markets with a known answer: a walk without an edge, an edge planted in one, a dirty market.

The walk is a martingale in simple returns with clustered, fat-tailed volatility and a daily rhythm. An edge is
a drift laid after genuine LIQUIDITY_SWEEP signals and nothing else: volume, noise and stamps stay as they were.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.compiled import compiled
from assay.engine import Signals, Span
from assay.errors import InputError
from assay.market import Bars, Market, Timeframe
from assay.market.market import DAY_MS, MINUTE_MS
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.engine import Setups
    from assay.parameters import Value

EXCHANGE = "simulated"
FIRST_PRICE = 100.0
STEPS = 12
"""Sub-steps of a bar, from which its high and low are taken."""

DRIFT_BARS = 20
"""Bars over which a planted drift is spread."""


@dataclass(frozen=True, slots=True)
class Texture:
    """Numbers of the price and volume model; the defaults resemble liquid 5-minute markets.

    Attributes
    ----------
    news, memory : float
        Weights of the last squared move and of the last variance in the variance of the next bar,
        GARCH(1,1); the rest is the long-run variance.
    tail : float
        Degrees of freedom of Student's t of a bar's move given its variance.
    season : float
        Amplitude of the daily rhythm, in log standard deviation.
    volume_rhythm, volume_regime, volume_shock, volume_move : float
        Exponents with which volume follows the daily rhythm, the GARCH deviation, the bar's own surprise in
        variance, and the size of the bar's realised move.
    volume_memory, volume_persistent, volume_noise : float
        AR(1) coefficient and standard deviation of the slow part of log volume, and standard deviation of the fast part.
    volume_median : float
        Typical volume of a bar, in units of the base.
    """

    news: float = 0.10
    memory: float = 0.88
    tail: float = 6.0
    season: float = 0.25
    volume_rhythm: float = 1.0
    volume_regime: float = 0.6
    volume_shock: float = 0.5
    volume_move: float = 0.1
    volume_memory: float = 0.95
    volume_persistent: float = 0.35
    volume_noise: float = 0.30
    volume_median: float = 1000.0


_LARGEST_SURPRISE = 25.0  # of a bar's variance against what was expected of it
_LARGEST_NEWS = 100.0  # a squared move, in variances, enters GARCH at most so large


@compiled
def _walk(normal, surprise, season, sigma, news, memory):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Log path within each bar (n, steps), GARCH deviation (n,), realised |z| (n,).

    Given its variance v each sub-step is normal with mean -v/2, so that exp(step) has the mean 1: prices
    are a martingale exactly, also under fat tails (they lie in v, which is drawn beforehand).
    """
    n, steps = normal.shape
    path = np.empty((n, steps))
    deviation = np.empty(n)
    size = np.empty(n)
    h = 1.0
    for i in range(n):
        deviation[i] = math.sqrt(h)
        expected = (sigma * season[i]) ** 2
        v = expected * h * surprise[i]
        sd, correction = math.sqrt(v / steps), 0.5 * v / steps
        total, z = 0.0, 0.0
        for j in range(steps):
            z += normal[i, j]
            total += sd * normal[i, j] - correction
            path[i, j] = total
        z *= 1.0 / math.sqrt(steps)
        size[i] = abs(z)
        h = (1.0 - news - memory) + news * min(h * surprise[i] * z * z, _LARGEST_NEWS) + memory * h
    return path, deviation, size


@compiled
def _slow(noise, memory):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """AR(1) of unit variance, shape (n,), from standard normal noise."""
    out = np.empty(len(noise))
    fresh = math.sqrt(1.0 - memory * memory)
    x = noise[0] if len(noise) else 0.0
    for i in range(len(noise)):
        x = memory * x + fresh * noise[i]
        out[i] = x
    return out


@compiled
def _build(first, stop, first_price, path, drift, level, open_, high, low, close):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write the prices of bars first <= i < stop from paths and drifts; level[i] is the log open of bar i."""
    steps = path.shape[1]
    for i in range(first, stop):
        most, least, x = 0.0, 0.0, 0.0
        for j in range(steps):
            x = path[i, j] + drift[i] * ((j + 1) / steps)
            most, least = max(most, x), min(least, x)
        level[i + 1] = level[i] + x
        open_[i] = first_price * math.exp(level[i])
        close[i] = first_price * math.exp(level[i + 1])
        top, bottom = max(open_[i], close[i]), min(open_[i], close[i])
        high[i] = max(top, first_price * math.exp(level[i] + most))
        low[i] = min(bottom, first_price * math.exp(level[i] + least))
