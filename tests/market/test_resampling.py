from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.market import Bars, Market, Timeframe, resample
from assay.sources import read_bars

if TYPE_CHECKING:
    from pathlib import Path

STEP = 300_000
T0 = 1_704_067_200_000
PRICES = ("open", "high", "low", "close")
RULES = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def bars_at(positions: list[int], seed: int = 0, *, volume: bool = True) -> Bars:
    """Random bars recorded at positions of the five-minute grid."""
    random = np.random.default_rng(seed)
    n = len(positions)
    open_, close = random.uniform(90, 110, (2, n))
    return Bars.from_columns(
        Market("binance", "BTC/USDT", Timeframe(STEP), tick=0.1),
        time=T0 + STEP * np.array(positions),
        open=open_,
        high=np.maximum(open_, close) + random.uniform(0, 5, n),
        low=np.minimum(open_, close) - random.uniform(0, 5, n),
        close=close,
        volume=random.integers(0, 50, n).astype(float) if volume else None,
    )


@st.composite
def some_bars(draw: st.DrawFn) -> Bars:
    positions = sorted(draw(st.sets(st.integers(0, 120), min_size=1, max_size=80)))
    return bars_at(positions, draw(st.integers(0, 1000)), volume=draw(st.booleans()))


def index_of(frame: pd.DataFrame) -> pd.DatetimeIndex:
    return cast("pd.DatetimeIndex", frame.index)


def stamps_of(frame: pd.DataFrame) -> list[int]:
    return index_of(frame).as_unit("ms").asi8.tolist()


def by_pandas(recorded: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Whole coarse bars with anything recorded, by pandas."""
    rule = pd.Timedelta(Timeframe.parse(timeframe).ms, "ms")
    coarse = recorded.resample(rule, origin="epoch", label="left", closed="left").agg(RULES)
    coarse = coarse[recorded["close"].resample(rule, origin="epoch").count() > 0]
    begin, end = index_of(recorded)[0], index_of(recorded)[-1] + pd.Timedelta(minutes=5)
    return coarse.loc[(index_of(coarse) >= begin) & (index_of(coarse) + rule <= end)]


@pytest.mark.parametrize("timeframe", ["10m", "15m", "30m", "1h", "4h", "12h", "1d"])
@pytest.mark.parametrize("cut", [(0, 121_752), (7, 90_000), (67_300, 68_100)], ids=["all", "ragged", "around-the-hole"])
def test_recorded_bars_agree_with_pandas(shared_data: Path, timeframe: str, cut: tuple[int, int]) -> None:
    frame = pd.read_parquet(shared_data / "BINANCE_BTCUSDT_5m.parquet").set_index("timestamp")
    first = pd.Timestamp("2022-08-01", tz="UTC")
    begin, end = (first + pd.Timedelta(minutes=5 * n) for n in cut)
    part = frame[(frame.index >= begin) & (frame.index < end)]
    bars = Bars.from_columns(
        Market("binance", "BTC/USDT", Timeframe(STEP)),
        time=stamps_of(part),
        **{name: part[name].to_numpy() for name in RULES},
    )
    coarse, expected = resample(bars, Timeframe.parse(timeframe)), by_pandas(part, timeframe)
    there = ~coarse.absent
    assert coarse.time[there].tolist() == stamps_of(expected)
    for name in PRICES:
        assert np.array_equal(getattr(coarse, name)[there], expected[name].to_numpy()), name
    np.testing.assert_allclose(coarse.volume[there], expected["volume"].to_numpy(), rtol=1e-12)


def test_the_hour_inside_the_halt_is_absent(shared_data: Path) -> None:
    hours = resample(read_bars(shared_data / "BINANCE_BTCUSDT_5m.parquet"), Timeframe.parse("1h"))
    halt = int(pd.Timestamp("2023-03-24 13:00", tz="UTC").value // 10**6)
    assert hours.time[hours.absent].tolist() == [halt]
    assert not hours.valid[hours.index_at(halt)]


@given(some_bars(), st.sampled_from(["5m", "10m", "15m", "30m", "1h"]))
def test_each_bar_agrees_with_a_walk_over_its_parts(bars: Bars, timeframe: str) -> None:
    length = Timeframe.parse(timeframe).ms
    buckets: dict[int, list[int]] = {}
    for i in np.flatnonzero(~bars.absent):
        start = int(bars.time[i]) // length * length
        if start >= bars.time[0] and start + length <= bars.time[-1] + STEP:
            buckets.setdefault(start, []).append(int(i))
    assume(buckets)
    coarse = resample(bars, Timeframe.parse(timeframe))
    assert coarse.time[~coarse.absent].tolist() == sorted(buckets)
    for start, rows in buckets.items():
        at = coarse.index_at(start)
        made: dict[str, Any] = {name: getattr(coarse, name)[at] for name in (*PRICES, "volume")}
        assert made == {
            "open": bars.open[rows[0]],
            "high": max(bars.high[rows]),
            "low": min(bars.low[rows]),
            "close": bars.close[rows[-1]],
            "volume": sum(bars.volume[rows]) if bars.has_volume else 0.0,
        }


@given(st.integers(0, 40), st.integers(13, 150), st.integers(0, 1000))
def test_two_steps_are_one(begin: int, length: int, seed: int) -> None:
    bars = bars_at(list(range(begin, begin + length + 12)), seed)
    hour = Timeframe.parse("1h")
    assert resample(resample(bars, Timeframe.parse("15m")), hour).digest == resample(bars, hour).digest


@given(some_bars())
def test_the_own_timeframe_changes_nothing(bars: Bars) -> None:
    assert resample(bars, bars.market.timeframe).digest == bars.digest


@given(some_bars(), st.integers(1, 121))
def test_a_coarse_bar_is_known_when_its_last_part_is(bars: Bars, k: int) -> None:
    head, timeframe = bars.head(k), Timeframe.parse("15m")
    first = -(-int(bars.time[0]) // timeframe.ms) * timeframe.ms
    assume(
        (
            ~head.absent & (head.time >= first) & (head.time < (head.time[-1] + STEP) // timeframe.ms * timeframe.ms)
        ).any()
    )
    early, late = resample(head, timeframe), resample(bars, timeframe)
    n = len(early)
    assert early.time.tolist() == late.time[:n].tolist()
    assert early.close.tolist() == late.close[:n].tolist()
    assert early.high.tolist() == late.high[:n].tolist()


def test_the_market_keeps_all_but_its_timeframe() -> None:
    coarse = resample(bars_at(list(range(12))), Timeframe.parse("1h"))
    assert str(coarse.market) == "BTC/USDT 1h on binance"
    assert coarse.market.tick == 0.1
    assert len(coarse) == 1


def test_partial_bars_at_both_ends_are_cut() -> None:
    bars = bars_at(list(range(1, 30)))
    coarse = resample(bars, Timeframe.parse("1h"))
    assert coarse.time.tolist() == [T0 + 12 * STEP]


def test_bars_without_volume_stay_without() -> None:
    coarse = resample(bars_at(list(range(24)), volume=False), Timeframe.parse("1h"))
    assert not coarse.has_volume
    assert coarse.valid.all()


@pytest.mark.parametrize("timeframe", ["1m", "4m"])
def test_a_timeframe_that_is_no_multiple_is_refused(timeframe: str) -> None:
    with pytest.raises(InputError, match=f"^timeframe: must be a multiple of 5m, got '{timeframe}'$"):
        resample(bars_at(list(range(24))), Timeframe.parse(timeframe))


def test_bars_that_cover_no_coarse_bar_are_refused() -> None:
    with pytest.raises(InputError, match=r"^timeframe: the bars must cover at least one whole coarser bar, got '1h'$"):
        resample(bars_at(list(range(1, 20))), Timeframe.parse("1h"))
