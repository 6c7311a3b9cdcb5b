from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import AssayError, BarsError, FileFormatError, InputError
from assay.market import Bars, Market, Timeframe
from assay.sources import bars_from_frame, frame_from_bars, read_bars

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEP = 300_000
T0 = 1_704_067_200_000
MARKET = Market("binance", "BTC/USDT", Timeframe(STEP), tick=0.01)
WAY_OUT = "Sort the frame by time and drop repeated rows; `read_bars` does that for a file"


def bars_at(positions: list[int], *, volume: bool = True) -> Bars:
    n = len(positions)
    close = 100.0 + np.arange(n)
    return Bars.from_columns(
        MARKET,
        time=T0 + STEP * np.array(positions),
        open=close,
        high=close + 1,
        low=close - 1,
        close=close,
        volume=np.arange(1.0, n + 1) if volume else None,
    )


BARS = bars_at([0, 1, 2, 5, 6])


def frame(**changed: Any) -> pd.DataFrame:
    """A frame of `BARS` with some columns changed or added."""
    df = frame_from_bars(BARS)
    return df.assign(**changed)


def refused(kind: type[AssayError], message: str, df: Any, market: Market | None = None) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$") as caught:
        bars_from_frame(df, market)
    assert type(caught.value) is kind


# --- round trips ----------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 60), min_size=1, max_size=30).map(sorted), st.booleans())
def test_a_frame_holds_all_of_the_bars(positions: list[int], volume: bool) -> None:
    bars = bars_at(positions, volume=volume)
    again = bars_from_frame(frame_from_bars(bars), MARKET)
    assert again.digest == bars.digest
    assert again.has_volume is volume
    assert again.market == bars.market


def test_recorded_bars_go_through_a_frame_and_its_parquet(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "BITTREX_PAYBTC_1m.parquet"
    bars = read_bars(path)
    df = frame_from_bars(bars)
    pd.testing.assert_frame_equal(df, pd.read_parquet(path))
    df.to_parquet(tmp_path / "x.parquet")
    df.set_index("timestamp").rename_axis(None).to_parquet(tmp_path / "index.parquet")
    again = bars_from_frame(pd.read_parquet(tmp_path / "x.parquet"))
    assert (again.digest, again.market) == (bars.digest, bars.market)
    again = read_bars(tmp_path / "index.parquet", market=bars.market)
    assert again.digest == bars.digest


def test_a_frame_has_plain_columns_and_attributes() -> None:
    df = frame_from_bars(BARS)
    assert [str(kind) for kind in df.dtypes] == ["datetime64[ms, UTC]", *["float64"] * 5]
    assert list(df.columns) == ["timestamp", "open", "high", "low", "close", "volume"]
    assert len(df) == 5, "absent bars are left out"
    assert df.attrs == {
        "market": {"exchange": "binance", "symbol": "BTC/USDT", "timeframe": "5m", "kind": "spot", "tick": 0.01}
    }
    assert "volume" not in frame_from_bars(bars_at([0, 1], volume=False))


def test_a_frame_is_the_callers_own() -> None:
    df, before = frame_from_bars(BARS), BARS.digest
    df.loc[0, "close"] = 1.0
    assert BARS.close[0] == 100.0
    assert frame_from_bars(BARS).loc[0, "close"] == 100.0
    assert BARS.digest == before


def test_the_callers_frame_stays_as_it_is() -> None:
    df = frame()
    bars = bars_from_frame(df)
    pd.testing.assert_frame_equal(df, frame_from_bars(BARS))
    df.loc[0, "close"] = 1.0
    assert bars.close[0] == 100.0


# --- where the times are --------------------------------------------------------------------------

TIMES: dict[str, Callable[[pd.Series[Any]], Any]] = {
    "aware": lambda t: t,
    "naive": lambda t: t.dt.tz_localize(None),
    "another-zone": lambda t: t.dt.tz_convert("America/New_York"),
    "seconds": lambda t: t.dt.as_unit("s"),
    "nanoseconds": lambda t: t.dt.as_unit("ns"),
    "texts": lambda t: t.astype(str),
    "objects": lambda t: t.astype(object),
    "datetimes": lambda t: pd.Series([stamp.to_pydatetime() for stamp in t], dtype=object),
    "categories": lambda t: t.astype(str).astype("category"),
    "epoch-s": lambda t: t.astype("int64") // 1000,
    "epoch-ms": lambda t: t.astype("int64"),
    "epoch-us": lambda t: t.astype("int64") * 1000,
    "epoch-ns": lambda t: t.astype("int64") * 1_000_000,
    "epoch-float": lambda t: t.astype("int64") / 1000,
}


@pytest.mark.parametrize("form", TIMES)
@pytest.mark.parametrize("place", ["column", "index"])
def test_times_of_every_form_are_read_from_a_column_or_the_index(form: str, place: str) -> None:
    df = frame()
    df["timestamp"] = TIMES[form](df["timestamp"])
    bars = bars_from_frame(df if place == "column" else df.set_index("timestamp"))
    assert bars.digest == BARS.digest
    assert bars.market == MARKET


@pytest.mark.parametrize("name", [None, "Gmt", "Date"])
def test_a_datetime_index_needs_no_name(name: str | None) -> None:
    assert bars_from_frame(frame().set_index("timestamp").rename_axis(name)).digest == BARS.digest


def test_columns_are_recognised_as_in_files() -> None:
    df = frame().rename(columns={"timestamp": "Open Time", "open": "O", "close": "Close", "volume": "base_volume"})
    assert bars_from_frame(df.assign(close_time=1, rsi="x")[::1]).digest == BARS.digest


def test_times_in_two_places_are_refused() -> None:
    rule = "must have its times in the index or in a column, not in both"
    df = frame().set_index("timestamp", drop=False)
    refused(FileFormatError, f"frame: {rule}, got ['index', 'timestamp']", df)
    refused(
        BarsError,
        "row 0 time: must be an epoch in s, ms, us or ns between the years 2000 and 2100, got 1",
        frame(date=1),
    )
    assert bars_from_frame(frame(date=frame()["timestamp"])).digest == bars_from_frame(frame()).digest


# --- other kinds of frames ------------------------------------------------------------------------


class Stream:
    """A table of another library that speaks Arrow."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class Convertible:
    """A frame of another library that only knows pandas."""

    def to_pandas(self) -> pd.DataFrame:
        return frame()


def test_arrow_tables_and_streams_are_frames() -> None:
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    views = table.set_column(0, "timestamp", table["timestamp"].cast(pa.int64()).cast(pa.large_string()))
    for df in (table, table.to_batches(max_chunksize=2)[0], Stream(table), Stream(views)):
        bars = bars_from_frame(df, MARKET)
        assert bars.close.tolist() == BARS.close[: len(bars)].tolist()
    assert bars_from_frame(Stream(table), MARKET).digest == BARS.digest


def test_a_part_of_a_table_is_read_from_where_it_begins() -> None:
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    assert bars_from_frame(table.slice(3), MARKET).digest == bars_from_frame(frame().iloc[3:]).digest


def test_frames_that_convert_to_pandas_keep_their_market() -> None:
    bars = bars_from_frame(Convertible())
    assert (bars.digest, bars.market) == (BARS.digest, MARKET)


@pytest.mark.parametrize("thing", [None, 7, [1.0], {"open": [1.0]}, np.zeros((2, 6))])
def test_what_is_no_frame_is_refused(thing: object) -> None:
    refused(InputError, f"frame: must be a data frame, got '{type(thing).__name__}'", thing)


def test_a_series_is_no_frame() -> None:
    refused(FileFormatError, "frame: must be a table of columns, got 'Series'", frame()["close"])


# --- the market -----------------------------------------------------------------------------------


def test_the_argument_comes_before_the_attributes() -> None:
    other = Market("kraken", "ETH/USD", Timeframe(STEP))
    assert bars_from_frame(frame(), other).market == other
    assert bars_from_frame(frame()).market == MARKET


def test_a_market_object_may_stand_in_the_attributes() -> None:
    df = frame()
    df.attrs["market"] = MARKET
    assert bars_from_frame(df).market == MARKET


def test_what_a_point_is_worth_survives_a_frame() -> None:
    market = Market("bybit", "BTC/USD", Timeframe(STEP), "future", 0.5, point_value=50.0)
    assert bars_from_frame(frame_from_bars(replace(BARS, market=market))).market == market


def test_a_frame_that_says_nothing_has_its_most_common_step() -> None:
    df = frame()
    df.attrs = {}
    assert bars_from_frame(df).market == Market("frame", "UNKNOWN", Timeframe(STEP))
    rule = "must have two different stamps, or the timeframe has to be given"
    refused(FileFormatError, f"frame: {rule}", df.head(1))


def test_attributes_that_outlived_a_change_of_timeframe_are_refused() -> None:
    df = frame_from_bars(bars_at(list(range(12)))).iloc[::3]
    rule = "must hold 5m bars as its name or attributes say, but the most common step of its stamps is 15m"
    refused(FileFormatError, f"frame: {rule}; correct it or give the market", df)
    assert len(bars_from_frame(df, Market("binance", "BTC/USDT", Timeframe(3 * STEP)))) == 4


@pytest.mark.parametrize(
    "said",
    ["BTC/USDT", {}, {"exchange": "x", "symbol": "y"}, {k: v for k, v in asdict(MARKET).items() if k != "exchange"}],
)
def test_attributes_that_are_no_market_are_refused(said: Any) -> None:
    df = frame()
    df.attrs["market"] = said
    with pytest.raises(
        InputError, match=r"^attrs\['market'\]: must name exchange, symbol, timeframe and a known kind, got "
    ):
        bars_from_frame(df)


def test_an_unknown_kind_is_refused() -> None:
    df = frame()
    df.attrs["market"] = df.attrs["market"] | {"kind": "option"}
    with pytest.raises(InputError, match="a known kind"):
        bars_from_frame(df)


# --- wrong content --------------------------------------------------------------------------------


def test_an_empty_frame_is_refused() -> None:
    refused(FileFormatError, "frame: must have at least one row of data", frame().head(0))


def test_missing_columns_are_named_with_those_found() -> None:
    rule = "must have columns for time, open, high, low and close; missing: time, low"
    df = frame().drop(columns=["timestamp", "low"])
    way = "Say which with --columns time=NAME"
    refused(FileFormatError, f"frame: {rule}, got ['open', 'high', 'close', 'volume']. {way}", df)


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
def test_wrong_numbers_are_refused_with_their_row(name: str) -> None:
    values = frame()[name].tolist()
    for wrong in (None, float("nan"), np.inf):
        got = "inf" if wrong == np.inf else "nan"
        refused(
            BarsError, f"row 3 {name}: must be a finite number, got {got}", frame(**{name: [*values[:3], wrong, 1.0]})
        )
    refused(BarsError, f"row 3 {name}: must be a number, got 'x'", frame(**{name: [*values[:3], "x", 1.0]}))
    refused(FileFormatError, f"frame: column {name!r} must hold numbers, got 'bool'", frame(**{name: True}))


def test_numbers_in_objects_and_texts_are_read() -> None:
    df = frame()
    df["close"] = df["close"].astype(object)
    df["open"] = df["open"].astype(str)
    assert bars_from_frame(df).digest == BARS.digest


@pytest.mark.parametrize("place", ["column", "index"])
def test_a_missing_time_is_refused(place: str) -> None:
    df = frame()
    df.loc[2, "timestamp"] = pd.NaT
    df = df if place == "column" else df.set_index("timestamp")
    refused(BarsError, "row 2 time: must not be empty, got 'null'", df)


def test_rows_out_of_order_are_refused_and_never_sorted() -> None:
    rule = "must increase, the row before has 2024-01-01T00:30:00.000Z"
    refused(BarsError, f"row 1 time: {rule}, got '2024-01-01T00:25:00.000Z'. {WAY_OUT}", frame().iloc[::-1])
