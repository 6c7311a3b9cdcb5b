"""Fresh processes: cold and warm starts, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.market import Bars, Market, Timeframe
from benchmarks.report import Row, Section, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.grid import Grid

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("time", "open", "high", "low", "close", "volume")


def save(path: Path, bars: Bars, grid: Grid) -> None:
    """Write what a child needs; bars that were absent are left out again."""
    there = ~bars.absent
    np.savez(
        path,
        market=np.array([bars.market.exchange, bars.market.symbol, str(bars.market.timeframe)]),
        grid=np.array(json.dumps(grid)),
        **{name: getattr(bars, name)[there] for name in COLUMNS},
    )


def load(path: str) -> Bars:
    """Read the bars of `save`."""
    with np.load(path) as file:
        exchange, symbol, timeframe = file["market"].tolist()
        market = Market(exchange, symbol, Timeframe.parse(timeframe))
        return Bars.from_columns(market, *(file[name] for name in COLUMNS))


def grid_of(path: str) -> Grid:
    """Read the grid of `save`."""
    with np.load(path) as file:
        return {n: tuple(v) for n, v in json.loads(str(file["grid"])).items()}


def child(arguments: Sequence[str], home: Path) -> dict[str, float]:
    """Run a child; seconds of the whole process, until its first result, of CPU time, peak memory."""
    environment = os.environ | {"ASSAY_HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment.pop("NUMBA_CACHE_DIR", None)
    cpu = os.times()
    began = time.perf_counter()
    found: dict[str, float] = {}
    command = [sys.executable, "-m", "benchmarks.child", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            event = json.loads(line)
            found[event["event"]] = time.perf_counter() - began
            found["peak_mb"] = event["peak_mb"]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    found["whole"] = time.perf_counter() - began
    after = os.times()
    found["cpu"] = after.children_user + after.children_system - cpu.children_user - cpu.children_system
    return found


def starts(bars: Bars, size: int, grid: Grid, threads: int) -> Section:
    """The same sweep with an empty cache, then twice with what the first run left."""
    found = Section("cold", "Cold and warm start")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        save(path, bars, grid)
        for name in ("cold: empty cache", "warm: full cache", "warm again"):
            took = child([str(path), str(size), str(threads)], Path(folder) / "home")
            rows.append(
                {
                    "start": name, "imports_s": took["imported"], "first_result_s": took["first"],
                    "all_results_s": took["done"], "whole_process_s": took["whole"], "CPU_s": took["cpu"],
                }
            )  # fmt: skip
    found.tables = [Table(f"{bars.market.symbol}, {size:,} bars, long side, a fresh process each", rows)]
    found.notes = ["Cold compiles every kernel once; the cache is keyed by their source and kept in `ASSAY_HOME`."]
    return found


def memory(bars: Bars, sizes: Sequence[int], grid: Grid, threads: int) -> Section:
    """Peak resident memory of a warm process."""
    found = Section("memory", "Peak memory")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        save(path, bars, grid)
        home = Path(os.environ.get("ASSAY_HOME") or Path(folder) / "home")
        bare = child([str(path), "0", "1", "imports"], home)["peak_mb"]
        for size in sizes:
            arguments = [str(path), str(size), str(threads)]
            child(arguments, home)  # the compiler needs more memory than any sweep
            peak = child(arguments, home)["peak_mb"]
            rows.append({"bars": size, "peak_MB": peak, "imports_alone_MB": bare, "sweep_MB": peak - bare})
    found.tables = [Table(f"{bars.market.symbol}, long side, all results held, {threads} threads", rows)]
    return found
