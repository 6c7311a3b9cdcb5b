"""What kind of days a span of bars was: rising, falling, wild or quiet. Measured, never typed in."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from assay.rounding import deviation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market.bars import Bars

RegimeName = Literal["bull", "bear", "sideways", "volatile"]

TREND_T = 1.5
"""|t| of the mean daily return from which a span has a direction."""

WILD_DAY = 0.04
"""Daily volatility above which a span without direction is volatile (fraction)."""

MIN_RETURNS = 20


@dataclass(frozen=True, slots=True)
class Regime:
    """The regime of a span.

    Attributes
    ----------
    name : {"bull", "bear", "sideways", "volatile"} or None
        None = unknown: fewer than 20 daily returns, or returns that do not vary.
    t : float
        Mean over standard error of the daily log returns; NaN where unknown.
    volatility : float
        Sample standard deviation of the daily log returns (fraction a day).
    days : int
        Daily returns that were counted.
    """

    name: RegimeName | None
    t: float
    volatility: float
    days: int

    def as_dict(self) -> dict[str, Any]:
        """Return the regime as plain values."""
        return asdict(self)


def daily_log_returns(bars: Bars, start: int, stop: int) -> NDArray[np.float64]:
    """Return the log return of each day's last tradable close over that of the day before, shape (days - 1,)."""
    if stop - start < 2:
        return np.zeros(0)
    day = bars.day[start:stop]
    last = start + np.append(np.flatnonzero(np.diff(day)), stop - start - 1)
    return np.diff(np.log(bars.mark[last]))


def classify(returns: NDArray[np.float64]) -> Regime:
    """Return the regime of daily log returns, shape (n,).

    bull or bear where |t| >= 1.5; else volatile where the daily volatility exceeds 4 %; else sideways.
    """
    n = len(returns)
    volatility = float(returns.std(ddof=1)) if n > 1 else math.nan
    if n < MIN_RETURNS or math.isnan(deviation(returns)):
        return Regime(None, math.nan, volatility, n)
    t = float(returns.mean()) / (volatility / math.sqrt(n))
    if abs(t) >= TREND_T:
        return Regime("bull" if t > 0 else "bear", t, volatility, n)
    return Regime("volatile" if volatility > WILD_DAY else "sideways", t, volatility, n)


def measure_regime(bars: Bars, start: int, stop: int) -> Regime:
    """Return the regime of bars[start:stop]."""
    return classify(daily_log_returns(bars, start, stop))
