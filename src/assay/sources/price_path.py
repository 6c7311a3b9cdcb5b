"""The walk that every simulated market starts from: noise, volatility, volume, and bars made of them.

Prices are a martingale in simple returns with clustered, fat-tailed volatility and a daily rhythm. Edges, dirt and
the further kinds of markets without an edge are laid over it by the modules beside this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError
from assay.market import Bars
from assay.market.calendar import DAY_MS, MINUTE_MS
from assay.sources import simulated_kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from assay.market import Market

EXCHANGE = "simulated"
FIRST_PRICE = 100.0
STEPS = 12
"""Sub-steps of a bar; its high and low are those of a continuous path through them."""

LARGEST_SURPRISE = 100.0
"""Of a bar's variance against what was expected of it."""

LEVEL = 1.05
"""Measured: bounds and slow convergence take 5 % of the long-run standard deviation."""

BUSIEST_HOUR = 14.5
"""UTC."""


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
        AR(1) coefficient and standard deviation of the slow part of log volume, standard deviation of its
        fast part.
    volume_median : float
        Typical volume of a bar, in units of the base.
    """

    news: float = 0.10
    memory: float = 0.88
    tail: float = 5.0
    season: float = 0.25
    volume_rhythm: float = 1.0
    volume_regime: float = 0.8
    volume_shock: float = 0.65
    volume_move: float = 0.2
    volume_memory: float = 0.95
    volume_persistent: float = 0.4
    volume_noise: float = 0.4
    volume_median: float = 1000.0


USUAL = Texture()


def first_stamp(start: str) -> int:
    """Return the first moment of a UTC day such as 2024-01-01, milliseconds."""
    try:
        return int(np.datetime64(start, "D").astype("datetime64[ms]").astype(np.int64))
    except ValueError as error:
        raise InputError("start", "must be a date such as 2024-01-01", start) from error


def stamps(start: str, bar_ms: int, n: int) -> NDArray[np.int64]:
    """Return the opens of n bars from a day on, shape (n,)."""
    return first_stamp(start) + bar_ms * np.arange(n, dtype=np.int64)


def daily_rhythm(time: NDArray[np.int64], bar_ms: int, amplitude: float) -> NDArray[np.float64]:
    """Daily rhythm of the standard deviation, shape (n,), mean square 1."""
    middle = time % DAY_MS + 0.5 * min(bar_ms, DAY_MS)
    angle = 2.0 * np.pi * (middle / (60.0 * MINUTE_MS) - BUSIEST_HOUR) / 24.0
    rhythm: NDArray[np.float64] = np.exp(amplitude * np.cos(angle)) / math.sqrt(np.i0(2.0 * amplitude))
    return rhythm


@dataclass(frozen=True, eq=False)
class Noise:
    """All random numbers of a walk of n bars; more bars of the same generators begin with the same numbers.

    Attributes
    ----------
    normal : shape (n, STEPS)
        Standard normal, of the sub-steps.
    surprise : shape (n,)
        Variance of a bar against what was expected of it, mean 1.
    slow, fast : shape (n,)
        Standard normal, of the two parts of log volume.
    waits : shape (n, STEPS, 2)
        Standard exponentials from which the extremes between sub-steps follow.
    """

    normal: NDArray[np.float64]
    surprise: NDArray[np.float64]
    slow: NDArray[np.float64]
    fast: NDArray[np.float64]
    waits: NDArray[np.float64]

    @classmethod
    def drawn(cls, generator: Callable[[int], np.random.Generator], n: int, tail: float) -> Noise:
        """Draw from one generator per purpose: 0 steps, 1 surprise, 2 and 3 volume, 5 extremes."""
        return cls(
            normal=generator(0).standard_normal((n, STEPS)),
            surprise=np.minimum((tail - 2.0) / generator(1).chisquare(tail, n), LARGEST_SURPRISE),
            slow=generator(2).standard_normal(n),
            fast=generator(3).standard_normal(n),
            waits=generator(5).standard_exponential((n, STEPS, 2)),
        )


@dataclass(frozen=True, eq=False)
class Walk:
    """A price path before any edge or dirt.

    Attributes
    ----------
    time, volume, rhythm, variance : shape (n,)
        Stamps, volume, rhythm of the standard deviation, variance of each bar's log path.
    path : shape (n, STEPS)
        Log price at the end of each sub-step against the bar's open.
    waits : shape (n, STEPS, 2)
        Standard exponentials from which the extremes between sub-steps follow.
    """

    time: NDArray[np.int64]
    volume: NDArray[np.float64]
    rhythm: NDArray[np.float64]
    variance: NDArray[np.float64]
    path: NDArray[np.float64]
    waits: NDArray[np.float64]

    @classmethod
    def made(
        cls,
        time: NDArray[np.int64],
        noise: Noise,
        rhythm: NDArray[np.float64],
        volatility_pct: float,
        texture: Texture,
        falls: float = 1.0,
        jumps: NDArray[np.float64] | None = None,
    ) -> Walk:
        """Make a walk of its noise.

        Parameters
        ----------
        rhythm : shape (n,)
            Factor of the standard deviation, mean square 1.
        volatility_pct : float
            Long-run standard deviation of a bar's return, percent.
        falls : float
            A squared fall weighs so much, and a squared rise 2 - falls, in the next variance.
        jumps : shape (n,), optional
            Log price of each bar's open against the close before: news for the next variance, not part of the path.
        """
        t, sigma = texture, LEVEL * volatility_pct / 100.0
        gaps = np.zeros(len(time)) if jumps is None else jumps
        path, variance, deviation, size = simulated_kernels.random_walk(
            noise.normal, noise.surprise, rhythm, gaps, sigma, t.news * (2.0 - falls), t.news * falls, t.news, t.memory
        )
        log_volume = (
            t.volume_rhythm * np.log(rhythm)
            + t.volume_regime * np.log(deviation)
            + t.volume_shock * np.log(noise.surprise)
            + t.volume_move * size
            + t.volume_persistent * simulated_kernels.slow(noise.slow, t.volume_memory)
            + t.volume_noise * noise.fast
        )
        return cls(time, t.volume_median * np.exp(log_volume), rhythm, variance, path, noise.waits)

    def quieted(self, silent: NDArray[np.bool_], still: NDArray[np.bool_]) -> Walk:
        """Return the walk with bars that repeat the price: without volume, and with a tenth of it; (n,) each."""
        moving = ~(silent | still)
        volume = np.where(silent, 0.0, np.where(still, 0.1 * self.volume, self.volume))
        path, variance = np.where(moving[:, None], self.path, 0.0), np.where(moving, self.variance, 0.0)
        return replace(self, path=path, variance=variance, volume=volume)


class Canvas:
    """Prices under construction, from the first bar on: log level (n + 1,), drift per bar (n,), columns (n,)."""

    def __init__(self, market: Market, walk: Walk) -> None:
        n = len(walk.time)
        self.market, self.walk = market, walk
        self.level, self.drift = np.zeros(n + 1), np.zeros(n)
        self.open, self.high, self.low, self.close = (np.empty(n) for _ in range(4))

    @property
    def prices(self) -> tuple[NDArray[np.float64], ...]:
        """Open, high, low, close, shape (n,) each."""
        return self.open, self.high, self.low, self.close

    def build(self, first: int, stop: int) -> None:
        """Make the prices of bars first <= i < stop under the drift known so far."""
        walk = self.walk
        simulated_kernels.build(
            first, stop, FIRST_PRICE, walk.path, walk.variance, walk.waits, self.drift, self.level, *self.prices
        )

    def bars(self, first: int, stop: int) -> Bars:
        """Return copies of bars first <= i < stop."""
        cut = slice(first, stop)
        return Bars.from_columns(self.market, self.walk.time[cut], *(c[cut] for c in (*self.prices, self.walk.volume)))
