from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.market import Market, Timeframe, canonical_symbol, market_from_name

KNOWN = {"1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}


@pytest.mark.parametrize(("text", "ms"), KNOWN.items())
def test_a_timeframe_is_read_and_written(text: str, ms: int) -> None:
    assert Timeframe.parse(text) == Timeframe(ms)
    assert Timeframe.parse(f" {text.upper() if text[-1] != 'm' else text} ").ms == ms
    assert str(Timeframe(ms)) == text


@pytest.mark.parametrize(("text", "plain"), [("60m", "1h"), ("24h", "1d"), ("90m", "90m"), ("7d", "7d"), ("1w", "7d")])
def test_a_timeframe_is_written_in_its_largest_whole_unit(text: str, plain: str) -> None:
    assert str(Timeframe.parse(text)) == plain


@given(st.sampled_from([n for n in range(1, 1441) if 1440 % n == 0]))
def test_every_divisor_of_a_day_survives_a_round_trip(minutes: int) -> None:
    timeframe = Timeframe(minutes * 60_000)
    assert Timeframe.parse(str(timeframe)) == timeframe
    assert Market("any", "BTC/USDT", timeframe).bars_per_day == 1440 / minutes


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5s", "0m", "5m5m", "1.5h"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"timeframe: must look like 1m, 5m, 15m, 1h, 4h or 1d, got "):
        Timeframe.parse(text)


@pytest.mark.parametrize(
    ("text", "meant"), [("5min", "5m"), ("M5", "5m"), ("1 hour", "1h"), ("60", "60m"), ("H4", "4h")]
)
def test_another_spelling_is_refused_with_the_likeliest(text: str, meant: str) -> None:
    with pytest.raises(InputError, match=rf"got '{text}'\. Did you mean {meant}\?$"):
        Timeframe.parse(text)


@pytest.mark.parametrize("text", ["1M", "3M", "15M"])
def test_a_month_is_refused_since_it_has_no_fixed_length(text: str) -> None:
    with pytest.raises(
        InputError, match=f"must have a fixed length, and a month has none .1m is a minute., got '{text}'"
    ):
        Timeframe.parse(text)


def test_a_text_is_refused_in_its_own_words() -> None:
    with pytest.raises(InputError, match="timeframe: must be whole minutes that divide a day, got '7m'"):
        Timeframe.parse("7m")


@pytest.mark.parametrize("ms", [0, -60_000, 30_000, 61_000, 7 * 60_000, 5 * 3_600_000, 36 * 3_600_000])
def test_lengths_that_no_calendar_has_are_refused(ms: int) -> None:
    with pytest.raises(InputError, match=f"timeframe: must be whole minutes that divide a day, got '{ms} ms'"):
        Timeframe(ms)


def test_timeframes_are_ordered_by_length() -> None:
    ordered = [Timeframe(ms) for ms in KNOWN.values()]
    assert sorted([ordered[2], *ordered]) == [*ordered[:2], ordered[2], *ordered[2:]]


@pytest.mark.parametrize("text", ["BTCUSDT", "btc/usdt", "BTC-USDT", " BTC_USDT ", "xbt/usdt", "BINANCE:BTCUSDT"])
def test_a_pair_has_one_symbol(text: str) -> None:
    assert canonical_symbol(text) == "BTC/USDT"


@pytest.mark.parametrize(
    ("text", "symbol"), [("ES", "ES"), ("BTCUSD", "BTC/USD"), ("PAYBTC", "PAY/BTC"), ("usd", "USD")]
)
def test_other_symbols_are_split_only_where_a_quote_ends_them(text: str, symbol: str) -> None:
    assert canonical_symbol(text) == symbol


@pytest.mark.parametrize(
    ("name", "exchange", "symbol", "timeframe", "kind"),
    [
        ("BINANCE_BTCUSDT_5m", "binance", "BTC/USDT", "5m", "spot"),
        ("kraken-eth-usd-1h", "kraken", "ETH/USD", "1h", "spot"),
        ("CME_ES_1m", "cme", "ES", "1m", "future"),
    ],
)
def test_a_name_says_which_market(name: str, exchange: str, symbol: str, timeframe: str, kind: str) -> None:
    market = market_from_name(name)
    assert market is not None
    said = (market.exchange, market.symbol, str(market.timeframe), market.kind, market.tick)
    assert said == (exchange, symbol, timeframe, kind, None)


@pytest.mark.parametrize("name", ["", "bars", "ES_5m", "BINANCE_BTCUSDT", "BINANCE_BTCUSDT_5x"])
def test_a_name_that_says_too_little_is_no_market(name: str) -> None:
    assert market_from_name(name) is None


def test_a_market_has_the_days_of_its_kind() -> None:
    spot = Market("binance", "BTC/USDT", Timeframe.parse("5m"))
    future = Market("cme", "ES", Timeframe.parse("1m"), kind="future", tick=0.25)
    assert (spot.days_per_year, future.days_per_year) == (365, 252)
    assert str(spot) == "BTC/USDT 5m on binance"


@pytest.mark.parametrize("tick", [0.0, -0.25, float("nan")])
def test_a_tick_is_positive_or_unknown(tick: float) -> None:
    with pytest.raises(InputError, match="tick: must be positive, or None when unknown, got "):
        Market("cme", "ES", Timeframe.parse("1m"), tick=tick)


@pytest.mark.parametrize("name", ["BTCUSDT_5m", "BTC-USDT-5m", "btc_usdt_5m"])
def test_a_pair_without_an_exchange_is_of_a_file(name: str) -> None:
    assert market_from_name(name) == Market("file", "BTC/USDT", Timeframe.parse("5m"))
