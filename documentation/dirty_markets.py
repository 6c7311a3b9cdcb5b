"""The table of dirty markets in docs/data.md: what the recorded bars show, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.errors import InputError
from assay.market import Bars, Timeframe, measure_quality, resample
from assay.sources import read_bars

if TYPE_CHECKING:
    from pathlib import Path

FILES = (
    "BINANCE_BTCUSDT_5m",
    "BINANCE_PERLUSDT_5m",
    "BINANCE_ONGUSDT_5m",
    "BINANCE_CVCUSDT_5m",
    "BITTREX_PAYBTC_1m",
    "BINANCEUS_BTCUSD_5m",
    "BINANCEUS_DASHUSD_5m",
    "BINANCEUS_MKRUSD_5m",
    "BINANCEUS_REPUSD_5m",
    "BINANCEUS_USDCUSD_5m",
    "BINANCEUS_ONTUSD_5m",
    "BINANCEUS_PAXGUSD_5m",
)
"""The dirty markets, after one that is clean."""

COARSER = ("15m", "1h", "4h", "1d")


def first_accepted(bars: Bars) -> str:
    """Return the finest coarser timeframe that training would accept, or a dash."""
    for text in COARSER:
        try:
            coarse = resample(bars, Timeframe.parse(text))
        except InputError:
            continue
        if measure_quality(coarse).passes:
            return text
    return "-"


def row(file: Path) -> list[str]:
    """Return one line of the table: what a market shows, and what becomes of it."""
    bars = read_bars(file)
    q = measure_quality(bars)
    return [
        f"{bars.market.symbol} {bars.market.timeframe}, {bars.market.exchange}",
        f"{q.expected:,}",
        f"{q.absent:,}",
        f"{q.longest_hole:,}",
        f"{100 * q.zero_volume / q.recorded:.1f}",
        f"{100 * q.flat / q.recorded:.1f}",
        f"{q.outlier:,}",
        f"{q.traded_pct:.1f}",
        f"{q.valid_pct:.1f}",
        f"masked, {q.recorded - q.valid:,} bars" if q.passes else "refused",
        "" if q.passes else first_accepted(bars),
    ]


def table(folder: Path) -> str:
    """Return the table in Markdown."""
    head = [
        "market", "expected bars", "absent", "longest hole", "zero volume %", "flat %", "outliers",
        "traded %", "valid %", "training", "accepted from",
    ]  # fmt: skip
    lines = [head, ["---", *["--:"] * 8, "---", "---"], *(row(folder / f"{name}.parquet") for name in FILES)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
