"""A worker's memory budget, with real processes: the system refuses what is beyond it, and a parent sees the rest."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

import pytest

from assay.errors import InputError
from assay.service.memory import (
    MemoryWatch,
    is_out_of_memory,
    over_budget,
    parse_memory,
    parse_size,
    peak_memory,
    shown_size,
    used_memory,
)

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system holds no process to a limit")


@pytest.mark.parametrize(
    ("text", "size"),
    [("2G", 2**31), ("512M", 2**29), ("1.5 GiB", 3 * 2**29), ("1073741824", 2**30), ("700mb", 700 * 2**20), ("0", 0)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, "--memory") == size


@pytest.mark.parametrize("text", ["", "much", "-2G", "2 G 3", "1e9", "G", "2X", "٢G", "511M", "0", "9" * 30])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--memory: must be"):
        parse_memory(text)


def test_a_size_is_said_as_it_is_read() -> None:
    assert [shown_size(size) for size in (2**31, 3 * 2**29, 2**29, 2048)] == ["2G", "1.5G", "512M", "2K"]
    assert "(2G)" in over_budget(2**31)
    assert "--memory" in over_budget(2**31)
    assert "--memory" not in over_budget(None)


def test_no_memory_is_found_in_what_an_error_follows_from() -> None:
    hidden, following = ValueError("a strategy hides it"), RuntimeError("and goes on")
    hidden.__context__, following.__cause__ = MemoryError(), hidden
    assert is_out_of_memory(following)
    assert is_out_of_memory(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert is_out_of_memory(RuntimeError("can't start new thread"))
    assert not is_out_of_memory(RuntimeError("another"))
    circle = ValueError("a"), ValueError("b")
    circle[0].__context__, circle[1].__context__ = circle[1], circle[0]
    assert not is_out_of_memory(circle[0])


LIMITED = """
import sqlite3, sys
import numpy as np
import numba
import psycopg
import assay.service.worker
from assay.service.memory import is_out_of_memory, limit_memory, peak_memory
limit = 768 * 2**20
assert limit_memory(limit)
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA mmap_size=1073741824")
connection.execute("CREATE TABLE t (a)")
connection.execute("INSERT INTO t VALUES (zeroblob(200000000))")
connection.commit()
assert connection.execute("SELECT length(a) FROM t").fetchone() == (200_000_000,)

@numba.njit(nogil=True)
def made(n):
    return np.ones(n).sum()

assert made(10) == 10
for much in (lambda: np.ones(limit // 8), lambda: bytearray(limit), lambda: made(limit // 8)):
    try:
        much()
    except MemoryError as error:
        assert is_out_of_memory(error)
    else:
        raise SystemExit("more than the limit")
assert np.ones(2**24).sum() == 2**24  # what is within the limit still is
assert limit_memory(2 * limit)
try:
    bytearray(limit)
except MemoryError:
    assert peak_memory() > 2**27
    print("held")
"""


@LINUX
def test_an_array_beyond_the_budget_is_a_memory_error(tmp_path: object) -> None:
    """Kernels, SQLite's mapped file and psycopg live below it; a later, larger limit does not widen it."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, f"{tmp_path}/a.db"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("held\n", 0), done.stderr


GROWING = """
import subprocess, sys, time
size = int(sys.argv[1])
if size < 0:
    subprocess.run([sys.executable, "-c", sys.argv[2], str(-size), ""])
kept = bytearray(size)
print("grown", flush=True)
time.sleep(60)
"""


@LINUX
@pytest.mark.parametrize("sign", [1, -1], ids=["itself", "a process it started"])
def test_a_parent_ends_a_child_that_has_outgrown_its_budget(sign: int) -> None:
    command = [sys.executable, "-c", GROWING, str(sign * 200 * 2**20), GROWING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"grown\n"
        used = used_memory(child.pid)
        assert used is not None
        assert 200 * 2**20 < used < 300 * 2**20
        assert MemoryWatch(200 * 2**20).end_if_over(child.pid) is None  # a little over: it may yet end by itself
        words = MemoryWatch(150 * 2**20).end_if_over(child.pid)
        assert words is not None
        assert "150M" in words
        assert child.wait(timeout=10) == -9
        os.killpg(child.pid, 9) if sign < 0 else None
    time.sleep(0.01)
    assert used_memory(child.pid) is None
    assert MemoryWatch(1).end_if_over(child.pid) is None


def test_the_peak_is_this_processes_own() -> None:
    peak = peak_memory()
    assert peak is not None
    assert 2**24 < peak < 2**36
