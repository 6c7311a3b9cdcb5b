"""Downloads beside a server: followed, ended early, refused; what has come stays."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from assay.errors import AssayError, ConflictError, GateError, OfflineError
from assay.service import downloads
from assay.service.collector import BarCollector
from assay.service.downloads import Download, Downloads, DownloadTerms
from assay.store import BarStore, Database, Imports
from store.fake_exchange import NOW, FakeExchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TERMS = DownloadTerms(symbol="BTC/USDT", exchange="binance", timeframe="5m", days=2)


@pytest.fixture
def database(tmp_path: Path, sqlite_template: bytes) -> Iterator[Database]:
    (tmp_path / "d.db").write_bytes(sqlite_template)
    opened = Database.open(tmp_path / "d.db", upgrade=False)
    yield opened
    opened.close()


class Slow(FakeExchange):
    """Gives a page when it may."""

    def __init__(self, **options: Any) -> None:
        super().__init__(page_bars=100, **options)
        self.may = threading.Semaphore(0)

    def pages(self, *arguments: Any) -> Iterator[Any]:
        for page in super().pages(*arguments):
            self.may.acquire()
            yield page


def over(one: Download) -> Download:
    until = time.monotonic() + 10
    while not one.is_over:
        assert time.monotonic() < until, one
        time.sleep(0.005)
    return one


def served(database: Database, fake: FakeExchange) -> Downloads:
    collector = partial(BarCollector, [fake], clock=lambda: NOW / 1000)
    return Downloads(database, offline=False, collector=collector)


def bars(database: Database) -> int:
    return sum(one.bars for one in BarStore(database).markets())


def test_a_download_stores_what_is_missing_and_says_so(database: Database) -> None:
    found = served(database, FakeExchange())
    one = over(found.start(TERMS, "me"))
    assert (one.status, one.done, one.total, bars(database)) == ("done", 576, 576, 576)
    assert one.sentences[0].startswith("BTC/USDT 5m on binance: 576 bars are new")
    again = over(found.start(TERMS, "me"))
    assert (again.status, again.total) == ("done", 0)
    assert "nothing to fetch" in again.sentences[0]
    assert [each.number for each in found.all()] == [2, 1]


def test_ended_early_it_keeps_what_has_come_and_goes_on_there(database: Database) -> None:
    fake = Slow()
    found = served(database, fake)
    one = found.start(TERMS, "me")
    with pytest.raises(ConflictError, match="runs already"):
        found.start(TERMS, "you")
    fake.may.release(2)
    while one.done < 200:
        time.sleep(0.002)
    found.end(one.number)
    assert one.status == "ending"
    fake.may.release()
    over(one)
    assert (one.status, one.done, bars(database)) == ("ended early", 300, 300)
    last = Imports(store := BarStore(database)).last(store.markets()[0].market)
    assert last is not None
    assert last.inserted == 300, "the import is written down all the same"
    fake.may.release(9)
    assert over(found.start(TERMS, "me")).total == 276


def test_what_cannot_be_fetched_is_said_in_words(database: Database) -> None:
    away = served(database, FakeExchange(away=OfflineError("binance", "cannot be reached", "Is there a network?")))
    assert over(away.start(TERMS, "me")).sentences == ["binance: cannot be reached. Is there a network?"]
    unknown = over(away.start(DownloadTerms(symbol="BTC/USDT", exchange="binance", timeframe="7x"), "me"))
    assert (unknown.status, "timeframe" in unknown.sentences[0]) == ("failed", True)
    broken = served(database, FakeExchange(faults=[None, RuntimeError("a bug")], page_bars=100))
    one = over(broken.start(TERMS, "me"))
    assert (one.status, one.sentences) == (
        "failed",
        ["It broke off by a fault of the program; the server's log says which."],
    )
    assert bars(database) == 100


def test_a_server_that_asks_no_exchange_says_why_not(database: Database) -> None:
    with pytest.raises(GateError, match="--offline"):
        Downloads(database, offline=True).start(TERMS, "me")


def test_no_more_run_at_once_than_may(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_RUNNING", 1)
    fake = Slow()
    found = served(database, fake)
    one = found.start(TERMS, "me")
    with pytest.raises(AssayError, match="1 run already"):
        found.start(DownloadTerms(symbol="ETH/USDT", exchange="binance", timeframe="5m"), "me")
    found.end(one.number)
    fake.may.release(9)
    over(one)
