"""Every listing at 80 and 120 columns, with names as long and as hostile as files and exchanges may have them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from documentation.captures import BY_HAND, STORED, WIDTHS, printed, restore
from rich.cells import cell_len

from assay.cli import shells
from assay.cli.main import main
from assay.documents.schema import sealed
from assay.errors import InputError
from assay.store import Database, Registry
from assay.store.jobs import JobStore

if TYPE_CHECKING:
    from cli.conftest import Assay

DOCUMENTS = Path(__file__).parents[1] / "compatibility" / "documents"
EVIL = "\x1b[31m\u202e"
LONG = f"A_NAME_{EVIL}THAT_NOBODY_WOULD_CHOOSE_BUT_SOMEBODY_HAS/UNBREAKABLEUNBREAKABLEUNBREAKABLE"


def renamed(text: str) -> str:
    return f"{text} {LONG}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of the first release, with long names on half of everything."""
    folder = tmp_path_factory.mktemp("listings")
    restore(folder)
    with closing(sqlite3.connect(folder / "assay.db")) as connection:
        connection.execute("UPDATE markets SET symbol = ? WHERE symbol = 'DIRTY/USDT'", [LONG])
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'trials'")
        guards = dict(found.fetchall())
        for guard in guards:
            connection.execute(f"DROP TRIGGER {guard}")
        values = "symbol = ?, strategy = ?, best = 12345678.9"
        connection.execute(f"UPDATE trials SET {values} WHERE rowid % 2", [LONG, LONG])  # noqa: S608
        for guard in guards.values():
            connection.execute(guard)
        connection.execute("UPDATE market_imports SET source = ?", [LONG])
        connection.commit()
    database = Database.open(folder / "assay.db")
    document = json.loads(next(iter(sorted(DOCUMENTS.glob("LIQUIDITY*.json")))).read_text())
    document["strategy"], document["configId"] = (
        "MY_" * 20 + "STRATEGY",
        "MY_" * 20 + "STRATEGY_V3_20270101_000000_abcdef",
    )
    document["context"] |= {"pair": "1000000UNBREAKABLEMOG/UNBREAKABLEUSDT", "exchange": LONG}
    document["lifecycle"]["why_not_promoted"] = LONG
    Registry(database).save(sealed(document), at_ms=1_900_000_000_000)
    database.close()
    return folder


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("call", [*STORED, *BY_HAND])
def test_no_line_of_a_listing_is_wider(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, width: int) -> None:
    monkeypatch.chdir(folder)
    call = call.replace(" --symbol DIRTY/USDT", "").replace("4367ee", "last")
    text = printed(call, width, "assay.db", renamed)
    wide = [line for line in text.splitlines() if cell_len(line) > width]
    assert [line for line in wide if not line.startswith("  demo/")] == []
    assert not set(text) & set(EVIL[0] + EVIL[-1])
    assert text.strip()


def test_into_a_pipe_everything_is_whole(assay: Assay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(folder / "assay.db"))
    monkeypatch.delenv("COLUMNS", raising=False)
    ran = assay("configurations", "list")
    ids = [row["config_id"] for row in assay("configurations", "list", "--json").document["configurations"]]
    assert [line.split()[0] for line in ran.out.splitlines()[2:-1]] == ids
    assert ran.err == ""
    assert "best score, sharpe_ratio" in assay("ledger").out.splitlines()[0]


def test_an_id_is_taken_in_any_of_its_forms(
    assay: Assay, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(folder / "assay.db"))
    name = "LIQUIDITY_SWEEP_V3_20261130_075415_cea43d"
    row = assay("configurations", "show", name, "--json").document["row"]["id"]
    for text in (row, "LIQUIDITY_SWEEP_V3_20261130_075415", "cea43d"):
        assert assay("configurations", "deactivate", text, "--json").document["configuration"]["config_id"] == name
    for call in ("activate", "deactivate", "archive", "export"):
        ran = assay("configurations", call, "cea43d", *(("--out", tmp_path) if call == "export" else ()))
        assert (ran.code, name in ran.out) == (0, True), ran.err
    assert assay("configurations", "archive", "cea43d", "--undo").code == 0
    assert assay("configurations", "compare", "cea43d", "last", "--json").document["configurations"][0] == name
    assert assay("report", "cea43d", "--out", tmp_path / "r.html", "--json").document["configuration"] == name
    assert "earlier procedure" in assay("configurations", "verify", "cea43d").err
    ran = assay("configurations", "show", "LIQUIDITY_SWEEP_V3")
    assert (ran.code, "configurations: LIQUIDITY_SWEEP_V3_" in ran.err) == (2, True)


def test_a_job_is_found_by_the_beginning_of_its_id(folder: Path) -> None:
    jobs = JobStore(Database.open(folder / "assay.db"))
    known = jobs.ids()
    assert [jobs.resolve(job[:8]) for job in known] == known
    assert jobs.resolve("last") == known[0]
    assert jobs.unfinished() in jobs.ids(unfinished=True)
    with pytest.raises(InputError, match="there is none with this id"):
        jobs.resolve("nothing")
    jobs.database.close()


# completion


@pytest.fixture
def offered(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(folder / "assay.db"))
    monkeypatch.setenv(shells.ASKED, "complete_bash")

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        capsys.readouterr()
        code = main([])
        captured = capsys.readouterr()
        assert (code, captured.err) == (0, "")
        return captured.out.split()

    return ask


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("assay tr", ["train"]),
        ("assay ledger ", ["declare", "verify"]),
        ("assay configurations sh", ["show"]),
        ("assay train --obj", ["--objective"]),
        ("assay train --objective s", ["sharpe_ratio", "sortino_ratio"]),
        ("assay train --strategy LIQUIDITY_SWEEP,F", ["LIQUIDITY_SWEEP,FAILED_BREAKDOWN"]),
        ("assay train --symbol W", ["WALK/USDT"]),
        ("assay data quality --exchange s", ["simulated"]),
        ("assay configurations show RIS", ["RISING_V3_20261130_075411_c324de"]),
        ("assay train --resume l", ["last"]),
        ("assay sweep --grid b", ["benchmark"]),
        ("assay configurations show x --database nowhere.db S", []),
    ],
)
def test_the_shell_is_offered(offered: object, line: str, words: list[str]) -> None:
    assert callable(offered)
    assert offered(line) == words
    assert not Path("nowhere.db").exists()


def test_completion_is_installed_for_the_calling_shell(
    assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shells, "_get_shell_name", lambda: None)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert assay("--show-completion").out.startswith("#compdef assay")
    monkeypatch.setenv("SHELL", "/bin/bash")
    ran = assay("--install-completion")
    assert (ran.code, str(tmp_path) in ran.out) == (0, True)
    assert "complete_bash" in (tmp_path / ".bash_completions" / "assay.sh").read_text()
    monkeypatch.setenv("SHELL", "/bin/csh")
    ran = assay("--install-completion")
    assert (ran.code, "needs one of bash, zsh, fish" in ran.err) == (2, True)
