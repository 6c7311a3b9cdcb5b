from __future__ import annotations

import gzip
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import csv, parquet

from assay.errors import AssayError, BarsError, FileFormatError, InputError
from assay.market import Bars, Market, Timeframe
from assay.sources import read_bars, write_bars, write_table, write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEP = 300_000
T0 = 1_704_067_200_000
MARKET = Market("binance", "BTC/USDT", Timeframe(STEP))
HEADER = "timestamp,open,high,low,close,volume\n"
ROWS = "".join(f"2024-01-01 00:{5 * i:02d},10{i},11{i},9{i},10{i},{i + 1}\n" for i in range(4))
IN_PLACE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write a text or bytes into a file and return its path."""

    def write(content: str | bytes, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def stored(path: Path, **changed: Any) -> Path:
    """Write four bars as Parquet, columns changed, added or (None) left out."""
    close = np.array([100.0, 101.0, 102.0, 103.0])
    content: dict[str, Any] = {
        "timestamp": pa.array(T0 + STEP * np.arange(4), pa.int64()).cast(pa.timestamp("ms", "UTC")),
        "open": close,
        "high": close + 1,
        "low": close - 1,
        "close": close,
        "volume": np.arange(1.0, 5.0),
    }
    parquet.write_table(pa.table({k: v for k, v in (content | changed).items() if v is not None}), path)
    return path


def refused(kind: type[AssayError], message: str, path: Path, **arguments: Any) -> None:
    """Reading must fail with this message, in which FILE stands for the path."""
    with pytest.raises(kind, match=f"^{re.escape(message.replace('FILE', str(path)))}$") as caught:
        read_bars(path, **arguments)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


@st.composite
def some_bars(draw: st.DrawFn) -> Bars:
    positions = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=20)))
    n = len(positions)
    prices = st.floats(1e-9, 1e9, allow_subnormal=False)
    pairs = [sorted(draw(st.tuples(prices, prices))) for _ in range(n)]
    volumes = st.lists(st.floats(0, 1e12), min_size=n, max_size=n)
    return Bars.from_columns(
        MARKET,
        time=T0 + STEP * np.array(positions),
        open=draw(st.lists(prices, min_size=n, max_size=n)),
        high=[pair[1] for pair in pairs],
        low=[pair[0] for pair in pairs],
        close=draw(st.lists(prices, min_size=n, max_size=n)),
        volume=draw(st.none() | volumes),
    )


# --- round trips ----------------------------------------------------------------------------------


@IN_PLACE
@given(bars=some_bars(), suffix=st.sampled_from(["parquet", "csv", "csv.gz"]))
def test_written_bars_are_read_back_to_the_last_bit(tmp_path: Path, bars: Bars, suffix: str) -> None:
    path = tmp_path / f"bars.{suffix}"
    write_bars(path, bars)
    again = read_bars(path, market=MARKET)
    assert again.digest == bars.digest
    assert (again.market, again.has_volume) == (bars.market, bars.has_volume)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz"])
def test_recorded_bars_survive_every_format(shared_data: Path, tmp_path: Path, suffix: str) -> None:
    bars = read_bars(shared_data / "BINANCE_CVCUSDT_5m.parquet")
    write_bars(tmp_path / f"BINANCE_CVCUSDT_5m.{suffix}", bars)
    again = read_bars(tmp_path / f"BINANCE_CVCUSDT_5m.{suffix}")
    assert again.digest == bars.digest
    assert again.market == bars.market == Market("binance", "CVC/USDT", Timeframe(STEP))


def test_only_recorded_rows_are_written(tmp_path: Path) -> None:
    ones = [1.0, 1.0]
    bars = Bars.from_columns(MARKET, [T0, T0 + 3 * STEP], ones, ones, ones, ones, [1.0, 2.0])
    write_bars(tmp_path / "x.parquet", bars)
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names == ["timestamp", "open", "high", "low", "close", "volume"]
    assert table.schema.field("timestamp").type == pa.timestamp("ms", "UTC")
    assert table["timestamp"].cast(pa.int64()).to_pylist() == [T0, T0 + 3 * STEP]
    assert table["volume"].to_pylist() == [1.0, 2.0]


def test_bars_without_volume_are_written_without(tmp_path: Path) -> None:
    one = [1.0]
    write_bars(tmp_path / "x.csv", Bars.from_columns(MARKET, [T0], one, one, one, one, None))
    text = (tmp_path / "x.csv").read_text()
    assert text == '"timestamp","open","high","low","close"\n2024-01-01 00:00:00.000Z,1,1,1,1\n'


# --- names of columns -----------------------------------------------------------------------------

HEADERS = [
    "timestamp,open,high,low,close,volume",
    "Time,O,H,L,C,V",
    "DATE,Open,High,Low,Close,Vol",
    "Datetime,OPEN,HIGH,LOW,CLOSE,VOLUME",
    "open_time,open,high,low,close,base_volume",
    "Open Time,Open,High,Low,Last,Base Volume",
    "ts,o,h,l,c,v",
    "unix,open,high,low,close,vol",
    "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
    '"timestamp","open","high","low","close","volume"',
    " timestamp , open , high , low , close , volume ",
    "t,openPrice,highPrice,lowPrice,closePrice,v",
]


@pytest.mark.parametrize("header", HEADERS)
def test_columns_are_recognised_by_name(save: Callable[..., Path], header: str) -> None:
    bars = read_bars(save(f"{header}\n{ROWS}"))
    assert bars.digest == read_bars(save(HEADER + ROWS)).digest
    assert bars.volume.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_order_and_further_columns_do_not_matter(save: Callable[..., Path]) -> None:
    rows = "".join(f"x,{i + 1},10{i},9{i},11{i},10{i},2024-01-01 00:{5 * i:02d},\n" for i in range(4))
    bars = read_bars(save(f"symbol,volume,close,low,high,open,time,close_time\n{rows}"))
    assert bars.digest == read_bars(save(HEADER + ROWS)).digest


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\n\n" + text,
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace(",", " , "),
    ],
    ids=["semicolon", "tab", "crlf", "bom", "leading-blanks", "blank-lines", "no-last-newline", "spaces"],
)
def test_the_usual_dialects_of_csv_are_read(save: Callable[..., Path], bend: Callable[[str], str]) -> None:
    assert read_bars(save(bend(HEADER + ROWS))).digest == read_bars(save(HEADER + ROWS)).digest


@pytest.mark.parametrize(
    ("header", "field", "both"),
    [
        ("time,open,high,low,close,Last", "close", "['close', 'Last']"),
        ("time,open,high,low,close,vol,Volume", "volume", "['vol', 'Volume']"),
        ("time,open,open,high,low,close", "open", "['open', 'open']"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_two_columns_for_one_field_are_refused(tmp_path: Path, header: str, field: str, both: str, form: str) -> None:
    path, names = tmp_path / f"bars.{form}", header.split(",")
    if form == "csv":
        path.write_text(header + "\n")
    else:
        parquet.write_table(pa.Table.from_arrays([pa.array([1.0])] * len(names), names=names), path)
    rule = f"must have one column for {field}, choose it with --columns {field}=NAME"
    refused(FileFormatError, f"FILE: {rule}, got {both}", path)


def test_missing_columns_are_named_with_those_found(save: Callable[..., Path], tmp_path: Path) -> None:
    rule = "must have columns for time, open, high, low and close; missing: low, close"
    way = "Say which with --columns low=NAME"
    refused(FileFormatError, f"FILE: {rule}, got ['ts', 'open', 'high', 'x']. {way}", save("ts,open,high,x\n1,2,3,4\n"))
    path = stored(tmp_path / "x.parquet", low=None, close=None)
    refused(FileFormatError, f"FILE: {rule}, got ['timestamp', 'open', 'high', 'volume']. {way}", path)


def test_rows_without_names_that_fit_two_orders_are_refused(save: Callable[..., Path]) -> None:
    """Open 1, high 2, low 1, close 2 of the usual order; low 1, high 2, open 1, close 2 of Coinbase's."""
    rule = "has no header, and its prices fit the orders of freqtrade and Coinbase API"
    way = "Say which is which with --columns time=1,open=2,high=3,low=4,close=5,volume=6"
    refused(FileFormatError, f"FILE: {rule}. {way}", save("1704067200,1,2,1,2,3\n"))


@pytest.mark.parametrize("name", ["quote_volume", "Volume USD", "amount"])
def test_a_volume_that_is_not_plainly_the_volume_is_refused(save: Callable[..., Path], name: str) -> None:
    rule = "must say which column is the volume in units of the base: --columns volume=NAME"
    refused(FileFormatError, f"FILE: {rule}, got [{name!r}]", save((HEADER + ROWS).replace("volume", name)))
    both = (HEADER + ROWS).replace("volume\n", f"volume,{name}\n").replace("1\n", "1,7\n")
    assert read_bars(save(both.split("2024-01-01 00:05", maxsplit=1)[0]), timeframe="5m").volume.tolist() == [1.0]


def test_a_file_may_have_no_volume(save: Callable[..., Path], tmp_path: Path) -> None:
    text = "".join(line.rsplit(",", 1)[0] + "\n" for line in (HEADER + ROWS).splitlines())
    for path in (save(text), stored(tmp_path / "x.parquet", volume=None)):
        bars = read_bars(path)
        assert not bars.has_volume
        assert bars.valid.all()


# --- times ----------------------------------------------------------------------------------------

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@pytest.mark.parametrize("unit", PER_SECOND)
@pytest.mark.parametrize("form", ["csv", "csv-float", "int64", "float64", "timestamp", "naive", "utc-string"])
def test_epochs_and_stamps_of_every_unit_are_read(tmp_path: Path, unit: str, form: str) -> None:
    epochs = [(T0 + STEP * i) // 1000 * PER_SECOND[unit] for i in range(4)]
    if form.startswith("csv"):
        path, tail = tmp_path / "x.csv", ".0" if form == "csv-float" else ""
        rows = "".join(f"{epoch}{tail},1,1,1,1\n" for epoch in epochs)
        path.write_text(f"time,open,high,low,close\n{rows}")
    else:
        column = pa.array(epochs, pa.int64())
        kinds = {
            "float64": pa.float64(),
            "timestamp": pa.timestamp(unit, "America/New_York"),
            "naive": pa.timestamp(unit),
            "utc-string": pa.timestamp(unit),
        }
        column = column.cast(kinds.get(form, pa.int64()), safe=False)
        path = stored(tmp_path / "x.parquet", timestamp=column.cast(pa.string()) if form == "utc-string" else column)
    assert read_bars(path).time.tolist() == [T0 + STEP * i for i in range(4)]


@given(second=st.integers(946_684_800 // 60, 4_102_444_800 // 60), unit=st.sampled_from(list(PER_SECOND)))
@IN_PLACE
def test_every_minute_of_the_century_has_one_unit(save: Callable[..., Path], second: int, unit: str) -> None:
    path = save(f"t,o,h,l,c\n{second * 60 * PER_SECOND[unit]},1,1,1,1\n")
    assert read_bars(path, timeframe="1m").time.tolist() == [second * 60_000]


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-01", "2024-01-02"],
        ["2024-01-01 00:00", "2024-01-02 00:00"],
        ["2024-01-01T00:00:00", "2024-01-02T00:00:00"],
        ["2024-01-01T00:00:00.000000000", "2024-01-02T00:00:00.000000000"],
        ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"],
        ["2024-01-01 00:00:00+00:00", "2024-01-02 00:00:00+00:00"],
        ["2023-12-31T19:00-05:00", "2024-01-01T19:00-0500"],
        ["2024-01-01 05:30:00+05:30", "2024-01-02 00:00:00"],
    ],
)
def test_iso_times_are_read_and_taken_as_utc_without_a_zone(save: Callable[..., Path], texts: list[str]) -> None:
    bars = read_bars(save("date,open,high,low,close\n" + "".join(f"{text},1,1,1,1\n" for text in texts)))
    assert bars.time.tolist() == [T0, T0 + 86_400_000]
    assert str(bars.market.timeframe) == "1d"


def test_dates_are_read(tmp_path: Path) -> None:
    for kind in (pa.date32(), pa.date64()):
        days = pa.array([19723, 19724, 19725, 19726], pa.int32()).cast(pa.date32()).cast(kind)
        assert read_bars(stored(tmp_path / "x.parquet", timestamp=days)).time[0] == T0


@pytest.mark.parametrize("header", ["date,time", "Time,Date"])
def test_a_date_and_a_time_of_day_are_joined(save: Callable[..., Path], tmp_path: Path, header: str) -> None:
    order = slice(None) if header == "date,time" else slice(None, None, -1)
    rows = "".join(",".join(["2024-01-01", f"00:0{5 * i}"][order]) + ",1,1,1,1\n" for i in range(2))
    assert read_bars(save(f"{header},open,high,low,close\n{rows}")).time.tolist() == [T0, T0 + STEP]
    texts = {"date": ["2024-01-01"] * 4, "time": [f"00:{5 * i:02d}:00" for i in range(4)]}
    assert len(read_bars(stored(tmp_path / "x.parquet", timestamp=None, **texts))) == 4


def test_a_date_beside_an_epoch_must_agree(save: Callable[..., Path]) -> None:
    head = "date,time,open,high,low,close\n"
    assert read_bars(save(f"{head}2024-01-01,1704067500,1,1,1,1\n"), timeframe="5m").time.tolist() == [T0 + STEP]
    rule = (
        "has two columns of times that differ, first in row 0: 'time' says 2024-01-01T00:05:00.000 and "
        "'date' says 2024-01-02T00:00:00.000 (UTC)"
    )
    path = save(f"{head}2024-01-02,1704067500,1,1,1,1\n")
    refused(FileFormatError, f"FILE: {rule}. Choose one: --columns time=time", path, timeframe="5m")


NO_EPOCH = "must be an epoch in s, ms, us or ns between the years 2000 and 2100"
NO_TIME = "must be a date and time such as 2024-01-31T09:30:00Z, 31.01.2024 09:30, 20240131 093000, or a whole epoch"
NO_MOMENT = "must be a moment that the calendar has"


@pytest.mark.parametrize(
    ("stamps", "row", "rule", "value"),
    [
        (["0", "1"], 0, NO_EPOCH, 0),
        (["-1704067200"], 0, NO_EPOCH, -1704067200),
        (["946684799"], 0, NO_EPOCH, 946684799),
        (["4102444801"], 0, NO_EPOCH, 4102444801),
        (["1704067200", "1704067500", "7"], 2, NO_EPOCH, 7),
        (["1704067200.5"], 0, "must be a whole number", "1704067200.5"),
        (["1704067200", "99999999999999999999"], 1, "must be a whole number", "99999999999999999999"),
        (["1704067200", "2024-01-01"], 1, "must be a whole number", "2024-01-01"),
        (["1704067200", ""], 1, "must not be empty", "null"),
        (["1.7e9"], 0, NO_TIME, "1.7e9"),
        (["2024-01-01", "01.02.2024"], 1, NO_TIME, "01.02.2024"),
        (["2024-01-01", "2024-02-30"], 1, NO_MOMENT, "2024-02-30"),
        (["20240101", "20240231"], 1, NO_MOMENT, "20240231"),
        (["2024-01-01 23:59", "2024-01-01 24:00"], 1, NO_MOMENT, "2024-01-01 24:00"),
        (["2024-01-01T00:00Z", "1704067200"], 1, NO_TIME, "1704067200"),
        (["2024-01-01", ""], 1, "must not be empty", "null"),
        (["2024-01-01 00:00:00.0005"], 0, "must be a whole millisecond", "1704067200000500000 ns"),
        (["1704067200000500"], 0, "must be a whole millisecond", "1704067200000500 us"),
    ],
)
def test_a_time_that_is_none_is_refused_with_its_row(
    save: Callable[..., Path], stamps: list[str], row: int, rule: str, value: object
) -> None:
    path = save("time,open,high,low,close\n" + "".join(f"{stamp},1,1,1,1\n" for stamp in stamps))
    refused(BarsError, f"row {row} time: {rule}, got {value!r}. In FILE", path)


def test_times_of_other_types_are_refused(tmp_path: Path) -> None:
    path = stored(tmp_path / "x.parquet", timestamp=[True] * 4)
    rule = "column 'timestamp' must hold times, texts of times or whole epochs"
    refused(FileFormatError, f"FILE: {rule}, got 'bool'", path)
    stamps = pa.array([T0, T0 + STEP, None, T0 + 3 * STEP], pa.int64())
    path = stored(tmp_path / "x.parquet", timestamp=stamps)
    refused(BarsError, "row 2 time: must not be empty, got 'null'. In FILE", path)
    path = stored(tmp_path / "x.parquet", timestamp=[1704067200.0, 1704067500.0, float("nan"), 1704068100.0])
    refused(BarsError, "row 2 time: must be a whole number, got nan. In FILE", path)


def test_rows_out_of_order_are_put_in_order_and_repeated_ones_are_told(save: Callable[..., Path]) -> None:
    sound = read_bars(save(HEADER + ROWS))
    newest_first = HEADER + "".join(f"{row}\n" for row in reversed(ROWS.splitlines()))
    assert read_bars(save(newest_first)).digest == sound.digest
    twice = save(HEADER + ROWS + ROWS.splitlines()[-1] + "\n")
    with pytest.warns(UserWarning, match="1 row repeats a bar and was left out$"):
        assert read_bars(twice).digest == sound.digest


# --- numbers --------------------------------------------------------------------------------------


def with_cell(row: int, name: str, text: str) -> str:
    """The four rows with one cell changed."""
    lines = [line.split(",") for line in ROWS.splitlines()]
    lines[row][HEADER.strip().split(",").index(name)] = text
    return HEADER + "".join(",".join(line) + "\n" for line in lines)


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("text", ["abc", "1_0", "1.2.3", "0x10"])
def test_a_text_among_numbers_is_refused_with_its_row(save: Callable[..., Path], name: str, text: str) -> None:
    refused(BarsError, f"row 2 {name}: must be a number, got {text!r}. In FILE", save(with_cell(2, name, text)))


def test_the_first_of_many_texts_is_named(save: Callable[..., Path]) -> None:
    stamps = [np.datetime64(T0 + STEP * i, "ms") for i in range(3000)]
    bad = {1234, 1235, 2999}
    rows = "".join(f"{stamp},1,1,1,{'x' * (i in bad) or 1}\n" for i, stamp in enumerate(stamps))
    path = save(f"time,open,high,low,close\n{rows}")
    refused(BarsError, "row 1234 close: must be a number, got 'x'. In FILE", path)


LEFT_OUT = "1 row has no usable prices or volume and was left out$"


@pytest.mark.parametrize("name", ["open", "volume"])
@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "", "null", "-5"])
def test_a_row_without_a_usable_number_is_left_out_and_told(save: Callable[..., Path], name: str, text: str) -> None:
    with pytest.warns(UserWarning, match=LEFT_OUT):
        bars = read_bars(save(with_cell(1, name, text)))
    assert bars.absent.tolist() == [False, True, False, False]


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("missing", [None, float("nan")])
def test_gaps_in_a_parquet_column_are_left_out_and_told(tmp_path: Path, name: str, missing: float | None) -> None:
    value = {"high": 200.0, "low": 50.0}.get(name, 100.0)
    path = stored(tmp_path / "x.parquet", **{name: pa.array([value, value, value, missing])})
    with pytest.warns(UserWarning, match=LEFT_OUT):
        assert len(read_bars(path)) == 3


@pytest.mark.parametrize(
    "kind",
    [pa.float32(), pa.int64(), pa.uint16(), pa.decimal128(24, 4), pa.string(), pa.large_string()],
    ids=str,
)
def test_numbers_of_any_type_are_read(tmp_path: Path, kind: Any) -> None:
    values = pa.array([100, 101, 102, 103]).cast(kind)
    bars = read_bars(stored(tmp_path / "x.parquet", close=values, volume=values))
    assert bars.close.tolist() == bars.volume.tolist() == [100.0, 101.0, 102.0, 103.0]


def test_other_types_are_refused(tmp_path: Path) -> None:
    path = stored(tmp_path / "x.parquet", close=[True] * 4)
    refused(FileFormatError, "FILE: column 'close' must hold numbers, got 'bool'", path)


def test_chunks_dictionaries_and_volumes_beyond_2_to_53_are_read(tmp_path: Path) -> None:
    path = stored(tmp_path / "x.parquet", volume=[2**60, 1, 2, 3], open=pa.array(["100"] * 4).dictionary_encode())
    table = parquet.read_table(path)
    parquet.write_table(table, path, row_group_size=1)
    bars = read_bars(path)
    assert bars.volume.tolist() == [2.0**60, 1.0, 2.0, 3.0]
    assert bars.open.tolist() == [100.0] * 4


# --- files that are none --------------------------------------------------------------------------


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    refused(InputError, "FILE: there is no such file", tmp_path / "none.csv")
    refused(InputError, "FILE: must be a file, but it is a folder", tmp_path)


def test_a_file_is_what_it_holds_whatever_its_ending(save: Callable[..., Path]) -> None:
    text = HEADER + ROWS
    for name in ("bars.xlsx", "bars.parquet", "bars.csv.gz", "bars"):
        assert len(read_bars(save(text, name))) == 4
    rule = "must be a table with a header that names time, open, high, low and close, or rows of them"
    refused(FileFormatError, f"FILE: {rule}, got 'x'", save("x", "bars.csv"))


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet"])
def test_empty_files_are_refused(save: Callable[..., Path], name: str) -> None:
    refused(FileFormatError, "FILE: is empty", save("", name))


def test_files_without_rows_are_refused(save: Callable[..., Path], tmp_path: Path) -> None:
    refused(FileFormatError, "FILE: is empty", save(" \n\n"))
    refused(FileFormatError, "FILE: must have at least one row of data", save(HEADER))
    parquet.write_table(parquet.read_table(stored(tmp_path / "x.parquet")).slice(0, 0), tmp_path / "y.parquet")
    refused(FileFormatError, "FILE: must have at least one row of data", tmp_path / "y.parquet")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"PAR1abc", "is not a readable Parquet file: "),
        (b"ARROW1\x00\x00abc", "is not a readable Feather file: "),
        (gzip.compress((HEADER + ROWS).encode())[:-12], "cannot be unpacked: "),
        (b"PK\x03\x04abc", "is not a readable zip file: "),
        (b"[[1,2,3", "is not readable JSON: "),
        (b"\x00\x01\x02", "is neither text nor Parquet or Feather: "),
        (b"\xd0\xcf\x11\xe0abc", "is an Excel workbook: save it as CSV"),
        (b"<!DOCTYPE html><html>", "is a web page, not a table: "),
        (b"\x80\x04pickle", "is a Python pickle, which could run code: "),
    ],
    ids=["parquet", "feather", "gzip", "zip", "json", "binary", "excel", "html", "pickle"],
)
def test_broken_files_are_refused(save: Callable[..., Path], content: bytes, rule: str) -> None:
    path = save(content, "x.csv")
    with pytest.raises(FileFormatError, match=f"^{re.escape(str(path))}: {rule}") as caught:
        read_bars(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("row", "length"), [("1,2", 2), ("1,2,3,4,5,6,7", 7)])
def test_rows_of_another_length_are_refused(save: Callable[..., Path], row: str, length: int) -> None:
    path = save(f"\n{HEADER}{ROWS}\n{row}\n2024-01-01 00:20,1,1,1,1,1\n")
    refused(FileFormatError, f"FILE row 4: must have 6 values, as the header has, got {length}", path)


def test_a_last_line_that_was_cut_off_is_left_out(save: Callable[..., Path]) -> None:
    assert len(read_bars(save(f"{HEADER}{ROWS}2024-01-01 00:2"))) == 4


# --- market and timeframe -------------------------------------------------------------------------


def test_the_name_says_which_market(save: Callable[..., Path]) -> None:
    for name in ("BINANCE_BTCUSDT_5m.csv", "binance-btc-usdt-5m.CSV"):
        assert read_bars(save(HEADER + ROWS, name)).market == MARKET
    packed = save(gzip.compress((HEADER + ROWS).encode()), "BINANCE_BTCUSDT_5m.csv.gz")
    assert read_bars(packed).market == MARKET


def test_a_name_that_says_nothing_gives_the_stem_and_the_most_common_step(save: Callable[..., Path]) -> None:
    market = read_bars(save(HEADER + ROWS, "my.bars.csv")).market
    assert market == Market("file", "MY.BARS", Timeframe(STEP), tick=None)
    holes = HEADER + "".join(f"2024-01-0{day},1,1,1,1,1\n" for day in (1, 2, 5, 6, 9))
    assert str(read_bars(save(holes)).market.timeframe) == "1d"


def test_arguments_overrule_the_name(save: Callable[..., Path]) -> None:
    path = save(HEADER + ROWS, "BINANCE_BTCUSDT_1h.csv")
    other = Market("kraken", "XBT/USD", Timeframe(STEP), tick=0.1)
    assert read_bars(path, market=other).market == other
    assert read_bars(path, market=other, timeframe="5m").market == other
    for timeframe in ("5m", Timeframe(STEP)):
        assert read_bars(path, timeframe=timeframe).market == MARKET
    assert str(read_bars(save(HEADER + ROWS, "x.csv"), timeframe="1m").market) == "X 1m on file"
    refused(InputError, "timeframe: must be that of the market (5m), got '1h'", path, market=other, timeframe="1h")
    refused(InputError, "timeframe: must look like 1m, 5m, 15m, 1h, 4h or 1d, got 'x'", path, timeframe="x")


def test_a_name_that_contradicts_the_stamps_is_refused(save: Callable[..., Path]) -> None:
    path = save(HEADER + ROWS, "BINANCE_BTCUSDT_15m.csv")
    rule = "must hold 15m bars as its name or attributes say, but the most common step of its stamps is 5m"
    refused(FileFormatError, f"FILE: {rule}; correct it or give the timeframe", path)
    odd = save(HEADER + "2024-01-01 00:00,1,1,1,1,1\n2024-01-01 00:07,1,1,1,1,1\n", "BINANCE_BTCUSDT_5m.csv")
    rule = "must hold 5m bars as its name or attributes say, but the most common step of its stamps is 7 minutes"
    refused(FileFormatError, f"FILE: {rule}; correct it or give the timeframe", odd)


def test_a_given_timeframe_that_the_stamps_do_not_fit_is_refused(save: Callable[..., Path]) -> None:
    rule = "must be a multiple of the timeframe (60 minutes), got '2024-01-01T00:05:00.000Z'"
    refused(BarsError, f"row 1 time: {rule}. In FILE", save(HEADER + ROWS), timeframe="1h")


def test_one_row_does_not_say_its_timeframe(save: Callable[..., Path]) -> None:
    one = HEADER + ROWS.splitlines()[0] + "\n"
    rule = "must have two different stamps, or the timeframe has to be given"
    refused(FileFormatError, f"FILE: {rule}", save(one))
    assert len(read_bars(save(one), timeframe="5m")) == 1
    assert len(read_bars(save(one, "BINANCE_BTCUSDT_5m.csv"))) == 1


def test_a_stray_row_does_not_change_the_timeframe(save: Callable[..., Path]) -> None:
    stray = save(HEADER + ROWS + "2024-01-01 00:16,1,1,1,1,1\n")
    with pytest.warns(UserWarning, match="1 row does not open on the grid of the timeframe and was left out$"):
        assert len(read_bars(stray)) == 4


def test_a_step_that_is_no_timeframe_is_refused(save: Callable[..., Path]) -> None:
    path = save(HEADER + "2024-01-01 00:00:00,1,1,1,1,1\n2024-01-01 00:00:30,1,1,1,1,1\n")
    refused(InputError, "timeframe: must be whole minutes that divide a day, got '30000 ms'", path)


# --- writing --------------------------------------------------------------------------------------

COLUMNS: dict[str, Any] = {
    "trade": np.array([1, 2, 3], dtype=np.int64),
    "price": np.array([0.1, np.nan, 1e300]),
    "small": np.array([1.5, 2.5, 3.5], dtype=np.float32),
    "won": np.array([True, False, True]),
    "reason": np.array(["stop", "", 'tär, "get"']),
    "exit": np.array(["2024-01-01T00:05", "NaT", "2024-01-02T00:00"], dtype="datetime64[ms]"),
    "side": ["long", None, "short"],
}


def test_a_table_of_every_type_is_written_as_parquet(tmp_path: Path) -> None:
    write_table(tmp_path / "x.parquet", COLUMNS)
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names == list(COLUMNS)
    for name in ("trade", "price", "small", "won", "exit"):
        np.testing.assert_array_equal(table[name].to_numpy(), COLUMNS[name])
    assert table["reason"].to_pylist() == COLUMNS["reason"].tolist()
    assert table["side"].to_pylist() == COLUMNS["side"]
    assert table["exit"].null_count == 1


@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_a_table_of_every_type_is_written_as_csv(tmp_path: Path, suffix: str) -> None:
    write_table(tmp_path / f"x.{suffix}", COLUMNS)
    table = csv.read_csv(str(tmp_path / f"x.{suffix}"), convert_options=csv.ConvertOptions(null_values=[""]))
    assert table.column_names == list(COLUMNS)
    np.testing.assert_array_equal(table["price"].to_numpy(), COLUMNS["price"])
    assert table["won"].to_pylist() == [True, False, True]
    assert table["reason"].to_pylist() == COLUMNS["reason"].tolist()


def test_texts_that_a_spreadsheet_would_run_are_harmless_in_csv_and_as_they_are_in_parquet(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "name": ["=cmd()", "+1", "-x", "@sum", "plain"],
        "value": np.array([-1.0, 2.0, 3.0, 4.0, 5.0]),
    }
    write_table(tmp_path / "x.csv", columns)
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[1:] == ['"\'=cmd()",-1', '"+1",2', '"\'-x",3', '"\'@sum",4', '"plain",5']
    write_table(tmp_path / "x.parquet", columns)
    assert parquet.read_table(tmp_path / "x.parquet")["name"].to_pylist() == columns["name"]


def test_views_and_empty_columns_are_written(tmp_path: Path) -> None:
    numbers = np.arange(6.0)
    write_table(tmp_path / "x.parquet", {"odd": numbers[1::2], "back": numbers[:3][::-1]})
    assert parquet.read_table(tmp_path / "x.parquet").to_pydict() == {"odd": [1.0, 3.0, 5.0], "back": [2.0, 1.0, 0.0]}
    write_table(tmp_path / "y.csv", {"a": np.empty(0), "b": np.empty(0, dtype="U1")})
    assert (tmp_path / "y.csv").read_text() == '"a","b"\n'


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz"])
def test_equal_tables_are_equal_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        write_table(tmp_path / f"{name}.{suffix}", COLUMNS)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_wrong_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^columns: must have one length, got \{'a': 2, 'b': 3\}$"):
        write_table(tmp_path / "x.csv", {"a": np.zeros(2), "b": np.zeros(3)})
    with pytest.raises(InputError, match=r"^columns: must have one dimension, got \(2, 2\)$"):
        write_table(tmp_path / "x.csv", {"a": np.zeros((2, 2))})
    with pytest.raises(FileFormatError, match=r"x\.json: must end in \.parquet, \.csv or \.csv\.gz$"):
        write_table(tmp_path / "x.json", {"a": np.zeros(2)})
    assert list(tmp_path.iterdir()) == []


def test_a_text_is_written_in_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "x.json", "é\n")
    assert (tmp_path / "x.json").read_bytes() == "é\n".encode()


WRITERS: dict[str, Callable[[Path], None]] = {
    "x.csv": lambda path: write_table(path, {"a": np.zeros(2)}),
    "x.parquet": lambda path: write_table(path, {"a": np.zeros(2)}),
    "x.json": lambda path: write_text(path, "new"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_replaced_with_the_usual_permissions_and_nothing_is_left_beside(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    usual = stat.S_IMODE((tmp_path / name).stat().st_mode)
    WRITERS[name](tmp_path / name)
    assert (tmp_path / name).read_bytes() != b"old"
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == usual
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    for path, reason in (
        (tmp_path / "none" / name, "No such file or directory"),
        (tmp_path / "file" / name, "Not a dir"),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(str(path))}: cannot be written: {reason}"):
            WRITERS[name](path)


@pytest.mark.parametrize("name", WRITERS)
def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / name).write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"cannot be written: No space left on device$"):
        WRITERS[name](tmp_path / name)
    assert (tmp_path / name).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


# --- the cost of importing ------------------------------------------------------------------------


def test_reading_and_writing_files_does_not_import_pandas(tmp_path: Path) -> None:
    code = f"""
import sys
import assay.sources as sources
assert not {{"pandas", "pyarrow"}} & set(sys.modules)
sources.write_text({str(tmp_path / "x.csv")!r}, {HEADER + ROWS!r})
bars = sources.read_bars({str(tmp_path / "x.csv")!r})
assert "pyarrow.parquet" not in sys.modules
sources.write_bars({str(tmp_path / "x.parquet")!r}, bars)
assert sources.read_bars({str(tmp_path / "x.parquet")!r}).digest == bars.digest
sources.write_table({str(tmp_path / "y.csv")!r}, {{"a": ["x"], "b": [1.5], "c": [True]}})
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import assay.sources

    with pytest.raises(AttributeError, match=r"^module 'assay\.sources' has no attribute 'read'$"):
        assay.sources.read  # noqa: B018
