"""A user's strategy file may do anything: a sentence that names it, no traceback, no hang, and JSON stays JSON."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.bad_strategies import ALLOWED, CRASHES, ENDS, EVERYTHING, REFUSED

if TYPE_CHECKING:
    from cli.conftest import Assay

COMMANDS = ("backtest", "sweep", "funnel")
MEMORY_KB = 2_000_000


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.py"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def command_for(name: str) -> str:
    return random.Random(name).choice(COMMANDS)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_file_does_wrong_is_told_in_a_sentence(
    assay: Assay, market_file: Path, tmp_path: Path, name: str
) -> None:
    content, words = REFUSED[name]
    path = written(tmp_path, content)
    ran = assay(command_for(name), "--file", market_file, "--strategy", f"{path}:Mine", "--json", "--quiet")
    error = ran.document["error"]
    assert (ran.code, error["type"]) == (2, "StrategyError")
    assert words in error["message"]
    assert str(path) in error["message"]
    assert len(error["message"]) < 1000
    assert ran.err == f"assay: {error['message']}\n"


@pytest.mark.parametrize("name", ALLOWED)
def test_what_a_file_may_do_is_kept_apart(assay: Assay, market_file: Path, tmp_path: Path, name: str) -> None:
    path, before = written(tmp_path, ALLOWED[name]), (sys.stdout, sys.stderr, sys.getrecursionlimit(), Path.cwd())
    ran = assay(command_for(name), "--file", market_file, "--strategy", f"{path}:Mine", "--json", "--quiet")
    assert ran.code == 0, ran.err
    assert ran.document["strategy"] == "MINE"
    assert "Traceback" not in ran.err
    assert before == (sys.stdout, sys.stderr, sys.getrecursionlimit(), Path.cwd())
    if name == "prints":
        assert {"at the top", "in setups"} <= set(ran.err.split("\n"))
    if name == "failing thread":
        assert f"{path} line 17: raised ZeroDivisionError: division by zero (in Mine.setups" in ran.err


@pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="a process is watched where it can wait for signals")
@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (EVERYTHING, 0, "left threads running, which end with the command: of mine"),
        (ENDS, 2, "something in it ended it with exit code 0, as os._exit does"),
        (CRASHES, 2, "something in it crashed it (SIGSEGV)"),
    ],
)
def test_what_a_file_does_to_its_process_is_told_by_another(
    market_file: Path, tmp_path: Path, content: str, code: int, words: str
) -> None:
    path = written(tmp_path, content)
    command = [sys.executable, "-m", "assay", "backtest", "--file", market_file, "--strategy", f"{path}:Mine", "--json"]
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == code, ran.stderr
    document = json.loads(ran.stdout)
    assert words in (ran.stderr if code == 0 else document["error"]["message"])
    assert "Traceback" not in ran.stderr
    assert str(path) in ran.stderr
    if content is EVERYTHING:
        assert all(said in ran.stderr for said in ("top", "raw", "from C", "shell", "setups", "dunder", "number"))
        assert "bye" not in ran.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MEMORY_KB


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_is_silent_while_a_command_is_imported(market_file: Path, rising: Path) -> None:
    """Outside of Python's own start, in which a traceback is Python's."""
    begin = "print(1, flush=True); from assay.__main__ import run; import sys; sys.exit(run())"
    codes = []
    for number, moment in enumerate((0.0, 0.01, 0.03, 0.05, 0.08, 0.12, 0.16, 0.2)):
        strategy = f"{rising}:Rising" if number % 2 else "LIQUIDITY_SWEEP"
        command = [sys.executable, "-c", begin, "backtest", "--file", str(market_file), "--strategy", strategy]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        first = any(f"{os.sep}assay{os.sep}{name}.py" in err for name in ("__init__", "__main__", f"cli{os.sep}first"))
        if not first and "<string>" not in err:
            assert err in ("", "assay: interrupted; no file was left half-written\n")
            codes.append(process.returncode)
    assert set(codes) == {130}
    assert len(codes) >= 5
