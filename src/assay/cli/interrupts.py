"""Ctrl-C: silent while a command is still being imported, an error of its own once it works."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assay.cli.first import end_at_once
from assay.errors import Interrupted

TWICE_S = 0.3
"""One Ctrl-C may arrive twice: from the terminal, and from whoever hands signals on."""


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
