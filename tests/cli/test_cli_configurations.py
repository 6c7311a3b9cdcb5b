"""`assay configurations`: what a person sees, and what a program reads."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from assay.cli.commands.configurations import NOTHING_STORED
from assay.documents.schema import sealed, validate
from assay.market import Timeframe, resample
from assay.sources import write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, Registry
from assay.store.bars import present
from assay.store.fields import FIELDS
from store.documents import variant

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars
    from cli.conftest import Assay

NAMES = [variant(n)["configId"] for n in range(3)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def registry(home: Path) -> Registry:
    registry = Registry(Database.open(home / "assay.db"))
    wins = {"metrics__gross_win_rate": 12 / 80, "metrics__win_rate": 12 / 80, "metrics__total_trades": 80}
    registry.save(variant(0, "PAPER", **wins), at_ms=0)
    registry.save(variant(1), at_ms=86_400_000)
    registry.save(variant(2, "MATURE", context__pair="ETH/USDT"), at_ms=2 * 86_400_000)
    return registry


@pytest.mark.usefixtures("registry")
def test_the_list(assay: Assay, home: Path) -> None:
    ran = assay("configurations", "list")
    assert ran.code == 0
    lines = [line for line in ran.out.splitlines() if "SPIKE_V3" in line]
    assert [line.split()[0] for line in lines] == NAMES[::-1]
    assert lines[2].split()[-3:] == ["15", "80", "0.25"]  # of the net win rate, the trades and p
    assert "net win rate %" in ran.out
    rows = assay("configurations", "list", "--json").document["configurations"]
    assert [r["config_id"] for r in rows] == NAMES[::-1]
    assert rows[2]["gross_win_rate"] == 0.15
    assert rows[0]["created_at"] == "1970-01-03T00:00:00Z"
    only = assay("--json", "configurations", "list", "--pair", "ethusdt", "--status", "mature", "--limit", 5)
    assert [r["config_id"] for r in only.document["configurations"]] == NAMES[2:]
    other = assay("configurations", "list", "--database", home / "other.db")
    assert (other.code, other.out, other.err) == (0, "", f"{NOTHING_STORED}\n")
    assert assay("configurations", "list", "--pair", "SOL/USDT").err == "There are no such configurations.\n"
    assert assay("ledger", "--database", home / "other.db").err.startswith("Nothing is stored yet: ")
    assert assay("configurations", "list", "--status", "GREAT").code == 2


@pytest.mark.usefixtures("registry")
def test_every_field_is_shown_with_its_meaning(assay: Assay) -> None:
    ran = assay("configurations", "show", NAMES[0])
    assert ran.code == 0
    shown = {line.split()[0]: line for line in ran.out.splitlines() if len(line.split()) > 1}  # no titles
    (row,) = [r for r in assay("configurations", "list", "--json").document["configurations"]
              if r["config_id"] == NAMES[0]]  # fmt: skip
    not_known, without = ran.out.splitlines()[-2:]
    for name, field in FIELDS.items():
        if name in ("parameters_json", "circuit_breakers", "id"):
            continue
        if row[name] is None:
            assert f" {name}" in (not_known if field.unknown else without)
        else:
            assert field.meaning.split(" (")[0] in shown[name]
    assert "{" not in ran.out  # what has many parts is for programs
    assert "USDT" in shown["net_profit"]
    assert " 15 % " in shown["gross_win_rate"]
    assert " 1 % " in shown["max_daily_loss_pct"]
    assert "max_correlation_spike" in shown
    assert "metrics.net_profit_pct" in shown
    assert "hold" in shown
    document = assay("configurations", "show", NAMES[0], "--json").document
    assert list(document) == ["row", "explained", "configuration", "standing"]
    unknown = {"p_adjusted": None, "experiments": 0, "unknown": 0, "reason": None}
    assert document["standing"] == {"stage": "PAPER"} | unknown
    assert validate(document["configuration"])["configId"] == NAMES[0]
    (rate,) = [f for f in document["explained"]["performance"] if f["field"] == "gross_win_rate"]
    assert rate == {
        "field": "gross_win_rate",
        "value": 0.15,
        "unit": "fraction",
        "meaning": "trades that won before costs",
    }


@pytest.mark.usefixtures("registry")
def test_a_parameter_of_a_strategy_that_ships_is_explained(assay: Assay, home: Path) -> None:
    document = variant(5, parameters={"pierce_depth": 0.002}, strategy="LIQUIDITY_SWEEP")
    Registry(Database.open(home / "assay.db")).save(document, at_ms=9)
    (line,) = [x for x in assay("configurations", "show", document["configId"]).out.splitlines() if "pierce_depth" in x]
    assert "0.002" in line
    assert len(line.split()) > 4


@pytest.mark.usefixtures("registry")
def test_comparing(assay: Assay) -> None:
    ran = assay("configurations", "compare", NAMES[1], NAMES[2])
    assert ran.code == 0
    shown = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines() if line.strip()}
    assert shown["status"] == ["VALIDATION", "MATURE"]
    assert shown["pair"] == ["BTC/USDT", "ETH/USDT"]
    assert "sharpe_ratio" not in shown
    told = assay("configurations", "compare", *NAMES, "--json").document
    assert told["configurations"] == NAMES
    assert len(told["fields"]["sharpe_ratio"]) == 3
    assert assay("configurations", "compare", NAMES[0]).code == 2
    assert assay("configurations", "compare", NAMES[0], NAMES[0]).out == "They differ in nothing.\n"


def test_switching_on_and_off_and_putting_away(assay: Assay, registry: Registry) -> None:
    registry.save(variant(4), at_ms=9)
    assert assay("configurations", "activate", NAMES[1]).out == f"{NAMES[1]} is active.\n"
    ran = assay("configurations", "activate", variant(4)["configId"], "--json").document
    assert (ran["replaced"], ran["configuration"]["is_active"]) == (NAMES[1], True)
    swapped = assay("configurations", "activate", NAMES[1]).out
    assert f"{variant(4)['configId']} is not active any more." in swapped
    refused = assay("configurations", "activate", NAMES[0])
    assert (refused.code, "PAPER, which gives it 0 % of the capital" in refused.err) == (3, True)
    assert assay("configurations", "archive", NAMES[1]).code == 3
    assert assay("configurations", "deactivate", NAMES[1]).out == f"{NAMES[1]} is not active any more.\n"
    assert assay("configurations", "deactivate", NAMES[1]).out == f"{NAMES[1]} was not active.\n"
    assert assay("configurations", "archive", NAMES[1]).out == f"{NAMES[1]} is archived.\n"
    assert assay("configurations", "archive", NAMES[1]).out == f"{NAMES[1]} was archived already.\n"
    assert (
        assay("configurations", "list", "--archived", "--json").document["configurations"][0]["config_id"] == NAMES[1]
    )
    assert assay("configurations", "archive", NAMES[1], "--undo").out == f"{NAMES[1]} is back in the list.\n"
    assert assay("configurations", "archive", NAMES[1], "--undo").out == f"{NAMES[1]} was not archived.\n"
    missing = assay("configurations", "activate", NAMES[1][:-1] + "0")
    assert (missing.code, f"Did you mean '{NAMES[1]}'" in missing.err) == (2, True)


@pytest.mark.usefixtures("registry")
def test_export(assay: Assay, tmp_path: Path) -> None:
    one = tmp_path / "out" / "one.json"
    assert assay("configurations", "export", NAMES[1], "--out", one).out == f"{one}\n"
    assert json.loads(one.read_text()) == variant(1)
    assert json.dumps(variant(1), indent=2) + "\n" == one.read_text()
    files = assay("configurations", "export", "--out", tmp_path / "all", "--json").document["files"]
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == [f"{n}.json" for n in NAMES]
    assert len(files) == 3
    assert assay("configurations", "export", "--csv", "--status", "MATURE").out == "configurations.csv\n"
    with (tmp_path / "configurations.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["config_id"] == NAMES[2]
    assert float(row["sharpe_ratio"]) == variant(2)["metrics"]["sharpe_ratio"]
    assert row["actual_slippage"] == ""
    assert assay("configurations", "export", "--out", one).code == 2
    assert assay("configurations", "export", "--pair", "XRP/USDT").code == 2
    assert assay("configurations", "export", "--csv", "--out", tmp_path / "x.json").code == 2


# verifying


@pytest.fixture(scope="module")
def hourly() -> Bars:
    return resample(simulate_market(SimulatedMarket(days=60, timeframe="15m", seed=11)), Timeframe.parse("1h"))


def train(assay: Assay, file: Path, home: Path, *more: object) -> str:
    ran = assay("train", "--file", file, "--permutations", 2, "--json", *more)
    assert ran.code == 0, ran.err
    return Registry(Database.open(home / "assay.db")).save(ran.document["configuration"], at_ms=1)


def test_a_trained_configuration_is_verified(assay: Assay, hourly: Bars, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "BINANCE_BTCUSDT_1h.parquet"
    write_bars(file, hourly)
    name = train(assay, file, home)
    absent = assay("configurations", "verify", name)
    assert (absent.code, "is not stored" in absent.err or "holds no markets" in absent.err) == (2, True)
    market = replace(hourly.market, exchange="binance", symbol="BTC/USDT")
    store = BarStore(Database.open(home / "assay.db"))
    columns = present(hourly)
    store.write(market, columns, source="test", at_ms=1)
    ran = assay("configurations", "verify", name)
    assert (ran.code, f"{name}: equal." in ran.out) == (0, True)
    document = assay("configurations", "verify", name, "--file", file, "--threads", 1, "--json").document
    assert document == {"configuration": name, "equal": True, "other_code": False, "differences": [], "note": None}

    tampered = {n: c.copy() for n, c in columns.items()}
    tampered["close"][100] *= 1.000001
    store.delete(market)
    store.write(market, tampered, source="test", at_ms=2)
    ran = assay("configurations", "verify", name)
    assert ran.code == 3
    assert "cannot be recomputed from" in ran.err
    assert "prices, volumes or gaps are not those of then" in ran.err
    assert assay("configurations", "verify", name, "--file", file).code == 0


def test_a_changed_document_is_told(assay: Assay, hourly: Bars, home: Path, tmp_path: Path, rising: Path) -> None:
    file = tmp_path / "BINANCE_BTCUSDT_1h.parquet"
    write_bars(file, hourly)
    name = train(assay, file, home, "--strategy", f"{rising}:Rising")
    own = ("--file", file, "--strategy", f"{rising}:Rising")
    assert assay("configurations", "verify", name, *own).code == 0
    unnamed = assay("configurations", "verify", name, "--file", file)
    assert (unnamed.code, "is not registered" in unnamed.err) == (2, True)

    registry = Registry(Database.open(home / "assay.db"))
    document = registry.get(name).document
    document["metrics"]["sharpe_ratio"] = 9.9
    document["configId"] = name[:-6] + "ffffff"
    registry.save(sealed(document), at_ms=2)  # by someone who knows how the digest is made
    ran = assay("configurations", "verify", document["configId"], *own)
    assert ran.code == 3
    assert "metrics.sharpe_ratio" in ran.out
    assert "is not what its experiment gives today; the first field is" in ran.err
    told = assay("configurations", "verify", document["configId"], *own, "--json")
    assert (told.code, told.document["equal"]) == (3, False)
    assert "metrics.sharpe_ratio" in {d["field"] for d in told.document["differences"]}

    document["metrics"]["sharpe_ratio"] = registry.get(name).document["metrics"]["sharpe_ratio"]
    document["provenance"]["engine_hash"] = "0123456789abcdef"
    document["configId"] = document["configId"].replace("_V3_2", "_V3_1")
    document["configId"] = document["configId"][:-6] + name[-6:]
    registry.save(sealed(document), at_ms=3)
    ran = assay("configurations", "verify", document["configId"], *own)
    assert ran.code == 0
    assert ": equal. It was computed by other code (engine_hash 0123456789abcdef, version " in ran.out
    told = assay("configurations", "verify", document["configId"], *own, "--json")
    assert (told.code, told.document["equal"], told.document["other_code"]) == (0, True, True)

    document["provenance"]["experiment"]["procedure_version"] = 0
    document["configId"] = document["configId"].replace("_V3_1", "_V3_0")
    registry.save(sealed(document), at_ms=4)
    ran = assay("configurations", "verify", document["configId"], *own)
    assert (ran.code, "was made by the earlier procedure: train again" in ran.err) == (3, True)
    assert assay("configurations", "show", document["configId"]).code == 0

    rising.write_text(rising.read_text().replace("max_bars=20", "max_bars=21"))
    ran = assay("configurations", "verify", name, *own)
    assert (ran.code, "strategy source: must be the one of the experiment" in ran.err) == (2, True)
