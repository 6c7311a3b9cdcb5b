"""Ask a user's strategy in a process of its own, in which it was asked nothing before."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from assay.errors import StrategyError, one_line
from assay.service.fresh_answers import DONE, FAILED, REQUEST, read_setups, write_bars
from assay.service.processes import module_path, python_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.engine import Setups
    from assay.evaluation import SetupsQuestion
    from assay.market import Bars
    from assay.strategies import Strategy

TIMEOUT_S = 120.0
"""How long one answer may take, the start of the process included in the first."""
POLL_S = 0.02

NO_FILE = "it is of a notebook or a script: put it into a file of its own (path.py:Class)"
ARGUMENTS = "it was made with arguments"

_ENVIRONMENT = dict(os.environ)
"""As it was before any strategy was loaded: what a strategy leaves in it is not handed on."""


class FreshProcess:
    """Starts a process for each series of questions.

    Parameters
    ----------
    timeout_s : float
        How long one answer may take.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s

    def refusal(self, strategy: Strategy) -> str:
        """Return why a strategy cannot be asked in another process; "" where it can."""
        if strategy.source_file is not None:
            return ""
        kind = type(strategy)
        module = sys.modules.get(kind.__module__)
        if module is None or module.__spec__ is None or getattr(module, kind.__qualname__, None) is not kind:
            return NO_FILE
        return ARGUMENTS if _has_arguments(strategy) else ""

    def answers(
        self, strategy: Strategy, bars: Bars, questions: Sequence[tuple[SetupsQuestion, int]]
    ) -> Iterator[Setups]:
        """Answer each question on the first so many bars, in their order, in one process.

        Raises
        ------
        StrategyError
            When the strategy cannot be loaded there, is another one by now, raises, crashes, or is not done in time.
        """
        with TemporaryDirectory(prefix="assay-") as name:
            folder = Path(name)
            write_bars(folder, bars)
            (folder / REQUEST).write_text(json.dumps(_request(strategy, bars, questions)), encoding="utf-8")
            process = _start(folder)
            try:
                for number in range(len(questions)):
                    yield self._answer(strategy, process, folder, number)
            finally:
                process.kill()
                process.wait()

    def _answer(self, strategy: Strategy, process: subprocess.Popen[bytes], folder: Path, number: int) -> Setups:
        deadline = time.monotonic() + self.timeout_s
        answer = folder / DONE.format(number)
        while not answer.exists():
            ended = process.poll() is not None
            if answer.exists():
                break
            if ended:
                raise StrategyError(f"{strategy.name} in a fresh process", _why(folder, process.returncode))
            if time.monotonic() > deadline:
                rule = f"gave no answer within {self.timeout_s:g} s"
                raise StrategyError(f"{strategy.name} in a fresh process", rule)
            time.sleep(POLL_S)
        setups = read_setups(answer)
        answer.unlink()
        return setups


def _has_arguments(strategy: Strategy) -> bool:
    """Whether an instance may be another one than its class gives without arguments."""
    kind = type(strategy)
    try:
        if not inspect.signature(kind).parameters:
            return False
        return bool(vars(kind()) != vars(strategy))
    except Exception:  # noqa: BLE001  (a user's class may do anything)
        return True


def _request(strategy: Strategy, bars: Bars, questions: Sequence[tuple[SetupsQuestion, int]]) -> dict[str, object]:
    kind = type(strategy)
    return {
        "strategy": strategy.source_file or f"{kind.__module__}:{kind.__qualname__}",
        "is_file": strategy.source_file is not None,
        "identity": strategy.identity(),
        "market": bars.market.terms(),
        "has_volume": bars.has_volume,
        "questions": [
            {"shape": dict(q.shape), "loosest": dict(q.loosest), "sides": str(q.sides), "bars": n} for q, n in questions
        ],
    }


def _start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the process that answers; it finds modules where this one does."""
    home = {name: os.environ[name] for name in ("ASSAY_HOME", "NUMBA_CACHE_DIR") if name in os.environ}
    with (folder / "stderr").open("wb") as errors:
        return subprocess.Popen(  # noqa: S603  (the program's own command)
            python_command("assay.service.fresh_answers", str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**_ENVIRONMENT, **home, "PYTHONPATH": module_path()},
        )


def _why(folder: Path, code: int) -> str:
    """Return why a process ended without its answers."""
    failed = folder / FAILED
    if failed.exists():
        return failed.read_text(encoding="utf-8")
    said = (folder / "stderr").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    how = f"exit code {code}" if code >= 0 else f"signal {-code}"
    return f"ended it with {how}" + (f": {one_line(said[-1])}" if said else "")
