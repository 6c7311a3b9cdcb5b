"""From an exchange over HTTP into the database, with the real client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pytest_httpserver import HTTPServer

from assay import DataCollector, DataWarning, bars_from_frame
from assay.sources.exchanges import RetryPolicy, open_exchange
from sources.exchange_fakes import DAY, NOW, OPEN_NOW, STEP, Binance, Hub, broken, busy, row, series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.store import Database


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    with HTTPServer() as server:
        found = Hub(server)
        server.expect_request(re.compile(".*")).respond_with_handler(found.handle)
        yield found


def test_pages_are_stored_as_they_come_and_an_interrupted_download_goes_on(database: Database, hub: Hub) -> None:
    begin = OPEN_NOW - 8 * DAY
    gap = range(begin + 3 * DAY, begin + 3 * DAY + 50 * STEP, STEP)
    candles = series(begin - DAY, OPEN_NOW + STEP, without=gap.__contains__)  # the last of them is not over
    fake = Binance(candles, faults=[busy])
    hub.add(fake)
    patience = RetryPolicy(tries=2, first_wait_s=0)

    def collector() -> DataCollector:
        exchange = open_exchange("binance", urls=fake.urls, pace_ms=0, patience=patience, clock=lambda: NOW / 1000)
        return DataCollector([exchange], database, clock=lambda: NOW / 1000)

    with collector() as first:
        pages = iter([False, True])

        def stop_after_two(_: int) -> None:
            if next(pages):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            first.collect(first.plan("BTC/USDT", "binance", since=begin), stop_after_two)
    with collector() as second:
        assert second.plan("BTC/USDT", "binance", since=begin).missing == ((begin + 2000 * STEP, OPEN_NOW),)
        frame = second.fetch_ohlcv("BTC/USDT", "binance", "5m", lookback_days=8)
        asked = len(fake.asked)
        assert second.fetch_ohlcv("BTC/USDT", "binance", "5m", lookback_days=8).equals(frame)
    assert asked == len(fake.asked) == 1 + 2 + 1 + 1  # a busy answer, two pages, one more, and the gap cut otherwise
    bars = bars_from_frame(frame)
    there, names = ~bars.absent, ("time", "open", "high", "low", "close", "volume")
    found = list(zip(*(getattr(bars, n)[there].tolist() for n in names), strict=True))
    assert found == [row(t) for t in range(begin, OPEN_NOW, STEP) if t not in gap]
    assert frame.attrs["market"]["tick"] == 0.01
    with collector() as third:
        fake.always = broken
        with pytest.warns(DataWarning, match="server error 500"):
            third.fetch_ohlcv("BTC/USDT", "binance", "5m", lookback_days=20)
