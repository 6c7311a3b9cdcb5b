from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import BarsError, InputError
from assay.market import Bars, Market, Timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 300_000
T0 = 1_704_067_200_000  # 2024-01-01
MARKET = Market("binance", "BTC/USDT", Timeframe(STEP))
ARRAYS = ("time", "open", "high", "low", "close", "volume", "absent", "valid", "tradable", "session")
NAN, INF = float("nan"), float("inf")


def columns(n: int = 4) -> dict[str, np.ndarray[Any, Any]]:
    close = 100.0 + np.arange(n)
    return {
        "time": T0 + STEP * np.arange(n),
        "open": close - 0.5,
        "high": close + 2.0,
        "low": close - 2.0,
        "close": close,
        "volume": 10.0 + np.arange(n),
    }


def bars_at(positions: Sequence[int], **other: Any) -> Bars:
    """Bars recorded at positions of the grid only."""
    content: dict[str, Any] = columns(len(positions)) | {"time": T0 + STEP * np.array(positions)} | other
    return Bars.from_columns(MARKET, **content)


@st.composite
def some_bars(draw: st.DrawFn) -> Bars:
    """Bars with holes, bars without volume, flat bars and bars with inconsistent prices."""
    recorded = sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=30)))
    n = len(recorded)
    price = st.sampled_from([99.0, 100.0, 101.0])
    prices = {
        name: np.array(draw(st.lists(price, min_size=n, max_size=n))) for name in ("open", "high", "low", "close")
    }
    prices["high"], prices["low"] = np.maximum(prices["high"], prices["low"]), np.minimum(prices["high"], prices["low"])
    volume = draw(st.none() | st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n))
    return bars_at(recorded, **prices, volume=volume)


# --- refusals -------------------------------------------------------------------------------------

WRONG_VALUES = [
    *[
        (name, value, "must be a finite number")
        for name in ("open", "high", "low", "close", "volume")
        for value in (NAN, INF, -INF)
    ],
    *[(name, value, "must be positive") for name in ("open", "high", "low", "close") for value in (0.0, -1.0)],
    ("volume", -1.0, "must not be negative"),
]


@pytest.mark.parametrize(("name", "value", "rule"), WRONG_VALUES)
@pytest.mark.parametrize("row", [0, 2, 3])
def test_a_wrong_value_is_refused_with_row_rule_and_value(name: str, value: float, rule: str, row: int) -> None:
    content = columns()
    content[name][row] = value
    with pytest.raises(BarsError, match=f"^{re.escape(f'row {row} {name}: {rule}, got {value!r}')}$") as caught:
        Bars.from_columns(MARKET, **content)
    assert (caught.value.row, caught.value.column, caught.value.rule) == (row, name, rule)
    assert repr(caught.value.value) == repr(value)
    assert caught.value.exit_code == 2


def test_a_high_below_the_low_is_refused() -> None:
    content = columns()
    content["high"][1] = 98.5
    with pytest.raises(BarsError, match=r"^row 1 high: must not be below low 99, got 98\.5$"):
        Bars.from_columns(MARKET, **content)


def test_of_several_broken_rows_the_first_is_named() -> None:
    content = columns()
    content["open"][3], content["volume"][2], content["close"][1] = NAN, -1.0, 0.0
    with pytest.raises(BarsError, match=r"^row 1 close: must be positive, got 0\.0$"):
        Bars.from_columns(MARKET, **content)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (
            [0, 1, 1, 2],
            "row 2 time: each stamp must occur once, this one is a duplicate, got '2024-01-01T00:05:00.000Z'",
        ),
        (
            [0, 2, 1, 3],
            "row 2 time: must increase, the row before has 2024-01-01T00:10:00.000Z, got '2024-01-01T00:05:00.000Z'",
        ),
        ([3, 2, 1, 0], "row 1 time: must increase, the row before has 2024-01-01T00:15:00.000Z"),
    ],
)
def test_stamps_out_of_order_are_refused(positions: list[int], message: str) -> None:
    with pytest.raises(BarsError, match=f"^{re.escape(message)}"):
        bars_at(positions)


def test_a_stamp_off_the_grid_is_refused() -> None:
    content = columns()
    content["time"][2] += 60_000
    message = "row 2 time: must be a multiple of the timeframe (5 minutes), got '2024-01-01T00:11:00.000Z'"
    with pytest.raises(BarsError, match=f"^{re.escape(message)}$"):
        Bars.from_columns(MARKET, **content)


def test_a_span_that_no_history_has_is_refused() -> None:
    with pytest.raises(
        BarsError, match=r"^row 3 time: the span must hold at most 20,000,000 bars, got '30,000,001 bars'$"
    ):
        bars_at([0, 1, 2, 30_000_000])


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match=r"^bars: at least one row is needed, got 0$"):
        bars_at([])


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
def test_columns_of_another_length_are_refused(name: str) -> None:
    content = columns()
    content[name] = content[name][:3]
    with pytest.raises(InputError, match=rf"^{name}: must have the shape of time \(4,\), got \(3,\)$"):
        Bars.from_columns(MARKET, **content)


# --- the grid -------------------------------------------------------------------------------------


def test_absent_stamps_are_inserted_at_the_last_close_without_volume() -> None:
    bars = bars_at([0, 1, 4])
    assert bars.time.tolist() == [T0 + STEP * i for i in range(5)]
    assert bars.absent.tolist() == [False, False, True, True, False]
    for name in ("open", "high", "low", "close"):
        assert getattr(bars, name)[2:4].tolist() == [101.0, 101.0]
    assert bars.volume.tolist() == [10.0, 11.0, 0.0, 0.0, 12.0]
    assert bars.valid.tolist() == bars.tradable.tolist() == [True, True, False, False, True]


@given(some_bars())
def test_the_grid_is_whole_and_recorded_rows_keep_their_values(bars: Bars) -> None:
    assert np.unique(np.diff(bars.time)).tolist() in ([], [STEP])
    there = ~bars.absent
    assert there[0]
    assert there[-1]
    volume = bars.volume[there] if bars.has_volume else None
    prices = {name: getattr(bars, name)[there] for name in ("open", "high", "low", "close")}
    again = Bars.from_columns(MARKET, time=bars.time[there], volume=volume, **prices)
    assert again.digest == bars.digest


@given(some_bars())
def test_the_masks_follow_their_definitions(bars: Bars) -> None:
    for i in range(len(bars)):
        consistent = bars.high[i] >= max(bars.open[i], bars.close[i]) and bars.low[i] <= min(
            bars.open[i], bars.close[i]
        )
        traded = bars.volume[i] > 0 or not bars.has_volume
        assert bars.tradable[i] == (not bars.absent[i] and traded and consistent)
        assert bars.valid[i] == (bars.tradable[i] and bars.high[i] > bars.low[i])


def test_a_flat_bar_with_volume_fills_but_does_not_signal() -> None:
    flat = np.array([100.0])
    bars = bars_at([0], open=flat, high=flat, low=flat, close=flat)
    assert (bool(bars.tradable[0]), bool(bars.valid[0])) == (True, False)


@pytest.mark.parametrize(("name", "value"), [("open", 103.5), ("open", 90.0), ("close", 103.5), ("close", 90.0)])
def test_inconsistent_prices_neither_fill_nor_signal(name: str, value: float) -> None:
    content = columns(1)
    content[name][0] = value
    bars = Bars.from_columns(MARKET, **content)
    assert not bars.tradable[0]
    assert not bars.valid[0]


def test_a_bar_without_volume_neither_fills_nor_signals() -> None:
    bars = bars_at([0, 1], volume=np.array([0.0, 1.0]))
    assert bars.tradable.tolist() == bars.valid.tolist() == [False, True]


def test_without_a_volume_column_the_volume_clause_is_dropped() -> None:
    bars = bars_at([0, 2], volume=None)
    assert not bars.has_volume
    assert bars.volume.tolist() == [0.0, 0.0, 0.0]
    assert bars.tradable.tolist() == bars.valid.tolist() == [True, False, True]


def test_a_session_is_a_utc_day() -> None:
    bars = bars_at(range(287, 290))
    assert bars.session.tolist() == [19723, 19724, 19724]
    assert bars.day.tolist() == bars.session.tolist()


# --- age and mark ---------------------------------------------------------------------------------


@pytest.mark.parametrize("hole", [1, 20])
def test_age_passes_over_a_hole_of_up_to_20_bars(hole: int) -> None:
    bars = bars_at([0, 1, 2 + hole, 3 + hole])
    assert bars.age.tolist() == list(range(4 + hole))


def test_age_restarts_after_a_hole_of_more_than_20_bars() -> None:
    bars = bars_at([0, 1, 23, 24, 30, 52, 53])
    # 21 absent bars (2-22), then 5 (25-29), then 21 (31-51)
    assert bars.age.tolist() == [*range(23), *range(29), 0, 1]


def test_the_mark_is_the_last_tradable_close() -> None:
    volume = np.array([0.0, 0.0, 5.0, 0.0, 5.0])
    bars = bars_at([0, 1, 2, 4, 5], volume=volume)
    assert bars.close.tolist() == [100.0, 101.0, 102.0, 102.0, 103.0, 104.0]
    assert bars.tradable.tolist() == [False, False, True, False, False, True]
    assert bars.mark.tolist() == [100.0, 101.0, 102.0, 102.0, 102.0, 104.0]


@given(some_bars())
def test_the_mark_agrees_with_a_walk_over_the_bars(bars: Bars) -> None:
    last = None
    for i in range(len(bars)):
        if bars.tradable[i]:
            last = bars.close[i]
        assert bars.mark[i] == (bars.close[i] if last is None else last)


# --- head, digest, with_prices --------------------------------------------------------------------


@given(some_bars(), st.data())
def test_the_head_is_the_history_as_it_was_known(bars: Bars, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(bars)))
    head = bars.head(k)
    assert len(head) == k
    for name in (*ARRAYS, "age", "mark"):
        assert np.array_equal(getattr(head, name), getattr(bars, name)[:k]), name
    assert (head.market, head.has_volume) == (bars.market, bars.has_volume)


def test_a_head_longer_than_the_bars_is_all_of_them() -> None:
    assert bars_at([0, 1, 2]).head(99).digest == bars_at([0, 1, 2]).digest


@given(some_bars(), st.sampled_from(["open", "high", "low", "close", "volume", "time", "absent"]), st.data())
def test_the_digest_changes_with_any_value(bars: Bars, name: str, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(bars) - 1))
    column = getattr(bars, name).copy()
    column[row] = (
        ~column[row] if name == "absent" else np.nextafter(column[row], 1e9) if name != "time" else column[row] + 1
    )
    assert replace(bars, **{name: column}).digest != bars.digest


def test_the_digest_is_that_of_the_data_not_of_its_name() -> None:
    bars = bars_at([0, 1, 3])
    assert bars.digest == bars_at([0, 1, 3]).digest
    assert re.fullmatch("[0-9a-f]{64}", bars.digest)
    assert replace(bars, market=replace(MARKET, exchange="kraken", symbol="X")).digest == bars.digest
    assert replace(bars, market=replace(MARKET, timeframe=Timeframe(60_000))).digest != bars.digest
    assert replace(bars, has_volume=False).digest != bars.digest


def test_other_prices_keep_stamps_volume_and_masks() -> None:
    bars = bars_at([0, 1, 3])
    other = bars.with_prices(*(getattr(bars, name) * 2.0 for name in ("open", "high", "low", "close")))
    assert other.close.tolist() == [200.0, 202.0, 202.0, 204.0]
    for name in ("time", "volume", "absent", "valid", "tradable", "session"):
        assert np.array_equal(getattr(other, name), getattr(bars, name))
    assert other.digest != bars.digest


def test_index_at_is_the_first_bar_that_opens_at_or_after() -> None:
    bars = bars_at([0, 1, 2])
    moments = [T0 - 1, T0, T0 + 1, T0 + STEP, T0 + 2 * STEP, T0 + 2 * STEP + 1]
    assert [bars.index_at(moment) for moment in moments] == [0, 0, 1, 1, 2, 3]


# --- frozen ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ARRAYS, "day", "age", "mark"])
def test_arrays_are_read_only(name: str) -> None:
    for bars in (bars_at([0, 1, 3]), bars_at([0, 1, 3]).head(2)):
        array = getattr(bars, name)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_columns_are_copied_from_the_caller() -> None:
    content = columns()
    bars = Bars.from_columns(MARKET, **content)
    content["close"][0] = 1.0
    assert bars.close[0] == 100.0


def test_fields_cannot_be_set() -> None:
    with pytest.raises(FrozenInstanceError):
        bars_at([0]).market = MARKET  # type: ignore[misc]


def test_bars_say_what_they_are() -> None:
    bars = bars_at([0, 1, 3])
    expected = "Bars(BTC/USDT 5m on binance, 4 bars, 2024-01-01T00:00:00.000 to 2024-01-01T00:15:00.000)"
    assert repr(bars) == expected
    assert repr(bars.head(0)) == "Bars(BTC/USDT 5m on binance, empty)"


def test_derived_values_are_computed_once() -> None:
    bars, calls = bars_at([0, 1]), []

    def compute() -> int:
        calls.append(1)
        return 7

    assert (bars.derived("key", compute), bars.derived("key", compute), len(calls)) == (7, 7, 1)
