"""What markets are called: symbols, contracts, timeframes and names of files."""

from __future__ import annotations

import pytest

from assay.errors import InputError
from assay.market import Timeframe, canonical_symbol, kind_of, market_from_name, named_market

HOUR = Timeframe.parse("1h")

SYMBOLS = [
    ("BTCTUSD", "BTC/TUSD", "spot"),
    ("BNBUSD", "BNB/USD", "spot"),
    ("PAXGUSD", "PAXG/USD", "spot"),
    ("DOTUSD", "DOT/USD", "spot"),
    ("ETHFDUSD", "ETH/FDUSD", "spot"),
    ("BTCBUSD", "BTC/BUSD", "spot"),
    ("USDTUSD", "USDT/USD", "spot"),
    ("EURUSD", "EUR/USD", "spot"),
    ("ETHBTC", "ETH/BTC", "spot"),
    ("PERPUSDT", "PERP/USDT", "spot"),
    ("XBT/USD", "BTC/USD", "spot"),
    ("XBTUSD", "BTC/USD", "spot"),
    ("XXBTZUSD", "BTC/USD", "spot"),
    ("XETHXXBT", "ETH/BTC", "spot"),
    ("XDGUSD", "DOGE/USD", "spot"),
    ("BTC/USDT:USDT", "BTC/USDT:USDT", "perpetual"),
    ("BTC/USD:BTC", "BTC/USD:BTC", "perpetual"),
    ("BTC-USDT-SWAP", "BTC/USDT:USDT", "perpetual"),
    ("BTC-USD-SWAP", "BTC/USD:BTC", "perpetual"),
    ("BTC_USDT_USDT", "BTC/USDT:USDT", "perpetual"),
    ("BTCUSDT.P", "BTC/USDT:USDT", "perpetual"),
    ("BINANCE:BTCUSDT.P", "BTC/USDT:USDT", "perpetual"),
    ("BTCUSDTPERP", "BTC/USDT:USDT", "perpetual"),
    ("BTCUSDT_PERP", "BTC/USDT:USDT", "perpetual"),
    ("BTCUSD_PERP", "BTC/USD:BTC", "perpetual"),
    ("BTC-PERPETUAL", "BTC/USD:BTC", "perpetual"),
    ("BTC_USDC-PERPETUAL", "BTC/USDC:USDC", "perpetual"),
    ("BTC-PERP", "BTC-PERP", "perpetual"),
    ("btc/perp", "BTC-PERP", "perpetual"),
    ("BTC-27JUN25", "BTC-27JUN25", "future"),
    ("BTCUSDT_240628", "BTC/USDT:USDT-240628", "future"),
    ("BTC/USDT:USDT-240628", "BTC/USDT:USDT-240628", "future"),
    ("BTC-USD-240628", "BTC/USD:BTC-240628", "future"),
]


@pytest.mark.parametrize(("text", "symbol", "kind"), SYMBOLS)
def test_a_symbol_has_one_spelling_and_a_kind(text: str, symbol: str, kind: str) -> None:
    assert canonical_symbol(text) == symbol
    assert canonical_symbol(symbol) == symbol
    assert canonical_symbol(text.lower()) == symbol
    assert kind_of("any", symbol) == kind


@pytest.mark.parametrize(("text", "readings"), [("ARBUSD", "AR/BUSD or ARB/USD"), ("CKBUSD", "CKB/USD")])
def test_a_symbol_of_two_likely_readings_is_refused(text: str, readings: str) -> None:
    if " or " not in readings:  # CK is no coin
        assert canonical_symbol(text) == readings
        return
    with pytest.raises(InputError, match=f"symbol: may mean {readings}; write it with a slash, got '{text}'"):
        canonical_symbol(text)


def test_the_contract_that_is_called_like_a_spot_market_is_none() -> None:
    market = named_market("BitMEX", "XBTUSD", HOUR)
    assert (market.exchange, market.symbol, market.kind) == ("bitmex", "BTC/USD:BTC", "perpetual")
    assert named_market("kraken", "XBT/USD", HOUR).symbol == "BTC/USD"


@pytest.mark.parametrize(
    ("symbol", "currency"),
    [("BTC/USDT", "USDT"), ("BTC/USDT:USDT", "USDT"), ("BTC/USD:BTC", "USD"), ("BTC-PERP", "USD")],
)
def test_profits_are_counted_in_the_quote(symbol: str, currency: str) -> None:
    assert named_market("any", symbol, HOUR).currency == currency


OWN_SPELLINGS = [
    ("PF_XBTUSD", "BTC/USD:USD"),
    ("PI_XBTUSD", "BTC/USD:BTC"),
    ("FI_XBTUSD_240329", "BTC/USD:BTC-240329"),
    ("BTCUSDT_UMCBL", "BTC/USDT:USDT"),
    ("BTCUSDT_SPBL", "BTC/USDT"),
    ("tBTCUSD", "BTC/USD"),
    ("XBTUSDTM", "BTC/USDT:USDT"),
    ("BTCUSDZ24", "BTC/USD:BTC-Z24"),
    ("BTCUSDT_PERP.A", "BTC/USDT:USDT"),
]


@pytest.mark.parametrize(("text", "symbol"), OWN_SPELLINGS)
def test_the_spellings_of_single_exchanges_are_known(text: str, symbol: str) -> None:
    assert canonical_symbol(text) == symbol
    assert canonical_symbol(symbol) == symbol


def test_an_exchange_of_contracts_has_no_spot_market() -> None:
    market = named_market("binanceusdm", "BTCUSDT", HOUR)
    assert (market.symbol, market.kind) == ("BTC/USDT:USDT", "perpetual")


NAMES = [
    ("candles_binance_BTC-USDT_1h", "binance BTC/USDT 1h"),
    ("candles_binance_perpetual_BTC-USDT_1h", "binance BTC/USDT:USDT 1h"),
    ("Binance Perpetual Futures-BTC-USDT-1m", "binance BTC/USDT:USDT 1m"),
    ("BTCUSDT-1h-futures", "file BTC/USDT:USDT 1h"),
    ("BTCUSDT_240329-1h", "file BTC/USDT:USDT-240329 1h"),
    ("BINANCE_BTCUSDT_20240101_1h", "binance BTC/USDT 1h"),
    ("BTCUSDT_202401_1h", "file BTC/USDT 1h"),
    ("BTCUSDT_spot_1h", "file BTC/USDT 1h"),
    ("gate_io_BTC_USDT_1h", "gate_io BTC/USDT 1h"),
    ("BTCUSDT-1h-2025-01", "file BTC/USDT 1h"),
    ("BTCUSDT-5m-2025-01-31", "file BTC/USDT 5m"),
    ("BTC_USDT_USDT-1h-futures", "file BTC/USDT:USDT 1h"),
    ("BTC_USDT-1h-futures", "file BTC/USDT:USDT 1h"),
    ("BTC_USDT-1h", "file BTC/USDT 1h"),
    ("Bitstamp_BTCUSD_2023_minute", "bitstamp BTC/USD 1m"),
    ("Binance_BTCUSDT_d", "binance BTC/USDT 1d"),
    ("okx-BTC-USDT-SWAP-1h", "okx BTC/USDT:USDT 1h"),
    ("ftx_BTC-PERP_15min", "ftx BTC-PERP 15m"),
    ("EURUSD_H4", "file EUR/USD 4h"),
    ("EURUSD_M15", "file EUR/USD 15m"),
    ("kraken_XBTUSD_1w", "kraken BTC/USD 7d"),
]


@pytest.mark.parametrize(("name", "said"), NAMES)
def test_a_file_name_says_its_market(name: str, said: str) -> None:
    market = market_from_name(name)
    assert market is not None
    assert f"{market.exchange} {market.symbol} {market.timeframe}" == said


@pytest.mark.parametrize("name", ["BINANCE_BTCUSDT_1M", "EURUSD_MN1", "x_BTCUSD_monthly"])
def test_a_file_of_months_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="a month has none"):
        market_from_name(name)
