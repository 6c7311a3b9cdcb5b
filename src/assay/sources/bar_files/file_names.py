"""Which market a file's name says it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.errors import FileFormatError, InputError
from assay.market import Timeframe, canonical_symbol, market_from_name
from assay.market.names import kind_of, minutes_of_word, timeframe_of_word
from assay.sources.bar_files.dialects import DIALECTS

if TYPE_CHECKING:
    from assay.sources.bar_files.dialects import Dialect

_ENDINGS = re.compile(
    r"(?:\.(?:csv|tsv|txt|dat|prn|json|jsonl|ndjson|parquet|pq|feather|arrow|ipc|gz|zip))+$", re.IGNORECASE
)
_NO_PRICES = re.compile(r"[-_](funding_rate|mark|index|premium(?:Index)?(?:Klines)?|trades|aggTrades)$", re.IGNORECASE)
_TRADINGVIEW = {"": None, "D": "1d", "1D": "1d", "W": "1w", "1W": "1w", "M": "1M", "1M": "1M"}
_UNIT_WORDS = {"minute": "m", "hour": "h", "day": "d", "week": "w", "min": "m"}


@dataclass(frozen=True)
class Named:
    """What a name says; None for what it does not.

    Attributes
    ----------
    exchange, symbol : str or None
        The symbol is canonical.
    timeframe : Timeframe or None
    firm : bool
        The name is in the form that says what a file holds; else it is a program's own, and the stamps count more.
    """

    exchange: str | None = None
    symbol: str | None = None
    timeframe: Timeframe | None = None
    firm: bool = False


def stem_of(name: str) -> str:
    """Return a file's name without its endings."""
    return _ENDINGS.sub("", name)


def named_in(stem: str, dialect: Dialect | None, where: str) -> Named:
    """Return what a file's stem says of its market.

    The pattern of the file's format is asked first, then the general one (``BINANCE_BTCUSDT_5m``), then the patterns of
    other formats.

    Raises
    ------
    FileFormatError
        The name says that it holds something else than traded prices.
    InputError
        It says months, or a symbol that may be read in two ways.
    """
    if found := _NO_PRICES.search(stem):
        raise FileFormatError(where, f"holds {found[1].replace('_', ' ')} as its name says, not the prices of trades")
    if dialect is not None and (said := _by_pattern(stem, dialect)) is not None:
        return said
    market = market_from_name(stem)
    if market is not None:
        exchange = None if market.exchange == "file" else market.exchange
        return Named(exchange, market.symbol, market.timeframe, firm=True)
    for other in DIALECTS:
        if other.file_name and (said := _by_pattern(stem, other)) is not None:
            return said
    return Named()


def _by_pattern(stem: str, dialect: Dialect) -> Named | None:
    found = re.fullmatch(dialect.file_name, stem) if dialect.file_name else None
    if found is None:
        return None
    groups = found.groupdict()
    timeframe = _timeframe(groups)
    exchange = (groups.get("exchange") or "").lower() or None
    if groups.get("quote"):
        return Named(exchange, f"BTC/{groups['quote']}", timeframe)
    symbol = groups.get("symbol")
    if symbol is None:
        return Named(None, None, timeframe)
    return _checked(Named(exchange, canonical_symbol(symbol), timeframe))


def _checked(said: Named) -> Named | None:
    """Return what is said, unless its symbol is no pair: then the pattern fitted by chance."""
    pair = said.symbol is not None and ("/" in said.symbol or kind_of("", said.symbol) != "spot")
    return said if pair or said.exchange else replace(said, symbol=None)


def _timeframe(groups: dict[str, str | None]) -> Timeframe | None:
    if minutes := groups.get("minutes"):
        return minutes_of_word(minutes)
    if (chart := groups.get("tradingview")) is not None:
        text = _TRADINGVIEW.get(chart, chart)
        if text is None or text.isdigit():
            return minutes_of_word(text) if text else None
        return None if text.endswith("S") else Timeframe.parse(text)
    word = groups.get("timeframe")
    if word is None:
        return None
    if unit := re.fullmatch(r"(\d+)[_-]([A-Za-z]+?)s?", word):
        return timeframe_of_word(unit[1] + _UNIT_WORDS.get(unit[2].lower(), unit[2]))
    try:
        return timeframe_of_word(word)
    except InputError as error:
        raise InputError(error.field, error.rule, word) from None
