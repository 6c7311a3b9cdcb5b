"""Which process of which machine a worker is."""

from __future__ import annotations

import platform
import signal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assay.store.parts import runs

if TYPE_CHECKING:
    from assay.store.workers import WorkerRow

_FIRST_NAMESPACE = "pid:[4026531836]"
"""Of processes that are in no container, on Linux."""


@cache
def host_name() -> str:
    """Return the name of this machine; in a container with its own process numbers, one that no other has."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return platform.node()
    return platform.node() if namespace == _FIRST_NAMESPACE else f"{platform.node()} {namespace}"


def is_gone(worker: WorkerRow) -> bool:
    """Whether a worker was a process of this machine that runs no more."""
    if worker.ended_ms is not None:
        return True
    return worker.host == host_name() and not runs(worker.process)


def is_gone_of_before(owner: str) -> bool:
    """Whether the owner of a lease of before, ``machine:process``, was a process of this machine that runs no more."""
    node, _, process = owner.rpartition(":")
    return node == platform.node() and process.isdigit() and not runs(int(process))


def last_words(code: int) -> str:
    """Return how a process ended, for a sentence that begins with "it"."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    words = f"was ended by signal {-code} ({name})"
    return words + ", from outside or for want of memory" if name == "SIGKILL" else words
