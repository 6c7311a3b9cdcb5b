"""Help, shared options, exit codes and what is said when something goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from assay import evaluation
from assay.cli.lazy_group import Entry
from assay.cli.main import BELOW, COMMANDS, GROUPS, OLD_NAMES, main
from assay.errors import QualityError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.conftest import Assay

NAMES = [[name] for name in COMMANDS] + [[g, name] for g, (_, commands) in GROUPS.items() for name in commands]
NAMES += [[above, name] for above, commands in BELOW.items() for name in commands]
HEAVY = ("numba", "numpy", "pandas", "pyarrow", "sqlalchemy", "pydantic", "rich", "platformdirs")


def loaded_by(*commands: list[str]) -> set[str]:
    """Return the modules of a process that has run some commands, all of which succeeded."""
    program = (
        "import json, sys; from assay.cli.main import main\n"
        f"codes = [main(arguments) for arguments in {commands}]\n"
        "sys.stderr.write(json.dumps([codes, list(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    codes, modules = json.loads(done.stderr)
    assert codes == [0] * len(commands)
    return set(modules)


def test_help_imports_nothing_heavy() -> None:
    assert not set(HEAVY) & loaded_by(["--help"])
    # typer itself brings pydantic as soon as it parses options
    assert set(HEAVY) & loaded_by(*([group, "--help"] for group in GROUPS)) <= {"pydantic"}


@pytest.mark.parametrize("names", [*NAMES, *([group] for group in GROUPS)], ids=" ".join)
def test_every_command_takes_the_shared_options_and_explains_all_its_options(assay: Assay, names: list[str]) -> None:
    ran = assay(*names, "--help")
    assert ran.code == 0
    lines = [line.split() for line in ran.out.splitlines()]
    options = [words for words in lines if words and words[0].startswith("--")]
    assert {"--json", "--quiet", "--home"} <= {words[0] for words in options}
    assert all(len(words) > 2 for words in options)


TABLES = (COMMANDS, *(table for _, table in GROUPS.values()), *BELOW.values())
ENTRIES = [entry for table in TABLES for entry in table.values()]


@pytest.mark.parametrize(("path", "line"), ENTRIES)
def test_the_line_of_the_help_is_that_of_the_command(path: str, line: str) -> None:
    assert (Entry(path, line).function().__doc__ or "").splitlines()[0] == line


def test_help_cuts_no_line_and_names_no_type(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for group in ([], *([name] for name in GROUPS)):
        assert not [
            line for line in assay(*group, "--help").out.splitlines() if line.startswith("  ") and line.endswith("...")
        ]
    assert all(len(line) <= 60 for _, line in ENTRIES)
    for names in NAMES:
        text = assay(*names, "--help").out
        assert "<" not in text
        assert "x>=" not in text


def test_an_old_name_works_and_is_not_shown(assay: Assay) -> None:
    assert OLD_NAMES == {"evidence": "self-check"}
    assert "  evidence" not in assay("--help").out
    assert assay("evidence", "--help").out == assay("self-check", "--help").out.replace("self-check", "evidence")


def command(monkeypatch: pytest.MonkeyPatch, function: Callable[..., object]) -> tuple[str, str]:
    """Return the entry of a command that only this test knows."""
    monkeypatch.setitem(sys.modules, "commands_of_this_test", ModuleType("commands_of_this_test"))
    sys.modules["commands_of_this_test"].run = function  # type: ignore[attr-defined]
    return "commands_of_this_test:run", "Do it."


def test_without_a_command_there_is_help(assay: Assay) -> None:
    ran = assay()
    assert (ran.code, ran.out) == (2, assay("--help").out)


def test_version(assay: Assay) -> None:
    assert assay("--version").out.startswith("assay 0.")
    assert list(assay("--json", "--version").document) == ["version"]


def test_shared_options_stand_before_or_after_the_command(assay: Assay) -> None:
    assert assay("--json", "strategies").document == assay("strategies", "--json").document


def test_home_is_set_for_the_command_alone(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    look = command(monkeypatch, lambda output: seen.append((output.quiet, os.environ["ASSAY_HOME"])))
    monkeypatch.setitem(COMMANDS, "look", look)
    monkeypatch.setenv("ASSAY_HOME", "before")
    assert assay("--home", tmp_path / "a", "--quiet", "look").code == 0
    assert assay("look", "--home", tmp_path / "b").code == 0
    assert assay("look").code == 0
    assert seen == [(True, str(tmp_path / "a")), (False, str(tmp_path / "b")), (False, "before")]
    (tmp_path / "file").touch()
    ran = assay("look", "--home", tmp_path / "file")
    assert (ran.code, "--home: must be a folder" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "template", ["--home HOME train --help", "train --home=HOME --help", "data --home HOME list --help"]
)
def test_home_holds_the_compiled_kernels_too(tmp_path: Path, template: str) -> None:
    """A command's module, imported to parse its options, brings the kernels' cache: the folder is known by then."""
    arguments = template.replace("HOME", str(tmp_path / "mine")).split()
    program = (
        f"import sys; from assay.cli.main import main; code = main({arguments!r})\n"
        "from assay.compiled import CACHE_DIRECTORY\n"
        "sys.stderr.write(f'{code} {CACHE_DIRECTORY}')"
    )
    own = {name: value for name, value in os.environ.items() if name not in ("ASSAY_HOME", "NUMBA_CACHE_DIR")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=own, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.startswith(f"0 {tmp_path / 'mine' / 'cache'}")


def test_commands_of_a_group_have_two_names(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    at = command(monkeypatch, lambda output: seen.append((output.json, output.quiet, os.environ["ASSAY_HOME"])))
    monkeypatch.setitem(GROUPS, "look", ("Look at things.", {"at": at}))
    monkeypatch.setenv("ASSAY_HOME", "before")
    assert assay("--json", "look", "--quiet", "at", "--home", tmp_path).code == 0
    assert assay("look", "--json", "--home", tmp_path / "a", "at").code == 0
    assert seen == [(True, True, str(tmp_path)), (True, False, str(tmp_path / "a"))]
    assert "Look at things." in assay("--help").out
    ran = assay("look")
    assert (ran.code, ran.out) == (2, assay("look", "--help").out)
    ran = assay("look", "ta")
    assert (ran.code, ran.err.count("\n"), "'assay look --help'" in ran.err) == (2, 1, True)


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        (["data", "download"], "--symbol", "Missing option"),
        (["backtest", "--fil", "x"], "--fil", "--file"),
        (["backtset"], None, "backtset"),
        (["backtest", "--file", "x", "--days", "many"], "--days", "many"),
        (["quality"], None, "FILE"),
    ],
)
def test_usage_errors_are_one_sentence(assay: Assay, arguments: list[str], field: str | None, words: str) -> None:
    plain, ran = assay(*arguments), assay(*arguments, "--json")
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith("assay: ")
    assert plain.err.count("\n") == 1
    assert words in plain.err
    assert "--help" in plain.err
    error = ran.document["error"]
    assert list(error) == ["type", "field", "rule", "value", "message"]
    assert error["type"] == "UsageError"
    assert ran.err == f"assay: {error['message']}\n"
    if field is not None:
        assert error["field"] == field


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setitem(COMMANDS, "fail", command(monkeypatch, fail))


@pytest.mark.parametrize(
    ("error", "code", "kind", "words"),
    [
        (QualityError(42.0, 70.0, "BTC/USDT 5m"), 3, "QualityError", "42.0 %"),
        (KeyboardInterrupt(), 130, "Interrupted", "no file was left half-written"),
        (OSError(28, "No space left on device", "big.csv"), 1, "OSError", "big.csv: No space left on device"),
        (PermissionError(13, "Permission denied", "locked"), 1, "PermissionError", "locked: Permission denied"),
        (MemoryError(), 1, "MemoryError", "not enough memory"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError", "ASSAY_DEBUG=1"),
    ],
)
def test_errors_have_their_exit_codes(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, kind: str, words: str
) -> None:
    fails_with(error, monkeypatch)
    ran = assay("fail", "--json")
    assert ran.code == code
    assert ran.document["error"]["type"] == kind
    assert words in ran.document["error"]["message"]
    assert ran.err == f"assay: {ran.document['error']['message']}\n"


def test_a_bug_shows_its_traceback_only_when_asked(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(ZeroDivisionError(), monkeypatch)
    monkeypatch.delenv("ASSAY_DEBUG", raising=False)
    assert "Traceback" not in assay("fail").err
    monkeypatch.setenv("ASSAY_DEBUG", "1")
    assert "Traceback" in assay("fail").err


def test_an_interrupted_backtest_writes_nothing(
    assay: Assay, market_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "backtest", interrupted)
    ran = assay("backtest", "--file", market_file, "--trades", tmp_path / "t.csv")
    assert (ran.code, ran.out, list(tmp_path.iterdir())) == (130, "", [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_ends_a_process_with_130_and_no_file(market_file: Path, rising: Path, tmp_path: Path) -> None:
    marker, out = tmp_path / "begun", tmp_path / "out.csv"
    slow = f"import pathlib, time; pathlib.Path({str(marker)!r}).touch(); time.sleep(60)"
    rising.write_text(rising.read_text().replace("        unit = atr(bars)\n", f"        {slow}\n"))
    command = ["sweep", "--file", market_file, "--strategy", f"{rising}:Rising", "--out", out]
    process = subprocess.Popen([sys.executable, "-m", "assay", *map(str, command)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "assay: interrupted; no file was left half-written"
    assert "Traceback" not in err
    assert not out.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way")
def test_a_reader_that_leaves_hears_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "assay", "strategies", "--json"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_main_reads_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["assay", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("assay ")
