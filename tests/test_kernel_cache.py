"""The disk cache of kernels: never stale, never torn, shared by workers that start at once."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from assay import _kernel_cache
from assay.compiled import CACHE_DIRECTORY, cache_fault
from assay.service import kernels
from assay.service.reporter import Silent
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies import find_strategy

if TYPE_CHECKING:
    from pathlib import Path

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


class Kernel:
    """A compiled function whose cache lies on a full disk and holds a torn file."""

    def __init__(self) -> None:
        self._cache = self

    def load_overload(self, *_: object) -> object:
        raise EOFError("Ran out of input")

    def save_overload(self, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_or_a_torn_file_only_costs_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kernel_cache, "_faults", [])
    kernel = _kernel_cache.tolerant(Kernel())
    kernel.save_overload("signature", "data")
    assert cache_fault() == "No space left on device"
    assert kernel.load_overload("signature", "target") is None


def test_a_full_cache_names_its_folder_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(kernels, "kernels_are_warm", lambda: False)
    monkeypatch.setattr(_kernel_cache, "_faults", ["No space left on device"])
    monkeypatch.setattr(_kernel_cache, "mark_warm", lambda _: said.append("marked"))
    reporter = Silent()
    monkeypatch.setattr(type(reporter), "warn", lambda _, sentence: said.append(sentence))
    kernels.compile_kernels(reporter, find_strategy("SUPPLY_SHOCK")(), simulate_market(SimulatedMarket(days=8)))
    assert len(said) == 1
    assert str(CACHE_DIRECTORY) in said[0]
    assert "No space left on device" in said[0]
    assert "--home" in said[0]


def test_no_folder_at_all_for_compiled_kernels(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code = (
        "import sys; from assay import compiled; from assay.compiled import cache_fault; "
        "kernel = compiled.compiled(lambda x: x + 1.0); assert kernel(1.0) == 2.0; print(cache_fault())"
    )
    given = dict(os.environ) | {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "below")}
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cannot cache function" in done.stdout
