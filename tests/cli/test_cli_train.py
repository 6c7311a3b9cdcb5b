"""`assay train` from the outside: one number everywhere, same bytes, refusals, interruption."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from assay.cli.commands.train import Method, Samples
from assay.cli.main import main
from assay.market import Bars
from assay.search import SAMPLERS
from assay.sources import read_bars, write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market

if TYPE_CHECKING:
    from pathlib import Path

SPACE = """
[space]
pierce_depth = [0.001, 0.002]
volume_spike_threshold = [1.5, 2.0, 3.0]
reversal_candles = [1, 2]
min_level_touches = [1]
key_level_lookback = [50, 100]
atr_multiplier_sl = {low = 1.0, high = 3.0, step = 1.0}
risk_reward_ratio = [1.5, 3.0]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    bars = simulate_market(SimulatedMarket(days=130, timeframe="15m", seed=11, edge_r=0.4))
    write_bars(folder / "SIM_EDGEUSDT_15m.parquet", bars)
    (folder / "space.toml").write_text(SPACE)
    return folder


def arguments(place: Path, out: Path, *more: str) -> list[str]:
    file, space = str(place / "SIM_EDGEUSDT_15m.parquet"), str(place / "space.toml")
    return ["train", "--file", file, "--space", space, "--permutations", "9", "--quiet", "--out", str(out), *more]


def only(folder: Path, ending: str) -> Path:
    (path,) = folder.glob(f"*{ending}")
    return path


def without_time(document: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in document.items() if k not in ("configId", "createdAt")})


@pytest.fixture(scope="module")
def trained(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one")
    assert main(arguments(place, out, "--threads", "1", "--database", str(out / "assay.db"))) == 0
    return out


def test_one_number_everywhere(place: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(arguments(place, tmp_path, "--json")) == 0
    said = json.loads(capsys.readouterr().out)["configuration"]["metrics"]
    document = json.loads(only(trained, ".json").read_text())
    metrics = document["metrics"]
    assert said == metrics
    with only(trained, "-trades.csv").open() as file:
        trades = list(csv.DictReader(file))
    returns = np.array([float(t["return"]) for t in trades])
    sizes = np.array([float(t["size"]) for t in trades])
    assert len(trades) == metrics["total_trades"] > 5
    assert (returns > 0).mean() == metrics["win_rate"]
    assert 100 * (np.prod(1 + sizes * returns) - 1) == pytest.approx(metrics["net_profit_pct"], rel=1e-12)
    with only(trained, "-equity.csv").open() as file:
        equity = np.array([float(r["equity"]) for r in csv.DictReader(file)])
    assert 100 * (equity[-1] - 1) == pytest.approx(metrics["net_profit_pct"], rel=1e-12)
    daily = equity / np.concatenate(([1.0], equity[:-1])) - 1
    sharpe = daily.mean() / daily.std(ddof=1) * math.sqrt(365)
    assert sharpe == pytest.approx(metrics["sharpe_ratio"], rel=1e-9)
    report = only(trained, ".html").read_text()
    assert f"<dt>Sharpe ratio</dt><dd>{metrics['sharpe_ratio']:.2f}</dd>" in report
    assert f"<dt>Net profit</dt><dd>{metrics['net_profit_pct']:+.2f} %</dd>" in report
    assert f"<dt>Win rate, net</dt><dd>{100 * metrics['win_rate']:.1f} %</dd>" in report


def test_same_bytes_for_threads_and_processes(place: Path, trained: Path, tmp_path: Path) -> None:
    # the document names its ledger; an experiment that is repeated is none beside itself
    ledger = ("--database", str(trained / "assay.db"))
    command = [sys.executable, "-m", "assay", *arguments(place, tmp_path, "--threads", "2", *ledger)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": "7"}
    )
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(only(folder, ".json").read_text()) for folder in (trained, tmp_path))
    assert without_time(first) == without_time(second)
    assert first["configId"][-6:] == second["configId"][-6:] == first["provenance"]["experiment_digest"][:6]
    for ending in ("-trades.csv", "-equity.csv"):
        assert only(trained, ending).read_bytes() == only(tmp_path, ending).read_bytes()


@pytest.mark.parametrize("method", ["gp", "tpe", "cmaes"])
def test_a_method_that_learns(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str) -> None:
    capsys.readouterr()
    more = ("--method", method, "--samples", "14", "--permutations", "0", "--json")
    assert main(arguments(place, tmp_path, *more)) == 0
    said = capsys.readouterr()
    evidence = json.loads(said.out)["configuration"]["evidence"]
    assert (evidence["search"]["method"], evidence["search"]["combinations"]) == (method, 14)
    assert "optuna" not in said.err.lower()
    assert "warning" not in said.err.lower()


def test_noise_behind_the_door_changes_nothing_before_it(place: Path, trained: Path, tmp_path: Path) -> None:
    bars = read_bars(place / "SIM_EDGEUSDT_15m.parquet")
    document = json.loads(only(trained, ".json").read_text())
    door = int(np.datetime64(document["validation"]["holdout"]["from"][:-1], "ms").astype(np.int64))
    k = bars.index_at(door)
    rng = np.random.default_rng(3)
    noise = np.concatenate([np.ones(k), rng.uniform(0.5, 2.0, len(bars) - k)])
    o, h, low, c = (column * noise for column in (bars.open, bars.high, bars.low, bars.close))
    other = Bars.from_columns(bars.market, bars.time, o, h, low, c, bars.volume)
    write_bars(tmp_path / "SIM_EDGEUSDT_15m.parquet", other)
    (tmp_path / "space.toml").write_text(SPACE)
    assert main(arguments(tmp_path, tmp_path / "out")) == 0
    noisy = json.loads(only(tmp_path / "out", ".json").read_text())
    assert noisy["parameters"] == document["parameters"]
    assert noisy["validation"]["windows"] == document["validation"]["windows"]
    assert noisy["metrics"] == document["metrics"]


def test_a_gap_of_a_year_is_refused_by_the_quality_gate(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = read_bars(place / "SIM_EDGEUSDT_15m.parquet")
    half = len(bars) // 2
    time_ms = np.concatenate([bars.time[:half], bars.time[half:] + 365 * 86_400_000])
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    write_bars(tmp_path / "SIM_EDGEUSDT_15m.parquet", Bars.from_columns(bars.market, time_ms, *columns))
    (tmp_path / "space.toml").write_text(SPACE)
    assert main(arguments(tmp_path, tmp_path / "out")) == 3
    assert "% of the expected bars are valid, training needs 70 %" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_bad_data_is_allowed_only_on_record(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "BINANCE_ONGUSDT_5m.parquet"
    common = ["train", "--file", str(file), "--days", "120", "--permutations", "0", "--quiet", "--out", str(tmp_path)]
    fixed = [f"--set={s}" for s in ("key_level_lookback=50", "reversal_candles=1", "volume_spike_threshold=2")]
    assert main([*common, *fixed]) == 3
    assert not list(tmp_path.iterdir())
    assert main([*common, *fixed, "--allow-bad-data"]) == 0
    document = json.loads(only(tmp_path, ".json").read_text())
    assert document["provenance"]["data_override"] is True
    assert document["lifecycle"]["current_stage"] == "PAPER"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--out", "/proc/nowhere"], "--out: must be a folder that can be written to"),
        (["--set", "pierce_dept=0.002"], "Did you mean 'pierce_depth'?"),
        (["--objective", "sharp_ratio"], "Did you mean 'sharpe_ratio'?"),
        (["--evidence", "standart"], "Did you mean 'standard'?"),
        (["--method", "gradient"], "method: must be one of auto, grid, random"),
        (["--method", "cma-es"], "Did you mean 'cmaes'?"),
        (["--method", "gp", "--samples", "0"], "budget: must be at least 1"),
        (["--days", "10"], "windows of at least 5 test days need about"),
        (["--permutations", "-1"], "permutations: must not be negative"),
        (["--fee", "2"], "fee: must be a fraction in [0, 0.5)"),
    ],
)
def test_wrong_input_is_one_sentence(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    capsys.readouterr()
    assert main(arguments(place, tmp_path / "out", *options)) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert "Traceback" not in err
    assert not list((tmp_path / "out").glob("*"))


def test_an_interruption_leaves_nothing_half_written(tmp_path: Path) -> None:
    bars = simulate_market(SimulatedMarket(days=365, seed=0, edge_r=0.4))
    write_bars(tmp_path / "SIM_WALKUSDT_5m.parquet", bars)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "assay", "train", "--file", str(tmp_path / "SIM_WALKUSDT_5m.parquet")]
    process = subprocess.Popen(
        [*command, "--permutations", "99999", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not out.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3.0)  # in the middle of the permutations
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not list(out.iterdir())


def test_help_names_every_option_of_the_design(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    options = ("file", "days", "from", "to", "strategy", "side", "method", "objective", "evidence", "permutations")
    for option in (*options, "seed", "out", "space", "set", "allow-bad-data", "json", "quiet", "home"):
        assert f"--{option}" in text


def test_help_says_what_the_table_of_samplers_says() -> None:
    """Written out, since the table would bring the engine into `--help`."""
    (method,), (samples,) = (get_args(option)[1:] for option in (Method, Samples))
    ahead = ", ".join(name for name, sampler in SAMPLERS.items() if not sampler.learns)
    learned = ", ".join(name for name, sampler in SAMPLERS.items() if sampler.learns)
    assert method.help == f"auto (a grid), {ahead}, or one that learns as it goes: {learned}."
    (usual,) = {sampler.budget for sampler in SAMPLERS.values() if sampler.learns}
    assert f"{SAMPLERS['random'].budget} at random, {usual} otherwise" in samples.help
