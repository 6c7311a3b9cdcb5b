"""Bars on which strategies are compared with independent readings of their rules: real, dirty and simulated."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Costs, Money, Sizing
from assay.market import Bars, Market, Timeframe
from assay.sources import read_bars
from assay.testing.markets import cut

if TYPE_CHECKING:
    from pathlib import Path

FIVE_MINUTES = Market("test", "BTC/USDT", Timeframe.parse("5m"))
LIQUID = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "AVAX", "MATIC")


@cache
def load(path: Path) -> Bars:
    return read_bars(path)


def simulated(seed: int, n: int, *, grid: float = 0.0) -> Bars:
    """A mean-reverting walk with fat tails, bursts of volume and absent stamps."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_t(4, n) * 0.2 * np.exp(0.4 * np.sin(np.arange(n) / 90))
    close = np.empty(n)
    price = 100.0
    for i in range(n):
        price += steps[i] + 0.01 * (100.0 - price)
        close[i] = price
    open_ = np.concatenate(([100.0], close[:-1])) + rng.normal(0, 0.01, n)
    if grid > 0:
        open_, close = np.round(open_ / grid) * grid, np.round(close / grid) * grid
    up, down = rng.exponential(0.3, (2, n)) * (rng.random((2, n)) < 0.9)
    high, low = np.maximum(open_, close) + up, np.minimum(open_, close) - down
    if grid > 0:
        high, low = np.ceil(high / grid) * grid, np.floor(low / grid) * grid
    volume = np.round(rng.lognormal(3.0, 0.8, n))
    volume[rng.random(n) < 0.02] = 0.0
    present = rng.random(n) > 0.01
    hole = int(rng.integers(n // 3, n // 2))
    present[hole : hole + int(rng.choice([0, 15, 21, 60]))] = False
    present[[0, -1]] = True
    time = np.arange(n, dtype=np.int64) * 300_000 + 1_600_000_200_000
    columns = (c[present] for c in (open_, high, low, close, volume))
    return Bars.from_columns(FIVE_MINUTES, time[present], *columns)


def random_money(rng: np.random.Generator, tick: float) -> Money:
    costs = Costs(
        fee=float(rng.choice([0.0, 0.001])),
        slippage=float(rng.choice([0.0, 0.0005])),
        tick=tick if rng.random() < 0.4 else 0.0,
    )
    return Money(costs, Sizing("risk" if rng.random() < 0.6 else "notional"))


SLICES = (
    ("BINANCE_BTCUSDT_5m", 28_000, 33_000, 0.01),
    ("BINANCE_ETHUSDT_5m", 65_700, 70_500, 0.01),  # the exchange's halt of 16 bars
    ("BINANCE_SOLUSDT_5m", 27_500, 32_500, 0.01),
    ("BINANCE_DOGEUSDT_5m", 10_000, 14_500, 0.0),
    ("BINANCE_CVCUSDT_5m", 35_400, 38_000, 0.0),  # delisted at 37,475
    ("BINANCE_CVCUSDT_5m", 81_500, 86_500, 0.0),  # listed again at 81,888
    ("BINANCE_ONGUSDT_5m", 40_000, 45_000, 0.0),  # a fifth of its bars has no volume
    ("BINANCE_PERLUSDT_5m", 41_000, 45_000, 0.0),
    ("BINANCEUS_BTCUSD_5m", 36_000, 40_500, 0.01),  # a hole of 93 bars
    ("BINANCEUS_USDCUSD_5m", 9_000, 13_500, 0.0),  # a bad print of 5 USD
    ("BITTREX_PAYBTC_1m", 20_000, 25_000, 0.0),
    ("CME_NQ_1m", 1_000, 6_000, 0.25),
)


def around_the_long_hole(shared_data: Path) -> Bars:
    """A market that was delisted and listed again, with most of the 44,412 bars between left out."""
    whole = load(shared_data / "BINANCE_CVCUSDT_5m.parquet")
    hole = np.flatnonzero(whole.absent)
    assert len(hole) == 44_412
    around = np.r_[hole[0] - 2500 : hole[0] + 400, hole[-1] - 20 : hole[-1] + 2500]
    shortened = cut(whole, 0, len(around))
    names = ("open", "high", "low", "close", "volume", "absent", "valid", "tradable")
    return replace(shortened, **{name: getattr(whole, name)[around] for name in names})
