"""Wall and CPU seconds of a call, the machine's facts, slopes."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.report import Cell

T = TypeVar("T")


@dataclass(frozen=True)
class Timed(Generic[T]):
    """Least wall and least CPU seconds of some calls, and the result of the last."""

    wall: float
    cpu: float
    result: T


def timed(call: Callable[[], T], repeats: int = 1, budget: float = 20.0) -> Timed[T]:
    """Call up to `repeats` times, at least once, until `budget` seconds are spent.

    CPU seconds are those of all threads: the sound figure on a machine that others use, too.
    """
    wall = cpu = float("inf")
    start = time.perf_counter()
    while True:
        began, began_cpu = time.perf_counter(), time.process_time()
        result = call()
        cpu = min(cpu, time.process_time() - began_cpu)
        wall = min(wall, time.perf_counter() - began)
        repeats -= 1
        if repeats <= 0 or time.perf_counter() - start > budget:
            return Timed(wall, cpu, result)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Exponent k of y ~ x^k, by least squares on logarithms; NaN when x does not vary."""
    a, b = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    spread = float(((a - a.mean()) ** 2).sum())
    return float(((a - a.mean()) * (b - b.mean())).sum()) / spread if spread > 1e-12 else float("nan")


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def machine() -> dict[str, Cell]:
    """Facts that figures depend on; nothing that names the machine."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }
