"""`assay sweep --stream`: the same answers in constant memory, also when it is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from assay.compiled import CACHE_DIRECTORY
from assay.errors import FileFormatError, InputError
from assay.search.streaming import Layout, Summary
from assay.service import streaming
from assay.sources import read_arrays, write_arrays

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay

SMALL = """
[space]
pierce_depth = [0.001, 0.002]
volume_spike_threshold = [1.5, 2.0, 3.0]
reversal_candles = [1, 2]
atr_multiplier_sl = [1.0, 1.5, 2.0]
risk_reward_ratio = {low = 1.0, high = 3.0, step = 0.5}
"""
LARGE = """
[space]
pierce_depth = {low = 0.0005, high = 0.005, step = 0.0002}
volume_spike_threshold = {low = 1.0, high = 5.0, step = 0.25}
reversal_candles = [1, 2, 3, 4, 5]
min_level_touches = [1, 2]
reversal_candle_size = {low = 0.0, high = 2.0, step = 0.2}
atr_multiplier_sl = {low = 0.5, high = 3.0, step = 0.25}
risk_reward_ratio = {low = 1.0, high = 5.0, step = 0.25}
"""


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_a_stream_keeps_what_the_table_shows(assay: Assay, market_file: Path, grid: Path, tmp_path: Path) -> None:
    command = ("sweep", "--file", market_file, "--grid", grid)
    table, best = tmp_path / "table.csv", tmp_path / "best.csv"
    assert assay(*command, "--out", table).code == 0
    ran = assay(*command, "--stream", "--home", tmp_path / "home", "--out", best, "--json")
    assert ran.code == 0, ran.err
    document = ran.document
    whole, kept = pd.read_csv(table), pd.read_csv(best)
    assert document["combinations"] == len(whole) == 180

    trades = whole["total_trades"]
    weight = ((trades - 10) / 20).clip(0, 1)
    score = (weight * whole["sharpe_ratio"] - 5 * (1 - weight)).where((trades >= 10) & whole["sharpe_ratio"].notna())
    ranked = whole.assign(score=score).dropna(subset="score").sort_values("score", ascending=False, kind="stable")
    assert document["refused"] == len(whole) - len(ranked)
    pd.testing.assert_frame_equal(kept, ranked.drop(columns="score").reset_index(drop=True), check_exact=True)
    for name, rows in document["marginals"].items():
        means = ranked.groupby(name)["score"].mean()
        found = {row["value"]: row["mean"] for row in rows if row["count"]}
        assert found == pytest.approx(means.to_dict())
    assert sum(document["histogram"]["counts"]) == len(ranked)
    assert {(m["y"], m["x"]) for m in document["maps"]} >= {("pierce_depth", "reversal_candles")}
    shown = assay(*command, "--stream", "--home", tmp_path / "home")
    assert "going on after 180 of 180" in shown.err
    assert "matters least" in shown.out
    assert "█" in shown.out


def test_a_grid_above_the_limit_says_what_it_would_take(
    assay: Assay, market_file: Path, grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.search.space.MAX_GRID", 100)
    ran = assay("sweep", "--file", market_file, "--grid", grid)
    assert ran.code == 2
    for words in (
        "at most 100 combinations without --stream, got 180",
        "take about",
        "risk_reward_ratio has most values",
    ):
        assert words in ran.err


def test_a_stream_of_another_history_begins_anew(assay: Assay, market_file: Path, grid: Path, tmp_path: Path) -> None:
    command = ("sweep", "--file", market_file, "--grid", grid, "--stream", "--home", tmp_path / "home")
    assert assay(*command).code == 0
    for more in (("--days", 20), ("--side", "long"), ("--fee", 0.0), ("--set", "min_level_touches=1")):
        assert "going on" not in assay(*command, *more).err
    assert "going on" not in assay(*command, "--restart").err


def test_a_torn_file_is_named(assay: Assay, market_file: Path, grid: Path, tmp_path: Path) -> None:
    command = ("sweep", "--file", market_file, "--grid", grid, "--stream", "--home", tmp_path / "home")
    assert assay(*command).code == 0
    (kept,) = (tmp_path / "home" / "streams").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    ran = assay(*command)
    assert ran.code == 2
    assert f"{kept}: is not a file of arrays" in ran.err


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 seconds"), (200, "3.3 minutes"), (9000, "2.5 hours")])
def test_durations_in_the_unit_of_people(seconds: float, text: str) -> None:
    assert streaming.duration(seconds) == text


def state(home: Path) -> dict[str, Any]:
    (file,) = (home / "streams").glob("*.npz")
    return read_arrays(file)


def test_a_killed_stream_goes_on_to_the_same_bytes(market_file: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.toml"
    large.write_text(LARGE)
    command = [sys.executable, "-m", "assay", "sweep", "--file", str(market_file), "--grid", str(large), "--stream"]
    command += ["--side", "long", "--json", "--quiet", "--home"]

    environment = {**os.environ, "NUMBA_CACHE_DIR": str(CACHE_DIRECTORY)}

    def run(home: Path, threads: int) -> None:
        arguments = [*command, str(home), "--threads", str(threads)]
        subprocess.run(arguments, check=True, env=environment, stdout=subprocess.DEVNULL)

    killed = tmp_path / "killed"
    process = subprocess.Popen([*command, str(killed), "--threads", "1"], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((killed / "streams").glob("*.npz")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    part = state(killed)
    run(killed, 1)
    run(tmp_path / "whole", 2)
    whole, resumed = state(tmp_path / "whole"), state(killed)
    assert 0 < int(part["tried"]) < int(whole["tried"]) == 23 * 17 * 5 * 2 * 11 * 11 * 17
    assert {name: array.tobytes() for name, array in whole.items()} == {n: a.tobytes() for n, a in resumed.items()}
    assert len(whole["position"]) == 1000
    assert np.all(np.diff(whole["score"]) <= 0)


def test_a_full_disk_names_the_folder_of_streams(
    assay: Assay, market_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))

    def full(path: Path, _: object) -> None:
        raise InputError(str(path), "cannot be written: No space left on device")

    monkeypatch.setattr(streaming, "write_arrays", full)
    ran = assay("sweep", "--file", market_file, "--stream", "--days", "8")
    assert (ran.code, ran.out) == (2, "")
    assert f"{tmp_path / 'home' / 'streams'}: cannot keep the stream, it cannot be written: No space left" in ran.err
    assert "--home (ASSAY_HOME)" in ran.err


def test_a_torn_stream_says_how_to_begin_anew(tmp_path: Path) -> None:
    layout, path = Layout.of({"a": (1, 2), "b": (1, 2, 3)}), tmp_path / "stream.npz"
    write_arrays(path, Summary.empty(Layout.of({"a": (1, 2)})).arrays())
    with pytest.raises(FileFormatError, match=r"is not the file of this stream\. --restart begins anew"):
        streaming._read(path, layout)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileFormatError, match=r"is not a file of arrays: .*--restart begins anew"):
        streaming._read(path, layout)
    write_arrays(path, Summary.empty(layout).arrays())
    assert streaming._read(path, layout).tried == 0


def test_a_stream_beyond_all_measure_is_refused_before_it_begins(
    assay: Assay, market_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "space.toml"
    path.write_text(
        "[space]\npierce_depth = {low = 0.001, high = 0.01, step = 1e-6}\n"
        "max_holding_periods = {low = 1, high = 5000}\n"
    )
    ran = assay("sweep", "--file", market_file, "--stream", "--grid", path)
    assert ran.code == 2
    assert "--grid: must have at most 20,000,000 pairs of values of two parameters" in ran.err
