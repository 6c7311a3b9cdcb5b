"""Markets in addresses and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

Parts = tuple[str, str, str]
"""Exchange, symbol and timeframe."""


def key_of(row: Mapping[str, Any]) -> str:
    """Return a market as addresses have it: ``binance:BTC/USDT:5m``."""
    return f"{row['exchange']}:{row['symbol']}:{row['timeframe']}"


def parts_of(key: str) -> Parts:
    """Return exchange, symbol (which may hold a colon) and timeframe of an address.

    Raises
    ------
    InputError
        When it is none.
    """
    exchange, _, rest = key.partition(":")
    symbol, _, timeframe = rest.rpartition(":")
    if not (exchange and symbol and timeframe):
        raise InputError("market", "must be EXCHANGE:SYMBOL:TIMEFRAME", key, "Choose one on the page Data")
    return exchange, symbol, timeframe


def title_of(key: str) -> str:
    """Return a market as pages name it."""
    exchange, symbol, timeframe = parts_of(key)
    return f"{symbol} {timeframe} · {exchange}"
