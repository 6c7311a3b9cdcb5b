"""What is particular to each exchange: names, candles in one answer, and how a request is bounded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PagingRules:
    """How an exchange answers a request for candles.

    Attributes
    ----------
    candles : int
        Most candles in one answer.
    takes_until : bool
        The request takes the last stamp wanted (ccxt's ``until``).
    bounded : bool
        An answer holds nothing outside the span asked for, so an empty one says that there is nothing.
    only_newest : bool
        Whatever is asked, only the newest `candles` are served.
    """

    candles: int = 500
    takes_until: bool = False
    bounded: bool = False
    only_newest: bool = False


# Read from each `fetch_ohlcv` of ccxt 4.5. KuCoin counts both ends of a span, so one less than its 1500 is asked for.
PAGING_RULES = {
    "binance": PagingRules(1000, takes_until=True, bounded=True),
    "binanceus": PagingRules(1000, takes_until=True, bounded=True),
    "bitstamp": PagingRules(1000, bounded=True),
    "bybit": PagingRules(1000, takes_until=True, bounded=True),
    "coinbase": PagingRules(300, takes_until=True, bounded=True),
    "kraken": PagingRules(720, only_newest=True),
    "kucoin": PagingRules(1499, bounded=True),
    "okx": PagingRules(300, takes_until=True, bounded=True),
}
"""Exchanges whose rules are known; others get `PagingRules()`, with the limit that ccxt names where it names one."""

ALIASES = {
    "binance.us": "binanceus",
    "coinbase advanced": "coinbase",
    "coinbase advanced trade": "coinbase",
    "coinbaseadvanced": "coinbase",
    "coinbasepro": "coinbaseexchange",
    "crypto.com": "cryptocom",
    "gate.io": "gate",
    "gateio": "gate",
    "gdax": "coinbaseexchange",
    "huobi": "htx",
    "okex": "okx",
}
"""Other names of exchanges, in small letters."""

WELL_KNOWN = ("binance", "binanceus", "bitstamp", "bybit", "coinbase", "kraken", "kucoin", "okx")
"""Named when an unknown exchange is asked for."""

ELSEWHERE = {"binance": "binanceus, kraken or coinbase", "bybit": "kraken or coinbase"}
"""Where to go when an exchange refuses a country."""
