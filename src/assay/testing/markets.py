"""Bars on which a strategy is tried: simulated, mirrored, dirtied."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.market import Bars
from assay.sources.price_path import Texture
from assay.sources.simulated import SimulatedMarket, simulate_market

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_TREND_BARS = 100
_STEPS_OF_A_BAR = 32  # few enough for equal prices, where a rule that is strict on one side only is seen
_HOLE_BARS = 30  # longer than `assay.market.bars.LONG_HOLE_BARS`: everything warms up again


@cache
def practice_bars() -> Bars:
    """Forty days of a simulated 5-minute market, wilder than most: every strategy that ships trades on it."""
    texture = Texture(tail=3.5, news=0.20, memory=0.75)
    return simulate_market(SimulatedMarket(days=40, seed=1, volatility_pct=0.25, texture=texture))


def cut(bars: Bars, begin: int, end: int) -> Bars:
    """Return copies of bars begin <= i < end as a history of their own."""
    columns = {f.name: getattr(bars, f.name) for f in fields(bars)}
    part: dict[str, Any] = {k: v[begin:end].copy() for k, v in columns.items() if isinstance(v, np.ndarray)}
    return replace(bars, **part)


def on_a_grid(bars: Bars) -> Bars:
    """Return bars whose prices are multiples of a power of two: their sums and differences are exact in floats.

    A typical bar spans `_STEPS_OF_A_BAR` steps. What is slower than `_TREND_BARS` bars is taken out, so that prices
    stay near their middle: under a mirror about it a fraction of a price stays nearly what it is.
    """
    ranges = bars.high - bars.low
    usual = np.median(ranges[ranges > 0]) if (ranges > 0).any() else bars.close[0]
    step = 2.0 ** np.round(np.log2(usual / _STEPS_OF_A_BAR))
    before = np.concatenate((np.full(_TREND_BARS, bars.close[0]), bars.close))
    total = np.cumsum(np.concatenate(([0.0], before)))
    trend = (total[_TREND_BARS:] - total[:-_TREND_BARS])[: len(bars)] / _TREND_BARS
    offset = trend - np.median(bars.close)
    open_, close = (step * np.round((prices - offset) / step) for prices in (bars.open, bars.close))
    high, low = step * np.ceil((bars.high - offset) / step), step * np.floor((bars.low - offset) / step)
    return bars.with_prices(open_, high, low, close)


def mirrored(bars: Bars) -> Bars:
    """Return the bars upside down: a price x becomes lowest + highest - x, high and low change places."""
    c = bars.low.min() + bars.high.max()
    return bars.with_prices(c - bars.open, c - bars.low, c - bars.high, c - bars.close)


def raised(bars: Bars, by: float) -> Bars:
    """Return the bars with a constant added to every price."""
    return bars.with_prices(bars.open + by, bars.high + by, bars.low + by, bars.close + by)


def _rebuilt(bars: Bars, prices: NDArray[np.float64], volume: NDArray[np.float64], kept: NDArray[np.bool_]) -> Bars:
    kept = kept & ~bars.absent
    kept[[0, -1]] = True
    columns = (*(p[kept] for p in prices), volume[kept])
    return Bars.from_columns(bars.market, bars.time[kept], *columns)


def _columns(bars: Bars) -> NDArray[np.float64]:
    return np.stack([bars.open, bars.high, bars.low, bars.close])


def _all(bars: Bars) -> NDArray[np.bool_]:
    return np.ones(len(bars), dtype=np.bool_)


def _some(bars: Bars, share: float) -> NDArray[np.bool_]:
    return np.random.default_rng(len(bars)).random(len(bars)) < share


def _without_some(bars: Bars) -> Bars:
    """One stamp in twenty is absent, and a long stretch in the middle."""
    kept = ~_some(bars, 0.05)
    kept[len(bars) // 2 : len(bars) // 2 + _HOLE_BARS] = False
    return _rebuilt(bars, _columns(bars), bars.volume, kept)


def _flat(bars: Bars, share: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    prices, flat = _columns(bars), _some(bars, share)
    flat[0] = False
    source = np.maximum.accumulate(np.where(flat, 0, np.arange(len(bars))))
    prices[:, flat] = bars.close[source[flat]]
    return prices, flat


def _without_trades(bars: Bars) -> Bars:
    """A fifth of the bars has no volume and repeats the last price."""
    prices, flat = _flat(bars, 0.2)
    return _rebuilt(bars, prices, np.where(flat, 0.0, bars.volume), _all(bars))


def _at_one_price(bars: Bars) -> Bars:
    """A fifth of the bars trades at one price only."""
    prices, _ = _flat(bars, 0.2)
    return _rebuilt(bars, prices, bars.volume, _all(bars))


def _frozen(bars: Bars) -> Bars:
    """Nothing moves for the first third: averages of the range are zero."""
    prices, n = _columns(bars), max(1, len(bars) // 3)
    prices[:, :n] = bars.close[n - 1]
    return _rebuilt(bars, prices, bars.volume, _all(bars))


def _bad_ticks(bars: Bars) -> Bars:
    """One bar closes at 1.6 times its price, another trades down to half of it."""
    prices, (up, down) = _columns(bars), (len(bars) // 3, 2 * len(bars) // 3)
    prices[3, up] *= 1.6
    prices[1, up] = max(prices[1, up], prices[3, up])
    prices[2, down] *= 0.5
    return _rebuilt(bars, prices, bars.volume, _all(bars))


def _without_volume(bars: Bars) -> Bars:
    """The source has no volume column."""
    there = ~bars.absent
    open_, high, low, close = _columns(bars)[:, there]
    return Bars.from_columns(bars.market, bars.time[there], open_, high, low, close, None)


def _delisted(bars: Bars) -> Bars:
    """Trading stops for a quarter of the history, begins again, and ends without volume."""
    n, kept = len(bars), _all(bars)
    kept[n // 3 : n // 3 + n // 4] = False
    prices, end = _columns(bars), n - n // 8
    prices[:, end:] = bars.close[end - 1]
    return _rebuilt(bars, prices, np.where(np.arange(n) >= end, 0.0, bars.volume), kept)


DIRT: dict[str, Callable[[Bars], Bars]] = {
    "clean": lambda bars: bars,
    "absent bars": _without_some,
    "bars without volume": _without_trades,
    "flat bars": _at_one_price,
    "a market that stood still": _frozen,
    "bad ticks": _bad_ticks,
    "a market without volume": _without_volume,
    "a delisted market": _delisted,
    "one bar": lambda bars: cut(bars, 0, 1),
    "two bars": lambda bars: cut(bars, 0, 2),
    "twenty bars": lambda bars: cut(bars, 0, 20),
}
"""What histories look like; each makes one out of clean bars."""
