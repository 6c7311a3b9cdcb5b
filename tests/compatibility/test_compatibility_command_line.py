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
TABLES = (
    "ledger_identity", "ledger_chain", "trial_nulls", "trial_declarations",
    "workers", "calibrations", "users", "access_tokens", "sessions", "audit_log",
)  # fmt: skip
LEDGERS = ("assay ledger --json", "assay ledger --exchange simulated --symbol WALK/USDT --json")
CAMPAIGNS = ("start_ms", "stop_ms", "markets", "experiments", "unknown", "combinations", "declared", "promoted")
PROMOTED = ("config_id", "stage", "stored_stage", "p_adjusted")
JOB = (
    "assay train --exchange simulated --symbol WALK/USDT,GONE/USDT --timeframe 1h --space space.toml --permutations 2 "
    "--offline --threads 1 --json --quiet"
)
TRIED = ("market", "experiments", "combinations", "expected_maximum", "holdout_openings")
TRAINING = (
    "assay train --file BINANCE_BTCUSDT_1h.parquet --space space.toml --permutations 2 --threads 1 --out out "
    "--json --quiet"
)
AT_THE_MARKET = ("days", "market_pct", "exposure", "same_exposure_pct", "lean", "alpha_pct", "beta", "t")
CAMPAIGN = (
    "ledger", "experiments", "unknown", "permutations", "p_adjusted", "digest", "needed_permutations", "members",
    "declared", "declared_at",
)  # fmt: skip


def added(call: str, path: str, names: tuple[str, ...]) -> set[str]:
    """A new key of the document of a call, and the keys below it."""
    return {f"{call}: {path}", *(f"{call}: {path}.{name}" for name in names)}


ON_A_MARKET = ("backtest", "sweep", "funnel")
"""Commands that took a file and nothing else: since a stored market or a configuration will do, it is not required."""
NOW_ONE_OF = {
    "assay backtest --json": "--file, --exchange with --symbol, or --id",
    "assay worker --json": "--job or --forever",
}
"""Calls in which an option was missing that is one of several by now."""


READING = (*ON_A_MARKET, "train", "leaks", "quality", "data import")
READ = (
    "assay quality BINANCE_BTCUSDT_1h.parquet BINANCE_ETHUSDT_1h.parquet --json",
    "assay data import BINANCE_BTCUSDT_1h.parquet --json --quiet",
)
FOUND = ("duplicate", "conflict", "unordered", "off_grid", "broken", "unfinished")
READ_AS = (
    "shape", "format", "times", "notes", "columns",
    *(f"columns.{name}" for name in ("time", "open", "high", "low", "close", "volume")),
)  # fmt: skip
USERS = ("add", "list", "role", "password", "disable", "enable", "token", "revoke")
READING_OPTIONS = ("--columns", "--timezone", "--dates", "--where", "--bar-end")

ADDED = frozenset(
    {
        *(f"assay database {name} --json: bytes" for name in ("status", "upgrade")),
        "assay self-check",  # the name of `assay evidence`, which is kept
        f"{VERIFIED} --threads 1 --json --quiet: other_code",
        # the ledger is a chain that can be checked, and it holds what campaigns are judged by
        "assay ledger verify",
        "assay ledger declare",
        *(f"assay database upgrade --json: rows.{table}" for table in TABLES),
        *(key for call in LEDGERS for key in added(call, "campaigns", ())),
        *(key for call in LEDGERS for key in added(call, "campaigns[]", CAMPAIGNS)),
        *(key for call in LEDGERS for key in added(call, "campaigns[].promoted[]", PROMOTED)),
        # rows of configurations know whether they were edited, and how long the ledger was then
        "assay configurations list --json: changed",
        *(f"assay configurations {call} --json: {key}.{name}" for call, key in ROWS.items() for name in COLUMNS),
        # how far a configuration may be believed today, with all that was tried since
        *(
            f"assay configurations {call} --json: standing{name}"
            for call in ROWS
            if call.startswith("show")
            for name in STANDING
        ),
        # a job says, as a single training does, what was tried on the same days, and what that makes of each p
        *(f"{JOB}: tasks[].{name}" for name in ("p_adjusted", "q_value")),
        *added(JOB, "tried", ()),
        *added(JOB, "tried[]", TRIED),
        # evidence of the second procedure
        f"{TRAINING}: configuration.provenance.experiment.procedure_version",
        *added(TRAINING, "configuration.evidence.market", AT_THE_MARKET),
        *added(TRAINING, "configuration.evidence.campaign", CAMPAIGN),
        f"{TRAINING}: configuration.evidence.comparability",
        # stored markets and configurations beside files
        "assay configurations trades",
        "assay configurations equity",
        *(f"assay {name} {option}" for name in ON_A_MARKET for option in ("--exchange", "--symbol", "--id")),
        *(f"assay {name} --database" for name in ("backtest", "funnel")),
        # a backtest as a page
        "assay backtest --report",
        # how a file is read, wherever one is
        *(f"assay {name} {option}" for name in READING for option in READING_OPTIONS),
        "assay data inspect",
        *(key for call in READ for name in READ_AS for key in added(call, "files[].read_as", (name,))),
        *(f"{call}: files[].{name}" for call in READ for name in ("sentences", "found.empty")),
        *added(READ[0], "files[].found", FOUND),
        # completion in the shell, columns of listings, and why a market of a job was not promoted
        *(f"assay train {option}" for option in ("--executor", "--address")),
        # workers of all jobs
        *(f"assay worker {option}" for option in ("--forever", "--id")),
        "assay --install-completion",
        "assay --show-completion",
        *(f"assay {listing} --columns" for listing in ("configurations list", "data list", "ledger", "strategies")),
        f"{JOB}: tasks[].why_not_promoted",
        # what a training would take, before it is begun
        "assay train --estimate",
        "assay serve",
        "assay studio",
        "assay mcp",
        *(f"assay worker {option}" for option in ("--log-file", "--log-level", "--processes", "--memory")),
        # who may use the service
        "assay users",
        *(f"assay users {name}" for name in USERS),
    }
)
"""What is new since then: ``assay NAME``, ``assay NAME --option``, or ``assay CALL: path.of.key``."""
REFUSED = {f"{VERIFIED} --threads 1 --json --quiet": ("GateError", "made by the earlier procedure: train again")}
"""Calls that the second procedure refuses with exit code 3: what they asked of the first, only the first could give."""


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
    if name.removeprefix("assay ") in ON_A_MARKET:
        assert took["--file"]["required"]
        took = took | {"--file": took["--file"] | {"required": False}}
    if name == "assay worker":
        took = took | {"--job": took["--job"] | {"required": False}, "--user": took["--user"] | {"default": None}}
    assert {spelling: takes.get(spelling) for spelling in took} == took
    assert {f"{name} {spelling}" for spelling in takes.keys() - took.keys()} <= ADDED


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("recorded", RECORDED["documents"], ids=call_of)
def test_a_document_has_the_keys_it_had(assay: Assay, recorded: dict[str, Any]) -> None:
    ran = assay(*recorded["call"])
    if call_of(recorded) in REFUSED:
        error, sentence = REFUSED[call_of(recorded)]
        assert (ran.code, ran.document["error"]["type"]) == (3, error)
        assert ran.document["error"]["message"].endswith(sentence)
        return
    assert ran.code == recorded["code"], ran.out + ran.err
    if recorded["keys"] is None:
        assert not ran.out.startswith("{")
        return
    had, has = set(recorded["keys"]), set(key_paths(ran.document))
    assert had - has == set()
    assert {f"{call_of(recorded)}: {key}" for key in has - had} <= ADDED


@pytest.mark.usefixtures("workplace")
def test_a_document_of_today_is_verified_with_the_keys_of_then(assay: Assay) -> None:
    """The recorded document is refused, so the same experiment is trained again, as the refusal says."""
    ((call, keys),) = [(r["call"], r["keys"]) for r in RECORDED["documents"] if call_of(r) in REFUSED]
    market = ("--exchange", "simulated", "--symbol", "WALK/USDT", "--timeframe", "1h", "--offline")
    ran = assay(
        "train", *market, "--strategy", "rising.py:Rising", "--permutations", 2, "--threads", 1, "--json", "--quiet"
    )
    assert ran.code == 0, ran.err
    (made,) = ran.document["tasks"]
    again = assay(*(made["config_id"] if word.startswith("RISING_V3") else word for word in call))
    assert again.code == 0, again.out + again.err
    assert again.document["equal"]
    assert set(key_paths(again.document)) - set(keys) == {"other_code", "note"}
    assert set(keys) <= set(key_paths(again.document))


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("recorded", RECORDED["errors"], ids=call_of)
def test_wrong_input_is_refused_as_it_was(assay: Assay, recorded: dict[str, Any]) -> None:
    ran = assay(*recorded["call"])
    error = ran.document["error"]
    if call_of(recorded) in NOW_ONE_OF:
        assert (ran.code, error["field"]) == (recorded["code"], NOW_ONE_OF[call_of(recorded)])
        return
    assert {"code": ran.code, "type": error["type"], "field": error["field"]} == {
        name: recorded[name] for name in ("code", "type", "field")
    }


def test_every_command_was_recorded_at_work() -> None:
    """Of each command that tells its result as JSON a document is recorded."""
    ran = [call_of(r) for r in RECORDED["documents"] if r["keys"] is not None]
    ends = [name for name in RECORDED["commands"] if not getattr(TODAY[name], "commands", None)]
    assert [name for name in ends if not any(f"{call} ".startswith(f"{name} ") for call in ran)] == []
