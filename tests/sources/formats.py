"""Files of bars in the formats that exchanges and programs export, made from one series of bars.

Each format is made from the public description of its export, not from a file of it; what it must be read as is written
beside it by hand.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyarrow import feather, parquet

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Bar:
    """One bar: its open in UTC, four prices and a volume."""

    at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float

    @property
    def ohlc(self) -> tuple[float, float, float, float]:
        """The prices in the usual order."""
        return self.open, self.high, self.low, self.close


def walk(hours: int = 1, n: int = 48, start: datetime = START) -> list[Bar]:
    """Return bars of a random walk in prices of two decimals, each bar with a high above and a low below the others."""
    dice, bars, last = random.Random(7), [], 100.0
    for i in range(n):
        close = round(last + dice.uniform(-0.5, 0.5), 2)
        high, low = round(max(last, close) + 0.11, 2), round(min(last, close) - 0.13, 2)
        bars.append(Bar(start + timedelta(hours=hours * i), last, high, low, close, round(dice.uniform(1, 9), 3)))
        last = close
    return bars


BARS = walk()
DAYS = walk(24, 40)


def seconds(bar: Bar) -> int:
    """Epoch of a bar's open."""
    return int(bar.at.timestamp())


def ms(bar: Bar) -> int:
    """Epoch of a bar's open in milliseconds."""
    return 1000 * seconds(bar)


def lines(header: str, row: Callable[[Bar], str | list[Any]], bars: list[Bar] = BARS, end: str = "\n") -> bytes:
    """Return a header and a line for each bar: a text, or cells to be joined with commas."""
    rows = [row(bar) for bar in bars]
    texts = [value if isinstance(value, str) else ",".join(map(str, value)) for value in rows]
    return end.join([*([header] if header else []), *texts, ""]).encode()


def packed(name: str, content: bytes, **others: bytes) -> bytes:
    """Return a zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        for other, data in others.items():
            archive.writestr(other, data)
    return out.getvalue()


def table(**columns: object) -> pa.Table:
    """Return a table of lists."""
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def written(made: pa.Table, write: Callable[..., None]) -> bytes:
    """Return the bytes of a table in a file."""
    out = io.BytesIO()
    write(made, out)
    return out.getvalue()


@dataclass(frozen=True)
class Format:
    """One format, and what it must be read as.

    Attributes
    ----------
    name, file : str
        What people call it, and what such a file is called.
    content : bytes
    market : str
        Exchange, symbol, timeframe and kind.
    options : dict
        What the user has to say.
    refused : str
        A pattern of the sentence with which it must be refused; "" for one that must be read.
    volume : bool
        Whether it has one.
    bars : list of Bar
        What must be read.
    """

    name: str
    file: str
    content: bytes
    market: str = "file BTC/USD 1h spot"
    options: dict[str, Any] = field(default_factory=dict)
    refused: str = ""
    volume: bool = True
    bars: list[Bar] = field(default_factory=lambda: BARS)


def _kline(bar: Bar) -> list[object]:
    quote = round(bar.volume * bar.close, 4)
    return [ms(bar), *map(str, bar.ohlc), str(bar.volume), ms(bar) + 3_599_999, str(quote), 9, "1", "2", "0"]


def _records(names: str, values: Callable[[Bar], list[object]], bars: list[Bar] = BARS) -> list[dict[str, object]]:
    return [dict(zip(names.split(), values(bar), strict=True)) for bar in bars]


def _above(bar: Bar) -> tuple[float, float, float, float]:
    """Return the prices, 1,100 higher."""
    open_, high, low, close = (round(1100 + price, 2) for price in bar.ohlc)
    return open_, high, low, close


def _plain(bar: Bar) -> list[object]:
    return [*bar.ohlc, bar.volume]


_ISO = "%Y-%m-%dT%H:%M:%S"
_NEW_YORK = ZoneInfo("America/New_York")
_BERLIN = ZoneInfo("Europe/Berlin")
_SPRING = walk(1, 72, datetime(2024, 3, 9, tzinfo=UTC))
_AUTUMN = walk(1, 72, datetime(2024, 10, 26, tzinfo=UTC))

_TWO_SYMBOLS = lines(
    "symbol,time,open,high,low,close,volume",
    lambda b: (
        ",".join(map(str, ["BTCUSD", seconds(b), *_plain(b)]))
        + "\n"
        + ",".join(map(str, ["ETHUSD", seconds(b), *_plain(b)]))
    ),
)
"""The same times twice, of two symbols that a column names."""

_LOCAL_SPRING = lines(
    "time,open,high,low,close,volume",
    lambda b: [f"{b.at.astimezone(_NEW_YORK):%Y-%m-%d %H:%M}", *_plain(b)],
    _SPRING,
)
_LOCAL_AUTUMN = lines(
    "time,open,high,low,close,volume",
    lambda b: [f"{b.at.astimezone(_BERLIN):%d.%m.%Y %H:%M}", *_plain(b)],
    _AUTUMN[::-1],
)
FORMATS = [
    Format(
        "Binance REST klines",
        "BTCUSDT.json",
        json.dumps([_kline(b) for b in BARS]).encode(),
        "file BTCUSDT 1h spot",
    ),
    Format(
        "Binance monthly dump, zip with a checksum",
        "BTCUSDT-1h-2024-01.zip",
        packed("BTCUSDT-1h-2024-01.csv", lines("", _kline), README=b"sha256 ..."),
        "binance BTC/USDT 1h spot",
    ),
    Format(
        "Coinbase REST candles (low, high, open, close)",
        "coinbase-btc-usd-1h.json",
        json.dumps([[seconds(b), b.low, b.high, b.open, b.close, b.volume] for b in reversed(BARS)]).encode(),
        "coinbase BTC/USD 1h spot",
    ),
    Format(
        "Coinbase Advanced Trade",
        "coinbase_BTCUSD_1h.json",
        json.dumps(
            {
                "candles": _records(
                    "start low high open close volume",
                    lambda b: [str(seconds(b)), str(b.low), str(b.high), str(b.open), str(b.close), str(b.volume)],
                )
            }
        ).encode(),
        "coinbase BTC/USD 1h spot",
    ),
    Format(
        "Bitfinex candles (open, close, high, low)",
        "bitfinex_BTCUSD_1h.json",
        json.dumps([[ms(b), b.open, b.close, b.high, b.low, b.volume] for b in reversed(BARS)]).encode(),
        "bitfinex BTC/USD 1h spot",
    ),
    Format(
        "KuCoin candles",
        "kucoin_BTCUSDT_1h.json",
        json.dumps(
            {
                "code": "200000",
                "data": [
                    [str(seconds(b)), str(b.open), str(b.close), str(b.high), str(b.low), str(b.volume), "1.5"]
                    for b in BARS
                ],
            }
        ).encode(),
        "kucoin BTC/USDT 1h spot",
    ),
    Format(
        "Gate.io candles",
        "gate_BTCUSDT_1h.json",
        json.dumps(
            [
                [str(seconds(b)), "99.1", str(b.close), str(b.high), str(b.low), str(b.open), str(b.volume), "true"]
                for b in BARS
            ]
        ).encode(),
        "gate BTC/USDT 1h spot",
    ),
    Format(
        "OKX candles",
        "okx_BTC-USDT-SWAP_1h.json",
        json.dumps(
            {"code": "0", "data": [[str(ms(b)), *map(str, _plain(b)), "7", "8", "1"] for b in reversed(BARS)]}
        ).encode(),
        "okx BTC/USDT:USDT 1h perpetual",
    ),
    Format(
        "Bybit v5 kline",
        "bybit_ETHUSDT_1h.json",
        json.dumps(
            {
                "retCode": 0,
                "result": {
                    "symbol": "ETHUSDT",
                    "category": "spot",
                    "list": [[str(ms(b)), *map(str, _plain(b)), "9.5"] for b in reversed(BARS)],
                },
            }
        ).encode(),
        "bybit ETH/USDT 1h spot",
    ),
    Format(
        "Kraken OHLCVT dump",
        "XBTUSD_60.csv",
        lines("", lambda b: [seconds(b), *_plain(b), 12]),
        "kraken BTC/USD 1h spot",
    ),
    Format(
        "Kraken REST OHLC",
        "kraken_XBTUSD_1h.json",
        json.dumps(
            {
                "error": [],
                "result": {
                    "XXBTZUSD": [[seconds(b), *map(str, b.ohlc), "100.0", str(b.volume), 5] for b in BARS],
                    "last": 1,
                },
            }
        ).encode(),
        "kraken BTC/USD 1h spot",
    ),
    Format(
        "Bitstamp REST OHLC",
        "bitstamp_btcusd_1h.json",
        json.dumps(
            {
                "data": {
                    "pair": "BTC/USD",
                    "ohlc": _records(
                        "timestamp open high low close volume", lambda b: [str(seconds(b)), *map(str, _plain(b))]
                    ),
                }
            }
        ).encode(),
        "bitstamp BTC/USD 1h spot",
    ),
    Format(
        "Huobi klines (amount is the base volume)",
        "htx_BTCUSDT_1h.json",
        json.dumps(
            {
                "status": "ok",
                "data": _records(
                    "id open close low high amount vol count",
                    lambda b: [
                        seconds(b),
                        b.open,
                        b.close,
                        b.low,
                        b.high,
                        b.volume,
                        12345.6,
                        3,
                    ],
                ),
            }
        ).encode(),
        "htx BTC/USDT 1h spot",
    ),
    Format(
        "Upbit candles",
        "upbit_BTCUSDT_1h.json",
        json.dumps(
            _records(
                "market candle_date_time_utc candle_date_time_kst opening_price high_price low_price trade_price "
                "timestamp candle_acc_trade_price candle_acc_trade_volume unit",
                lambda b: [
                    "USDT-BTC",
                    b.at.strftime(_ISO),
                    (b.at + timedelta(hours=9)).strftime(_ISO),
                    *b.ohlc,
                    ms(b) + 5,
                    1.0,
                    b.volume,
                    60,
                ],
            )
        ).encode(),
        "upbit BTC/USDT 1h spot",
    ),
    Format(
        "Hyperliquid candle snapshot (t opens, T closes)",
        "hyperliquid_BTCUSDC_1h.json",
        json.dumps(
            _records("t T s i o h l c v n", lambda b: [ms(b), ms(b) + 3_599_999, "BTC", "1h", *map(str, _plain(b)), 3])
        ).encode(),
        "hyperliquid BTC/USDC 1h spot",
    ),
    Format(
        "Deribit / TradingView UDF columns",
        "deribit_BTC-PERPETUAL_1h.json",
        json.dumps(
            {
                "result": {
                    "ticks": [ms(b) for b in BARS],
                    "t": [ms(b) for b in BARS],
                    **{
                        k: [getattr(b, f) for b in BARS]
                        for k, f in zip("ohlcv", ("open", "high", "low", "close", "volume"), strict=True)
                    },
                }
            }
        ).encode(),
        "deribit BTC/USD:BTC 1h perpetual",
    ),
    Format(
        "CryptoCompare histohour",
        "BTC-USD-1h.json",
        json.dumps(
            {
                "Response": "Success",
                "Data": {
                    "Data": _records(
                        "time high low open volumefrom volumeto close",
                        lambda b: [seconds(b), b.high, b.low, b.open, b.volume, 99.9, b.close],
                    )
                },
            }
        ).encode(),
    ),
    Format(
        "TwelveData CSV",
        "BTC-USD-1h.csv",
        lines(
            "datetime;open;high;low;close;volume",
            lambda b: ";".join(map(str, [b.at.strftime("%Y-%m-%d %H:%M:%S"), *_plain(b)])),
        ),
    ),
    Format(
        "TwelveData JSON",
        "td.json",
        json.dumps(
            {
                "meta": {"symbol": "BTC/USD", "interval": "1h", "exchange": "Coinbase Pro"},
                "values": _records(
                    "datetime open high low close",
                    lambda b: [b.at.strftime("%Y-%m-%d %H:%M:%S"), *map(str, b.ohlc)],
                    BARS[::-1],
                ),
                "status": "ok",
            }
        ).encode(),
        "coinbase pro BTC/USD 1h spot",
        volume=False,
    ),
    Format(
        "Alpha Vantage digital currency",
        "av_BTC-USD.json",
        json.dumps(
            {
                "Meta Data": {"2. Digital Currency Code": "BTC"},
                "Time Series (Digital Currency Daily)": {
                    f"{b.at:%Y-%m-%d}": dict(
                        zip(("1. open", "2. high", "3. low", "4. close", "5. volume"), map(str, _plain(b)), strict=True)
                    )
                    for b in reversed(DAYS)
                },
            }
        ).encode(),
        "file AV_BTC-USD 1d spot",
        bars=DAYS,
    ),
    Format(
        "Yahoo chart JSON",
        "BTC-USD.json",
        json.dumps(
            {
                "chart": {
                    "result": [
                        {
                            "meta": {"symbol": "BTC-USD"},
                            "timestamp": [seconds(b) for b in DAYS],
                            "indicators": {
                                "quote": [
                                    {
                                        k: [getattr(b, k) for b in DAYS]
                                        for k in ("open", "high", "low", "close", "volume")
                                    }
                                ]
                            },
                        }
                    ]
                }
            }
        ).encode(),
        "file BTC/USD 1d spot",
        bars=DAYS,
    ),
    Format(
        "Polygon flat file (window_start in ns)",
        "2024-01-01.csv.gz",
        gzip.compress(
            lines(
                "ticker,volume,open,close,high,low,window_start,transactions",
                lambda b: ["X:BTCUSD", b.volume, b.open, b.close, b.high, b.low, seconds(b) * 10**9, 4],
            )
        ),
    ),
    Format(
        "Databento OHLCV",
        "databento_BTCUSD_1h.csv",
        lines(
            "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol",
            lambda b: [f"{b.at.strftime(_ISO)}.000000000Z", 34, 1, 42, *_plain(b), "BTCUSD"],
        ),
        "databento BTC/USD 1h spot",
    ),
    Format(
        "CoinAPI",
        "coinapi_BTCUSD_1h.csv",
        lines(
            "time_period_start;time_period_end;time_open;time_close;price_open;price_high;price_low;price_close;volume_traded;trades_count",
            lambda b: ";".join(
                map(
                    str,
                    [
                        f"{b.at.strftime(_ISO)}.0000000Z",
                        f"{(b.at + timedelta(hours=1)).strftime(_ISO)}.0000000Z",
                        f"{b.at.strftime(_ISO)}.0000000Z",
                        f"{(b.at + timedelta(minutes=59)).strftime(_ISO)}.0000000Z",
                        *_plain(b),
                        7,
                    ],
                )
            ),
        ),
        "coinapi BTC/USD 1h spot",
    ),
    Format(
        "CoinMarketCap history (close in the last millisecond)",
        "Bitcoin_historical_data_coinmarketcap.csv",
        lines(
            "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp",
            lambda b: ";".join(
                map(
                    str,
                    [
                        f'"{b.at.strftime(_ISO)}.000Z"',
                        f'"{b.at:%Y-%m-%d}T23:59:59.999Z"',
                        '"x"',
                        '"y"',
                        '"2781"',
                        *_plain(b),
                        1e12,
                        f'"{b.at:%Y-%m-%d}T23:59:59.999Z"',
                    ],
                )
            ),
            DAYS[::-1],
        ),
        "file BITCOIN_HISTORICAL_DATA_COINMARKETCAP 1d spot",
        bars=DAYS,
    ),
    Format(
        "Closing stamps of 23:59:59",
        "daily_BTCUSD_1d.csv",
        lines("Date,Open,High,Low,Close,Volume", lambda b: [f"{b.at:%Y-%m-%d} 23:59:59", *_plain(b)], DAYS),
        "daily BTC/USD 1d spot",
        bars=DAYS,
    ),
    Format(
        "Investing.com (thousands, K, month names)",
        "Bitcoin Historical Data.csv",
        lines(
            '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"',
            lambda b: (
                f'"{b.at:%b %d, %Y}","1,{b.close + 100:.2f}","1,{b.open + 100:.2f}","1,{b.high + 100:.2f}",'
                f'"1,{b.low + 100:.2f}","{b.volume}K","0.42%"'
            ),
            DAYS[::-1],
        ),
        "file BITCOIN HISTORICAL DATA 1d spot",
        bars=[Bar(b.at, *_above(b), round(1000 * b.volume, 6)) for b in DAYS],
    ),
    Format(
        "Stooq / MetaStock ASCII",
        "btcusd.txt",
        lines(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
            lambda b: ["BTCUSD", 60, f"{b.at:%Y%m%d}", f"{b.at:%H%M%S}", *_plain(b), 0],
        ),
    ),
    Format(
        "Finam (semicolons)",
        "finam_BTCUSD_1h.txt",
        lines(
            "<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>",
            lambda b: ";".join(map(str, [f"{b.at:%Y%m%d}", f"{b.at:%H%M%S}", *_plain(b)])),
        ),
        "finam BTC/USD 1h spot",
    ),
    Format(
        "TSLab (no header, trailing semicolon, US dates)",
        "tslab_BTCUSD_1h.csv",
        lines("", lambda b: ";".join(map(str, [f"{b.at:%m/%d/%Y}", f"{b.at:%H:%M}", *_plain(b)])) + ";", walk(12, 48)),
        "tslab BTC/USD 12h spot",
        {"timeframe": "12h"},
        bars=walk(12, 48),
    ),
    Format(
        "Sierra Chart",
        "sierra_BTCUSD_1h.txt",
        lines(
            "Date, Time, Open, High, Low, Last, Volume, # of Trades, OHLC Avg, HLC Avg, HL Avg, Bid Volume, Ask Volume",
            lambda b: ", ".join(map(str, [f"{b.at:%Y/%m/%d}", f"{b.at:%H:%M:%S}.0", *_plain(b), 1, 1, 1, 1, 2, 3])),
        ),
        "sierra BTC/USD 1h spot",
    ),
    Format(
        "TradeStation (ends of bars)",
        "ts_BTCUSD_1h.txt",
        lines(
            '"Date","Time","Open","High","Low","Close","Up","Down"',
            lambda b: [f"{b.at + timedelta(hours=1):%m/%d/%Y}", f"{b.at + timedelta(hours=1):%H:%M}", *b.ohlc, 1, 2],
            walk(1, 400),
        ),
        "ts BTC/USD 1h spot",
        volume=False,
        bars=walk(1, 400),
    ),
    Format(
        "HistData ASCII (New York's winter time)",
        "DAT_ASCII_EURUSD_M1_2024.csv",
        lines(
            "",
            lambda b: ";".join(map(str, [f"{b.at - timedelta(hours=5):%Y%m%d %H%M%S}", *_plain(b)])),
        ),
        "file EUR/USD 1h spot",
    ),
    Format(
        "NinjaTrader (ends of bars)",
        "ES 03-24.Last.txt",
        lines("", lambda b: ";".join(map(str, [f"{b.at + timedelta(hours=1):%Y%m%d %H%M%S}", *_plain(b)]))),
        "file ES 03-24.LAST 1h spot",
    ),
    Format(
        "TradingView export",
        "BINANCE_BTCUSDT.P, 60.csv",
        lines("time,open,high,low,close,Volume,MA", lambda b: [seconds(b), *_plain(b), "NaN"]),
        "binance BTC/USDT:USDT 1h perpetual",
    ),
    Format(
        "MetaTrader 5 daily",
        "BTCUSD_Daily_202401010000_202402090000.csv",
        lines(
            "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
            lambda b: "\t".join(map(str, [f"{b.at:%Y.%m.%d}", *b.ohlc, b.volume, 0, 1])),
            DAYS,
        ),
        "file BTC/USD 1d spot",
        bars=DAYS,
    ),
    Format(
        "Excel, European (decimal commas, days first)",
        "excel_BTCEUR_1h.csv",
        lines(
            "Datum;Date;Open;High;Low;Close;Volume",
            lambda b: ";".join(
                ["x", f"{b.at:%d/%m/%Y %H:%M}", *(f"{value:.3f}".replace(".", ",") for value in _plain(b))]
            ),
            walk(1, 400),
        ),
        "excel BTC/EUR 1h spot",
        bars=walk(1, 400),
    ),
    Format(
        "Excel, American (AM and PM)",
        "excel_BTCUSD_1h.csv",
        lines(
            "Date,Open,High,Low,Close,Volume",
            lambda b: [f"{b.at.month}/{b.at.day}/{b.at:%Y %I:%M:%S %p}", *_plain(b)],
            walk(1, 400),
            "\r\n",
        ),
        "excel BTC/USD 1h spot",
        bars=walk(1, 400),
    ),
    Format(
        "Dates that may be read in two ways",
        "two_BTCUSD_1h.csv",
        lines("Date,Open,High,Low,Close,Volume", lambda b: [f"{b.at:%d/%m/%Y %H:%M}", *_plain(b)]),
        refused=r"order of day and month.*day 1 of month 1, or day 1 of month 1.*--dates dmy or --dates mdy",
    ),
    Format(
        "The same, the order said",
        "two_BTCUSD_1h.csv",
        lines("Date,Open,High,Low,Close,Volume", lambda b: [f"{b.at:%d/%m/%Y %H:%M}", *_plain(b)]),
        "two BTC/USD 1h spot",
        {"dates": "dmy"},
    ),
    Format(
        "CryptoDataDownload, older (04-AM)",
        "Coinbase_BTCUSD_1h.csv",
        b"https://www.CryptoDataDownload.com\n"
        + lines(
            "Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD",
            lambda b: [f"{b.at:%Y-%m-%d %I-%p}", "BTCUSD", *_plain(b), 1234.5],
            BARS[::-1],
        ),
        "coinbase BTC/USD 1h spot",
    ),
    Format(
        "freqtrade JSON in gzip",
        "ETH_BTC-1h.json.gz",
        gzip.compress(json.dumps([[ms(b), *_plain(b)] for b in BARS]).encode()),
        "file ETH/BTC 1h spot",
    ),
    Format(
        "freqtrade feather of futures",
        "ETH_USDT_USDT-1h-futures.feather",
        written(
            table(
                date=[b.at for b in BARS],
                **{name: [getattr(b, name) for b in BARS] for name in ("open", "high", "low", "close", "volume")},
            ),
            feather.write_feather,
        ),
        "file ETH/USDT:USDT 1h perpetual",
    ),
    Format(
        "freqtrade funding rates",
        "ETH_USDT_USDT-1h-funding_rate.feather",
        written(
            table(
                date=[b.at for b in BARS],
                **{name: [getattr(b, name) for b in BARS] for name in ("open", "high", "low", "close", "volume")},
            ),
            feather.write_feather,
        ),
        refused="holds funding rate as its name says, not the prices of trades",
    ),
    Format(
        "JSON lines",
        "gemini_BTCUSD_1h.jsonl",
        "\n".join(
            json.dumps(r) for r in _records("ts open high low close volume", lambda b: [ms(b), *_plain(b)])
        ).encode(),
        "gemini BTC/USD 1h spot",
    ),
    Format(
        "pandas to_json by columns",
        "pandas_BTCUSD_1h.json",
        json.dumps(
            {name: {str(ms(b)): getattr(b, name) for b in BARS} for name in ("open", "high", "low", "close", "volume")}
        ).encode(),
        "pandas BTC/USD 1h spot",
    ),
    Format(
        "pandas to_json split",
        "pandas_BTCUSD_1h.json",
        json.dumps(
            {
                "columns": ["open", "high", "low", "close", "volume"],
                "index": [ms(b) for b in BARS],
                "data": [_plain(b) for b in BARS],
            }
        ).encode(),
        "pandas BTC/USD 1h spot",
    ),
    Format(
        "Oanda candles",
        "oanda_EURUSD_1h.json",
        json.dumps(
            {
                "instrument": "EUR_USD",
                "granularity": "H1",
                "candles": [
                    {
                        "complete": True,
                        "volume": b.volume,
                        "time": f"{b.at.strftime(_ISO)}.000000000Z",
                        "mid": dict(zip("ohlc", map(str, b.ohlc), strict=True)),
                    }
                    for b in BARS
                ],
            }
        ).encode(),
        "oanda EUR/USD 1h spot",
    ),
    Format(
        "Schwab / TD Ameritrade price history",
        "td_BTCUSD_1h.json",
        json.dumps(
            {
                "symbol": "BTCUSD",
                "empty": False,
                "candles": _records("open high low close volume datetime", lambda b: [*_plain(b), ms(b)]),
            }
        ).encode(),
        "td BTC/USD 1h spot",
    ),
    Format(
        "Parquet, times in nanoseconds in the index",
        "x_BTCUSD_1h.parquet",
        written(
            table(
                **{name: [getattr(b, name) for b in BARS] for name in ("open", "high", "low", "close", "volume")},
                __index_level_0__=pa.array([b.at for b in BARS], pa.timestamp("ns", "UTC")),
            ),
            parquet.write_table,
        ),
        "x BTC/USD 1h spot",
    ),
    Format(
        "Two symbols",
        "all_1h.csv",
        _TWO_SYMBOLS,
        refused="must hold one symbol, but its column 'symbol' has 2: BTCUSD, ETHUSD.*--where symbol=BTCUSD",
    ),
    Format(
        "Two symbols, one taken",
        "all_1h.csv",
        _TWO_SYMBOLS,
        "file BTC/USD 1h spot",
        {"where": ["symbol=btcusd"]},
    ),
    Format(
        "Two symbols without a column that says it",
        "mixed_BTCUSD_1h.csv",
        lines(
            "time,open,high,low,close,volume",
            lambda b: (
                ",".join(map(str, [seconds(b), *_plain(b)])) + "\n" + ",".join(map(str, [seconds(b), 5, 6, 4, 5, 1]))
            ),
        ),
        refused="must hold one market, but 48 of 96 rows repeat a stamp with other values",
    ),
    Format(
        "Two timeframes, one after the other",
        "joined_BTCUSD.csv",
        lines(
            "time,open,high,low,close,volume",
            lambda b: [seconds(b), *_plain(b)],
            DAYS + walk(1, 100, datetime(2024, 3, 1, tzinfo=UTC)),
        ),
        refused=r"must hold one timeframe, but 39 bars from 2024-01-01.* are 1d apart and the most are 1h",
    ),
    Format(
        "Local time over a spring change of the clock",
        "local_BTCUSD_1h.csv",
        _LOCAL_SPRING,
        refused="clock that was put forward: 2024-03-10 01:00 is followed by 2024-03-10 03:00",
    ),
    Format(
        "The same, the zone said",
        "local_BTCUSD_1h.csv",
        _LOCAL_SPRING,
        "local BTC/USD 1h spot",
        {"timezone": "America/New_York"},
        bars=_SPRING,
    ),
    Format(
        "Local time over an autumn change of the clock, newest first",
        "local_BTCUSD_1h.csv",
        _LOCAL_AUTUMN,
        "local BTC/USD 1h spot",
        {"timezone": "Europe/Berlin"},
        bars=_AUTUMN,
    ),
    Format(
        "The same, no zone said",
        "local_BTCUSD_1h.csv",
        _LOCAL_AUTUMN,
        refused="clock that was set back: rows .* both say 2024-10-27 02:00",
    ),
    Format(
        "Weeks that begin on Monday",
        "weeks_BTCUSD_1w.csv",
        lines("time,open,high,low,close,volume", lambda b: [f"{b.at:%Y-%m-%d}", *_plain(b)], walk(7 * 24, 20)),
        "weeks BTC/USD 7d spot",
        bars=walk(7 * 24, 20),
    ),
    Format(
        "Weeks that begin on Thursday",
        "weeks_BTCUSD_1w.csv",
        lines(
            "time,open,high,low,close,volume",
            lambda b: [seconds(b), *_plain(b)],
            walk(7 * 24, 20, datetime(2024, 1, 4, tzinfo=UTC)),
        ),
        "weeks BTC/USD 7d spot",
        bars=walk(7 * 24, 20, datetime(2024, 1, 4, tzinfo=UTC)),
    ),
    Format(
        "Months",
        "months_BTCUSD_1M.csv",
        lines("time,open,high,low,close,volume", lambda b: [f"{b.at:%Y-%m-%d}", *_plain(b)], DAYS),
        refused="must have a fixed length, and a month has none",
    ),
    Format(
        "A contract without its quote",
        "ftx_BTC-PERP_1h.csv",
        lines("startTime,open,high,low,close,volume", lambda b: [b.at.isoformat(), *_plain(b)]),
        "ftx BTC-PERP 1h perpetual",
    ),
    Format(
        "Columns of other names, said",
        "own_BTCUSD_1h.csv",
        lines("wann,auf,hoch,tief,zu,menge", lambda b: [seconds(b), *_plain(b)]),
        "own BTC/USD 1h spot",
        {"columns": "time=wann,open=auf,high=hoch,low=tief,close=5,volume=menge"},
    ),
    Format(
        "A saved web page",
        "BTCUSD_1h.csv",
        b"<!DOCTYPE html><html><body>403 Forbidden</body></html>",
        refused="is a web page, not a table",
    ),
    Format(
        "A zip of two files",
        "two.zip",
        packed("a.csv", b"x", **{"b.csv": b"y"}),
        refused="must hold one file of bars; unpack it",
    ),
]

_HEADER = "time,open,high,low,close,volume"
_CARNIVAL = walk(1, 96, datetime(2018, 2, 16, tzinfo=UTC))
_LONDON = walk(4, 60, datetime(2024, 10, 24, tzinfo=UTC))
_SYDNEY = walk(4, 60, datetime(2024, 4, 3, tzinfo=UTC))
_LATER = walk(1, 48, datetime(2024, 1, 3, tzinfo=UTC))


def _local(zone: str) -> Callable[[Bar], list[object]]:
    return lambda b: [f"{b.at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}", *_plain(b)]


def _german(number: float, digits: int) -> str:
    return f"{number:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def _bitmex(b: Bar) -> list[object]:
    end = f"{b.at + timedelta(hours=1):{_ISO}}.000Z"
    return [end, "XBTUSD", *b.ohlc, 9, 1000, b.close, 1, 1, b.volume, round(b.volume * b.close)]


def _tuples(*tickers: str) -> pa.Table:
    prices = {
        f"('{name.title()}', '{ticker}')": [getattr(b, name) for b in BARS]
        for ticker in tickers
        for name in ("open", "high", "low", "close", "volume")
    }
    return table(**prices, __index_level_0__=pa.array([ms(b) for b in BARS]).cast(pa.timestamp("ms", "UTC")))


def _alpaca(*symbols: str) -> bytes:
    rows = _records("t o h l c v n", lambda b: [f"{b.at:{_ISO}}Z", *_plain(b), 9])
    return json.dumps({"bars": dict.fromkeys(symbols, rows), "next_page_token": None}).encode()


_IN_EUROPE = [
    Bar(
        b.at,
        round(1000 + b.open, 1),
        round(1000 + b.high, 1),
        round(1000 + b.low, 1),
        round(1000 + b.close, 1),
        round(b.volume * 1000, 6),
    )
    for b in DAYS
]

FORMATS += [
    Format(
        "Local times of Brazil, whose clock was set back on a Saturday night",
        "local_BTCUSD_1h.csv",
        lines(_HEADER, _local("America/Sao_Paulo"), _CARNIVAL),
        refused="clock that was set back: rows .* both say 2018-02-17 23:00",
    ),
    Format(
        "Local times of bars of four hours",
        "local_BTCUSD_4h.csv",
        lines(_HEADER, _local("Europe/London"), _LONDON),
        refused="clock that was changed: from 2024-10-27 .* the grid of bars moves",
    ),
    Format(
        "Bars of four hours, one of them in the hour that the clock shows twice",
        "local_BTCUSD_4h.csv",
        lines(_HEADER, _local("Australia/Sydney"), _SYDNEY),
        "local BTC/USD 4h spot",
        {"timezone": "Australia/Sydney"},
        bars=_SYDNEY,
    ),
    Format(
        "Two markets one after the other, in a column of an unknown name",
        "joined_BTCUSD_1h.csv",
        lines(f"{_HEADER},which", lambda b: [seconds(b), *_plain(b), "BTC" if b in BARS else "ETH"], BARS + _LATER),
        refused="must hold one symbol, but its column 'which' has 2: BTC, ETH",
    ),
    Format(
        "Two kinds of prices one after the other",
        "joined_BTCUSD_1h.csv",
        lines(f"{_HEADER},which", lambda b: [seconds(b), *_plain(b), "bid" if b in BARS else "ask"], BARS + _LATER),
        refused="must hold one kind, but its column 'which' has 2: ask, bid",
    ),
    Format(
        "A contract, said by a column",
        "BINANCE_BTCUSDT_1h.csv",
        lines(f"{_HEADER},category", lambda b: [seconds(b), *_plain(b), "linear"]),
        "binance BTC/USDT:USDT 1h perpetual",
    ),
    Format(
        "Other texts in columns",
        "own_BTCUSD_1h.csv",
        lines(f"{_HEADER},color,signal", lambda b: [seconds(b), *_plain(b), "red", "BUY" if b.at.hour % 2 else "SELL"]),
        "own BTC/USD 1h spot",
    ),
    Format("Alpaca API (JSON)", "alpaca.json", _alpaca("BTC/USD"), "file BTC/USD 1h spot"),
    Format(
        "Two markets in one JSON",
        "alpaca.json",
        _alpaca("BTC/USD", "ETH/USD"),
        refused="must hold one table of bars, but it has 2: BTC/USD, ETH/USD",
    ),
    Format(
        "yfinance frame (Parquet)",
        "yf.parquet",
        written(_tuples("BTC-USD"), parquet.write_table),
        "file BTC/USD 1h spot",
    ),
    Format(
        "yfinance frame of two tickers (Parquet)",
        "yf.parquet",
        written(_tuples("BTC-USD", "ETH-USD"), parquet.write_table),
        refused="must hold one market, but its columns are of several.*BTC-USD.*ETH-USD",
    ),
    Format(
        "BitMEX API (ends of bars, volume in the coin)",
        "bitmex_XBTUSD_1h.csv",
        lines(
            "timestamp,symbol,open,high,low,close,trades,volume,vwap,lastSize,turnover,homeNotional,foreignNotional",
            _bitmex,
        ),
        "bitmex BTC/USD:BTC 1h perpetual",
    ),
    Format(
        "Poloniex API (old; the base volume is quoteVolume)",
        "poloniex_BTC_USDT_1h.json",
        json.dumps(
            _records(
                "date open high low close volume quoteVolume weightedAverage",
                lambda b: [seconds(b), *b.ohlc, b.volume * b.close, b.volume, b.close],
            )
        ).encode(),
        "poloniex BTC/USDT 1h spot",
    ),
    Format(
        "dYdX API",
        "dydx_BTC-USD_1h.csv",
        lines(
            "startedAt,ticker,resolution,low,high,open,close,baseTokenVolume,usdVolume",
            lambda b: [f"{b.at:{_ISO}}.000Z", "BTC-USD", "1HOUR", b.low, b.high, b.open, b.close, b.volume, 1],
        ),
        "dydx BTC/USD 1h spot",
    ),
    Format(
        "Investing.com in German",
        "BTC-USD_1d.csv",
        lines(
            "Datum;Zuletzt;Eröffn.;Hoch;Tief;Vol.",
            lambda b: ";".join(
                [
                    f"{b.at:%d.%m.%Y}",
                    *(_german(1000 + price, 1) for price in (b.close, b.open, b.high, b.low)),
                    f"{_german(b.volume, 3)}K",
                ]
            ),
            DAYS,
        ),
        "file BTC/USD 1d spot",
        bars=_IN_EUROPE,
    ),
    Format(
        "Whole thousands beside decimal commas",
        "own_BTCUSD_1h.csv",
        lines(
            _HEADER.replace(",", ";"),
            lambda b: ";".join([str(seconds(b)), "42.000", "43.000,5", "41.000,5", "42.001", _german(b.volume, 3)]),
        ),
        "own BTC/USD 1h spot",
        bars=[Bar(b.at, 42000, 43000.5, 41000.5, 42001, b.volume) for b in BARS],
    ),
    Format(
        "Dates of a spreadsheet as numbers",
        "own_BTCUSD_1h.csv",
        lines(_HEADER, lambda b: [round(seconds(b) / 86400 + 25569, 10), *_plain(b)]),
        "own BTC/USD 1h spot",
    ),
    Format(
        "numpy.savetxt",
        "own_BTCUSD_1h.txt",
        lines("", lambda b: " ".join(f"{value:.18e}" for value in [ms(b), *b.ohlc, b.volume])).lstrip(),
        "own BTC/USD 1h spot",
    ),
    Format(
        "Years of two digits in front",
        "own_BTCUSD_1d.csv",
        lines(_HEADER, lambda b: [f"{b.at:%y/%m/%d}", *_plain(b)], DAYS),
        "own BTC/USD 1d spot",
        bars=DAYS,
    ),
    Format(
        "Days beside epochs",
        "own_BTCUSD_1h.csv",
        lines("date,timestamp,open,high,low,close,volume", lambda b: [f"{b.at:%Y-%m-%d}", ms(b), *_plain(b)]),
        "own BTC/USD 1h spot",
    ),
    Format(
        "QuantConnect LEAN (prices times 10,000)",
        "spy.csv",
        lines("", lambda b: [f"{b.at:%Y%m%d %H:%M}", *(round(p * 10_000) for p in b.ohlc), 100], DAYS).lstrip(),
        refused="QuantConnect's LEAN, whose prices are times 10,000",
    ),
    Format(
        "Binance dump of a contract with an end",
        "BTCUSDT_240329-1h-2024-01.csv",
        lines("", _kline).lstrip(),
        "binance BTC/USDT:USDT-240329 1h future",
    ),
    Format(
        "Hummingbot candles of a contract",
        "candles_binance_perpetual_BTC-USDT_1h.csv",
        lines("timestamp,open,high,low,close,volume", lambda b: [float(seconds(b)), *_plain(b)]),
        "binance BTC/USDT:USDT 1h perpetual",
    ),
    Format(
        "Missing values as spreadsheets, databases and pandas write them",
        "own_BTCUSD_1h.csv",
        lines(
            _HEADER,
            lambda b: [seconds(b), *([("#N/A", "\\N", "<NA>")[b.at.hour % 3]] * 5 if b.at.day > 1 else _plain(b))],
        ),
        "own BTC/USD 1h spot",
        bars=BARS[:24],
    ),
]
