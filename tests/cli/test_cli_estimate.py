"""`assay train --estimate`: what a training would take, and nothing of it run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.service import calibration
from assay.service.calibration import Rates
from assay.service.database import open_database
from assay.store.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay


@pytest.fixture(autouse=True)
def known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(300.0, 0.09, 100.0, 0.002, 20.0, 3.0, 10.0, 20.0, 25.0, 0.09)
    monkeypatch.setattr(calibration, "measured", lambda _: rates)


def test_a_file_is_estimated_and_nothing_is_tried(
    assay: Assay, market_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ("train", "--file", market_file, "--estimate", "--quiet")
    told = assay(*call, "--json").document
    (task,) = told["tasks"]
    assert (task["combinations"], task["refused"]) == (18_432, None)
    assert told["total"]["backtests"] == task["backtests"]
    shown = assay(*call)
    assert shown.code == 0
    assert "18,432" in shown.out
    assert task["windows_sentence"] in shown.out
    assert "Nothing else was tried on these days." in shown.out
    with open_database(None) as database:
        assert Ledger(database).head().length == 0
    assert not list(tmp_path.iterdir())


def test_stored_markets_are_estimated_side_by_side(assay: Assay, market_file: Path) -> None:
    assert assay("data", "import", market_file, "--quiet").code == 0
    market = ("--exchange", "binance", "--symbol", "BTC/USDT,NEW/USDT", "--strategy", "LIQUIDITY_SWEEP,SUPPLY_SHOCK")
    told = assay("train", *market, "--offline", "--estimate", "--threads", 2, "--json").document
    assert [task["refused"] for task in told["tasks"]] == [None, None, "is not stored", "is not stored"]
    assert (told["total"]["tasks"], told["total"]["refused"], told["workers"]) == (4, 2, 2)
    shown = assay("train", *market, "--estimate", "--days", 90, "--method", "random", "--threads", 2)
    assert "are fetched first, and the estimate takes them as complete" in shown.out
    assert "on 2 workers" in shown.out


def test_a_job_that_goes_on_is_not_estimated(assay: Assay) -> None:
    ran = assay("train", "--resume", "--estimate", "--json")
    assert (ran.code, ran.document["error"]["field"]) == (2, "--estimate")
