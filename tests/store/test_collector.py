"""`DataCollector`: what is held is not fetched, what was fetched is never lost."""

from __future__ import annotations

import itertools
import math
import socket
import time
import warnings
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay import Bars, DataCollector, DataWarning, bars_from_frame, read_bars
from assay.errors import ExchangeError, FileFormatError, InputError, InsufficientDataError, OfflineError, RefusedError
from assay.indicators import atr, rsi, volume_ratio
from assay.market import Market, Timeframe
from assay.sources import exchanges as exchanges_module
from assay.sources.exchanges import Finding
from assay.store import BarStore, Database, Imports
from assay.store.bars import present
from store.fake_exchange import NOW, OPEN, STEP, FakeExchange, columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray


DAY = 288
DAY_MS = 86_400_000
BTC = Market("binance", "BTC/USDT", Timeframe(STEP))
OFFLINE = OfflineError("binance", "cannot be reached at https://localhost: nothing came back", "Check the network")


def clock() -> float:
    return NOW / 1000


@pytest.fixture
def fake() -> FakeExchange:
    return FakeExchange()


@pytest.fixture
def collector(database: Database, fake: FakeExchange) -> DataCollector:
    return DataCollector([fake], database, clock=clock)


@pytest.fixture
def in_file(tmp_path: Path, fake: FakeExchange) -> Iterator[DataCollector]:
    """For what does not depend on the database."""
    with DataCollector([fake], tmp_path / "assay.db", clock=clock) as collector:
        yield collector


def times(frame: pd.DataFrame) -> list[int]:
    found: list[int] = bars_from_frame(frame).time[~bars_from_frame(frame).absent].tolist()
    return found


def same(a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in b)


def test_what_is_not_held_is_fetched_and_then_held(collector: DataCollector, fake: FakeExchange) -> None:
    frame = collector.fetch_ohlcv(symbol="BTC/USDT", exchange="binance", timeframe="5m", lookback_days=5)
    assert frame.columns.tolist() == ["timestamp", "open", "high", "low", "close", "volume"]
    assert frame.attrs["market"] | {"tick": None} == {
        "exchange": "binance", "symbol": "BTC/USDT", "timeframe": "5m", "kind": "spot", "tick": None,
    }  # fmt: skip
    expected = columns(OPEN - 5 * DAY_MS, OPEN)
    assert same(present(bars_from_frame(frame)), expected)  # the bar that is not over is not among them
    asked = list(fake.asked)
    assert asked[0][0] == OPEN - 5 * DAY_MS
    assert collector.fetch_ohlcv(pair="BTC/USDT", exchange="binance", timeframe="5m", lookback_days=5).equals(frame)
    assert fake.asked == asked


def test_only_gaps_are_fetched(collector: DataCollector, fake: FakeExchange) -> None:
    day = OPEN - 10 * DAY_MS
    for first, last in ((2, 3), (5, 6)):
        held = columns(day + first * DAY_MS, day + last * DAY_MS)
        collector.store.write(BTC, held, source="test", at_ms=1)
    collector.fetch_ohlcv("BTC/USDT", "binance", since=day, until=day + 8 * DAY_MS)
    assert [((a - day) / DAY_MS, (b - day) / DAY_MS) for a, b in fake.asked] == [(0, 2), (3, 5), (6, 8)]
    assert same(present(collector.store.read(BTC)), columns(day, day + 8 * DAY_MS))


def test_a_bar_the_exchange_does_not_have_is_not_asked_for_again(collector: DataCollector, fake: FakeExchange) -> None:
    begin = OPEN - 2 * DAY_MS
    fake.absent = frozenset(range(begin // STEP + 30, begin // STEP + 300))
    plan = collector.plan("BTC/USDT", "binance", lookback_days=2)
    found = collector.collect(plan)
    assert (plan.bars, found.inserted, found.absent, found.left) == (576, 306, 270, [])
    assert collector.plan("BTC/USDT", "binance", lookback_days=2).missing == ()


def test_a_whole_page_without_bars_is_covered(collector: DataCollector, fake: FakeExchange) -> None:
    begin = OPEN - 2 * DAY_MS
    fake.page_bars, fake.absent = 50, frozenset(range(begin // STEP + 100, begin // STEP + 250))
    bars = collector.fetch_bars("BTC/USDT", lookback_days=2)
    assert (len(bars), int(bars.absent.sum())) == (576, 150)
    assert collector.store.missing(BTC, begin, OPEN) == []


def test_what_nobody_answered_is_told_from_what_the_exchange_does_not_have(
    collector: DataCollector, fake: FakeExchange
) -> None:
    fake.page_bars, fake.faults = 100, [None, None, ExchangeError("binance", "answers with the server error 500")]
    found = collector.collect(collector.plan("BTC/USDT", "binance", lookback_days=2))
    assert (found.inserted, found.absent) == (200, 0)
    assert found.left == [(OPEN - 2 * DAY_MS + 200 * STEP, OPEN)]
    assert str(found.trouble) == "binance: answers with the server error 500"


FAULTS: dict[str, Callable[[], BaseException]] = {
    "server": lambda: ExchangeError("binance", "answers with the server error 500"),
    "line": lambda: OfflineError("binance", "the connection broke"),
    "ctrl-c": KeyboardInterrupt,
    "kill": lambda: SystemExit(1),
}
numbers = itertools.count()


@given(
    page_bars=st.integers(7, 200),
    absent=st.frozensets(st.integers(0, 400), max_size=60),
    faults=st.lists(st.sampled_from(["", *FAULTS]), max_size=12),
    held=st.tuples(st.integers(0, 400), st.integers(0, 80)),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_interrupted_after_any_page_and_resumed_is_as_if_never_interrupted(
    database: Database, page_bars: int, absent: frozenset[int], faults: list[str], held: tuple[int, int]
) -> None:
    begin = OPEN - 400 * STEP
    missing = frozenset(begin // STEP + n for n in absent)
    fake = FakeExchange(page_bars, missing, [FAULTS[f]() if f else None for f in faults])
    symbol = f"A{next(numbers)}/USDT"
    market = Market("binance", symbol, Timeframe(STEP))
    store = BarStore(database)
    part = columns(begin + held[0] * STEP, min(begin + sum(held) * STEP, OPEN), missing)
    if len(part["time"]):
        store.write(market, part, source="test", at_ms=1)
    for _ in range(len(faults) + 1):
        with DataCollector([fake], database, clock=clock) as collector:  # a new process every time
            try:
                collector.collect(collector.plan(symbol, "binance", since=begin))
            except (KeyboardInterrupt, SystemExit):
                continue
    assert not store.missing(market, begin, OPEN)
    expected = columns(begin, OPEN, missing)
    if len(expected["time"]):
        assert same(present(store.read(market)), expected)
    spans = sorted(fake.asked)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans)), "a page was fetched twice"
    recorded = Imports(store).history(market)
    assert sum(i.inserted for i in recorded) + len(part["time"]) == len(expected["time"])


def test_without_a_network_the_days_are_counted_back_from_the_newest_bar(
    collector: DataCollector, fake: FakeExchange
) -> None:
    old = OPEN - 700 * DAY_MS
    collector.store.write(BTC, columns(old, old + 20 * DAY_MS), source="test", at_ms=1)
    fake.away = OFFLINE
    newest = datetime.fromtimestamp((old + 20 * DAY_MS - STEP) / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    with pytest.warns(DataWarning, match=f"5 days up to the newest of them, {newest}, because binance cannot") as said:
        frame = collector.fetch_ohlcv("BTC/USDT", "binance", "5m", lookback_days=5)
    assert said[0].filename == __file__
    assert times(frame) == columns(old + 15 * DAY_MS, old + 20 * DAY_MS)["time"].tolist()
    with pytest.warns(DataWarning, match=r"20 days up to the newest"):
        assert len(collector.fetch_ohlcv("BTC/USDT", lookback_days=90)) == 20 * DAY


def test_without_a_network_a_given_span_is_what_is_held_of_it(collector: DataCollector, fake: FakeExchange) -> None:
    day = OPEN - 100 * DAY_MS
    for first, last in ((0, 2), (3, 5)):
        held = columns(day + first * DAY_MS, day + last * DAY_MS)
        collector.store.write(BTC, held, source="test", at_ms=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(collector.fetch_ohlcv("BTC/USDT", since=day, until=day + 2 * DAY_MS)) == 2 * DAY
    fake.away = OFFLINE
    with pytest.warns(DataWarning, match="288 bars of it were never fetched"):
        frame = collector.fetch_ohlcv("BTC/USDT", since=day + DAY_MS, until=day + 4 * DAY_MS)
    assert len(frame) == 2 * DAY
    with pytest.raises(OfflineError, match=r"No bars .* for this span. Stored are 5m from"):
        collector.fetch_ohlcv("BTC/USDT", since=day + 50 * DAY_MS)


def test_without_a_network_and_without_bars_the_error_says_what_is_held(
    collector: DataCollector, fake: FakeExchange
) -> None:
    fake.away = OFFLINE
    with pytest.raises(
        OfflineError, match=r"nothing came back\. No bars of BTC/USDT 5m .* The database is empty; `assay"
    ):
        collector.fetch_ohlcv("BTC/USDT")
    collector.store.write(Market("binance", "ETH/USDT", Timeframe(STEP)), columns(0, DAY_MS), source="t", at_ms=1)
    with pytest.raises(OfflineError, match="Stored are ETH/USDT on binance"):
        collector.fetch_ohlcv("BTC/USDT")


def test_an_exchange_that_is_out_of_reach_is_waited_for_once(tmp_path: Path) -> None:
    waited = []

    class Hanging(FakeExchange):
        def market(self, symbol: str, timeframe: Timeframe | str) -> Market:
            waited.append((symbol, timeframe))
            raise OFFLINE

    now = [NOW / 1000]
    with DataCollector([Hanging()], tmp_path / "a.db", clock=lambda: now[0]) as collector:
        for _ in range(5):
            with pytest.raises(OfflineError):
                collector.fetch_ohlcv("BTC/USDT")
        assert len(waited) == 1
        now[0] += 61
        with pytest.raises(OfflineError):
            collector.fetch_ohlcv("BTC/USDT")
    assert len(waited) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        RefusedError("binance", "refuses this country or network (HTTP 451)", "Use kraken"),
        InputError("symbol", "must be a spot market of binance", "BTC/USDT", "Did you mean BTC/USDC?"),
    ],
)
def test_a_market_that_an_exchange_no_longer_serves_stays_usable(
    in_file: DataCollector, fake: FakeExchange, trouble: Exception
) -> None:
    fake.away = trouble
    with pytest.raises(type(trouble), match=r"No bars of BTC/USDT 5m on binance are stored"):
        in_file.fetch_ohlcv("BTC/USDT")
    in_file.store.write(BTC, columns(OPEN - 9 * DAY_MS, OPEN - 3 * DAY_MS), source="t", at_ms=1)
    with pytest.warns(DataWarning, match="because"):
        assert len(in_file.fetch_ohlcv("BTC/USDT", lookback_days=2)) == 2 * DAY


def test_a_fetch_that_breaks_off_keeps_its_pages_and_goes_on_later(
    collector: DataCollector, fake: FakeExchange
) -> None:
    fake.page_bars, fake.faults = 100, [None, None, FAULTS["server"]()]
    with pytest.warns(DataWarning, match="server error 500"):
        frame = collector.fetch_ohlcv("BTC/USDT", lookback_days=2)
    assert len(frame) == 200
    assert len(collector.fetch_ohlcv("BTC/USDT", lookback_days=2)) == 2 * DAY
    assert fake.asked[2][0] == OPEN - 2 * DAY_MS + 200 * STEP


def test_odd_answers_are_told(in_file: DataCollector, fake: FakeExchange) -> None:
    fake.findings = (Finding("conflict", OPEN - DAY_MS, OPEN, 3),)
    with pytest.warns(DataWarning, match="3 bars came more than once"):
        in_file.fetch_ohlcv("BTC/USDT", lookback_days=1)
    fake.findings, fake.served_from = (), OPEN - 3 * DAY_MS
    with pytest.warns(DataWarning, match="further back than the exchange serves"):
        assert len(in_file.fetch_ohlcv("BTC/USDT", lookback_days=10)) == 3 * DAY
    assert Imports(in_file.store).history(BTC)[-1].quality["found"] == {"not_served": 7 * DAY}


def test_a_fall_of_quality_is_told(collector: DataCollector, fake: FakeExchange) -> None:
    collector.store_market_data(frame_of(columns(OPEN - 9 * DAY_MS, OPEN - 4 * DAY_MS)), "binance", "BTC/USDT", "5m")
    fake.absent = frozenset(range((OPEN - 3 * DAY_MS) // STEP, (OPEN - 2 * DAY_MS) // STEP))
    with pytest.warns(DataWarning, match=r"ALERT BTC/USDT 5m on binance: quality fell, 100.0 %"):
        collector.fetch_ohlcv("BTC/USDT", lookback_days=9)


def test_a_coarser_timeframe_is_made_of_bars_that_are_held(collector: DataCollector, fake: FakeExchange) -> None:
    collector.fetch_ohlcv("BTC/USDT", lookback_days=4)
    fake.away = OFFLINE
    until = OPEN // 3_600_000 * 3_600_000
    hours = collector.fetch_ohlcv("BTC/USDT", timeframe="1h", since=until - 2 * DAY_MS, until=until)
    assert len(hours) == 48
    fine = bars_from_frame(collector.fetch_ohlcv("BTC/USDT", since=until - 2 * DAY_MS, until=until))
    assert hours["high"].tolist() == fine.high.reshape(-1, 12).max(axis=1).tolist()
    with pytest.warns(DataWarning, match="1h on binance: only stored bars"):
        assert len(collector.fetch_ohlcv("BTC/USDT", timeframe="1h", lookback_days=400)) == 4 * 24 - 1


def test_both_documents_call_it_in_their_own_way(in_file: DataCollector) -> None:
    since, until = datetime(2023, 11, 1, tzinfo=UTC), datetime(2023, 11, 3, tzinfo=UTC)
    plan = in_file.fetch_ohlcv("binance", "BTC/USDT", "5m", since, until)
    keywords: dict[str, Any] = {"exchange": "binance", "timeframe": "5m"}
    assert plan.equals(in_file.fetch_ohlcv(pair="BTC/USDT", since=since, until=until, **keywords))
    assert plan.equals(in_file.fetch_ohlcv("BTC/USDT", since="2023-11-01", until="2023-11-03T00:00", **keywords))
    assert plan.equals(in_file.fetch_ohlcv("btc-usdt", since=date(2023, 11, 1), until=until, **keywords))
    assert plan.equals(in_file.fetch_ohlcv("BTCUSDT", until=until, lookback_days=2, **keywords))
    assert plan.equals(in_file.fetch_ohlcv("XBT/USDT", since=pd.Timestamp(since), until=until, **keywords))
    assert plan["timestamp"].iloc[[0, -1]].tolist() == [pd.Timestamp(since), pd.Timestamp("2023-11-02 23:55Z")]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({}, "symbol: must be given"),
        ({"symbol": "BTC/USDT", "pair": "ETH/USDT"}, "differs from pair"),
        ({"symbol": "BTC/USDT", "timeframe": "5x"}, "timeframe: must look like"),
        ({"symbol": "BTC/USDT", "lookback_days": 0}, "lookback_days: must be positive"),
        ({"symbol": "BTC/USDT", "lookback_days": math.nan}, "lookback_days: must be positive"),
        ({"symbol": "BTC/USDT", "lookback_days": 3, "since": "2023-01-01"}, "lookback_days: cannot be combined"),
        ({"symbol": "BTC/USDT", "since": "yesterday"}, "since: must be a date or time in ISO form"),
        ({"symbol": "BTC/USDT", "since": 1_690_000_000}, "since: must be milliseconds UTC"),
        ({"symbol": "BTC/USDT", "since": 1.5}, "since: must be a datetime"),
        ({"symbol": "BTC/USDT", "since": "2040-01-01"}, "since: must lie before until"),
        ({"symbol": "NOPE/USDT"}, "symbol: must be a spot market of binance, got 'NOPE/USDT'. Did you mean"),
        ({"symbol": "BTC/USDT", "exchange": "kraken"}, "exchange: must be one that was given: binance"),
    ],
)
def test_wrong_calls_are_one_sentence(in_file: DataCollector, call: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        in_file.fetch_ohlcv(**call)
    assert words in str(error.value)


def test_a_span_without_bars_is_an_error(collector: DataCollector, fake: FakeExchange) -> None:
    fake.absent = frozenset(range(OPEN // STEP - 1000, OPEN // STEP + 1))
    with pytest.raises(InsufficientDataError, match="there are no bars from 20"):
        collector.fetch_ohlcv("BTC/USDT", lookback_days=2)


def frame_of(table: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"timestamp": pd.to_datetime(table["time"], unit="ms", utc=True)}
        | {name: table[name] for name in ("open", "high", "low", "close", "volume")}
    )


def test_a_frame_is_stored_once(collector: DataCollector) -> None:
    frame = collector.calculate_indicators(frame_of(columns(OPEN - 3 * DAY_MS, OPEN)))
    written = collector.store_market_data(frame, "binance", "BTCUSDT", "5m")
    assert (written.inserted, written.unchanged, written.changed) == (3 * DAY, 0, 0)
    written = collector.store_market_data(df=frame, exchange="Binance", pair="BTC/USDT", timeframe="5m")
    assert (written.inserted, written.unchanged, written.changed) == (0, 3 * DAY, 0)
    frame["close"] += np.where(np.arange(len(frame)) == 7, 1.0, 0.0)
    with pytest.warns(DataWarning, match="1 bars are stored with other values, which stay"):
        assert collector.store_market_data(frame, "binance", "BTC/USDT", "5m").changed == 1
    assert same(present(collector.store.read(BTC)), columns(OPEN - 3 * DAY_MS, OPEN))


def test_a_frame_of_another_timeframe_is_refused(in_file: DataCollector) -> None:
    hours = frame_of(columns(OPEN - 3 * DAY_MS, OPEN, step=3_600_000))
    with pytest.raises(FileFormatError, match="must hold 5m bars"):
        in_file.store_market_data(hours, "binance", "BTC/USDT", "5m")
    with pytest.raises(InputError, match="futures"):
        in_file.store_market_data(hours, "cme", "ES", "1h")


def test_indicators_know_only_the_past(in_file: DataCollector) -> None:
    frame = frame_of(columns(OPEN - 2 * DAY_MS, OPEN, frozenset({OPEN // STEP - 100})))
    full = in_file.calculate_indicators(frame)
    names = ["atr14", "rsi14", "volume_sma20", "volume_ratio", "swing_high", "swing_low"]
    assert full.columns.tolist() == [*frame.columns, *names]
    assert len(frame.columns) == 6
    bars = bars_from_frame(frame)
    there = ~bars.absent
    for name, values in (("atr14", atr(bars)), ("rsi14", rsi(bars)), ("volume_ratio", volume_ratio(bars))):
        assert np.array_equal(full[name], values[there], equal_nan=True)
    for n in (30, 200, 475, 480):
        pd.testing.assert_frame_equal(in_file.calculate_indicators(frame.head(n)), full.head(n))


def test_exchanges_are_checked_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'binance'"):
        DataCollector(["binanse"], tmp_path / "a.db")
    with pytest.raises(InputError, match="must be a list of names"):
        DataCollector("binance", tmp_path / "a.db")
    assert not (tmp_path / "a.db").exists()


def test_closing_closes_what_was_opened(tmp_path: Path, fake: FakeExchange) -> None:
    with DataCollector([fake], tmp_path / "a.db", clock=clock) as collector:
        collector.fetch_ohlcv("BTC/USDT", lookback_days=1)
    assert fake.closed
    opened = Database.open(tmp_path / "a.db")
    assert len(BarStore(opened).read(BTC)) == DAY
    with DataCollector([FakeExchange()], opened, clock=clock) as collector:
        collector.fetch_ohlcv("BTC/USDT", lookback_days=1)
    assert BarStore(opened).markets()  # a database that was handed in stays open
    opened.close()


def test_a_network_that_swallows_everything_is_given_up_in_five_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real client, on an address that takes connections and never answers."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0), backlog=5) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/api/v3"
        with (
            exchanges_module.open_exchange("binance", urls={"public": address}) as exchange,
            DataCollector([exchange], tmp_path / "a.db") as collector,
        ):
            begun = time.monotonic()
            with pytest.raises(OfflineError, match="The database is empty"):
                collector.fetch_ohlcv("BTC/USDT")
            assert time.monotonic() - begun < 5


def test_the_quick_start_of_the_requirement_runs_on_held_bars_without_a_network(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(_: str) -> FakeExchange:
        return FakeExchange(away=OFFLINE)

    monkeypatch.setattr(exchanges_module, "open_exchange", no_network)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    bars: Bars = read_bars(shared_data / "BINANCE_BTCUSDT_5m.parquet")
    with DataCollector() as filling:
        filling.store.write(bars.market, present(bars), source="file", at_ms=1)

    collector = DataCollector()
    with pytest.warns(DataWarning, match="90 days up to the newest of them, 2023-09-27 17:55 UTC"):
        data = collector.fetch_ohlcv(
            symbol="BTC/USDT",
            exchange="binance",
            timeframe="5m",
            lookback_days=90,
        )
    collector.close()

    assert len(data) == 90 * DAY
    assert data.attrs["market"]["symbol"] == "BTC/USDT"
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".db"] == ["assay.db"]
