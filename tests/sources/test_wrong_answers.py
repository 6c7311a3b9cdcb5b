"""Sixty exchanges that answer wrongly: nothing wrong is stored, nothing that exists is believed absent."""

from __future__ import annotations

import json
import re
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from assay.cli.main import main
from assay.service.collector import BarCollector
from assay.sources import exchanges
from assay.sources.exchanges import Exchange, RetryPolicy, open_exchange
from assay.sources.exchanges.paging_rules import PAGING_RULES
from assay.store import Database
from assay.store.bars import present
from sources.exchange_fakes import NOW, OPEN_NOW, STEP, Binance, Bybit, Coinbase, Fake, Kraken, Row, row, series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Lie = Callable[[Random, list[Row]], Any]

COLUMNS = ("time", "open", "high", "low", "close", "volume")
BARS = {"kraken": 600, "binance": 1728, "bybit": 1100, "coinbase": 700}


def other_days(_: Random, rows: list[Row]) -> Any:
    return [row(r[0] - 2000 * STEP) for r in rows]


def future(_: Random, rows: list[Row]) -> Any:
    return [*rows, row(NOW // STEP * STEP + 900 * STEP)]


def longer_bars(_: Random, rows: list[Row]) -> Any:
    return [(*r[:5], r[5] * 12) for r in rows if r[0] % (12 * STEP) == 0]


def spoiled(column: int, value: Any) -> Lie:
    def lie(rng: Random, rows: list[Row]) -> Any:
        at = rng.randrange(len(rows)) if rows else 0
        return [(*r[:column], value, *r[column + 1 :]) if i == at else r for i, r in enumerate(rows)]

    return lie


def swapped(rng: Random, rows: list[Row]) -> Any:
    at = rng.randrange(len(rows)) if rows else 0
    return [(r[0], r[1], r[3], r[2], r[4], r[5]) if i == at else r for i, r in enumerate(rows)]


def shifted(_: Random, rows: list[Row]) -> Any:
    return [(r[0] + 61_000, *r[1:]) for r in rows]


def shuffled(rng: Random, rows: list[Row]) -> Any:
    return rng.sample([*rows, *rows[::3]], len(rows) + len(rows[::3]))


def holed(rng: Random, rows: list[Row]) -> Any:
    """Leave out a part of the middle, another one every time."""
    a, b = sorted(rng.sample(range(len(rows)), 2)) if len(rows) > 2 else (0, 0)
    return rows[:a] + rows[b:]


def same_page(rng: Random, rows: list[Row]) -> Any:
    """Answer with the first page for ever."""
    return vars(rng).setdefault("page", rows)


LIES: dict[str, Lie] = {
    "empty": lambda _rng, _rows: [],
    "first half": lambda _, rows: rows[: len(rows) // 2],
    "second half": lambda _, rows: rows[len(rows) // 2 :],
    "every other bar left out at random": lambda rng, rows: [r for r in rows if rng.random() < 0.5],
    "another part left out": holed,
    "other days": other_days,
    "the future": future,
    "longer bars": longer_bars,
    "off the grid": shifted,
    "shuffled and twice": shuffled,
    "an older version too": lambda _, rows: [*((*r[:5], r[5] / 2) for r in rows[::5]), *rows],
    "the same page for ever": same_page,
    "high below low": swapped,
    "no price": spoiled(4, 0.0),
    "negative price": spoiled(1, -3.0),
    "negative volume": spoiled(5, -1.0),
    "not a number": spoiled(2, float("nan")),
    "infinite": spoiled(2, float("inf")),
    "a text": spoiled(3, "n/a"),
    "no stamp": spoiled(0, None),
    "a stamp of another century": spoiled(0, 10**17),
    "null": spoiled(5, None),
}
"""What becomes of the rows of an answer."""

RAW: dict[str, Any] = {
    "null": None,
    "an error in a good answer": {"error": "overloaded"},
    "short rows": [[1, 2]],
    "dicts": [{"a": 1}, {"b": 2}],
    "texts": ["x", "y"],
    "a number": 7,
}
"""What is sent instead of candles (by Binance, whose answer is the bare list)."""


class Wrong:
    """A fake exchange that speaks to ccxt without a network, and answers wrongly while it lies."""

    def __init__(self, fake: Fake, seed: int, lie: str, when: str) -> None:
        self.fake, self.rng, self.lie, self.when = fake, Random(seed), lie, when
        self.first = Random(seed).randrange(2) if when == "from then on" else 0
        self.span = (OPEN_NOW - BARS[fake.name] // 2 * STEP, OPEN_NOW - BARS[fake.name] // 3 * STEP)
        self.requests = 0
        self.lies = 0
        self.seconds = 0.0
        fake.mangle = self.mangle

    def mangle(self, rows: list[Row]) -> Any:
        """Return what the exchange makes of its rows."""
        self.requests += 1
        if not self._now(rows) or self.lie.startswith("raw"):
            return rows
        self.lies += 1
        return LIES[self.lie](self.rng, rows)

    def _now(self, rows: list[Row]) -> bool:
        if self.when == "once":
            return self.requests == 1
        if self.when == "sometimes":
            return self.requests % 2 == 1
        if self.when == "of a span":
            return any(self.span[0] <= r[0] < self.span[1] for r in rows) or self.lie.startswith("raw")
        return self.when != "never" and self.requests > self.first

    def fetch(self, url: str, *_: Any, **__: Any) -> Any:
        """Stand for ccxt's `fetch`."""
        parts = urlsplit(url)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        path = parts.path
        text = self.fake.respond(path, query).get_data(as_text=True)
        found = json.loads(text)
        if self.lie.startswith("raw") and path.endswith("klines") and self._now([]):
            self.lies += 1
            found = RAW[self.lie.removeprefix("raw ")]
        self.client.last_json_response = found
        return found

    def open(self, client: Any) -> Exchange:
        """Return it as it is opened for a download, with a client that may have served another one."""
        self.client = client
        client.fetch = self.fetch
        rules = PAGING_RULES[self.fake.name]
        return Exchange(self.fake.name, client, rules, RetryPolicy(), lambda: NOW / 1000 + self.seconds, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


WHENS = ["always", "sometimes", "of a span", "once", "from then on"]
KINDS = [Binance, Coinbase, Bybit, Kraken, Binance, Coinbase, Bybit]


def case(number: int) -> tuple[Wrong, Fake]:
    """Return one of the sixty: every lie at two or three moments, on three exchanges or one, in rare trade or full."""
    lies = [*LIES, *(f"raw {name}" for name in RAW)]
    lie = lies[number % len(lies)]
    kind = Binance if lie.startswith("raw") else KINDS[(3 * number + number // len(lies)) % len(KINDS)]
    start = OPEN_NOW - BARS[kind.name] * STEP
    hole = range(OPEN_NOW - 450 * STEP, OPEN_NOW - 430 * STEP, STEP)
    rare = {t for t in range(start, OPEN_NOW, STEP) if number % 3 == 2 and t // STEP * 7919 % 10 < 4}
    fake = kind(series(start - 60 * STEP, NOW + 1, without=lambda t: t in hole or t in rare))
    return Wrong(fake, number, lie, WHENS[number % len(WHENS)]), fake


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    found = Database.open(tmp_path_factory.mktemp("wrong") / "bars.db")
    yield found
    found.close()


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    """Clients of ccxt, which take half a second each to be made."""
    found = {}
    for kind in set(KINDS):
        urls = {**kind({}, base="http://localhost").urls}
        found[kind.name] = open_exchange(kind.name, urls=urls, pace_ms=0).client
    yield found
    for client in found.values():
        client.close()


# 294: a broken row of a later page comes with an answer about earlier bars
@pytest.mark.parametrize("number", [*range(59), 294])
def test_nothing_wrong_is_stored_and_nothing_that_exists_is_believed_absent(
    monkeypatch: pytest.MonkeyPatch, database: Database, clients: dict[str, Any], number: int
) -> None:
    monkeypatch.setattr(Exchange, "_reach", lambda _: None)
    wrong, fake = case(number)
    start = OPEN_NOW - BARS[fake.name] * STEP
    exchange = wrong.open(clients[fake.name])
    collector = BarCollector([exchange], database, clock=lambda: NOW / 1000)
    market = exchange.market(fake.symbol, "5m")
    if collector.store.coverage(market):
        collector.store.delete(market)
    plan = collector.plan(fake.symbol, fake.name, "5m", start, OPEN_NOW)
    found = collector.collect(plan)
    assert wrong.requests < 150
    stored_right(collector, plan, fake)
    said = found.trouble is not None or any(f.kind in {"not_served", "behind"} for f in found.findings)
    assert said == bool(found.left), "what was not fetched is said, and only that"
    if found.trouble is not None:
        assert str(found.trouble).startswith(f"{fake.name}: ")
    wrong.when = "never"
    again = collector.plan(fake.symbol, fake.name, "5m", start, OPEN_NOW)
    assert collector.collect(again).trouble is None
    stored_right(collector, again, fake)
    assert not collector.store.missing(again.market, start, OPEN_NOW)
    assert wrong.lies


def stored_right(collector: BarCollector, plan: Any, fake: Fake) -> None:
    """Check every stored bar against the true one, and every bar that counts as absent."""
    unknown = np.zeros(0, dtype=np.int64)
    for a, b in collector.store.missing(plan.market, plan.start_ms, plan.stop_ms):
        unknown = np.append(unknown, np.arange(a, b, STEP))
    true = np.array([fake.candles[t] for t in sorted(fake.candles) if plan.start_ms <= t < plan.stop_ms])
    true = true[~np.isin(true[:, 0], unknown)]
    if not len(true):
        return
    bars = present(collector.store.read(plan.market, plan.start_ms, plan.stop_ms))
    for i, name in enumerate(COLUMNS):
        np.testing.assert_array_equal(bars[name], true[:, i], err_msg=name)


@pytest.mark.parametrize("lie", ["empty", "first half"])
def test_the_command_says_so_and_goes_on_later(
    lie: str, clients: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Six days of which the answers for a third are empty, or half: 614 of 1,728 bars were taken for absent once."""
    fake = Binance(series(OPEN_NOW - 1728 * STEP, NOW + 1))
    wrong = Wrong(fake, 0, lie, "of a span")
    wrong.span = (OPEN_NOW - 728 * STEP, OPEN_NOW - 114 * STEP)
    exchange = wrong.open(clients["binance"])
    monkeypatch.setattr(Exchange, "_reach", lambda _: None)
    monkeypatch.setattr(Exchange, "close", lambda _: None)
    monkeypatch.setattr(exchanges, "open_exchange", lambda _: exchange)
    monkeypatch.setitem(BarCollector.__init__.__kwdefaults__, "clock", lambda: NOW / 1000)  # type: ignore[arg-type]
    command = ["data", "download", "--symbol", "XBT/USDT", "--days", "6", "--database", str(tmp_path / "bars.db")]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert re.search("STOPPED. binance: did not send (the newest )?[0-9,]+ bars", said)
    assert "the exchange does not have," not in said
    assert "  not fetched: 2024-0" in said
    wrong.when = "never"
    assert main([*command, "--json"]) == 0
    (market,) = json.loads(capsys.readouterr().out)["markets"]
    assert (market["symbol"], market["absent_at_exchange"], market["not_fetched"]) == ("BTC/USDT", 0, [])
    assert main(command) == 0
    assert "nothing to fetch" in capsys.readouterr().out


def test_a_wrong_answer_about_one_span_does_not_keep_the_others_away(
    clients: dict[str, Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Bybit(series(OPEN_NOW - 900 * STEP, NOW + 1))
    wrong = Wrong(fake, 0, "high below low", "of a span")
    exchange = wrong.open(clients["bybit"])
    monkeypatch.setattr(Exchange, "_reach", lambda _: None)
    collector = BarCollector([exchange], database, clock=lambda: NOW / 1000)
    market = exchange.market("BTC/USDT", "5m")
    if collector.store.coverage(market):
        collector.store.delete(market)
    start = OPEN_NOW - 800 * STEP
    for first, last in ((700, 600), (400, 300)):
        rows = np.array([row(OPEN_NOW - k * STEP) for k in range(first, last, -1)])
        part = {name: rows[:, i] for i, name in enumerate(COLUMNS)} | {"time": rows[:, 0].astype(np.int64)}
        collector.store.write(market, part, source="test", at_ms=1)
    wrong.span = (OPEN_NOW - 790 * STEP, OPEN_NOW - 780 * STEP)
    found = collector.collect(collector.plan("BTC/USDT", "bybit", "5m", start, OPEN_NOW))
    assert "high: must not be below low" in str(found.trouble)
    ((first, last),) = found.left
    assert start < first < last == OPEN_NOW - 700 * STEP
