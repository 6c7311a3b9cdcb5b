"""Rows of a study: one line of JSON each, appended and synced. What stands in the file is not made again."""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.report import say

import assay
from assay.compiled import result_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Row = dict[str, Any]
Task = TypeVar("Task")
PACKAGE = Path(assay.__file__).parent
STUDIES = Path(__file__).parent
TELL_SECONDS = 10.0


def made_by(settings: Mapping[str, object], *modules: str) -> str:
    """Return what rows depend on beside their key: version, engine, and a hash of settings and the other sources.

    Parameters
    ----------
    settings : mapping
        Plain values that every row shares.
    modules : str
        The modules of this folder that make a row; those that only show it change nothing.
    """
    content = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    rooms = [path for room in ("market", "training") for path in sorted((PACKAGE / room).glob("*.py"))]
    for path in [*rooms, PACKAGE / "parameters.py", *(STUDIES / f"{name}.py" for name in modules)]:
        content.update(path.name.encode() + path.read_bytes())
    return f"{assay.__version__} {result_digest()} {content.hexdigest()[:16]}"


def plain(row: Mapping[str, Any]) -> Row:
    """Return the row with null for what is not a finite number."""
    unknown = {name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)}
    return {name: None if name in unknown else value for name, value in row.items()}


@dataclass(frozen=True)
class RowFile:
    """A file of rows that one kind of code and settings made."""

    path: Path
    made_by: str

    def read(self) -> list[Row]:
        """Return all rows; a last line that a kill cut off is removed from the file.

        Raises
        ------
        SystemExit
            When rows were made by other code or settings.
        """
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)
        rows: list[Row] = [json.loads(line) for line in content[:whole].splitlines()]
        if strange := {row["made_by"] for row in rows} - {self.made_by}:
            raise SystemExit(
                f"{self.path}: holds rows of other code or settings ({', '.join(sorted(strange))}; now "
                f"{self.made_by}), and they are not mixed: give another --folder, or go back to that code"
            )
        return rows

    def append(self, row: Row) -> None:
        """Write a row so that no kill and no power cut loses it."""
        with self.path.open("a") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _follow_parent() -> None:
    """End with the process that gave the work, also where that one was killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  (called in worker processes only)

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _spread(work: Callable[[Task], Row], tasks: Mapping[str, Task], workers: int) -> Iterator[tuple[str, Row]]:
    """Yield (key, row) as they come, from processes where there are several workers."""
    if workers == 1:
        yield from ((key, work(task)) for key, task in tasks.items())
        return
    # spawned, not forked: a fork copies locks that threads of the caller may hold
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)
    try:
        keys = {pool.submit(work, task): key for key, task in tasks.items()}
        yield from ((keys[future], future.result()) for future in as_completed(keys))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def seconds_left(done: list[Row], todo: list[str], workers: int, group: Callable[[str], str]) -> float:
    """Return the wall seconds that the keys to do will take, by the mean of their group; NaN before the first row."""
    spent: dict[str, list[float]] = {}
    for row in done:
        spent.setdefault(group(row["key"]), []).append(row["seconds"])
    if not spent:
        return math.nan
    usual = float(sum(row["seconds"] for row in done)) / len(done)
    means = {name: sum(values) / len(values) for name, values in spent.items()}
    return sum((means.get(group(key), usual) for key in todo), 0.0) / workers


def work_off(
    file: RowFile,
    tasks: Mapping[str, Task],
    work: Callable[[Task], Row],
    workers: int,
    group: Callable[[str], str] = lambda _: "",
) -> list[Row]:
    """Do what is missing and return the rows of all tasks, in their order.

    Parameters
    ----------
    tasks : mapping of str to task
        By the key of its row.
    work : callable
        From a task to its row; it and the task go to other processes.
    group : callable
        From a key to what takes about the same time, for the estimate.
    """
    rows = {row["key"]: row for row in file.read()}
    todo = {key: task for key, task in tasks.items() if key not in rows}
    say(f"{len(tasks) - len(todo)} of {len(tasks)} rows are there")
    begun = told = time.monotonic()
    for number, (key, result) in enumerate(_spread(work, todo, workers), 1):
        row = plain(result) | {"key": key, "made_by": file.made_by}
        file.append(row)
        rows[key] = row
        now = time.monotonic()
        if now - told >= TELL_SECONDS or number == len(todo):
            told = now
            left = seconds_left(list(rows.values()), [k for k in todo if k not in rows], workers, group)
            rate = 60 * number / (now - begun)
            say(f"{number} of {len(todo)} rows, {rate:.1f} a minute, about {left / 60:.0f} minutes left")
    return [rows[key] for key in tasks]


def measured(make: Callable[[], Row]) -> Row:
    """Return the row with the wall and CPU seconds of its making."""
    begun, begun_cpu = time.monotonic(), time.process_time()
    row = make()
    return row | {"seconds": time.monotonic() - begun, "cpu_seconds": time.process_time() - begun_cpu}
