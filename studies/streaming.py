"""A space of 10^9 combinations, streamed: once without a break, once killed again and again.

    python -m studies.streaming [FILE.parquet] [--days N] [--kills N] [--folder DIR] [--markdown docs/streaming.md]

Each part that is done is remembered in the folder, and the streams themselves go on where they were: the study can be
interrupted at any time. It fails when the two results differ by a bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.report import Row, Table, markdown, placed, say

from assay.compiled import CACHE_DIRECTORY
from assay.sources import read_arrays, write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared"))
SPACE = """
[space]
pierce_depth = {low = 0.0005, high = 0.005, step = 0.0001}
volume_spike_threshold = {low = 1.0, high = 5.75, step = 0.25}
reversal_candles = [1, 2, 3, 4, 5]
min_level_touches = [1, 2]
reversal_candle_size = {low = 0.0, high = 2.0, step = 0.2}
key_level_lookback = [20, 50, 100, 150, 200]
atr_multiplier_sl = {low = 0.5, high = 3.0, step = 0.25}
risk_reward_ratio = {low = 1.0, high = 5.0, step = 0.125}
max_holding_periods = [10, 20, 30, 50, 100, 200]
"""
SEED = 7


def command(folder: Path, file: Path, days: float, threads: int, home: str) -> list[str]:
    """One stream, on a home of its own."""
    return [
        sys.executable, "-m", "assay", "sweep", "--file", str(file), "--days", str(days), "--grid",
        str(folder / "space.toml"), "--stream", "--side", "long", "--threads", str(threads), "--json", "--home",
        str(folder / home),
    ]  # fmt: skip


def peak_mb(pid: int) -> float:
    """Most memory that a running process has held so far; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    try:
        lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    except OSError:
        return 0.0
    return float(lines[0].split()[1]) / 1024 if lines else 0.0


def run(arguments: list[str], out: Path, kill_after: float | None = None) -> dict[str, Any]:
    """Run a stream to its end, or kill it after some seconds; return seconds, peak memory and exit code."""
    begun, peak = time.monotonic(), 0.0
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(CACHE_DIRECTORY)}
    with out.open("wb") as stdout:
        process = subprocess.Popen(arguments, stdout=stdout, env=environment)  # noqa: S603  (the project's own command)
        while process.poll() is None:
            peak = max(peak, peak_mb(process.pid))
            if kill_after is not None and time.monotonic() - begun > kill_after:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.05)
    return {"seconds": time.monotonic() - begun, "peak_mb": peak, "code": process.returncode}


def state(folder: Path, home: str) -> dict[str, bytes]:
    """Everything that a stream has kept."""
    (file,) = (folder / home / "streams").glob("*.npz")
    return {name: array.tobytes() for name, array in read_arrays(file).items()}


def remembered(folder: Path) -> dict[str, Any]:
    """What was measured before an interruption."""
    file = folder / "done.json"
    content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"kills": []}
    return content


def main() -> int:
    """Run the study and write its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=SHARED / "data" / "BINANCE_BTCUSDT_5m.parquet")
    parser.add_argument("--days", type=float, default=90.0)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--space", type=Path, default=None, help="another SPACE.toml")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "streaming")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "space.toml").write_text(options.space.read_text() if options.space else SPACE)
    file: Path = options.file
    if not file.exists():
        file = folder / "SIMULATED_BTCUSDT_5m.parquet"
        write_bars(file, simulate_market(SimulatedMarket(days=int(options.days) + 10, seed=SEED)))
        say("no file: simulated bars")
    cores = os.cpu_count() or 1
    done = remembered(folder)

    def remember() -> None:
        (folder / "done.json").write_text(json.dumps(done))

    if "whole" not in done:
        done["whole"] = run(command(folder, file, options.days, cores, "whole"), folder / "whole.json")
        remember()
    rng = random.Random(SEED)  # noqa: S311  (when to kill)
    longest = done["whole"]["seconds"]
    waits = [rng.uniform(0.02, 2.0 / options.kills) * longest for _ in range(options.kills)]
    while "end" not in done:
        number = len(done["kills"])
        wait = waits[number] if number < options.kills else None
        say(f"run {number + 1}" + ("" if wait is None else f", killed after {wait:.0f} s"))
        part = run(command(folder, file, options.days, 1 + number % cores, "killed"), folder / "killed.json", wait)
        done["kills" if part["code"] < 0 else "end"] = [*done["kills"], part] if part["code"] < 0 else part
        remember()
    whole = json.loads((folder / "whole.json").read_text())
    killed = json.loads((folder / "killed.json").read_text())
    equal = state(folder, "whole") == state(folder, "killed") and whole["best"] == killed["best"]
    row: Row = {
        "combinations": whole["combinations"],
        "minutes": done["whole"]["seconds"] / 60,
        "combinations_per_second": whole["combinations"] / whole["seconds"],
        "estimated_minutes": whole["estimated_seconds"] / 60,
        "threads": cores,
        "peak_memory_MB": max(p["peak_mb"] for p in [done["whole"], done["end"], *done["kills"]]),
        "kills": len(done["kills"]),
        "same_bytes": equal,
    }
    table = Table(f"{file.stem}, {options.days:.0f} days, long side", [row])
    sys.stdout.write(markdown(table) + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), markdown(table)))
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
