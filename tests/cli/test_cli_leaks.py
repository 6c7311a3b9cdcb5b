"""`assay leaks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.leaks.planted import PLANTED
from assay.sources import write_bars

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars
    from cli.conftest import Assay


@pytest.fixture
def few(bars: Bars, tmp_path: Path) -> Path:
    path = tmp_path / "BINANCE_BTCUSDT_5m.parquet"
    write_bars(path, bars.head(3_000))
    return path


def test_a_clean_strategy(assay: Assay, few: Path, rising: Path) -> None:
    ran = assay("leaks", "--strategy", f"{rising}:Rising", "--file", few)
    assert ran.code == 0, ran.out
    for name in ("purity", "truncation", "history", "calendar", "direction", "poison", "search", "process"):
        assert name in ran.out
    assert "No leak was found" in ran.out
    assert "LEAK" not in ran.out


def test_a_leak_is_named_with_the_way_out(assay: Assay, few: Path, rising: Path) -> None:
    rising.write_text(rising.read_text().replace("bars.close - bars.open", "np.roll(bars.close, -1) - bars.open"))
    ran = assay("leaks", "--strategy", f"{rising}:Rising", "--file", few, "--json")
    assert ran.code == 3
    document = ran.document
    assert not document["clean"]
    found = {check["name"]: check for check in document["checks"] if check["result"] == "LEAK"}
    assert {"truncation", "direction"} <= set(found)
    first = found["truncation"]["findings"][0]
    assert first["what"] == "feature 'body'"
    assert first["time"].endswith("Z")
    assert first["expected"] != first["found"]
    assert "shift what comes later" in found["truncation"]["way_out"]
    ran = assay("leaks", "--strategy", f"{rising}:Rising", "--file", few)
    assert ran.code == 3
    assert "truncation: feature 'body' at 20" in ran.out
    assert "A backtest of this strategy is worth nothing." in ran.out


def test_every_planted_leak_is_caught_by_the_checks_that_have_to(assay: Assay) -> None:
    ran = assay("leaks", "--self-test", "--json")
    assert ran.code == 0, ran.out
    told = {one["name"]: one["caught_by"] for one in ran.document["plantings"]}
    assert told == {"HONEST": [], **{kind.name: list(kind.caught_by) for kind in PLANTED}}
    assert len(PLANTED) == 16
    assert {name for caught in told.values() for name in caught} == {
        "purity", "truncation", "history", "calendar", "direction", "poison", "search", "process",
    }  # fmt: skip


def test_what_cannot_be_asked_for_is_said(assay: Assay, bars: Bars, tmp_path: Path) -> None:
    short = tmp_path / "BINANCE_BTCUSDT_5m.parquet"
    write_bars(short, bars.head(60))
    ran = assay("leaks", "--self-test", "--file", short)
    assert ran.code == 2
    assert "bars: are too few to plant leaks in (direction needs 100 trades" in ran.err
    ran = assay("leaks", "--self-test", "--strategy", "SUPPLY_SHOCK")
    assert (ran.code, "--self-test: looks at planted strategies" in ran.err) == (2, True)
    assert assay("leaks", "--seed", "-1").code == 2
    ran = assay("leaks", "--timeframe", "7m")
    assert (ran.code, "must be whole minutes that divide a day, got '7m'" in ran.err) == (2, True)


def test_one_market_is_named(assay: Assay, few: Path) -> None:
    assert assay("leaks", "--file", few, "--exchange", "binance").code == 2
    ran = assay("leaks", "--exchange", "binance,kraken", "--symbol", "BTC/USDT")
    assert ran.code == 2
    assert "must name one market" in ran.err
