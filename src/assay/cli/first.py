"""What a command's process does first of all: let Ctrl-C end it without a word, instead of in the middle of an import.

It imports nothing that Python has not imported by itself: every millisecond here is one in which Ctrl-C is a traceback.
"""

from __future__ import annotations

import os
from importlib import import_module

TYPE_CHECKING = False  # typing itself takes longer than all the rest
if TYPE_CHECKING:
    from typing import NoReturn

INTERRUPTED = 130
"""Exit code of an interrupted command, as shells have it."""

_signal = import_module("_signal")  # `signal` brings `enum` and its names


def end_at_once(*_: object) -> NoReturn:
    """End the process without a word: nothing was begun yet, or all is done."""
    os._exit(INTERRUPTED)


def ends_at_once() -> None:
    """Let Ctrl-C end the process without a word, unless whoever started it has it ignored."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, end_at_once)
