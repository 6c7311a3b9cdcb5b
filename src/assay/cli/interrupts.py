"""Ctrl-C: silent while a command is still being imported, an error of its own once it works."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from assay.errors import Interrupted

INTERRUPTED = 130
"""Exit code of an interrupted command, as shells have it."""

TWICE_S = 0.3
"""One Ctrl-C may arrive twice: from the terminal, and from whoever hands signals on."""


def end_at_once(*_: object) -> NoReturn:
    """End the process without a word: nothing was begun yet, or all is done."""
    os._exit(INTERRUPTED)


def ends_at_once() -> None:
    """Let Ctrl-C end the process without a word, unless whoever started it has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_at_once)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise `Interrupted` meanwhile; a program that calls `main` and handles it itself goes on doing so."""
    before: Any = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before not in (signal.default_int_handler, end_at_once):
        yield
        return
    last = -TWICE_S

    def interrupt(*_: object) -> None:
        nonlocal last
        begun, last = last, time.monotonic()
        if last - begun > TWICE_S:
            raise Interrupted

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
