"""What the commands compute and print."""

from __future__ import annotations

import csv
import itertools
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyarrow import parquet

from assay.cli.output import to_json
from assay.engine import Execution, Side, Span, measure, tables
from assay.evaluation import backtest
from assay.sources import write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies import find_strategy

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars
    from cli.conftest import Assay


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_strategies_are_listed_and_shown(assay: Assay) -> None:
    listed = assay("strategies", "--json").document["strategies"]
    assert {"name": "LIQUIDITY_SWEEP", "parameters": 10}.items() <= listed[0].items()
    shown = assay("strategies", "LIQUIDITY_SWEEP", "--json").document
    pierce = shown["parameters"][0]
    assert (pierce["name"], pierce["default"], pierce["role"], pierce["hard_high"]) == (
        "pierce_depth",
        0.002,
        "threshold",
        0.05,
    )
    assert "pierce >= pierce_depth" in shown["rules"]
    assert "time stop after max_holding_periods bars" in shown["exits"]
    table = assay("strategies", "LIQUIDITY_SWEEP").out
    assert all(p["name"] in table and p["doc"] in table for p in shown["parameters"])
    assert "LIQUIDITY_SWEEP" in assay("strategies").out


def test_quality_says_what_training_would_say(assay: Assay, market_file: Path, tmp_path: Path) -> None:
    dirty = tmp_path / "SIM_DIRTYUSDT_5m.csv"
    write_bars(dirty, simulate_market(SimulatedMarket(days=10, seed=3, dirty=True)))
    ran = assay("quality", market_file, dirty, "--json")
    clean, bad = ran.document["files"]
    assert (ran.code, clean["passes"], bad["passes"]) == (0, True, False)
    assert (clean["symbol"], clean["expected"]) == ("BTC/USDT", 40 * 288)
    text = assay("quality", market_file, dirty).out
    assert "Training would accept" in text
    assert "Training would REFUSE" in text
    assert "  valid_pct        100  %\n" in text


def test_quality_reads_fifty_bars(assay: Assay, bars: Bars, tmp_path: Path) -> None:
    path = tmp_path / "X_AB_5m.csv"
    write_bars(path, bars.head(50))
    assert assay("quality", path, "--json").document["files"][0]["recorded"] == 50


def test_measures_can_be_recomputed_from_the_files(assay: Assay, market_file: Path, tmp_path: Path) -> None:
    trades, equity, page = tmp_path / "t.csv", tmp_path / "e.csv", tmp_path / "page.html"
    ran = assay(
        "backtest", "--file", market_file, "--json", "--trades", trades, "--equity", equity, "--report", page,
        "--set", "min_level_touches=1", "--set", "pierce_depth=0.001", "--sizing", "risk",
    )  # fmt: skip
    assert ran.code == 0
    metrics = ran.document["metrics"]
    rows = read_rows(trades)
    assert list(rows[0]) == [
        "entry_time", "exit_time", "side", "entry", "stop", "target", "exit", "size", "return", "R", "reason",
        "ambiguous", "window",
    ]  # fmt: skip
    assert len(rows) == metrics["total_trades"] == metrics["sample_size"] > 5
    returns = [float(r["return"]) for r in rows]
    assert sum(r > 0 for r in returns) / len(rows) == metrics["win_rate"]
    growth = math.prod(1 + float(r["size"]) * x for r, x in zip(rows, returns, strict=True))
    assert 100 * (growth - 1) == pytest.approx(metrics["net_profit_pct"], abs=1e-9)
    assert np.mean([float(r["R"]) for r in rows]) == pytest.approx(metrics["expectancy_r"], rel=1e-12)
    curve = np.array([float(r["equity"]) for r in read_rows(equity)])
    daily = np.diff(curve, prepend=1.0) / np.concatenate(([1.0], curve[:-1]))
    assert len(curve) == metrics["days"]
    sharpe = daily.mean() / daily.std(ddof=1) * math.sqrt(365)
    assert sharpe == pytest.approx(metrics["sharpe_ratio"], rel=1e-9)
    text = page.read_text()
    assert "A backtest, no evidence" in text
    inside = json.loads(text.partition('id="content">')[2].partition("</script>")[0])
    assert inside["equity"]["equity"] == curve.tolist()
    assert inside["trades"]["return"] == returns
    assert json.loads(inside["document"]) == {k: v for k, v in ran.document.items() if k != "files"}
    assert ran.document["files"]["report"] == str(page)


def test_a_page_is_refused_before_the_work(assay: Assay, tmp_path: Path) -> None:
    for path, rule in (
        (tmp_path / "page.pdf", "must end in .html"),
        (tmp_path / "no" / "p.html", "folder that exists"),
    ):
        ran = assay("backtest", "--file", "nothing.csv", "--report", path)
        assert (ran.code, "--report" in ran.err, rule in ran.err) == (2, True, True)


def test_a_backtest_is_the_librarys(assay: Assay, bars: Bars, market_file: Path) -> None:
    document = assay("backtest", "--file", market_file, "--side", "long", "--days", 20, "--json").document
    assert document["span"] == {
        "from": document["span"]["from"],
        "to": document["span"]["to"],
        "bars": 20 * 288,
        "days": 20.0,
    }
    assert document["market"] == {"exchange": "binance", "symbol": "BTC/USDT", "timeframe": "5m", "kind": "spot"}
    strategy = find_strategy("LIQUIDITY_SWEEP")()
    values = strategy.parameters.defaults
    span = Span(20 * 288, 40 * 288, strategy.warmup(values))
    run = backtest(strategy, bars, values, execution=Execution(Side.LONG), span=span)
    assert document["parameters"] == values
    assert document["signals"] == run.signals
    assert document["metrics"] == to_json(measure(run, bars))
    assert document["metrics"]["total_trades"] > 0
    assert document["files"] == {"trades": None, "equity": None}


def test_tables_go_to_stdout_and_all_else_to_stderr(assay: Assay, market_file: Path, tmp_path: Path) -> None:
    loud = assay("backtest", "--file", market_file, "--trades", tmp_path / "t.csv")
    quiet = assay("backtest", "--file", market_file, "--trades", tmp_path / "t.csv", "--quiet")
    (rate,) = [line.split() for line in loud.out.splitlines() if line.startswith("  win_rate")]
    assert (float(rate[1]) > 1, rate[2]) == (True, "%")  # as `train` shows it
    assert loud.err == f"wrote {tmp_path / 't.csv'}\n"
    assert (quiet.out, quiet.err) == (loud.out, "")


def test_trade_tables_without_trades_and_with_windows(bars: Bars, tmp_path: Path, assay: Assay) -> None:
    strategy = find_strategy("LIQUIDITY_SWEEP")()
    none = backtest(strategy, bars, strategy.parameters.complete({"volume_spike_threshold": 100}))
    assert {len(c) for c in tables.trade_columns(bars, none).values()} == {0}
    run = backtest(strategy, bars, strategy.parameters.defaults)
    windows = np.arange(len(run.trades))
    assert tables.trade_columns(bars, run, windows)["window"].tolist() == [str(w) for w in windows]
    path, out = tmp_path / "A_BUSDT_5m.csv.gz", tmp_path / "t.csv"
    write_bars(path, bars)
    ran = assay("backtest", "--file", path, "--set", "volume_spike_threshold=100", "--trades", out, "--json")
    assert ran.document["metrics"]["win_rate"] is None
    assert len(out.read_text().splitlines()) == 1


SPACE = """
[space]
pierce_depth = {low = 0.001, high = 0.003, step = 0.001}
min_level_touches = [1, 2]
key_level_lookback = [50, 100]
atr_multiplier_sl = [1.0, 2.0]
reversal_candles = 1
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "space.toml"
    path.write_text(SPACE)
    return path


def test_a_sweeps_table_equals_backtests(assay: Assay, market_file: Path, space: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.parquet"
    common = ("--file", market_file, "--days", 30, "--side", "both", "--fee", 0.0004, "--slippage", 0.0001, "--json")
    document = assay("sweep", *common, "--grid", space, "--set", "max_holding_periods=20", "--out", out).document
    table: dict[str, list[Any]] = parquet.read_table(out).to_pydict()
    n = len(table["pierce_depth"])
    assert document["combinations"] == n == 3 * 2 * 2 * 2
    combinations = {row[:10] for row in zip(*table.values(), strict=True)}
    assert len(combinations) == n
    assert set(table["pierce_depth"]) == {0.001, 0.002, 0.003}
    assert set(table["max_holding_periods"]) == {20}
    names = find_strategy("LIQUIDITY_SWEEP").parameters.names
    assert list(table) == [
        *names, "total_trades", "win_rate", "net_profit_pct", "profit_factor", "max_drawdown_pct", "sharpe_ratio",
    ]  # fmt: skip
    assert sum(table["total_trades"]) == document["simulated_trades"] > 0
    for row in range(0, n, 5):
        fixed = itertools.chain.from_iterable(("--set", f"{name}={table[name][row]}") for name in names)
        metrics = assay("backtest", *common, *fixed).document["metrics"]
        for name in list(table)[len(names) :]:
            expected = metrics[name]
            assert table[name][row] == expected or (expected is None and math.isnan(table[name][row])), (row, name)


def test_a_sweeps_summary_follows_from_its_table(assay: Assay, market_file: Path, rising: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.csv"
    arguments = ("sweep", "--file", market_file, "--strategy", f"{rising}:Rising", "--out", out)
    document = assay(*arguments, "--json").document
    rows = read_rows(out)
    enough = [r for r in rows if int(r["total_trades"]) >= 30]
    best = max(enough, key=lambda r: float(r["sharpe_ratio"]))
    assert document["with_enough_trades"] == len(enough)
    assert document["best"]["metrics"]["sharpe_ratio"] == float(best["sharpe_ratio"])
    assert document["best"]["parameters"] == {name: float(best[name]) for name in ("strength", "stop")}
    profitable = sum(float(r["net_profit_pct"]) > 0 for r in rows)
    assert document["profitable_share"] == profitable / len(rows)
    text = assay(*arguments)
    assert "combinations" in text.out
    assert ("looks good on data without any edge" in text.err) == (float(best["sharpe_ratio"]) > 0)


def test_the_best_needs_thirty_trades(assay: Assay, market_file: Path) -> None:
    arguments = ("sweep", "--file", market_file, "--set", "volume_spike_threshold=100", "--days", 20)
    assert assay(*arguments, "--json").document["best"] is None
    assert "No combination has at least 30 trades" in assay(*arguments).out


def test_threads_do_not_change_a_sweep(assay: Assay, market_file: Path, tmp_path: Path) -> None:
    files = []
    for threads in (1, 2):
        out = tmp_path / f"{threads}.parquet"
        fixed = ("--set", "pierce_depth=0.0005", "--set", "key_level_lookback=50", "--days", 10)
        ran = assay("sweep", "--file", market_file, "--grid", "benchmark", *fixed, "--threads", threads, "--out", out)
        assert ran.code == 0
        files.append(out.read_bytes())
    assert files[0] == files[1]


def test_senseless_combinations_are_left_blank(assay: Assay, market_file: Path, rising: Path, tmp_path: Path) -> None:
    rule = '    def constraint(self, values):\n        return "no" if values["stop"] < 2 else None\n\n    def setups'
    rising.write_text(rising.read_text().replace("    def setups", rule))
    out = tmp_path / "g.csv"
    arguments = ("--file", market_file, "--strategy", f"{rising}:Rising")
    document = assay("sweep", *arguments, "--out", out, "--json").document
    assert (document["combinations"], document["refused"]) == (6, 2)
    blank = [r for r in read_rows(out) if float(r["stop"]) < 2]
    assert {r["total_trades"] for r in blank} == {"0"}
    ran = assay("backtest", *arguments, "--set", "stop=1", "--json")
    assert ran.code == 2


def test_bad_bars_are_said_beside_a_result(assay: Assay, tmp_path: Path) -> None:
    path = tmp_path / "SIM_DIRTYUSDT_5m.parquet"
    write_bars(path, simulate_market(SimulatedMarket(days=10, seed=3, dirty=True)))
    assert "REFUSE" in assay("backtest", "--file", path).err


def test_cold_kernels_are_compiled_before_the_work(
    assay: Assay, market_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.service.kernels.kernels_are_warm", lambda: False)
    ran = assay("backtest", "--file", market_file)
    assert ran.err.startswith("compiling kernels (once)…\n")
    assert "compiling" not in assay("backtest", "--file", market_file, "--quiet").err
