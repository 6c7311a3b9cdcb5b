"""Imports: written down once, never over what is held, and a fall of quality is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa

from assay.market import Market, Timeframe, data_filter, measure_quality
from assay.store import BarStore, Database, Imports
from assay.store.imports import ALERT_MARGIN_PCT
from store.requirement import QUALITY_QUERY

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP = 300_000
MARKET = Market("binanceus", "SOL/USDT", Timeframe(STEP))
START = 1_700_006_400_000
DAY = 288


def days(first: int, last: int, *, dead: float = 0.0, step: int = STEP) -> dict[str, NDArray[Any]]:
    """Days number first..last of an endless series, of which a share of the bars did not trade."""
    n = np.arange(first * DAY, last * DAY)
    close = 100.0 + n % 7
    traded = n % DAY >= dead * DAY
    return {
        "time": START + n * step,
        "open": close,
        "high": np.where(traded, close + 1, close),
        "low": np.where(traded, close - 1, close),
        "close": close,
        "volume": np.where(traded, 5.0, 0.0),
    }


@pytest.fixture
def imports(database: Database) -> Imports:
    return Imports(BarStore(database))


def test_an_import_is_recorded_with_what_it_left_behind(imports: Imports) -> None:
    done = imports.add(MARKET, days(0, 10, dead=0.25), source="a.parquet", at_ms=7, found={"duplicate": 3})
    (kept,) = imports.history(MARKET)
    bars = imports.store.read(MARKET)
    assert (kept.at_ms, kept.source, kept.bars, kept.inserted, kept.changed) == (7, "a.parquet", 2880, 2880, 0)
    assert kept.valid_pct == done.report.valid_pct == 75.0
    assert kept.data_digest == kept.quality["data_digest"] == bars.digest
    assert kept.quality["found"] == {"duplicate": 3}
    assert kept.quality["before"] == {"bars": 2880, "zero_volume": 720, "flat": 720, "impossible": 0}
    assert kept.quality["after"] == {"bars": 2160, "zero_volume": 0, "flat": 0, "tradable": 2160, "masked": 720}
    assert kept.quality["report"]["valid"] == 2160
    assert done.alert is None


def test_the_same_import_again_changes_nothing(imports: Imports) -> None:
    imports.add(MARKET, days(0, 2), source="a", at_ms=1)
    again = imports.add(MARKET, days(0, 2), source="a", at_ms=2)
    assert (again.written.inserted, again.written.unchanged, again.written.changed) == (0, 576, 0)
    assert len(imports.history(MARKET)) == 1


def test_changed_bars_are_counted_and_stay(imports: Imports) -> None:
    imports.add(MARKET, days(0, 2), source="a", at_ms=1)
    other = days(0, 3)
    other["close"] = other["close"].copy()
    other["close"][[5, 6]] += 0.5
    done = imports.add(MARKET, other, source="b", at_ms=2)
    assert (done.written.inserted, done.written.unchanged, done.written.changed) == (288, 574, 2)
    assert imports.store.read(MARKET).close[5] == days(0, 1)["close"][5]
    assert imports.conflicts(MARKET) == 2
    assert [i.changed for i in imports.history(MARKET)] == [0, 2]


@pytest.mark.parametrize(("dead", "alarms"), [(0.04, False), (0.06, True), (0.4, True)])
def test_new_bars_that_are_worse_than_the_held_are_an_alert(imports: Imports, dead: float, alarms: bool) -> None:
    imports.add(MARKET, days(0, 30), source="a", at_ms=1)
    alert = imports.add(MARKET, days(30, 31, dead=dead), source="b", at_ms=2).alert
    assert (alert is not None) == alarms
    if alert is not None:
        # in the market of a month one bad day hardly shows, in the span that was added it does
        assert alert.before_pct == 100.0
        assert alert.after_pct > 100.0 - ALERT_MARGIN_PCT
        assert alert.new_pct == pytest.approx(100 * (1 - dead), abs=0.4)
        assert str(alert).startswith("ALERT SOL/USDT 5m on binanceus: quality fell, 100.0 %")
        assert imports.history(MARKET)[-1].quality["alert"] == alert.as_dict()


def test_a_hole_between_two_imports_is_an_alert_although_the_new_bars_are_good(imports: Imports) -> None:
    imports.add(MARKET, days(0, 10), source="a", at_ms=1)
    alert = imports.add(MARKET, days(20, 30), source="b", at_ms=2).alert
    assert alert is not None
    assert alert.after_pct == pytest.approx(200 / 3)
    assert alert.new_pct == 100.0


def test_less_than_a_day_is_too_little_to_judge_and_better_bars_are_no_alert(imports: Imports) -> None:
    imports.add(MARKET, days(0, 30), source="a", at_ms=1)
    some = {name: column[:100] for name, column in days(30, 31, dead=1.0).items()}
    assert imports.add(MARKET, some, source="b", at_ms=2).alert is None
    imports.add(MARKET, days(31, 40, dead=0.5), source="c", at_ms=3)
    assert imports.add(MARKET, days(40, 50), source="d", at_ms=4).alert is None


def test_an_overlap_is_not_judged_as_new(imports: Imports) -> None:
    imports.add(MARKET, days(0, 30), source="a", at_ms=1)
    alert = imports.add(MARKET, days(0, 31, dead=0.5) | {"time": days(0, 31)["time"]}, source="b", at_ms=2).alert
    assert alert is not None
    assert alert.new_pct == 50.0


def test_what_is_not_a_number_is_stored_as_null(imports: Imports) -> None:
    without = days(0, 2) | {"volume": np.full(576, np.nan)}
    imports.add(MARKET, without, source="a", at_ms=1)
    (kept,) = imports.history(MARKET)
    assert kept.quality["report"]["traded_pct"] is None
    json.dumps(kept.quality, allow_nan=False)


def test_the_filter_is_bound_to_the_data_and_says_an_override(imports: Imports) -> None:
    imports.add(MARKET, days(0, 4, dead=0.5), source="a", at_ms=1)
    bars = imports.store.read(MARKET)
    found = data_filter(bars, override=True)
    assert (found["passes"], found["override"]) == (False, True)
    assert found == data_filter(bars, measure_quality(bars), override=True)
    other = bars.head(len(bars) - 1)
    assert data_filter(other)["mask_digest"] != found["mask_digest"]
    assert data_filter(other)["data_digest"] != found["data_digest"]
    assert not data_filter(bars)["override"]


def test_the_quality_query_of_the_requirement_runs_on_the_view(imports: Imports) -> None:
    """PostgreSQL takes it as written; SQLite has no casts by ``::``, and divides whole numbers."""
    database = imports.store.database
    good = Market("binance", "BTC/USDT", Timeframe(STEP))
    imports.add(MARKET, days(0, 4, dead=0.25), source="a", at_ms=1)
    imports.add(good, days(0, 1), source="a", at_ms=1)
    query = QUALITY_QUERY
    if database.is_sqlite:
        query = query.replace("(COUNT(*) FILTER (WHERE volume > 0))::float", "1.0 * COUNT(*) FILTER (WHERE volume > 0)")
    rows = database.read(lambda c: c.execute(sa.text(query.replace("::", r"\:\:"))).all())
    assert [tuple(row) for row in rows] == [
        ("SOL/USDT", "binanceus", "5m", 1152, 288, 288, 75.0),
        ("BTC/USDT", "binance", "5m", 288, 0, 0, 100.0),
    ]
    assert measure_quality(imports.store.read(MARKET)).traded_pct == 75.0


def test_room_is_shared_by_bars(imports: Imports) -> None:
    other = Market("binance", "BTC/USDT", Timeframe(STEP))
    imports.add(MARKET, days(0, 30), source="a", at_ms=1)
    imports.add(other, days(0, 10), source="a", at_ms=1)
    numbers = {h.market: h.id for h in imports.store.markets()}
    sizes = imports.store.size_bytes()
    assert sizes[numbers[MARKET]] == pytest.approx(3 * sizes[numbers[other]], rel=0.01)
    assert sizes[numbers[MARKET]] > 30 * DAY * 24


@pytest.mark.parametrize("again", [(30, 31), (31, 32)], ids=["the same file", "another file"])
def test_bars_whose_import_was_killed_before_its_record_are_judged_by_the_next(
    imports: Imports, monkeypatch: pytest.MonkeyPatch, again: tuple[int, int]
) -> None:
    imports.add(MARKET, days(0, 30), source="a", at_ms=1)
    with monkeypatch.context() as patch:
        patch.setattr(Imports, "record", _killed)
        with pytest.raises(KeyboardInterrupt):
            imports.add(MARKET, days(30, 31, dead=0.5), source="b", at_ms=2)
    assert imports.is_behind(MARKET)
    assert len(imports.history(MARKET)) == 1
    alert = imports.add(MARKET, days(*again, dead=0.5 * (again == (30, 31))), source="b", at_ms=3).alert
    assert alert is not None
    assert alert.new_pct == (50.0 if again == (30, 31) else 75.0)
    assert imports.history(MARKET)[-1].quality["alert"] == alert.as_dict()
    assert not imports.is_behind(MARKET)
    assert imports.add(MARKET, days(0, 31, dead=0.5), source="b", at_ms=4).alert is None


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


KILLED = """
import os, signal, sys
from assay.store import BarStore, Database, Imports
from store.test_imports import MARKET, days
Imports.record = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with_store = Imports(BarStore(Database.open(sys.argv[1])))
with_store.add(MARKET, days(30, 31, dead=0.5), source="b", at_ms=2)
"""


def test_the_alert_survives_a_kill(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a.db")
    imports = Imports(BarStore(database))
    imports.add(MARKET, days(0, 30), source="a", at_ms=1)
    tests = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, tests])}
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "a.db"], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    alert = imports.add(MARKET, days(30, 31, dead=0.5), source="b", at_ms=3).alert
    assert alert is not None
    assert alert.new_pct == 50.0
    database.close()


def test_bars_that_were_deleted_or_that_no_exchange_has_are_no_news(imports: Imports) -> None:
    imports.add(MARKET, days(0, 30), source="a", at_ms=1)
    imports.store.delete(MARKET, START + 10 * DAY * STEP, START + 20 * DAY * STEP)
    assert not imports.is_behind(MARKET)
    empty = {name: column[:0] for name, column in days(0, 1).items()}
    before = (START - 50 * DAY * STEP, START)
    imports.store.write(MARKET, empty, source="b", at_ms=2, covered=before)
    assert not imports.is_behind(MARKET)


def test_every_changed_bar_is_counted(imports: Imports) -> None:
    imports.add(MARKET, days(0, 6), source="a", at_ms=1)
    other = days(0, 6)
    other["close"] = other["close"] + 0.5
    other["high"] = other["high"] + 0.5
    for at_ms in (2, 3):  # from the same source as the record before, and again
        assert imports.add(MARKET, other, source="a", at_ms=at_ms).written.changed == 6 * DAY
    assert imports.conflicts(MARKET) == 6 * DAY
    assert [one.changed for one in imports.history(MARKET)] == [0, 6 * DAY]
