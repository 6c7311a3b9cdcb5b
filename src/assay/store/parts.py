"""Unfinished files of writers that were killed: how they are called, and how the next writer clears them away."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(r"\.assay-([0-9a-f]{8})-(\d+)-[0-9a-f]{16}\.part(-wal|-shm|-journal)?")
_OTHERS = re.compile(r"\.[0-9a-f]{16}\.part(-wal|-shm|-journal)?")
"""Names without an owner: of files that are written in seconds, and of copies by earlier versions."""

UNTOUCHED_S = 3_600.0
"""A file without an owner that nobody has written to for so long is nobody's."""

OWNED_S = 86_400.0
"""The same of one whose owner is of another machine, or whose number may be another process's by now."""

SUFFIXES = ("", "-wal", "-shm", "-journal")
"""What SQLite adds to the name of a file that it writes."""


def part_beside(target: Path) -> Path:
    """Return the name of an unfinished file beside its target; it says which process of which machine writes it."""
    return target.with_name(f".assay-{_machine()}-{os.getpid()}-{secrets.token_hex(8)}.part")


def remove_left_over(folder: Path) -> list[Path]:
    """Remove what killed writers left in a folder, and nothing that is being written; return what was removed."""
    return [path for path in _left_over(folder) if _removed(path)]


def _left_over(folder: Path) -> Iterator[Path]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.startswith("."))
    except OSError:
        return
    for name in names:
        path = folder / name
        if (owned := _NAME.fullmatch(name)) is not None:
            here = owned[1] == _machine()
            if (here and not runs(int(owned[2]))) or _untouched_s(path) > OWNED_S:
                yield path
        elif _OTHERS.fullmatch(name) and _untouched_s(path) > UNTOUCHED_S:
            yield path


def _removed(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.unlink()
        return True
    return False


def _untouched_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def runs(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return True
