"""One sweep in a process of its own: says when the first result is there, ends with its peak memory.

python -m benchmarks.child BARS.npz SIZE THREADS [imports]
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Load, sweep, report one line of JSON per event."""
    began = time.perf_counter()
    path, size, threads, *only = arguments
    from assay.engine import Combinations, Money, sweep  # noqa: PLC0415  (the import is part of what is measured)
    from assay.strategies.liquidity_sweep import LiquiditySweep  # noqa: PLC0415
    from benchmarks import grid, processes  # noqa: PLC0415

    say("imported", began)
    if not only:
        bars = grid.last(processes.load(path), int(size))
        strategy, values = LiquiditySweep(), processes.grid_of(path)
        span = grid.whole_span(strategy, bars, values)
        blocks = sweep(
            bars, lambda v: strategy.all_setups(bars, v, "long"), strategy.rules, strategy.bracket,
            Combinations(values), [span], Money(), lambda block: block, threads=int(threads),
        )  # fmt: skip
        kept = [next(blocks)]
        say("first", began)
        kept += blocks
    say("done", began)


def say(event: str, began: float) -> None:
    """Print the seconds since the start and the peak memory so far in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss of a child starts, on Linux, at the size of the process that started it
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        peak = float(line.split()[1]) / 1024
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"event": event, "seconds": time.perf_counter() - began, "peak_mb": peak}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
