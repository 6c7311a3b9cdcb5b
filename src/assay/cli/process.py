"""A process that runs one command: its beginning, its end, and a watch over it where it executes a user's file.

A strategy's file may end the process (``os._exit``) or crash it in compiled code; nothing inside of the process can
tell of that. So a command that names such a file runs in a copy of the process, and the first one waits for it: it
costs a millisecond, and whatever happens is told in a sentence, with ``--json`` as a document.
"""

import os
import re
import signal
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from assay.cli.first import INTERRUPTED, ends_at_once

STRATEGY_FILE = re.compile(r"\.py(:\w*)?(,|$)")
DONE = b"done"
HANDED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; a process that executed a user's file ends here."""
    files = [text.partition("=")[2] or text for text in arguments if STRATEGY_FILE.search(text)]
    if not files or not hasattr(signal, "sigwaitinfo"):
        return _work(arguments)
    return _watched(arguments, files)


def _work(arguments: Sequence[str], done: int | None = None) -> int:
    user_code = import_module("assay.cli.user_code")
    user_code.take_streams()
    code: int = import_module("assay.cli.main").main(arguments)
    ends_at_once()
    if done is not None or user_code.executed_files():
        _end(code, done, quiet="--quiet" in arguments)
    return code


def _end(code: int, done: int | None, *, quiet: bool) -> NoReturn:
    """End the process now: threads that a strategy has left running would keep it, and say so with what they are."""
    user_code = import_module("assay.cli.user_code")
    if (left := user_code.left_threads()) and not quiet:
        names = ", ".join(sorted(user_code.executed_files()))
        user_code.words().write(f"note: {names} left threads running, which end with the command: {', '.join(left)}\n")
    for stream in (user_code.results(), user_code.words()):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    if done is not None:
        os.write(done, DONE)
    os._exit(code)


def _watched(arguments: Sequence[str], files: Sequence[str]) -> int:
    """Run a command in a copy of this process and return its exit code, or say how the copy ended."""
    taken = {getattr(signal, name) for name in HANDED_ON if hasattr(signal, name)} | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, taken)
    told, done = os.pipe()
    life, here = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.close(here)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        threading.Thread(target=_end_with, args=(life,), name="assay", daemon=True).start()
        return _work(arguments, done)
    os.close(done)
    os.close(life)
    status, interrupted = _ended(child, taken)
    code = os.waitstatus_to_exitcode(status)
    if os.read(told, len(DONE)) == DONE or (interrupted and code == INTERRUPTED):
        return code
    return _told(code, files, as_json="--json" in arguments)


def _end_with(life: int) -> None:
    """End this process when the one that watches it is gone."""
    os.read(life, 1)
    os._exit(1)


def _ended(child: int, taken: set[signal.Signals]) -> tuple[int, bool]:
    """Wait until a process has ended, and hand signals on to it; return its status and whether it was interrupted."""
    interrupted = False
    while True:
        found = signal.sigwaitinfo(taken)
        if found.si_signo == signal.SIGCHLD:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return status, interrupted
            continue
        interrupted |= found.si_signo == signal.SIGINT
        if found.si_pid:  # a terminal's has reached the child already
            os.kill(child, found.si_signo)


def _told(code: int, files: Sequence[str], *, as_json: bool) -> int:
    """Say how a command's process ended before the command did."""
    errors, failures = import_module("assay.errors"), import_module("assay.cli.failures")
    if -code in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):  # somebody's wish, or memory ran out
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), -code)
    name = signal.Signals(-code).name if code < 0 else ""
    how = f"crashed it ({name})" if name else f"ended it with exit code {code}, as os._exit does"
    rule = f"must leave the process to Assay; something in it {how}"
    result: int = failures.report(errors.StrategyError(", ".join(files), rule), as_json=as_json)
    return result
