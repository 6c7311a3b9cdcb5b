"""Wrong input: exit 2, one sentence that names field, rule and value, and nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.sources import write_bars

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.market import Bars
    from cli.conftest import Assay

HEADER = "timestamp,open,high,low,close,volume"
ROWS = [f"2024-01-01T00:{m:02d}:00Z,10,11,9,10,5" for m in (0, 5, 10, 15)]


def with_row(row: int, text: str) -> Callable[[], str]:
    return lambda: "\n".join([HEADER, *ROWS[:row], text, *ROWS[row + 1 :]]) + "\n"


FILES: dict[str, tuple[Callable[[], str], tuple[str, ...]]] = {
    "empty": (lambda: "", ("is empty",)),
    "header only": (lambda: HEADER + "\n", ("at least one row",)),
    "text in a price": (with_row(1, "2024-01-01T00:05:00Z,10,high,9,10,5"), ("row 1 high", "'high'")),
    "half of the rows without a price": (
        lambda: "\n".join([HEADER, *(row.replace(",10,5", ",nan,5") for row in ROWS[:3]), ROWS[3]]) + "\n",
        ("row 0 close", "finite"),
    ),
    "two markets": (
        lambda: "\n".join([HEADER, *ROWS, *(row.replace("10,11,9,10", "20,21,19,20") for row in ROWS)]) + "\n",
        ("must hold one market", "4 of 8 rows", "--where"),
    ),
    "a month in the middle of the calendar": (with_row(2, "2024-13-01T00:10:00Z,10,11,9,10,5"), ("row 2 time",)),
    "no column for close": (lambda: "time,open,high,low\n2024-01-01,1,1,1\n", ("missing: close",)),
    "not a table": (lambda: "\x00\x01\x02", ()),
}


@pytest.mark.parametrize("command", ["quality", "backtest", "sweep"])
@pytest.mark.parametrize("case", FILES)
def test_files_that_cannot_be_used(assay: Assay, tmp_path: Path, command: str, case: str) -> None:
    make, words = FILES[case]
    path, out = tmp_path / "X_ABUSDT_5m.csv", tmp_path / "out.csv"
    path.write_text(make())
    arguments: list[object] = [path] if command == "quality" else ["--file", path]
    if command != "quality":
        arguments += ["--trades" if command == "backtest" else "--out", out]
    ran = assay(command, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("assay: ")
    assert ran.err.count("\n") == 1
    for word in words:
        assert word in ran.err
    assert not out.exists()
    document = assay(command, *arguments, "--json").document
    assert document["error"]["message"] in ran.err
    assert document["error"]["field"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "pierce_dept=0.01"], "Did you mean 'pierce_depth'?"),
        (["--set", "pierce_depth=9"], "must lie in"),
        (["--set", "max_spread_tolerance=1"], "needs quotes"),
        (["--days", "0"], "--days: must be positive"),
        (["--days", "999"], "40 days"),
        (["--from", "2031-01-01"], "--from: must lie within the data"),
        (["--from", "soon"], "--from: must be a date"),
        (["--side", "up"], "--side: must be one of both, long, short, got 'up'"),
        (["--fee", "0.7"], "fee: must be a fraction"),
        (["--fee", "0.1"], "fee: of 1 % or more a side is taken only with its unit: 10% if that is meant, else 0.1%"),
        (["--fee", "1"], "Percent are written 1%"),
        (["--fee", "nan"], "fee: must be a number such as 0.001, 0.1% or 10bps"),
        (["--fee", "-1%"], "fee: must be a fraction"),
        (["--slippage", "inf"], "slippage: must be a number such as"),
        (["--slippage", "-1"], "slippage: must be a fraction"),
        (["--sizing", "half"], "sizing: must be"),
        (["--strategy", "LIQUIDITY_SWEP"], "LIQUIDITY_SWEEP"),
        (["--strategy", "none.py:A"], "no such file"),
        (["--timeframe", "7x"], "timeframe: must look like"),
        (["--file", "none.csv"], "there is no such file"),
        (["--out", "none/g.csv"], "in a folder that exists"),
        (["--out", "g.txt"], "must end in .parquet"),
        (["--grid", "fine"], "--grid: must be one of default, benchmark, or a file SPACE.toml"),
        (["--grid", "none.toml"], "no such file"),
        (["--threads", "0"], "--threads: must be at least 1"),
    ],
)
def test_options_that_cannot_be_used(
    assay: Assay,
    market_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = assay("sweep", "--file", market_file, "--out", "g.parquet", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_range_upside_down(assay: Assay, market_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    dates = ("--from", "2024-03-01", "--to", "2024-02-01")
    ran = assay("backtest", "--file", market_file, *dates, "--trades", out)
    assert (ran.code, out.exists()) == (2, False)
    assert "--from before --to" in ran.err


@pytest.mark.parametrize("command", ["backtest", "sweep"])
def test_fifty_bars_are_too_few(assay: Assay, bars: Bars, tmp_path: Path, command: str) -> None:
    path = tmp_path / "X_ABUSDT_5m.parquet"
    write_bars(path, bars.head(50))
    ran = assay(command, "--file", path, "--json")
    assert (ran.code, ran.document["error"]["type"]) == (2, "InsufficientDataError")
    assert "LIQUIDITY_SWEEP needs" in ran.err


def test_the_benchmark_grid_is_of_one_strategy(assay: Assay, market_file: Path, rising: Path) -> None:
    ran = assay("sweep", "--file", market_file, "--strategy", f"{rising}:Rising", "--grid", "benchmark")
    assert ran.code == 2
    assert "LIQUIDITY_SWEEP only, got 'RISING'" in ran.err


def test_a_grid_beyond_all_measure(assay: Assay, market_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text(
        "[space]\nkey_level_lookback = {low = 10, high = 2000}\nmax_holding_periods = {low = 1, high = 5000}\n"
        "pierce_depth = {low = 0.001, high = 0.01, step = 0.001}\n"
    )
    ran = assay("sweep", "--file", market_file, "--grid", path)
    assert ran.code == 2
    assert "at most 50,000,000 combinations" in ran.err
    assert "max_holding_periods has most values" in ran.err


@pytest.mark.parametrize(
    "option", [("--resume", "x"), ("--max-runtime", "9"), ("--out", "x"), ("--offline",), ("--threads", "2")]
)
def test_a_declaration_takes_no_option_of_a_run(assay: Assay, market_file: Path, option: tuple[str, ...]) -> None:
    ran = assay("ledger", "declare", "--file", market_file, "--note", "why", *option)
    assert (ran.code, ran.err) == (2, f"assay: {option[0]}: says how a training runs; nothing is run here\n")
