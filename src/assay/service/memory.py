"""How much memory a worker may use: the limit that the system holds it to, and a watch from outside as a second line.

On Linux the limit is ``RLIMIT_DATA``, which counts what a process has for itself alone: the heap, arrays, stacks of
threads. Files that are mapped, as SQLite's are, and the code of libraries do not count; ``RLIMIT_AS`` would count them,
and a worker of 500 MB of addresses begins below no sensible one. An array beyond the limit is a `MemoryError` in the
task that wanted it. On macOS the system does not hold a process to such a limit: there only the watch works.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

MIN_MEMORY = 512 * 2**20
"""A worker has 180 to 290 MB of its own before it has a bar; below this no task would end."""

WATCH_ALLOWANCE = 1.1
"""The watch from outside waits for this multiple: where the system holds the limit, a task ends by itself first."""


def parse_size(text: str, field: str) -> int:
    """Read a number of bytes: ``2G``, ``512M``, ``1.5GiB``, ``1073741824``; units are powers of 1,024.

    Raises
    ------
    InputError
        Naming `field`.
    """
    found = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,6})?)\s*([KMGT]?)(?:I?B)?", text.strip().upper())
    if found is None:
        raise InputError(field, "must be a size such as 512M or 2G", text)
    return int(float(found[1]) * _UNITS[found[2]]) if "." in found[1] else int(found[1]) * _UNITS[found[2]]


def shown_size(size: int) -> str:
    """Return a number of bytes as people say it, in the spelling that `parse_size` reads."""
    unit = next((name for name in "TGM" if size >= _UNITS[name]), "K")
    return f"{size / _UNITS[unit]:.4g}{unit}"


def parse_memory(text: str, field: str = "--memory") -> int:
    """Read a worker's memory budget in bytes.

    Raises
    ------
    InputError
        When it is no size, or one in which no worker can work.
    """
    size = parse_size(text, field)
    if size < MIN_MEMORY:
        raise InputError(field, f"must be {shown_size(MIN_MEMORY)} or more: a worker without a task needs half", text)
    return size


def limit_memory(size: int) -> bool:
    """Hold this process, and those that it starts, to a number of bytes; False where the system cannot.

    A smaller limit that is already there stays.
    """
    if not sys.platform.startswith("linux"):
        return False
    import resource  # noqa: PLC0415  (not on every system)

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = [limit for limit in (size, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(allowed), hard))
    return True


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that it follows from, says that there was no memory left."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        thread = isinstance(one, RuntimeError) and "can't start new thread" in str(one)
        if isinstance(one, MemoryError) or thread or (isinstance(one, OSError) and one.errno == errno.ENOMEM):
            return True
        one = one.__cause__ or one.__context__
    return False


def over_budget(limit: int | None) -> str:
    """Return why a task failed that needed more memory than there was, and the way out."""
    if limit is None:
        return (
            "needed more memory than this machine has. Search fewer combinations or fewer days, or use another machine"
        )
    return (
        f"needed more memory than its worker may use ({shown_size(limit)}). Give the worker more (--memory), "
        "or search fewer combinations or fewer days"
    )


def peak_memory() -> int | None:
    """Return the most memory in bytes that this process has had at once; None where the system does not say."""
    if (found := _status(os.getpid()).get("VmHWM")) is not None:
        return found  # of this program alone: what getrusage says begins with the peak of the process that started it
    try:
        import resource  # noqa: PLC0415  (not on every system)
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def used_memory(pid: int) -> int | None:
    """Return the bytes that a process and those it has started have for themselves; None when it is gone.

    Files that are mapped are left out where the system tells them apart: it takes their memory back when it needs it.
    """
    if not sys.platform.startswith("linux"):
        return _resident(pid)
    if not (own := _status(pid)):
        return None
    found = [own, *(_status(child) for child in _descendants(pid))]
    return sum(one.get(name, 0) for one in found for name in ("RssAnon", "RssShmem", "VmSwap"))


@dataclass(frozen=True, slots=True)
class MemoryWatch:
    """Ends a worker that has outgrown its budget although the system should have held it: the parent asks now and then.

    Attributes
    ----------
    limit : int
        The budget in bytes.
    """

    limit: int

    def end_if_over(self, pid: int) -> str | None:
        """Kill a child beyond the limit; return what is to be recorded as its last words, None while all is well."""
        used = used_memory(pid)
        if used is None or used <= WATCH_ALLOWANCE * self.limit:
            return None
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return f"its worker was ended at {shown_size(used)} of memory: the task {over_budget(self.limit)}"


def _status(pid: int) -> dict[str, int]:
    """Return the sizes, in bytes, that the system tells of a process; empty when there is no such process."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        pairs = (line.split() for line in lines)
        return {words[0].rstrip(":"): int(words[1]) * 1024 for words in pairs if words[2:] == ["kB"]}
    return {}


def _descendants(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and theirs."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                # the name stands in brackets and may hold anything, brackets too
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    waiting = [pid]
    while waiting:
        found = children.get(waiting.pop(), [])
        yield from found
        waiting += found


def _resident(pid: int) -> int | None:
    """Return the resident bytes of a process as ``ps`` says it, for systems without /proc."""
    try:
        done = subprocess.run(  # noqa: S603  (a fixed program and a number)
            ("/bin/ps", "-o", "rss=", "-p", str(pid)), capture_output=True, text=True, timeout=5, check=False
        )
        return int(done.stdout) * 1024
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
