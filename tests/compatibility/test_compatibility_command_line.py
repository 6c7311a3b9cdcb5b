"""The command line of the first release: no command, option, key of a document or exit code is gone or another."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from assay.cli.main import main, make_app
from compatibility.conftest import HERE
from compatibility.recording import SPACE, commands, described, key_paths

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay

RECORDED = json.loads((HERE / "command_line.json").read_text())
TODAY = commands(make_app())
VERIFIED = "assay configurations verify RISING_V3_20261130_075411_c324de --strategy rising.py:Rising"
SAVED, OTHER_SAVED = "LIQUIDITY_SWEEP_V3_20261130_075415_cea43d", "LIQUIDITY_SWEEP_V3_20261130_075405_f10cb7"
ROWS = {
    "list": "configurations[]",
    f"show {SAVED}": "row",
    "show LIQUIDITY_SWEEP_V3_20261130_075423_579076": "row",
    f"activate {SAVED}": "configuration",
    f"deactivate {SAVED}": "configuration",
    f"archive {OTHER_SAVED}": "configuration",
}
"""Calls that tell whole rows of configurations, and the key under which they do."""
COLUMNS = ("ledger_length", "ledger_head")
STANDING = ("", ".stage", ".p_adjusted", ".experiments", ".unknown", ".reason")
TRAINED = "--space space.toml --permutations 2"
FROM_FILE = f"train --file BINANCE_BTCUSDT_1h.parquet {TRAINED} --threads 1 --out out --json --quiet"
AS_JOB = (
    f"train --exchange simulated --symbol WALK/USDT,GONE/USDT --timeframe 1h {TRAINED} --offline --threads 1 --json "
    "--quiet"
)
LEDGERS = ("ledger --json", "ledger --exchange simulated --symbol WALK/USDT --json")
CAMPAIGN = (
    "declared", "declared_at", "digest", "experiments", "ledger", "members", "needed_permutations", "p_adjusted",
    "permutations", "unknown",
)  # fmt: skip
BESIDE_MARKET = ("alpha_pct", "beta", "days", "exposure", "lean", "market_pct", "same_exposure_pct", "t")
SAME_DAYS = ("combinations", "declared", "experiments", "markets", "promoted", "start_ms", "stop_ms", "unknown")
PROMOTED = ("config_id", "p_adjusted", "stage", "stored_stage")
TABLES = ("ledger_identity", "ledger_chain", "trial_nulls", "trial_declarations")
TRIED = ("combinations", "expected_maximum", "experiments", "holdout_openings", "market")
ADDED = frozenset(
    {
        "assay self-check",
        f"{VERIFIED} --threads 1 --json --quiet: other_code",
        "assay ledger verify",
        "assay ledger declare",
        *(f"assay {FROM_FILE}: configuration.evidence.{name}" for name in ("campaign", "comparability", "market")),
        *(f"assay {FROM_FILE}: configuration.evidence.campaign.{name}" for name in CAMPAIGN),
        *(f"assay {FROM_FILE}: configuration.evidence.market.{name}" for name in BESIDE_MARKET),
        f"assay {FROM_FILE}: configuration.provenance.experiment.procedure_version",
        *(f"assay {AS_JOB}: tasks[].{name}" for name in ("p_adjusted", "q_value")),
        *(f"assay {AS_JOB}: tried{name}" for name in ("", *(f"[].{name}" for name in TRIED))),
        *(f"assay {call}: campaigns{name}" for call in LEDGERS for name in ("", *(f"[].{name}" for name in SAME_DAYS))),
        *(f"assay {call}: campaigns[].promoted[].{name}" for call in LEDGERS for name in PROMOTED),
        *(f"assay database upgrade --json: rows.{table}" for table in TABLES),
        "assay configurations list --json: changed",
        *(f"assay configurations {call} --json: {key}.{name}" for call, key in ROWS.items() for name in COLUMNS),
        *(
            f"assay configurations {call} --json: standing{name}"
            for call in ROWS
            if call.startswith("show")
            for name in STANDING
        ),
    }
)
"""What is new since then: ``assay NAME``, ``assay NAME --option``, or ``assay CALL: path.of.key``."""


def call_of(recorded: dict[str, Any]) -> str:
    return " ".join(["assay", *recorded["call"]])


@pytest.fixture(scope="session")
def bar_files(first_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a market of the database as a file, and one that training refuses."""
    folder = tmp_path_factory.mktemp("bars")
    database = shutil.copy(first_release, folder / "copy.db")
    for symbol, name in (("WALK/USDT", "BINANCE_BTCUSDT_1h.parquet"), ("DIRTY/USDT", "BINANCE_ETHUSDT_1h.parquet")):
        market = ("--exchange", "simulated", "--symbol", symbol, "--timeframe", "1h", "--database", str(database))
        assert main(["data", "export", str(folder / name), *market, "--quiet"]) == 0
    return folder


@pytest.fixture
def workplace(database_file: Path, bar_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder of a recorded call: its database, two files of bars, a strategy, a space and a document."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_DATABASE_URL", database_file.name)
    for path in (*bar_files.glob("*.parquet"), HERE / "rising.py"):
        shutil.copy(path, tmp_path)
    (tmp_path / "space.toml").write_text(SPACE)
    shutil.copy(min((HERE / "documents").iterdir()), tmp_path / "document.json")


def test_no_command_is_gone() -> None:
    assert RECORDED["commands"].keys() - TODAY.keys() == set()
    assert TODAY.keys() - RECORDED["commands"].keys() <= ADDED


@pytest.mark.parametrize("name", RECORDED["commands"])
def test_a_command_takes_what_it_took(name: str) -> None:
    took, takes = RECORDED["commands"][name], described(TODAY[name])
    assert {spelling: takes.get(spelling) for spelling in took} == took
    assert {f"{name} {spelling}" for spelling in takes.keys() - took.keys()} <= ADDED


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("recorded", RECORDED["documents"], ids=call_of)
def test_a_document_has_the_keys_it_had(assay: Assay, recorded: dict[str, Any]) -> None:
    ran = assay(*recorded["call"])
    assert ran.code == recorded["code"], ran.out + ran.err
    if recorded["keys"] is None:
        assert not ran.out.startswith("{")
        return
    had, has = set(recorded["keys"]), set(key_paths(ran.document))
    assert had - has == set()
    assert {f"{call_of(recorded)}: {key}" for key in has - had} <= ADDED


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("recorded", RECORDED["errors"], ids=call_of)
def test_wrong_input_is_refused_as_it_was(assay: Assay, recorded: dict[str, Any]) -> None:
    ran = assay(*recorded["call"])
    error = ran.document["error"]
    assert {"code": ran.code, "type": error["type"], "field": error["field"]} == {
        name: recorded[name] for name in ("code", "type", "field")
    }


def test_every_command_was_recorded_at_work() -> None:
    """Of each command that tells its result as JSON a document is recorded."""
    ran = [call_of(r) for r in RECORDED["documents"] if r["keys"] is not None]
    ends = [name for name in RECORDED["commands"] if not getattr(TODAY[name], "commands", None)]
    assert [name for name in ends if not any(f"{call} ".startswith(f"{name} ") for call in ran)] == []
