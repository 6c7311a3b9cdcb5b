"""Dirty rows: what can be a bar is kept, the rest is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import BarsError
from assay.market import Bars, Market, Timeframe
from assay.sources import read_bar_file, read_bars
from assay.sources.row_cleaning import Rows, clean_rows

if TYPE_CHECKING:
    from pathlib import Path

STEP = 300_000
MARKET = Market("binance", "BTC/USDT", Timeframe(STEP))
T0 = 1_700_000_100_000 // STEP * STEP


def table(*rows: tuple[float, ...]) -> Rows:
    """Rows of (bar number, close, volume): open = close, high and low 1 away."""
    number, close, volume = np.array(rows, dtype=float).T
    time = (T0 + number * STEP).astype(np.int64)
    columns = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": volume}
    return clean_rows(MARKET, time, columns)


def kept(rows: Rows) -> list[tuple[int, float, float]]:
    c = rows.columns
    number = ((c["time"] - T0) // STEP).tolist()
    return list(zip(number, c["close"].tolist(), c["volume"].tolist(), strict=True))


def test_sound_rows_are_all_kept() -> None:
    rows = table((0, 10, 1), (1, 11, 0), (3, 12, 2))
    assert kept(rows) == [(0, 10.0, 1.0), (1, 11.0, 0.0), (3, 12.0, 2.0)]
    assert not rows.findings.any


def test_every_kind_of_dirt_is_counted_once() -> None:
    nan = float("nan")
    rows = table(
        (0, 10, 1), (0, 10, 1),  # twice the same
        (1, 11, 1), (1, 12, 5),  # twice, the second fuller
        (3, 13, 1), (2, 14, 1),  # out of order
        (4.5, 15, 1),  # off the grid
        (5, nan, 1), (6, 10, nan), (7, 10, -1), (8, 1, 1),  # no price, no volume, negative volume, low of 0
        (9, 16, 1), (10, 16, 1), (11, 16, 1),
    )  # fmt: skip
    assert kept(rows) == [
        (0, 10.0, 1.0), (1, 12.0, 5.0), (2, 14.0, 1.0), (3, 13.0, 1.0),
        (9, 16.0, 1.0), (10, 16.0, 1.0), (11, 16.0, 1.0),
    ]  # fmt: skip
    assert rows.findings.as_dict() == {
        "duplicate": 1, "conflict": 1, "unordered": 1, "off_grid": 1, "broken": 4, "unfinished": 0, "empty": 0,
    }  # fmt: skip
    assert rows.findings.rows == 14


def test_rows_that_come_newest_first_are_said_so() -> None:
    newest = table((3, 13, 1), (2, 12, 1), (2, 12, 1), (1, 11, 1))
    assert newest.findings.sentences() == [
        "1 row repeats a bar and was left out",
        "the rows come newest first and were turned round",
    ]
    assert table((3, 13, 1), (1, 11, 1), (2, 12, 1)).findings.sentences() == [
        "1 row was not in order of time and was put in order"
    ]


def test_a_bar_that_is_not_over_is_left_out() -> None:
    time = T0 + np.arange(3) * STEP
    flat = np.ones(3)
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), flat)
    rows = clean_rows(MARKET, time, columns, now_ms=int(time[2]) + STEP - 1)
    assert (len(rows.columns["time"]), rows.findings.unfinished) == (2, 1)
    assert clean_rows(MARKET, time, columns, now_ms=int(time[2]) + STEP).findings.unfinished == 0


def test_a_file_of_mostly_bad_rows_is_refused_with_the_first() -> None:
    nan = float("nan")
    with pytest.raises(BarsError, match=r"row 1 open: must be a finite number"):
        table((0, 10, 1), (1, nan, 1), (2, nan, 1))
    with pytest.raises(BarsError, match=r"row 0 time: must be a multiple of the timeframe"):
        table((0.5, 10, 1), (1.5, 10, 1), (3, 10, 1))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(5, 9), st.integers(0, 2)), min_size=1, max_size=40))
def test_what_is_kept_are_bars_and_every_row_is_accounted_for(drawn: list[tuple[int, int, int]]) -> None:
    rows = table(*drawn)
    c = rows.columns
    bars = Bars.from_columns(MARKET, c["time"], c["open"], c["high"], c["low"], c["close"], c["volume"])
    assert int((~bars.absent).sum()) == len({number for number, _, _ in drawn})
    assert len(c["time"]) + rows.findings.duplicate + rows.findings.conflict == len(drawn)
    fullest: dict[int, int] = {}
    for number, _, volume in drawn:
        fullest[number] = max(volume, fullest.get(number, 0))
    assert {number: volume for number, _, volume in kept(rows)} == fullest


def lines(*rows: str) -> str:
    return "\n".join(("time,open,high,low,close,volume", *rows))


def test_files_are_sifted_and_clean_ones_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "BINANCE_BTCUSDT_5m.csv"
    clean = [f"2024-01-01T00:{m:02d}:00Z,10,12,9,11,{m}" for m in range(0, 60, 5)]
    path.write_text(lines(*clean))
    rows, bars = read_bar_file(path).rows, read_bars(path)
    assert rows.market == bars.market == MARKET
    assert all(np.array_equal(rows.columns[name], getattr(bars, name)) for name in ("time", "close", "volume"))
    path.write_text(lines(*clean[:6], clean[5], "2024-01-01T00:30:00Z,,12,9,11,1", *clean[7:]))
    rows = read_bar_file(path).rows
    assert (rows.findings.duplicate, rows.findings.broken, len(rows.columns["time"])) == (1, 1, 11)
    with pytest.warns(UserWarning, match="1 row repeats a bar and was left out; 1 row has no usable prices"):
        assert int((~read_bars(path).absent).sum()) == 11


@pytest.mark.parametrize("text", ["abc", "1,500"])
def test_what_is_no_number_is_refused_with_its_row(tmp_path: Path, text: str) -> None:
    path = tmp_path / "BINANCE_BTCUSDT_5m.csv"
    path.write_text(lines("2024-01-01T00:00:00Z,10,12,9,11,1", f'2024-01-01T00:05:00Z,"{text}",12,9,11,1'))
    with pytest.raises(BarsError, match=r"row 1 open: must be a number"):
        read_bar_file(path)


def test_a_file_without_volume_has_unknown_volumes(tmp_path: Path) -> None:
    path = tmp_path / "BINANCE_BTCUSDT_5m.csv"
    rows: list[Any] = [f"2024-01-01T00:{m:02d}:00Z,10,12,9,11" for m in (0, 5, 10)]
    path.write_text("\n".join(("time,open,high,low,close", *rows)))
    assert np.isnan(read_bar_file(path).rows.columns["volume"]).all()
