"""The disk cache of kernels: never stale, never torn, shared by workers that start at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import _kernel_cache

if TYPE_CHECKING:
    import pytest

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


def test_a_changed_helper_names_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory's name is made of every source that may hold compiled code: a stale kernel cannot be met."""
    package = Path(_kernel_cache.__file__).parent
    for room in _kernel_cache._ROOMS:
        shutil.copytree(package / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(_kernel_cache, "__file__", str(tmp_path / "_kernel_cache.py"))
    before = _kernel_cache.source_digest()
    for room in _kernel_cache._ROOMS:
        for path in (tmp_path / room).glob("*.py"):
            text = path.read_text()
            path.write_text(text + "\n# another\n")
            assert _kernel_cache.source_digest() != before
            path.write_text(text)
    assert _kernel_cache.source_digest() == before


def test_every_compiled_function_is_in_a_room_that_counts() -> None:
    package = Path(_kernel_cache.__file__).parent
    holders = {p.relative_to(package).parts[0] for p in package.rglob("*.py") if "@compiled" in p.read_text()}
    assert holders <= set(_kernel_cache._ROOMS)
