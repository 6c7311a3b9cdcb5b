"""What a user's strategy may do to a command's process, and what is left of it: prints, streams, threads.

While a command works, whatever is printed goes to stderr. Its own words and its result have streams that nobody else
has, so a result in JSON is one document whatever a strategy writes, and wherever.
"""

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TextIO, cast

from assay.errors import StrategyError


class _Streams:
    """Where the command's result and its words go; None: where this process has stdout and stderr."""

    results: TextIO | None = None
    words: TextIO | None = None
    own_process = False


def results() -> TextIO:
    """Return the stream of a command's result."""
    return _Streams.results or sys.stdout


def words() -> TextIO:
    """Return the stream of what a command says beside its result."""
    return _Streams.words or sys.stderr


class Aside(io.TextIOBase):
    """Stands for stdout or stderr while a user's code may write: all of it goes to one stream, which nobody can close.

    Parameters
    ----------
    to : TextIO or None
        None swallows it.
    """

    encoding = "utf-8"

    def __init__(self, to: TextIO | None) -> None:
        self._to = to

    def write(self, text: str) -> int:
        """Write to the stream; what it cannot take is lost."""
        if self._to is not None:
            with suppress(OSError, ValueError):
                self._to.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._to is not None:
            with suppress(OSError, ValueError):
                self._to.flush()

    def close(self) -> None:
        """Do nothing: the stream is others' too."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._to is not None and self._to.isatty()

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        if self._to is None:
            raise io.UnsupportedOperation("fileno")
        return self._to.fileno()

    def writable(self) -> bool:
        """Text is taken."""
        return True

    @property
    def buffer(self) -> BinaryIO:
        """The stream's, for bytes."""
        return cast("BinaryIO", getattr(self._to, "buffer", None) or io.BytesIO())


def take_streams() -> None:
    """Keep this process's stdout and stderr for the command alone; who writes to descriptor 1 writes to stderr.

    For a process that runs one command and ends: nothing is put back.
    """
    _Streams.own_process = True
    for number, name in ((1, "stdout"), (2, "stderr")):
        given = getattr(sys, name)
        with suppress(OSError, ValueError, AttributeError):  # a stream that was closed from the start
            given.flush()
            own = os.fdopen(
                os.dup(number), "w", encoding=given.encoding, errors=given.errors, buffering=1 if number == 2 else -1
            )
            setattr(sys, name, own)
    with suppress(OSError):
        os.dup2(2, 1)


@contextmanager
def set_apart() -> Iterator[None]:
    """Let whatever is printed go to stderr, and say of a thread that fails what a strategy's error says."""
    kept = (sys.stdout, sys.stderr, threading.excepthook, sys.unraisablehook, _Streams.results, _Streams.words)
    _Streams.results, _Streams.words = results(), words()
    sys.stdout = sys.stderr = cast("TextIO", Aside(_Streams.words))
    threading.excepthook = _said(threading.excepthook, "a thread of it ended")
    sys.unraisablehook = _said(sys.unraisablehook, "it left an object that cannot be forgotten")
    try:
        yield
    finally:
        if not _Streams.own_process:  # threads that were left behind go on printing: aside, until the process ends
            sys.stdout, sys.stderr, threading.excepthook, sys.unraisablehook = kept[:4]
            _Streams.results, _Streams.words = kept[4:]


def _said(otherwise: Callable[[Any], object], what: str) -> Callable[[Any], object]:
    def hook(given: Any) -> object:
        error = given.exc_value
        fault = None if error is None else strategy_fault(error)
        if fault is None:
            return otherwise(given)
        with suppress(OSError, ValueError):
            words().write(f"note: {fault}: {what}\n")
        return None

    return hook


def strategy_fault(error: BaseException) -> StrategyError | None:
    """Return what a user's strategy file did wrong, where an error came from one."""
    faults = sys.modules.get("assay.strategies.faults")  # not there: no strategy was loaded
    return None if faults is None else cast("StrategyError | None", faults.fault(error))


def executed_files() -> set[str]:
    """Return the strategy files that were executed in this process."""
    loading = sys.modules.get("assay.sources.user_strategy")
    return set() if loading is None else set(loading.EXECUTED)


def left_threads() -> list[str]:
    """Return the names of threads that a strategy has left running."""
    own = (threading.main_thread(), threading.current_thread())
    return [t.name for t in threading.enumerate() if t not in own and not t.name.startswith("assay")]
