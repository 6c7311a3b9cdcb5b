"""`assay data`: files and exchanges into a database, and out again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay import read_bars
from assay.market import Timeframe, resample
from assay.service import collector as collector_module
from assay.sources import exchanges, write_bars
from assay.sources.exchanges import Finding
from assay.store import BarStore, Database, Imports
from store.fake_exchange import NOW, OPEN, STEP, FakeExchange, columns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.market import Bars
    from cli.conftest import Assay, Ran

DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep a user's own database out of reach."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    return tmp_path / "home"


@pytest.fixture
def data(assay: Assay) -> Callable[..., Ran]:
    return lambda *arguments: assay("data", *arguments)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeExchange:
    """What every exchange is."""
    found = FakeExchange(page_bars=100)
    monkeypatch.setattr(exchanges, "open_exchange", lambda _: found)
    defaults: Any = collector_module.BarCollector.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "clock", lambda: NOW / 1000)
    return found


def day_file(path: Path, first: int, last: int, *, dead: bool = False) -> Path:
    """Days of 5-minute bars up to a week ago; dead ones do not trade."""
    table = columns(OPEN - (40 - first) * DAY_MS, OPEN - (40 - last) * DAY_MS)
    if dead:
        table |= dict.fromkeys(("open", "high", "low"), table["close"]) | {"volume": np.zeros(len(table["time"]))}
    lines = [",".join(map(str, values)) for values in zip(*table.values(), strict=True)]
    path.write_text("\n".join([",".join(table), *lines]))
    return path


def test_import_reads_the_market_from_the_name_and_happens_once(
    data: Callable[..., Ran], market_file: Path, bars: Bars, home: Path
) -> None:
    ran = data("import", market_file, "--json")
    assert ran.code == 0
    (file,) = ran.document["files"]
    assert (file["exchange"], file["symbol"], file["timeframe"]) == ("binance", "BTC/USDT", "5m")
    recorded = int((~bars.absent).sum())
    assert (file["inserted"], file["unchanged"], file["changed"], file["alert"]) == (recorded, 0, 0, None)
    assert ran.document["database"] == str(home / "assay.db")
    again = data("import", market_file)
    assert (again.code, f"nothing new, all {recorded:,} bars are stored already" in again.out) == (0, True)
    database = Database.open(home / "assay.db")
    (held,) = BarStore(database).markets()
    assert BarStore(database).read(held.market).digest == bars.digest
    assert len(Imports(BarStore(database)).history(held.market)) == 1
    database.close()


def test_one_bad_file_does_not_stop_the_others(data: Callable[..., Ran], market_file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "BINANCE_ETHUSDT_5m.csv"
    bad.write_text("time,open,high,low,close,volume\n2024-01-01T00:00,1,2,abc,1,1\n2024-01-01T00:05,1,2,1,1,1\n")
    nameless = day_file(tmp_path / "prices.csv", 0, 1)
    futures = tmp_path / "CME_ES_5m.csv"
    futures.write_bytes(nameless.read_bytes())
    ran = data("import", bad, nameless, futures, tmp_path / "none.csv", market_file, "--json")
    assert ran.code == 2
    messages = [f.get("error", {}).get("message", "imported") for f in ran.document["files"]]
    assert "row 0 low: must be a number, got 'abc'" in messages[0]
    assert "must say which market it holds, as BINANCE_BTCUSDT_5m.parquet does. Or give --exchange" in messages[1]
    assert "futures" in messages[2]
    assert "no such file" in messages[3]
    assert messages[4] == "imported"
    plain = data("import", bad, market_file)
    assert (plain.code, f"{bad}: NOT IMPORTED. row 0 low" in plain.out, "nothing new" in plain.out) == (2, True, True)
    ran = data("import", nameless, "--exchange", "Kraken", "--symbol", "btcusd", "--json")
    assert (ran.code, ran.document["files"][0]["exchange"], ran.document["files"][0]["symbol"]) == (
        0,
        "kraken",
        "BTC/USD",
    )


def test_dirty_rows_are_counted_and_told(data: Callable[..., Ran], tmp_path: Path) -> None:
    file = day_file(tmp_path / "BINANCE_ETHUSDT_5m.csv", 0, 2)
    head, *lines = file.read_text().splitlines()
    stamp, *values = lines[5].split(",")
    lines[5] = ",".join([stamp, "", *values[1:]])
    file.write_text("\n".join([head, *lines, lines[-1]]))
    ran = data("import", file)
    assert ran.code == 0
    assert "1 row repeats a bar and was left out" in ran.out
    assert "1 row has no usable prices or volume and was left out" in ran.out
    (report,) = data("quality", "--json").document["markets"]
    assert report["found_in_sources"]["duplicate"] == report["found_in_sources"]["broken"] == 1
    assert report["report"]["absent"] == 1
    assert "broken rows of sources" in data("quality").out


def test_a_changed_bar_stays_and_is_counted(data: Callable[..., Ran], tmp_path: Path) -> None:
    file = day_file(tmp_path / "BINANCE_ETHUSDT_5m.csv", 0, 2)
    data("import", file)
    file.write_text(file.read_text().replace("80.0", "79.5", 1))
    ran = data("import", file)
    assert (ran.code, "1 bars are stored with other values, which stay" in ran.out) == (0, True)
    assert data("quality", "--json").document["markets"][0]["changed_bars"] == 1


def test_a_fall_of_quality_is_an_alert(data: Callable[..., Ran], tmp_path: Path) -> None:
    file = tmp_path / "BINANCE_ETHUSDT_5m.csv"
    assert "ALERT" not in data("import", day_file(file, 0, 30)).out
    ran = data("import", day_file(file, 30, 32, dead=True), "--json")
    (found,) = ran.document["files"]
    assert found["alert"]["before_pct"] == 100.0
    assert found["alert"]["new_pct"] == 0.0
    assert found["alert"]["after_pct"] == pytest.approx(100 * 30 / 32)
    text = data("quality").out
    assert "ALERT" in text
    assert "valid bars fell from 100.0 % to 93.8 %" in text
    plain = data("import", day_file(file, 32, 34, dead=True), "--quiet")
    assert "ALERT ETH/USDT 5m on binance: quality fell" in plain.out  # it is no note


def test_list_shows_what_is_held(data: Callable[..., Ran], tmp_path: Path) -> None:
    assert "holds no markets; `assay data import FILE`" in data("list").out
    file = tmp_path / "BINANCE_ETHUSDT_5m.csv"
    for first, last in ((0, 2), (5, 6)):
        data("import", day_file(file, first, last))
    (row,) = data("list", "--json").document["markets"]
    assert (row["exchange"], row["symbol"], row["timeframe"], row["bars"]) == ("binance", "ETH/USDT", "5m", 864)
    assert (row["from"], row["to"]) == ("2023-10-06T00:10:00Z", "2023-10-12T00:10:00Z")
    assert row["holes"] == [{"from": "2023-10-08T00:10:00Z", "to": "2023-10-11T00:10:00Z"}]
    assert row["valid_pct"] == 50.0
    assert row["size_bytes"] > 0
    line = next(line for line in data("list").out.splitlines() if "ETH/USDT" in line)
    assert line.split()[:8] == [
        "binance", "ETH/USDT", "5m", "864", "2023-10-06T00:10:00Z", "2023-10-12T00:10:00Z", "1", "50",
    ]  # fmt: skip
    ran = data("list", "--symbol", "BTC/USDT")
    assert (ran.code, "--symbol: must be one that is stored: ETH/USDT, got 'BTC/USDT'" in ran.err) == (2, True)


def test_quality_counts_before_and_after_masking(data: Callable[..., Ran], tmp_path: Path) -> None:
    data("import", day_file(tmp_path / "BINANCE_ETHUSDT_5m.csv", 0, 10))
    data("import", day_file(tmp_path / "BINANCE_ETHUSDT_5m.csv", 10, 20, dead=True))
    (report,) = data("quality", "--json").document["markets"]
    assert report["before"] == {"bars": 5760, "zero_volume": 2880, "flat": 2880, "impossible": 0}
    assert report["after"] == {"bars": 2880, "zero_volume": 0, "flat": 0, "tradable": 2880, "masked": 2880}
    assert (report["passes"], len(report["imports"]), len(report["data_digest"])) == (False, 2, 64)
    assert "Training would REFUSE these bars: 50.0 %" in data("quality").out


def test_what_is_exported_is_what_was_imported(
    data: Callable[..., Ran], market_file: Path, bars: Bars, tmp_path: Path
) -> None:
    data("import", market_file)
    for name in ("BINANCE_BTCUSDT_5m.parquet", "BINANCE_BTCUSDT_5m.csv.gz"):
        (tmp_path / "out").mkdir(exist_ok=True)
        assert data("export", tmp_path / "out" / name).code == 0
        assert read_bars(tmp_path / "out" / name).digest == bars.digest
    hours = resample(bars, Timeframe.parse("1h"))
    ran = data("export", tmp_path / "h.csv", "--timeframe", "1h", "--json")
    assert (ran.code, ran.document["bars"]) == (0, int((~hours.absent).sum()))
    assert read_bars(tmp_path / "h.csv", timeframe="1h").close.tolist() == hours.close.tolist()
    begin = np.datetime_as_string(np.datetime64(int(bars.time[0]), "ms").astype("datetime64[D]") + 3)
    end = np.datetime_as_string(np.datetime64(begin) + 2)
    assert (
        data("export", tmp_path / "part.csv", "--from", begin, "--to", end, "--json").document["from"]
        == f"{begin}T00:00:00Z"
    )


def test_export_says_what_it_needs(data: Callable[..., Ran], market_file: Path, tmp_path: Path) -> None:
    assert "holds no markets" in data("export", tmp_path / "x.csv").err
    data("import", market_file)
    data("import", day_file(tmp_path / "BINANCE_ETHUSDT_5m.csv", 0, 2))
    ran = data("export", tmp_path / "x.csv")
    assert (ran.code, "must say which market is meant. Stored are binance BTC/USDT, binance ETH/USDT" in ran.err) == (
        2,
        True,
    )
    assert data("export", tmp_path / "x.txt", "--symbol", "BTC/USDT").code == 2
    assert data("export", tmp_path / "ETHUSDT_5m.csv").code == 0
    assert not (tmp_path / "x.csv").exists()


def test_delete_needs_a_yes(data: Callable[..., Ran], market_file: Path, tmp_path: Path) -> None:
    data("import", market_file)
    data("import", day_file(tmp_path / "BINANCE_ETHUSDT_5m.csv", 0, 4))
    assert "--exchange, --symbol or --timeframe" in data("delete", "--yes").err
    ran = data("delete", "--symbol", "ETHUSDT")
    assert (ran.code, "--yes: must be given to remove bars of ETH/USDT 5m on binance (1,152 bars)" in ran.err) == (
        2,
        True,
    )
    ran = data("delete", "--symbol", "ETHUSDT", "--to", "2023-10-07T00:10", "--yes")
    assert (ran.code, ran.out) == (0, "ETH/USDT 5m on binance: 288 bars were removed\n")
    ran = data("delete", "--symbol", "ETHUSDT", "--yes")
    assert ran.out == "ETH/USDT 5m on binance: 864 bars were removed, the whole market\n"
    assert [m["symbol"] for m in data("list", "--json").document["markets"]] == ["BTC/USDT"]


def test_download_stores_what_is_missing(data: Callable[..., Ran], fake: FakeExchange) -> None:
    fake.absent = frozenset(range(OPEN // STEP - 30, OPEN // STEP - 20))
    command = ("download", "--exchange", "binance", "--symbol", "BTC/USDT,ETH/USDT", "--timeframe", "5m", "--days", 2)
    ran = data(*command, "--json")
    assert ran.code == 0
    assert [(m["symbol"], m["inserted"], m["absent_at_exchange"]) for m in ran.document["markets"]] == [
        ("BTC/USDT", 566, 10),
        ("ETH/USDT", 566, 10),
    ]
    asked = len(fake.asked)
    again = data(*command)
    assert (again.code, again.out.count("nothing to fetch, all of"), len(fake.asked)) == (0, 2, asked)
    assert data(*command[:-1], 3, "--json").document["markets"][0]["inserted"] == 288


def test_ctrl_c_keeps_what_is_stored_and_the_same_command_goes_on(data: Callable[..., Ran], fake: FakeExchange) -> None:
    fake.faults = [None, None, None, KeyboardInterrupt()]
    command = ("download", "--symbol", "BTC/USDT", "--days", "2")
    ran = data(*command)
    assert ran.code == 130
    assert "what was fetched is stored; the same command goes on from there" in ran.err
    assert data("list", "--json").document["markets"][0]["bars"] == 300
    ran = data(*command, "--json")
    assert (ran.code, ran.document["markets"][0]["inserted"]) == (0, 276)


def test_one_symbol_that_fails_does_not_stop_the_others(data: Callable[..., Ran], fake: FakeExchange) -> None:
    fake.findings = (Finding("conflict", OPEN - DAY_MS, OPEN, 3),)
    ran = data("download", "--symbol", "NOPE/USDT,BTC/USDT", "--days", "1")
    assert ran.code == 2
    assert "NOPE/USDT 5m on binance: NOT FETCHED. symbol: must be a spot market of binance" in ran.out
    assert "BTC/USDT 5m on binance: 288 bars are new" in ran.out
    assert "9 bars came more than once" in ran.out  # 3 on each of 3 pages
    fake.faults = [None, exchanges_error()]
    ran = data("download", "--symbol", "BTC/USDT", "--days", "4", "--json")
    assert (ran.code, ran.document["markets"][0]["error"]["type"]) == (1, "ExchangeError")
    assert ran.document["markets"][0]["inserted"] == 100
    assert ran.document["markets"][0]["not_fetched"] == [{"from": "2023-11-11T08:30:00Z", "to": "2023-11-14T00:10:00Z"}]


def exchanges_error() -> Exception:
    from assay.errors import ExchangeError

    return ExchangeError("binance", "answers with the server error 500")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--symbol", "BTC/USDT", "--days", "0"], "--days: must be positive"),
        (["--symbol", "BTC/USDT", "--days", "3", "--from", "2024-01-01"], "--days: cannot be combined with --from"),
        (["--symbol", ","], "--symbol: must name at least one"),
        (["--symbol", "BTC/USDT", "--from", "soon"], "--from: must be a date or time"),
        (["--symbol", "BTC/USDT", "--from", "2024-02-01", "--to", "2024-01-01"], "--from and --to: must be in order"),
        ([], "--symbol"),
    ],
)
def test_wrong_downloads_are_one_sentence(
    data: Callable[..., Ran], fake: FakeExchange, arguments: list[str], words: str
) -> None:
    ran = data("download", *arguments)
    assert (ran.code, ran.err.count("\n"), words in ran.err, fake.asked) == (2, 1, True, [])


def test_the_database_is_the_one_that_is_named(
    data: Callable[..., Ran], market_file: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "elsewhere" / "bars.db"
    assert data("import", market_file, "--database", other).code == 0
    assert (other.exists(), home.exists()) == (True, False)
    assert len(data("list", "--json", "--database", f"sqlite:///{other}").document["markets"]) == 1
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(other))
    assert len(data("list", "--json").document["markets"]) == 1
    monkeypatch.delenv("ASSAY_DATABASE_URL")
    assert data("list", "--json", "--home", tmp_path / "h").document["markets"] == []
    assert "ASSAY_HOME" in os.environ
    broken: Any = tmp_path / "text.db"
    broken.write_text("no database" * 200)
    ran = data("list", "--database", broken)
    assert (ran.code, "is not an SQLite database" in ran.err) == (1, True)


def test_futures_are_refused_under_any_name(data: Callable[..., Ran], bars: Bars, tmp_path: Path) -> None:
    write_bars(tmp_path / "x.parquet", bars)
    assert data("import", tmp_path / "x.parquet", "--exchange", "CME", "--symbol", "ES").code == 2
