"""Bars in the database: the same behaviour in a file and on a server."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import AssayError, InputError
from assay.market import Market, Timeframe, resample
from assay.market.ohlcv import COLUMNS
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, schema
from assay.store.bars import merged, present, uncovered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.market import Bars
    from assay.store.bars import Span

MINUTE = 60_000
MARKET = Market("binance", "BTC/USDT", Timeframe.parse("5m"), "spot", None)
START = 1_700_000_100_000 // (5 * MINUTE) * (5 * MINUTE)


def columns(n: int, first: int = 0, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Bars number first..first+n of one endless series, a tenth of them absent."""
    rng = np.random.default_rng(seed)
    price = 1000 + np.cumsum(rng.normal(0, 1, 5000))
    every: dict[str, NDArray[Any]] = {
        "time": START + np.arange(5000) * 5 * MINUTE,
        "open": price,
        "high": price + 2,
        "low": price - 2,
        "close": price + 1,
        "volume": rng.integers(0, 9, 5000).astype(float),
    }
    kept = (np.arange(5000) >= first) & (np.arange(5000) < first + n) & (rng.random(5000) > 0.1)
    return {name: column[kept] for name, column in every.items()}


def read(store: BarStore, market: Market = MARKET, **span: int) -> Mapping[str, NDArray[Any]]:
    return present(store.read(market, **span))


def same(a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]]) -> bool:
    return all(a[name].tobytes() == b[name].tobytes() for name in COLUMNS)


@pytest.fixture
def store(database: Database) -> BarStore:
    return BarStore(database)


def test_what_is_written_is_read(store: BarStore) -> None:
    written = store.write(MARKET, columns(3000), source="test", at_ms=1)
    assert written.inserted == len(columns(3000)["time"])
    assert same(read(store), columns(3000))
    assert store.find("binance", "BTC/USDT", Timeframe.parse("5m")) == MARKET
    part = read(store, start_ms=START + 500 * MINUTE, stop_ms=START + 1000 * MINUTE)
    inside = (columns(3000)["time"] >= START + 500 * MINUTE) & (columns(3000)["time"] < START + 1000 * MINUTE)
    assert same(part, {name: column[inside] for name, column in columns(3000).items()})


def test_bars_of_a_source_without_volume_come_back_so(store: BarStore) -> None:
    bars = dataclasses.replace(simulate_market(SimulatedMarket(days=1, seed=1)), has_volume=False)
    store.write(bars.market, present(bars), source="test", at_ms=1)
    again = store.read(bars.market)
    assert not again.has_volume
    assert np.array_equal(again.close, bars.close)


def test_a_bar_that_changed_is_told_and_stays(store: BarStore) -> None:
    store.write(MARKET, columns(100), source="first", at_ms=1)
    other = {name: column.copy() for name, column in columns(120).items()}
    other["close"][7] += 0.5
    other["volume"][9] += 1.0
    written = store.write(MARKET, other, source="second", at_ms=2)
    assert (written.changed, written.inserted) == (2, len(columns(120)["time"]) - len(columns(100)["time"]))
    assert same(read(store), columns(120))
    rows = store.database.read(lambda c: c.execute(sa.select(schema.bar_conflicts).order_by(sa.text("time"))).all())
    assert [(r.time, r.source, r.found_at) for r in rows] == [(int(other["time"][i]), "second", 2) for i in (7, 9)]
    assert rows[0].offered["close"] == rows[0].held["close"] + 0.5
    assert store.write(MARKET, other, source="second", at_ms=3).changed == 2
    assert len(store.database.read(lambda c: c.execute(sa.select(schema.bar_conflicts)).all())) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(pieces=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 200)), min_size=1, max_size=6))
def test_pages_in_any_order_and_twice_are_the_whole(store: BarStore, pieces: list[tuple[int, int]]) -> None:
    market = dataclasses.replace(MARKET, symbol=f"X{len(store.markets())}/USDT")
    for first, n in [*pieces, *pieces]:
        store.write(
            market,
            columns(n, first),
            source="page",
            at_ms=1,
            covered=(START + first * 5 * MINUTE, START + (first + n) * 5 * MINUTE),
        )
    numbers = sorted({i for first, n in pieces for i in range(first, first + n)})
    whole = columns(5000)
    kept = np.isin((whole["time"] - START) // (5 * MINUTE), numbers)
    if kept.any():
        assert same(read(store, market), {name: column[kept] for name, column in whole.items()})
    covered = [i for a, b in store.coverage(market) for i in range((a - START) // 300_000, (b - START) // 300_000)]
    assert covered == numbers
    missing = store.missing(market, START, START + 700 * 300_000)
    assert sorted(
        {*covered, *(i for a, b in missing for i in range((a - START) // 300_000, (b - START) // 300_000))}
    ) == (list(range(700)))


@given(
    spans=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=8),
    start=st.integers(0, 30),
    length=st.integers(1, 20),
)
def test_gaps_are_what_no_span_covers(spans: list[Span], start: int, length: int) -> None:
    covered = [(a, a + n) for a, n in spans]
    points = {i for a, b in covered for i in range(a, b)}
    assert {i for a, b in merged(covered) for i in range(a, b)} == points
    gaps = uncovered(covered, start, start + length)
    assert [i for a, b in gaps for i in range(a, b)] == [i for i in range(start, start + length) if i not in points]


def test_a_failed_write_leaves_nothing(store: BarStore) -> None:
    store.write(MARKET, columns(50), source="test", at_ms=1)
    before = read(store), store.coverage(MARKET)
    broken = columns(100)
    broken["open"] = broken["open"].astype(object)
    broken["open"][-1] = None
    with pytest.raises((AssayError, TypeError, ValueError)):
        store.write(MARKET, broken, source="test", at_ms=2)
    assert same(read(store), before[0])
    assert store.coverage(MARKET) == before[1]


def test_what_is_not_held_is_named(store: BarStore) -> None:
    with pytest.raises(InputError, match="holds no markets"):
        store.read(MARKET)
    store.write(MARKET, columns(10), source="test", at_ms=1)
    with pytest.raises(InputError, match=r"is not stored.*Did you mean 'BTC/USDT 5m on binance'"):
        store.read(dataclasses.replace(MARKET, symbol="BTC/USDC"))
    with pytest.raises(
        InputError, match=r"holds no bars in this span.*1970-01-01T00:00:01Z.*It holds 20\d\d-.*Z to 20"
    ):
        store.read(MARKET, start_ms=0, stop_ms=1000)


def test_bars_are_deleted_with_what_was_covered(store: BarStore) -> None:
    store.write(MARKET, columns(100), source="test", at_ms=1, covered=(START, START + 100 * 300_000))
    removed = store.delete(MARKET, START + 40 * 300_000, START + 60 * 300_000)
    assert removed == len(columns(20, 40)["time"])
    assert store.coverage(MARKET) == [(START, START + 40 * 300_000), (START + 60 * 300_000, START + 100 * 300_000)]
    assert store.delete(MARKET) == len(columns(100)["time"]) - removed
    assert store.markets() == []


def test_a_market_is_resampled_from_finer_bars(store: BarStore) -> None:
    bars: Bars = simulate_market(SimulatedMarket(days=3, seed=2))
    store.write(bars.market, present(bars), source="test", at_ms=1)
    hourly = dataclasses.replace(bars.market, timeframe=Timeframe.parse("1h"))
    assert store.read_resampled(hourly).digest == resample(bars, Timeframe.parse("1h")).digest
    assert store.read_resampled(bars.market).digest == bars.digest
    with pytest.raises(InputError, match="is not stored"):
        store.read_resampled(dataclasses.replace(bars.market, timeframe=Timeframe.parse("1m")))


WRITER = """
import json, sys
import numpy as np
from assay.market import Market, Timeframe
from assay.store import BarStore, Database
from store.test_bars_store import MARKET, columns
url, first, n, seed = sys.argv[1], *map(int, sys.argv[2:])
store = BarStore(Database.open(url))
total = 0
for begin in range(first, first + n, 50):
    total += store.write(MARKET, columns(50, begin), source=f"worker {seed}", at_ms=1).inserted
print(json.dumps(total))
"""


def run(code: str, *arguments: object) -> Any:
    path = {"PYTHONPATH": str(__import__("pathlib").Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**__import__("os").environ, **path},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def test_another_process_is_seen_at_once(store: BarStore, database_url: str) -> None:
    """A repeated read comes from memory, and never stale."""
    store.write(MARKET, columns(100), source="test", at_ms=1)
    first = store.read(MARKET)
    assert store.read(MARKET) is first
    run(WRITER, database_url, 100, 200, 1)
    assert same(read(store), columns(300))


def test_four_processes_that_write_at_once_lose_nothing(store: BarStore, database_url: str) -> None:
    """Each writes a span that overlaps those of two others."""
    spans = [(0, 800), (400, 800), (800, 800), (1200, 800)]
    with ThreadPoolExecutor(4) as pool:
        inserted = list(pool.map(lambda task: run(WRITER, database_url, *task[1], task[0]), enumerate(spans)))
    assert sum(inserted) == len(columns(2000)["time"])
    assert same(read(store), columns(2000))
    assert not store.database.read(lambda c: c.execute(sa.select(schema.bar_conflicts)).all())
