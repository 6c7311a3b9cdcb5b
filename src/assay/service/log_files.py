"""Where a log goes, and a log file of bounded size that several processes may write at once.

Each line is one write to a file opened for appending, so lines of several processes stand whole beside each other.
Before a line each looks whether the file is still the one of its name, and opens the new one where somebody else has
moved it: another process of Assay, or a program such as logrotate.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from assay.errors import wrong_choice

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be moved: nothing is rotated there
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

MAX_BYTES = 20 * 2**20
"""Of a file, before it is moved to FILE.1."""

KEPT = 5
"""Moved files that are kept."""


LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Where a log goes.

    Attributes
    ----------
    level : str
        One of `LEVELS`: what is less important is left out.
    file : Path or None
        A file beside stderr; it is moved to FILE.1, ... when it has `max_bytes`, and `kept` moved ones are kept.
    """

    level: str = "info"
    file: Path | None = None
    max_bytes: int = MAX_BYTES
    kept: int = KEPT

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise wrong_choice("--log-level", self.level, LEVELS)


class RotatingFile(logging.Handler):
    """Writes lines to a file and moves it to FILE.1, FILE.2, ... when it is full.

    Parameters
    ----------
    path : Path
    max_bytes : int
    kept : int
        Moved files that are kept, the oldest is removed.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        super().__init__()
        self.path, self.max_bytes, self.kept = path, max_bytes, kept
        self._file = self._open()

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; one that cannot be written (the disk is full) is lost, and the program goes on."""
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            self._follow()
            os.write(self._file, line)
        except OSError:
            return
        except Exception:  # noqa: BLE001  (as every handler of the standard library)
            self.handleError(record)

    def _follow(self) -> None:
        """Write to the file of this name, after it was moved away where it is full."""
        status = os.fstat(self._file)
        if not self._is_current(status):
            self._reopen()
            status = os.fstat(self._file)
        if status.st_size >= self.max_bytes:
            self._rotate()

    def _is_current(self, status: os.stat_result) -> bool:
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (status.st_dev, status.st_ino)

    def _reopen(self) -> None:
        fresh = self._open()
        self._file, before = fresh, self._file
        os.close(before)

    def _rotate(self) -> None:
        """Move the files on by one number, unless another process does it just now: nobody waits for a lock here."""
        if not HAS_LOCKS:
            return
        lock = os.open(f"{self.path}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_current(os.fstat(self._file)):
                for number in range(self.kept, 0, -1):
                    with contextlib.suppress(FileNotFoundError):
                        self._numbered(number - 1).replace(self._numbered(number))
            self._reopen()
        except BlockingIOError:
            return
        finally:
            os.close(lock)

    def _numbered(self, number: int) -> Path:
        return Path(f"{self.path}.{number}") if number else self.path

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            os.close(self._file)
        super().close()
