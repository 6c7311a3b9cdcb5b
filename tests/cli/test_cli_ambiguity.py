"""`assay train` looks inside ambiguous bars where the database holds finer ones; the configuration does not know."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.market import Timeframe, resample
from assay.sources import write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database
from assay.store.bars import present
from cli.conftest import RISING

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars
    from cli.conftest import Assay

TERMS = (
    "--set", "strength=0.5", "--set", "stop=0.4", "--fee", "0", "--slippage", "0", "--permutations", "0",
    "--side", "long",
    "--train-days", "10", "--test-days", "5",
)  # fmt: skip


@pytest.fixture(scope="module")
def finer() -> Bars:
    """Bars that rise on the way, so that buying is worth its stops."""
    bars = simulate_market(SimulatedMarket(days=45, seed=11))
    rise = np.exp(0.0003 * np.arange(len(bars)))
    risen = bars.with_prices(bars.open * rise, bars.high * rise, bars.low * rise, bars.close * rise)
    return replace(risen, market=replace(bars.market, exchange="sim", symbol="EDGE/USDT"))


@pytest.fixture(scope="module")
def place(finer: Bars, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ambiguity")
    write_bars(folder / "SIM_EDGEUSDT_15m.parquet", resample(finer, Timeframe.parse("15m")))
    return folder


@pytest.fixture
def tight(tmp_path: Path) -> str:
    """Return a strategy whose stops are a part of a bar: many bars hold both ends."""
    path = tmp_path / "rising.py"
    path.write_text(RISING.replace("low=1.0, high=4.0", "low=0.1, high=4.0").replace("target=2.0", "target=1.0"))
    return f"{path}:Rising"


def stored(path: Path, *series: Bars) -> Path:
    database = Database.open(path)
    for bars in series:
        BarStore(database).write(bars.market, present(bars), source="test", at_ms=1)
    database.close()
    return path


def of_no_database(document: dict[str, Any]) -> dict[str, Any]:
    """A document but for its time and the identity of the ledger that it was counted in."""
    evidence, provenance = document["evidence"], document["provenance"]
    assert len(evidence["campaign"].pop("ledger")) == 36
    assert len(provenance.pop("document_digest")) == 64
    return document | {"configId": "", "createdAt": "", "evidence": evidence, "provenance": provenance}


def test_a_file_is_looked_into_where_finer_bars_are_held(
    place: Path, finer: Bars, tight: str, tmp_path: Path, assay: Assay
) -> None:
    file = place / "SIM_EDGEUSDT_15m.parquet"
    train = ("train", "--file", file, "--strategy", tight, *TERMS, "--out", tmp_path / "out", "--database")
    without = assay(*train, stored(tmp_path / "none.db"), "--json").document
    half = stored(tmp_path / "half.db", resample(finer, Timeframe.parse("15m")), finer.head(len(finer) // 2))
    partly = assay(*train, half, "--json").document
    # the first bars are of no day that was traded; the 3m bars of them say nothing
    early = replace(finer.head(300), market=replace(finer.market, timeframe=Timeframe.parse("3m")))
    columns = [getattr(early, n) for n in ("open", "high", "low", "close", "volume")]
    early = type(finer).from_columns(early.market, early.time // 300_000 * 180_000, *columns)
    whole = stored(tmp_path / "whole.db", finer, early)
    ran = assay(*train, whole, "--json").document
    first, *others = (of_no_database(d["configuration"]) for d in (without, partly, ran))
    assert others == [first, first]
    interval = ran["configuration"]["evidence"]["ambiguity"]
    told = ran["ambiguity"]
    assert told["trades"] == interval["trades"] > 5
    assert {k: without["ambiguity"][k] for k in interval} == interval
    assert (told["finer_timeframe"], told["resolved"]) == ("5m", told["to_target"] + told["to_stop"])
    assert told["to_target"] > 0
    assert told["to_stop"] > 0
    low, high = told["pessimistic_net_profit_pct"], told["optimistic_net_profit_pct"]
    assert low < told["resolved_net_profit_pct"] < high
    assert 0 < partly["ambiguity"]["resolved"] < told["resolved"]
    assert "because finer bars are absent" in partly["ambiguity"]["note"]
    said = assay(*train, whole)
    (line,) = [line for line in said.out.splitlines() if "reached both stop and target" in line]
    assert line.startswith(
        f"In {told['trades']} trades the last bar reached both stop and target. By 5m bars inside it"
    )
    assert f"{told['resolved_net_profit_pct']:+.2f} % instead of {low:+.2f} % (at best {high:+.2f} %)" in line
    assert bool(told["note"]) == ("stay at the stop" in said.err)
    assert "reached both stop and target" not in assay(*train, tmp_path / "none.db").out


def test_stored_markets_are_looked_into_too(finer: Bars, tight: str, tmp_path: Path, assay: Assay) -> None:
    path = stored(tmp_path / "markets.db", finer)  # from which the 15m bars are made
    train = (
        "train", "--exchange", "sim", "--symbol", "EDGE/USDT", "--timeframe", "15m", "--offline", "--strategy", tight,
        *TERMS,
    )  # fmt: skip
    ran = assay(*train, "--database", path)
    assert ran.code == 0, ran.err
    assert re.search(
        r"sim EDGE/USDT 15m \S+: In \d+ trades the last bar reached both stop and target. By 5m bars", ran.out
    )
    (task,) = assay(*train, "--database", path, "--json").document["tasks"]
    assert task["ambiguity"]["finer_timeframe"] == "5m"
    assert json.dumps(task["ambiguity"])
