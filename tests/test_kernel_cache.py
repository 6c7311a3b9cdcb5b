"""The disk cache of kernels: never stale, never torn, shared by workers that start at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

KERNELS = """
import hashlib, json, sys
from assay.indicators import atr, rsi, swing_low, volume_ratio
from assay.sources.simulated import SimulatedMarket, simulate_market

bars = simulate_market(SimulatedMarket(days=5, seed=3))
found = [indicator(bars).tobytes() for indicator in (atr, rsi, swing_low, volume_ratio)]
kernels = ("wilder._true_range", "wilder._wilder", "wilder._moves", "swings._last_swing", "volume._volume_mean")
hits = 0
for module, name in (kernel.split(".") for kernel in kernels):
    hits += sum(getattr(sys.modules[f"assay.indicators.{module}"], name).stats.cache_hits.values())
print(json.dumps({"digest": hashlib.sha256(b"".join(found)).hexdigest(), "hits": hits}))
"""


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    return {**kept, "ASSAY_HOME": str(home)}


def test_two_cold_workers_compile_at_once(tmp_path: Path) -> None:
    """Both find the cache empty, both write it, neither reads a torn file; a third finds it whole."""
    started = [
        subprocess.Popen([sys.executable, "-c", KERNELS], env=environment(tmp_path), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers: list[dict[str, Any]] = []
    for process in started:
        out, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        answers.append(json.loads(out))
    files = {p.name for p in (tmp_path / "cache").rglob("*.nb?")}
    third = subprocess.run(
        [sys.executable, "-c", KERNELS], env=environment(tmp_path), stdout=subprocess.PIPE, text=True, check=True
    )
    answers.append(json.loads(third.stdout))
    assert len({a["digest"] for a in answers}) == 1
    assert answers[-1]["hits"] == 5
    assert {p.name for p in (tmp_path / "cache").rglob("*.nb?")} == files
