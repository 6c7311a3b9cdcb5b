"""Bars on disk by their digest: believed only as far as their digest, shared by processes, and never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.errors import InputError
from assay.market import Bars, Market, Timeframe
from assay.service import bar_cache
from assay.service.bar_cache import BarCache
from assay.service.tasks import TrainingTask
from assay.store import BarStore, Database
from assay.store.bars import present

MARKET = Market("sim", "A/USDT", Timeframe.parse("5m"), "spot", 0.01)


def bars_of(seed: int, n: int = 500, *, volume: bool = True) -> Bars:
    rng = np.random.default_rng(seed)
    time = np.flatnonzero(rng.random(n) > 0.1) * 300_000
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, len(time))))
    volumes = rng.exponential(5.0, len(time)) if volume else None
    return Bars.from_columns(MARKET, time, close, close * 1.001, close * 0.999, close, volumes)


def same(a: Bars | None, b: Bars) -> bool:
    return a is not None and all(
        np.array_equal(x, y) if isinstance(x := getattr(a, name), np.ndarray) else x == y
        for name in Bars.__dataclass_fields__
        for y in [getattr(b, name)]
    )


@pytest.mark.parametrize("volume", [True, False])
def test_what_is_kept_comes_back_with_every_mask(tmp_path: Path, volume: bool) -> None:
    bars = bars_of(1, volume=volume)
    BarCache(tmp_path / "made").save(bars)
    assert same(BarCache(tmp_path / "made").load(bars.digest, MARKET), bars)
    cache = BarCache(tmp_path / "made")
    assert cache.load(bars.digest, MARKET) is cache.load(bars.digest, MARKET)  # indicators are computed once
    other = replace(MARKET, tick=0.5)
    found = cache.load(bars.digest, other)
    assert found is not None
    assert found.market == other
    assert [path.name for path in (tmp_path / "made").iterdir()] == [f"{bars.digest}.bars"]


@pytest.mark.parametrize("harm", ["cut", "cut a row", "edit", "empty", "another's", "not bars", "longer"])
def test_a_torn_or_edited_file_is_removed_and_never_believed(tmp_path: Path, harm: str) -> None:
    bars, cache = bars_of(1), BarCache(tmp_path)
    cache.save(bars)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    harmed = {
        "cut": content[:1000],
        "cut a row": content[: len(content) // 48 // 2 * 48],
        "edit": content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
        "empty": b"",
        "not bars": b"\xff" * len(content),
        "longer": content + b"\0" * 48,
    }
    if harm == "another's":
        cache.save(bars_of(2))
        (tmp_path / f"{bars_of(2).digest}.bars").replace(path)
    else:
        path.write_bytes(harmed[harm])
    assert BarCache(tmp_path).load(bars.digest, MARKET) is None
    assert not path.exists()
    BarCache(tmp_path).save(bars)
    assert same(BarCache(tmp_path).load(bars.digest, MARKET), bars)


@pytest.mark.parametrize("digest", ["../outside", "inside", "A" * 64, "", 7])
def test_only_a_digest_is_a_name(tmp_path: Path, digest: str) -> None:
    """It comes from a task, which whoever writes to the database can write: no other file is read or removed."""
    (tmp_path / "cache").mkdir()
    files = [tmp_path / "outside.bars", tmp_path / "cache" / "inside.bars", tmp_path / "cache" / f"{'A' * 64}.bars"]
    for path in files:
        path.write_bytes(b"no bars")
    assert BarCache(tmp_path / "cache").load(digest, MARKET) is None
    assert all(path.exists() for path in files)


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    three = [bars_of(seed) for seed in range(3)]
    size = max(48 * len(present(bars).time) for bars in three)
    cache = BarCache(tmp_path, 2 * size + 100)
    for age, bars in zip((300, 200), three[:2], strict=True):
        cache.save(bars)
        at = time.time() - age
        os.utime(tmp_path / f"{bars.digest}.bars", (at, at))
    assert BarCache(tmp_path).load(three[0].digest, MARKET) is not None  # used now: the other is older
    cache.save(three[2])
    assert {path.stem for path in tmp_path.iterdir()} == {three[0].digest, three[2].digest}
    BarCache(tmp_path, size // 2).save(three[1])  # larger than all there may be: nothing else goes for it
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_killed_writer_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".assay-00000000-1-0123456789abcdef.part"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    BarCache(tmp_path).save(bars_of(1))
    assert not left.exists()


@pytest.mark.parametrize("trouble", ["no folder can be made", "no room"])
def test_where_nothing_can_be_kept_one_warning_says_so(
    tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = BarCache(tmp_path / "cache")
    if trouble == "no room":

        def full(path: Path, content: bytes) -> int:
            with path.open("wb") as file:
                file.write(content[: len(content) // 2])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("pathlib.Path.write_bytes", full)
    else:
        (tmp_path / "cache").touch()
    one, two = bars_of(1), bars_of(2)
    cache.save(one)
    cache.save(two)
    assert BarCache(tmp_path / "cache").load(one.digest, MARKET) is None
    assert cache.load(one.digest, MARKET) is one  # in memory it is kept
    assert [record for record in caplog.records if record.name == bar_cache.__name__ and "not kept" in str(record)]
    assert trouble == "no folder can be made" or not list((tmp_path / "cache").iterdir())


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from service.test_bar_cache import MARKET, bars_of, same
from assay.service.bar_cache import BarCache
bars = [bars_of(seed, 200) for seed in range(3)]
for turn in range(30):
    one = bars[turn % 3]
    found = BarCache(Path(sys.argv[1]), 15_000).load(one.digest, MARKET)
    assert found is None or same(found, one)
    BarCache(Path(sys.argv[1]), 15_000).save(one)
"""


def test_processes_write_read_and_remove_at_once(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), tests], stderr=subprocess.PIPE) for _ in range(2)
    ]
    for process in started:
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
    assert all(path.suffix == ".bars" for path in tmp_path.iterdir())


def test_a_server_is_asked_once_for_each_digest(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for bars that are made of finer ones; of a file of this machine nothing is kept."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_BAR_CACHE", "10M")
    store, bars = BarStore(database), bars_of(1)
    store.write(MARKET, present(bars), source="test", at_ms=1)
    hour = store.read_resampled(replace(MARKET, timeframe=Timeframe.parse("1h")))
    for stored in (bars, hour):
        task = TrainingTask(
            stored.market, "S", {"data_digest": stored.digest}, int(stored.time[0]), int(stored.time[-1])
        )
        assert same(task.bars(BarStore(database)), stored)
        bar_cache._opened.cache_clear()  # as in another process
        reader = BarStore(database)
        if not database.is_sqlite:
            monkeypatch.setattr(reader, "read_resampled", lambda *_: pytest.fail("the database was asked"))
        assert same(task.bars(reader), stored)
    kept = list(tmp_path.glob("home/cache/bars/*"))
    assert len(kept) == (0 if database.is_sqlite else 2)
    store.delete(MARKET)
    with pytest.raises(InputError, match="is not stored"):
        task.bars(BarStore(database))
    monkeypatch.setenv("ASSAY_BAR_CACHE", "much")
    if not database.is_sqlite:
        with pytest.raises(InputError, match="ASSAY_BAR_CACHE: must be a size"):
            BarCache.of(database)
