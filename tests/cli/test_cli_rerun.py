"""Stored markets and configurations as the start of `backtest`, `sweep` and `funnel`, and the run that was stored."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.cli.main import main
from assay.documents.unverified import unverified
from assay.market import Bars
from assay.sources import write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import Database, Registry

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay

SPACE = """[space]
pierce_depth = ["0.1%", "20 bps"]
min_level_touches = [1]
volume_spike_threshold = [1.5]
"""
STORED = ("--exchange", "binance", "--symbol", "BTC/USDT", "--timeframe", "5m")


@dataclass(frozen=True)
class Place:
    """A database with a market's bars and a configuration that was trained on them, the file of both, and results."""

    database: Path
    file: Path
    out: Path

    @property
    def config_id(self) -> str:
        return next(self.out.glob("*.json")).stem

    @property
    def again(self) -> tuple[object, ...]:
        return "--id", self.config_id, "--database", self.database


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("rerun")
    found = Place(folder / "assay.db", folder / "BINANCE_BTCUSDT_5m.parquet", folder / "out")
    write_bars(found.file, simulate_market(SimulatedMarket(days=45, seed=3, edge_r=0.5)))
    (folder / "space.toml").write_text(SPACE)
    database = ("--database", str(found.database), "--quiet")
    assert main(["data", "import", str(found.file), *database]) == 0
    costs = ("--fee", "1bps", "--slippage", "0.01%", "--side", "long", "--permutations", "0", "--threads", "1")
    training = ("train", "--file", str(found.file), "--space", str(folder / "space.toml"), *costs)
    assert main([*training, "--out", str(found.out), *database]) == 0
    return found


def test_a_configuration_is_run_again_on_its_own_terms(assay: Assay, place: Place) -> None:
    """What it says, written out in options, is the same run; what the options name overrules it."""
    again = assay("backtest", *place.again, "--json").document
    document = json.loads((place.out / f"{place.config_id}.json").read_text())
    sealed = document["validation"]["holdout"]["from"]
    source = again.pop("configuration")
    assert source == {
        "id": place.config_id, "overruled": {}, "not_recorded": [], "same_bars": True, "other_code": False,
        "sealed_from": sealed,
    }  # fmt: skip
    assert again["parameters"] == document["parameters"]
    assert again["span"]["to"] == sealed
    sets = [f"--set={name}={value}" for name, value in again["parameters"].items()]
    terms = ("--fee", "0.0001", "--slippage", "0.0001", "--side", "long", "--to", sealed, "--json")
    stored = ("--database", place.database, *STORED)
    for bars in (("--file", place.file), stored):
        assert assay("backtest", *bars, *sets, *terms).document == again
    cheaper = assay("backtest", *place.again, "--fee", "0", "--slippage", "0.01%", "--json").document
    assert cheaper["configuration"]["overruled"] == {"fee": {"recorded": 0.0001, "used": 0.0}}
    assert (cheaper["costs"]["fee"], cheaper["costs"]["slippage"]) == (0.0, 0.0001)
    assert cheaper["metrics"]["net_profit_pct"] > again["metrics"]["net_profit_pct"]


def test_what_was_taken_and_overruled_is_said(assay: Assay, place: Place) -> None:
    options = ("--fee", "2bps", "--set", "max_holding_periods=50", "--side", "both", "--to", "2024-02-01")
    ran = assay("funnel", *place.again, *options)
    assert ran.code == 0, ran.err
    first, second = ran.out.splitlines()[:2]
    assert first == f"Taken from {place.config_id}: strategy, parameters, market, costs, sizing."
    assert second.startswith(
        "Overruled by options: fee 0.0002 instead of 0.0001, side both instead of long, max_holding"
    )
    assert second.endswith("days: to 2024-02-01 instead of its own.")
    untouched = assay("funnel", *place.again).out
    assert "Overruled" not in untouched
    assert "Its sealed holdout, from 2024-02-0" in untouched


def test_other_bars_are_said(assay: Assay, place: Place, tmp_path: Path) -> None:
    """Of the same market with other prices; of another market no digest is compared."""
    other = simulate_market(SimulatedMarket(days=45, seed=4, edge_r=0.5))
    for name, same in (("BINANCE_BTCUSDT_5m.csv", False), ("KRAKEN_ETHUSDT_5m.csv", None)):
        write_bars(tmp_path / name, other)
        source = assay("backtest", *place.again, "--file", tmp_path / name, "--json").document["configuration"]
        assert source["same_bars"] is same
        assert ("market" in source["overruled"]) is (same is None)
    assert (
        "the digest of the data differs"
        in assay("backtest", *place.again, "--file", tmp_path / "BINANCE_BTCUSDT_5m.csv").out
    )
    renamed = tmp_path / "KRAKEN_XUSDT_5m.parquet"
    renamed.write_bytes(place.file.read_bytes())
    document = assay("backtest", *place.again, "--file", renamed, "--json").document
    assert (document["configuration"]["same_bars"], document["market"]["symbol"]) == (True, "BTC/USDT")


def test_a_sweep_takes_the_space_of_a_configuration(assay: Assay, place: Place) -> None:
    document = assay("sweep", *place.again, "--set", "reversal_candles=1", "--json").document
    assert document["grid"]["name"] == place.config_id
    assert document["grid"]["values"]["pierce_depth"] == [0.001, 0.002]
    assert document["grid"]["values"]["reversal_candles"] == [1]
    assert (document["combinations"], document["configuration"]["id"]) == (2, place.config_id)
    stored = assay("sweep", "--database", place.database, *STORED, "--set", "pierce_depth=0.2%", "--days", 9, "--json")
    assert stored.document["grid"]["values"]["pierce_depth"] == [0.002]


def test_what_was_stored_without_evidence_says_so(assay: Assay, place: Place, tmp_path: Path) -> None:
    database, parameters = tmp_path / "assay.db", {"pierce_depth": 0.001, "min_level_touches": 1}
    document = unverified("LIQUIDITY_SWEEP", parameters, {}, datetime.now(UTC), market=(None, None, None))
    Registry(Database.open(database)).save(document, at_ms=9)
    named = ("--id", document["configId"], "--database", database)
    refused = assay("backtest", *named)
    assert (refused.code, "must say which bars: the configuration does not" in refused.err) == (2, True)
    ran = assay("backtest", *named, "--file", place.file)
    assert "Taken from LIQUIDITY_SWEEP_V3" in ran.out
    assert "stored without evidence: market, days, costs, side, sizing are those of the options." in ran.out
    document = assay("backtest", *named, "--file", place.file, "--json").document
    sets = ("--set", "pierce_depth=0.001", "--set", "min_level_touches=1")
    plain = assay("backtest", "--file", place.file, *sets, "--json").document
    assert document["metrics"] == plain["metrics"]


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ("backtest", (), "--file, --exchange with --symbol, or --id: exactly one of them"),
        ("sweep", ("--file", "x.csv", *STORED), "--file, --exchange with --symbol, or --id: exactly one of them"),
        ("funnel", ("--exchange", "binance"), "--exchange and --symbol: are given together"),
        ("backtest", ("--exchange", "binance,kraken", "--symbol", "BTC/USDT"), "must name one market"),
        ("backtest", ("--exchange", "binance", "--symbol", "ETH/USDT"), "is not stored"),
        ("sweep", (*STORED, "--dates", "dmy", "--bar-end"), "--dates --bar-end: says how a file is read"),
        ("leaks", ("--columns", "time=Date"), "--columns: says how a file is read"),
        ("backtest", ("--id", "NONE"), "is not in the registry"),
        ("backtest", ("--id", "", "--file", "x.csv", *STORED), "only one of them overrules"),
        ("funnel", ("--id", "", "--strategy", "SUPPLY_SHOCK"), "must be that of the configuration, LIQUIDITY_SWEEP"),
        ("backtest", ("--id", "", "--symbol", "ETH/USDT"), "is not stored"),
        ("sweep", ("--id", "", "--days", "99"), "got 99. The bars go from 2024-01-01"),
        (
            "backtest",
            ("--id", "", "--fee", "10"),
            "fee: must be a fraction in [0, 0.5), got '10'. Percent are written 10%",
        ),
    ],
)
def test_wrong_bars_are_one_sentence(
    assay: Assay, place: Place, command: str, options: tuple[str, ...], words: str
) -> None:
    ran = assay(command, *(o or place.config_id for o in options), "--database", place.database)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_a_configuration_of_a_file_says_how_its_bars_are_read(assay: Assay, place: Place, tmp_path: Path) -> None:
    document = json.loads((place.out / f"{place.config_id}.json").read_text())
    Registry(Database.open(tmp_path / "new.db")).save(document, at_ms=0)
    ran = assay("backtest", "--id", place.config_id, "--database", tmp_path / "new.db")
    assert ran.code == 2
    assert "is not stored" in ran.err
    assert "--file reads the bars that it was trained on" in ran.err
    no_figures = assay("configurations", "trades", place.config_id, "--database", tmp_path / "new.db")
    assert (no_figures.code, "was stored without its trades" in no_figures.err) == (2, True)


def test_the_stored_run_is_written_as_the_training_wrote_it(assay: Assay, place: Place, tmp_path: Path) -> None:
    for name in ("trades", "equity"):
        written = (place.out / f"{place.config_id}-{name}.csv").read_text()
        call = ("configurations", name, place.config_id, "--database", place.database)
        assert assay(*call, "--csv", tmp_path / "t.csv").out == f"{tmp_path / 't.csv'}\n"
        assert (tmp_path / "t.csv").read_text() == written == assay(*call, "--csv", "-").out
        rows = written.count("\n") - 1
        assert rows > 10
        assert len(assay(*call, "--json").document[name]) == rows
        assert sum(line.startswith("  20") for line in assay(*call).out.splitlines()) == rows
        assert "both write to stdout" in assay(*call, "--csv", "-", "--json").err
    shown = assay("configurations", "trades", place.config_id, "--database", place.database).out.splitlines()
    heads = shown[1].split()
    assert heads == ["entry_time", "exit_time", "side", "entry", "exit", "return", "%", "R", "reason"]
    profit = json.loads((place.out / f"{place.config_id}.json").read_text())["metrics"]["net_profit_pct"]
    assert f"Together {profit:+.2f} %" in shown[-1]


def test_bars_without_volume_say_so_first(assay: Assay, bars: Bars, tmp_path: Path) -> None:
    bare = Bars.from_columns(
        replace(bars.market, exchange="x"), bars.time, bars.open, bars.high, bars.low, bars.close, None
    )
    file, database = tmp_path / "X_ABUSDT_5m.csv", tmp_path / "assay.db"
    write_bars(file, bare.head(3_000))
    assert not np.any(bare.volume)
    assert assay("data", "import", file, "--database", database).code == 0
    stored = ("--exchange", "x", "--symbol", "AB/USDT", "--timeframe", "5m", "--database", database)
    calls: list[tuple[object, ...]] = [
        ("backtest", "--file", file, "--days", 9),
        ("funnel", *stored, "--days", 9),
        ("sweep", *stored, "--days", 9),
        ("train", "--file", file, "--days", 9),
        ("train", *stored, "--offline", "--days", 99),
    ]
    for call in calls:
        ran = assay(*call)
        assert "no volume" in ran.err.splitlines()[0], call
        assert ran.err.count("no volume") == 1


def test_days_that_are_asked_for_end_before_the_sealed_holdout(assay: Assay, place: Place) -> None:
    """Unless `--to` says otherwise, which is said; and in-sample figures say that they are."""
    validation = json.loads((place.out / f"{place.config_id}.json").read_text())["validation"]
    sealed = validation["holdout"]["from"]
    for days in (("--days", "10"), ("--from", "2024-01-20"), ("--from", "2024-01-20", "--days", "24")):
        ran = assay("backtest", *place.again, *days, "--json")
        assert ran.document["span"]["to"] == sealed
        assert ran.document["configuration"]["sealed_from"] == sealed
        assert "These days chose the parameters; out of sample the Sharpe ratio was " in ran.err
        assert "sealed" not in ran.err
    assert (
        "Overruled by options: days: the last 10 instead of its own."
        in assay("funnel", *place.again, "--days", "10").out
    )
    opened = assay("backtest", *place.again, "--days", "5", "--to", "2024-02-14", "--json")
    assert opened.document["span"]["to"] == "2024-02-14T00:00:00Z"
    assert "These days include the sealed holdout, which opening for a choice spoils." in opened.err
    inside = assay("backtest", *place.again, "--from", "2024-02-12")
    assert (inside.code, "lies in the sealed holdout of the configuration" in inside.err) == (2, True)
