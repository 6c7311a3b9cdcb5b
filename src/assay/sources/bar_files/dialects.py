"""The formats that exchanges and programs export, in one table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.sources.bar_files.fields import field_of, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_T, _O, _H, _L, _C, _V = "time", "open", "high", "low", "close", "volume"


@dataclass(frozen=True)
class Dialect:
    """One format.

    Attributes
    ----------
    name : str
        What people call it.
    header : tuple of str
        Names (small letters and digits) that its header holds, all of them; empty for a format without a header.
    layout : tuple of str
        Fields by position, of rows without a header; "" for what is not read.
    file_name : str
        Pattern of the file's name, with groups ``exchange``, ``symbol``, ``timeframe`` or ``minutes``.
    delimiter : str
        Of rows without a header; "" for any.
    exchange : str
        Where the bars are from when neither name nor content says it.
    timezone : str
        Zone of times that name none.
    bar_end : bool
        Whether its times are those at which bars end.
    note : str
        What its users have to know.
    inverse_note : str
        The same of contracts that are settled in the coin.
    columns : tuple of (str, str)
        Field and the name (small letters and digits) of its column, where the name says something else elsewhere.
    """

    name: str
    header: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    file_name: str = ""
    delimiter: str = ""
    exchange: str = ""
    timezone: str = "UTC"
    bar_end: bool = False
    note: str = ""
    inverse_note: str = ""
    columns: tuple[tuple[str, str], ...] = ()


_BINANCE_FUTURES = "Binance's dumps of contracts have the same columns: if this is one, say --symbol BASE/USDT:USDT"

DIALECTS = (
    Dialect(
        "Binance dump",
        header=("opentime", "open", "high", "low", "close", "volume", "closetime"),
        layout=(_T, _O, _H, _L, _C, _V, "close_time", "", "", "", "", ""),
        file_name=r"(?P<symbol>[A-Z0-9]{5,20}(?:_PERP|_\d{6})?)-(?P<timeframe>\d+[a-zA-Z]{1,2})(?:-\d{4}(?:-\d\d){0,2})?",
        exchange="binance",
        note=_BINANCE_FUTURES,
        inverse_note="its volume counts contracts of 100 or 10 US dollars: that in coins is --columns volume=8",
    ),
    Dialect(
        "CryptoDataDownload",
        header=("date", "symbol", "open", "high", "low", "close"),
        file_name=r"(?P<exchange>[A-Za-z]+)_(?P<symbol>[A-Z0-9]+)_(?:\d{4}_)?(?P<timeframe>d|1h|1hr|hour|minute|1m)",
    ),
    Dialect(
        "Kraken OHLCVT",
        layout=(_T, _O, _H, _L, _C, _V, ""),
        file_name=r"(?P<symbol>[A-Z0-9.]{5,14})_(?P<minutes>1|5|15|30|60|240|720|1440)",
        exchange="kraken",
    ),
    Dialect("Kraken API", layout=(_T, _O, _H, _L, _C, "", _V, "")),
    Dialect(
        "freqtrade",
        header=("date", "open", "high", "low", "close", "volume"),
        layout=(_T, _O, _H, _L, _C, _V),
        file_name=r"(?P<symbol>[A-Z0-9]+_[A-Z0-9]+(?:_[A-Z0-9]+)?)-(?P<timeframe>\d+[mhdw])",
    ),
    Dialect(
        "TradingView",
        header=("time", "open", "high", "low", "close"),
        file_name=r"(?P<exchange>[A-Z]+)_(?P<symbol>[A-Z0-9.!]+), (?P<tradingview>\d*[SDWM]?)(?:[_ ].*)?",
    ),
    Dialect(
        "MetaTrader 5",
        header=("date", "time", "open", "high", "low", "close", "tickvol", "vol", "spread"),
        file_name=r"(?P<symbol>[A-Za-z0-9.#]+)_(?P<timeframe>M\d+|H\d+|Daily|D1|Weekly|W1|MN1)(?:_\d{8,12})*",
        note="MetaTrader writes the broker's time: if that is not UTC, say --timezone",
    ),
    Dialect(
        "MetaTrader 4",
        layout=(_T, "time_of_day", _O, _H, _L, _C, _V),
        file_name=r"(?P<symbol>[A-Z]{6,12}[a-z.]*?)(?P<minutes>1440|240|60|30|15|5|1)",
        note="MetaTrader writes the broker's time: if that is not UTC, say --timezone",
    ),
    Dialect(
        "Dukascopy",
        header=("gmttime", "open", "high", "low", "close"),
        file_name=r"(?P<symbol>[A-Z0-9.]+)_Candlestick_(?P<timeframe>\d+_[A-Za-z]+)_(?:BID|ASK).*",
    ),
    Dialect(
        "Dukascopy (dukascopy-node)",
        header=("timestamp", "open", "high", "low", "close"),
        file_name=r"(?P<symbol>[a-z0-9]+)-(?P<timeframe>[mhd]\d+|mn1)-(?:bid|ask)(?:-.*)?",
    ),
    Dialect(
        "Yahoo",
        header=("date", "open", "high", "low", "close", "adjclose"),
        file_name=r"(?:yf_)?(?P<symbol>[A-Z0-9]+-[A-Z]+)",
    ),
    Dialect(
        "Bitstamp (Kaggle)",
        header=("timestamp", "open", "high", "low", "close", "volumebtc"),
        file_name=r"(?P<exchange>bitstamp|coinbase|btce|coincheck)(?P<quote>USD|JPY|EUR)_(?P<timeframe>\d+-min)_data.*",
    ),
    Dialect("Coinbase API", layout=(_T, _L, _H, _O, _C, _V), exchange="coinbase"),
    Dialect("Bitfinex API", layout=(_T, _O, _C, _H, _L, _V), exchange="bitfinex"),
    Dialect("KuCoin API", layout=(_T, _O, _C, _H, _L, _V, ""), exchange="kucoin"),
    Dialect("Gate.io API", layout=(_T, "", _C, _H, _L, _O, _V, ""), exchange="gate"),
    Dialect("OKX API", layout=(_T, _O, _H, _L, _C, _V, "", "", ""), exchange="okx"),
    Dialect("Bybit API", layout=(_T, _O, _H, _L, _C, _V, ""), exchange="bybit"),
    Dialect(
        "Poloniex API",
        layout=(_L, _H, _O, _C, "", _V, "", "", "", "", "", "", _T, "close_time"),
        exchange="poloniex",
    ),
    Dialect(
        "Poloniex API (old)",
        header=("date", "open", "high", "low", "close", "volume", "quotevolume", "weightedaverage"),
        columns=((_V, "quotevolume"),),
        exchange="poloniex",
        note="Poloniex called the currency of the price the base, so quoteVolume is the volume",
    ),
    Dialect(
        "BitMEX API",
        header=("timestamp", "symbol", "open", "high", "low", "close", "homenotional", "foreignnotional"),
        columns=((_V, "homenotional"),),
        exchange="bitmex",
        bar_end=True,
        note="BitMEX writes the end of each bar",
    ),
    Dialect(
        "Deribit API",
        header=("ticks", "open", "high", "low", "close", "volume", "cost"),
        columns=((_T, "ticks"),),
        exchange="deribit",
    ),
    Dialect("dYdX API", header=("startedat", "ticker", "resolution", "basetokenvolume", "usdvolume"), exchange="dydx"),
    Dialect(
        "Huobi API",
        header=("id", "open", "high", "low", "close", "amount", "vol", "count"),
        columns=((_T, "id"), (_V, "amount")),
        exchange="htx",
    ),
    Dialect(
        "Upbit API",
        header=("openingprice", "highprice", "lowprice", "tradeprice", "candledatetimeutc"),
        columns=(
            *((_T, "candledatetimeutc"), (_O, "openingprice"), (_H, "highprice"), (_L, "lowprice")),
            *((_C, "tradeprice"), (_V, "candleacctradevolume")),
        ),
        exchange="upbit",
    ),
    Dialect("Polygon flat file", header=("ticker", "volume", "open", "close", "high", "low", "windowstart")),
    Dialect(
        "TradeStation",
        header=("date", "time", "open", "high", "low", "close", "up", "down"),
        bar_end=True,
        note="TradeStation writes the end of each bar in the exchange's time: if that is not UTC, say --timezone",
    ),
    Dialect("Bybit dump", header=("startat", "open", "high", "low", "close", "volume")),
    Dialect("OKX dump", header=("open", "high", "low", "close", "vol", "volccy")),
    Dialect(
        "HistData",
        layout=(_T, _O, _H, _L, _C, _V),
        delimiter=";",
        file_name=r"DAT_(?:ASCII|MT|XLSX|MS)_(?P<symbol>[A-Z]{6})_(?P<timeframe>M1)_\d{4,6}",
        timezone="-05:00",
        note="HistData writes New York's winter time all year",
    ),
    Dialect(
        "NinjaTrader",
        layout=(_T, _O, _H, _L, _C, _V),
        delimiter=";",
        file_name=r"(?:DAT_NT_)?(?P<contract>[A-Z0-9]{1,6}(?: \d\d-\d\d)?)(?:_M1_\d{4,6})?\.Last",
        bar_end=True,
        note="NinjaTrader writes the end of each bar",
    ),
    Dialect("CryptoCompare", header=("time", "open", "high", "low", "close", "volumefrom", "volumeto")),
    Dialect("CoinMarketCap", header=("timeopen", "open", "high", "low", "close", "marketcap")),
    Dialect("CoinAPI", header=("timeperiodstart", "priceopen", "pricehigh", "pricelow", "priceclose")),
    Dialect("Stooq", header=("ticker", "per", "date", "time", "open", "high", "low", "close")),
    Dialect("Investing.com", header=("date", "price", "open", "high", "low", "change")),
)
"""The one whose header is held, or whose layout fits the prices, gives a file its name, zone and exchange."""


def dialect_of(names: Sequence[str], stem: str) -> Dialect | None:
    """Return the format that a header and a file's stem show: the one with the most of its names in the header.

    A header of names that everybody uses (date, open, high, low, close) shows it only together with the stem.

    Parameters
    ----------
    names : sequence of str
        Column names as they are written.
    stem : str
        The file's name without its endings.
    """
    held = {plain(name) for name in names}
    fitting = [one for one in DIALECTS if one.header and set(one.header) <= held]
    named = [one for one in fitting if one.file_name and re.fullmatch(one.file_name, stem)]
    own = [one for one in fitting if any(field_of(name) is None for name in one.header)]
    return max(named or own, key=lambda one: len(one.header), default=None)
