from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.market import Bars, Market, QualityReport, Timeframe, daily_quality, data_filter, measure_quality
from assay.market.quality import FINDINGS, findings_of, longest_run
from assay.sources import read_bars

if TYPE_CHECKING:
    from pathlib import Path

STEP = 300_000
T0 = 1_704_067_200_000
MARKET = Market("binance", "BTC/USDT", Timeframe(STEP))

LIQUID = ["BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "AVAX", "MATIC"]
ILLIQUID = ["ONG", "CVC", "PERL"]
DIRTY = ["BTC", "DASH", "MKR", "REP", "USDC", "ONT", "PAXG"]
CRYPTO_5M = [
    *(f"BINANCE_{coin}USDT_5m.parquet" for coin in (*LIQUID, *ILLIQUID)),
    *(f"BINANCEUS_{coin}USD_5m.parquet" for coin in DIRTY),
]


def bars_of(close: Any, *, positions: Any = None, volume: Any = 1.0, spread: Any = 1.0) -> Bars:
    """Bars around their closes, recorded at positions of the grid."""
    close = np.asarray(close, dtype=float)
    at = np.arange(len(close)) if positions is None else np.asarray(positions)
    return Bars.from_columns(
        MARKET,
        time=T0 + STEP * at,
        open=close,
        high=close + spread,
        low=close - spread,
        close=close,
        volume=None if volume is None else np.broadcast_to(volume, close.shape),
    )


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, dict[str, Any]]:
    rows = json.loads((shared_data / "quality.json").read_text())
    return {row["file"]: row for row in rows}


@pytest.mark.parametrize("name", CRYPTO_5M)
def test_the_published_counts_of_recorded_markets_are_reproduced(
    shared_data: Path, published: dict[str, dict[str, Any]], name: str
) -> None:
    bars = read_bars(shared_data / name)
    report, row = measure_quality(bars), published[name]
    assert report.recorded == row["rows"]
    assert report.absent == row["missing"]
    assert report.longest_hole == row["maxgap_bars"]
    assert round(100.0 * report.zero_volume / report.recorded, 2) == row["zero_vol_pct"]
    assert round(100.0 * report.flat / report.recorded, 2) == row["flat_pct"]
    assert (report.duplicate, report.impossible) == (0, 0)
    before_hole = int(np.flatnonzero(bars.absent)[0]) - 1
    stamps = [str(np.datetime64(int(bars.time[i]), "ms")).replace("T", " ") for i in (0, -1, before_hole)]
    assert stamps == [f"{row['first']}.000", f"{row['last']}.000", f"{row['maxgap_at']}:00.000"]


def test_the_five_minute_markets_are_all_here(published: dict[str, dict[str, Any]]) -> None:
    assert set(CRYPTO_5M) == {name for name in published if name.endswith("_5m.parquet") and not name.startswith("CME")}


def test_ong_fails_the_gate(shared_data: Path) -> None:
    report = measure_quality(read_bars(shared_data / "BINANCE_ONGUSDT_5m.parquet"))
    # 121,736 rows + 16 absent = 121,752; 75,259 rows have volume > 0 and high > low
    frame = pd.read_parquet(shared_data / "BINANCE_ONGUSDT_5m.parquet")
    by_hand = int(((frame["volume"] > 0) & (frame["high"] > frame["low"])).sum())
    assert (report.expected, report.valid) == (121_752, by_hand)
    assert report.valid_pct == 100.0 * by_hand / 121_752
    assert round(report.valid_pct, 2) == 61.81
    assert f"{report.valid_pct:.1f}" == "61.8"
    assert not report.passes


def test_a_liquid_market_passes_the_gate(shared_data: Path) -> None:
    report = measure_quality(read_bars(shared_data / "BINANCE_BTCUSDT_5m.parquet"))
    assert report.passes
    assert round(report.valid_pct, 2) == 99.98
    assert round(report.days, 1) == 422.8


def test_a_hand_made_market_is_counted() -> None:
    close = [10.0, 10.0, 10.0, 10.0, 20.0, 10.0]
    positions = [0, 1, 2, 5, 6, 8]
    volume = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    spread = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]
    report = measure_quality(bars_of(close, positions=positions, volume=volume, spread=spread))
    assert report == QualityReport(
        expected=9,
        recorded=6,
        absent=3,
        duplicate=0,
        zero_volume=2,
        flat=2,
        impossible=0,
        stale=0,
        outlier=0,
        longest_hole=2,
        valid=3,
        valid_pct=100.0 * 3 / 9,
        traded_pct=100.0 * 4 / 6,
        days=9 * 5 / 1440,
    )


def test_the_beginning_can_be_left_out() -> None:
    bars = bars_of([1.0, 2.0, 3.0, 4.0], positions=[0, 5, 6, 7], volume=[0.0, 1.0, 1.0, 1.0], spread=0.5)
    whole, end = measure_quality(bars), measure_quality(bars, start=5)
    assert (whole.expected, whole.absent, whole.zero_volume, whole.longest_hole) == (8, 4, 1, 4)
    assert (end.expected, end.absent, end.zero_volume, end.longest_hole) == (3, 0, 0, 0)
    assert end.valid_pct == 100.0
    assert measure_quality(bars, start=8).valid_pct == 0.0


@pytest.mark.parametrize("name", ["open", "close"])
@pytest.mark.parametrize("price", [12.0, 8.0])
def test_impossible_prices_are_counted(name: str, price: float) -> None:
    content = {"open": [10.0, 10.0], "high": [11.0, 11.0], "low": [9.0, 9.0], "close": [10.0, 10.0]}
    content[name][1] = price
    bars = Bars.from_columns(MARKET, time=[T0, T0 + STEP], volume=[1.0, 1.0], **content)
    report = measure_quality(bars)
    assert (report.impossible, report.valid) == (1, 1)


@pytest.mark.parametrize(("run", "stale"), [(11, 0), (12, 12), (30, 30)])
def test_a_close_that_never_changes_is_stale_from_12_bars_on(run: int, stale: int) -> None:
    report = measure_quality(bars_of([10.0, 11.0, *[12.0] * run, 13.0], spread=0.5))
    assert report.stale == stale
    assert report.valid == run + 3, "stale bars are reported, never masked"


@pytest.mark.parametrize(("multiple", "outlier"), [(24.9, 0), (25.1, 1)])
def test_an_outlier_exceeds_25_times_the_mean_move_of_a_day(multiple: float, outlier: int) -> None:
    moves = np.full(288, 0.001) * np.where(np.arange(288) % 2, 1, -1)
    close = 100.0 * np.exp(np.cumsum([0.0, *moves, 0.001 * multiple]))
    report = measure_quality(bars_of(close, spread=0.5))
    assert report.outlier == outlier
    assert report.valid == len(close), "a real spike is reported, never masked"


def test_without_a_volume_column_nothing_is_said_of_volume() -> None:
    report = measure_quality(bars_of([1.0, 2.0, 3.0], volume=None, spread=0.5))
    assert report.zero_volume == 0
    assert np.isnan(report.traded_pct)
    assert report.valid_pct == 100.0


@pytest.mark.parametrize(("valid", "passes"), [(69, False), (70, True)])
def test_the_gate_stands_at_70_percent(valid: int, passes: bool) -> None:
    volume = np.where(np.arange(100) < valid, 1.0, 0.0)
    report = measure_quality(bars_of(np.arange(10.0, 110.0), volume=volume))
    assert report.passes is passes
    assert report.as_dict()["passes"] is passes
    assert report.as_dict()["required_valid_pct"] == 70.0


@given(st.lists(st.booleans(), max_size=60))
def test_the_longest_run_agrees_with_a_walk(mask: list[bool]) -> None:
    longest = current = 0
    for flag in mask:
        current = current + 1 if flag else 0
        longest = max(longest, current)
    assert longest_run(np.array(mask, dtype=np.bool_)) == longest


@given(st.sets(st.integers(0, 80), min_size=1, max_size=40), st.data())
def test_the_counts_add_up(recorded: set[int], data: st.DataObject) -> None:
    positions = sorted(recorded)
    n = len(positions)
    some = st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)
    bars = bars_of(np.full(n, 10.0), positions=positions, volume=data.draw(some), spread=np.array(data.draw(some)))
    report = measure_quality(bars)
    assert report.expected == len(bars) == report.recorded + report.absent
    assert report.recorded == n
    assert report.valid == int(bars.valid.sum()) <= report.recorded - max(report.zero_volume, report.flat)
    assert report.longest_hole == max([b - a - 1 for a, b in pairwise(positions)], default=0)


def test_the_filter_of_a_span_counts_its_bars_alone() -> None:
    ones = np.ones(8)
    bars = Bars.from_columns(
        MARKET,
        time=T0 + STEP * np.arange(8),
        open=ones,
        high=ones + np.array([1, 1, 0, 1, 1, 0, 1, 1]),
        low=ones,
        close=ones,
        volume=np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]),
    )
    found = data_filter(bars, span=slice(2, 7))
    assert found["before"] == {"bars": 5, "zero_volume": 1, "flat": 2, "impossible": 0}
    assert found["after"] == {"bars": 2, "zero_volume": 0, "flat": 0, "tradable": 4, "masked": 3}
    assert found["data_digest"] == bars.digest


def run_lengths(close: list[float]) -> list[int]:
    """How many equal closes in a row each is one of."""
    starts = [i for i, price in enumerate(close) if i == 0 or price != close[i - 1]]
    return [b - a for a, b in pairwise([*starts, len(close)]) for _ in range(a, b)]


def test_each_day_counts_the_findings_that_a_walk_over_its_bars_finds() -> None:
    """Two weeks with holes of hours and of a day, bars without volume, without a move, out of bounds, and a spike."""
    rng = np.random.default_rng(1)
    n = 14 * 288
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n))), 3)
    for start in rng.integers(0, n - 40, 12):
        close[start : start + int(rng.integers(5, 30))] = close[start]
    close[9 * 288 :] *= 1.5
    there = rng.random(n) > 0.05
    there[5 * 288 - 10 : 6 * 288 + 10] = False
    there[[0, -1]] = True
    spread = np.where(rng.random(n) < 0.1, 0.0, 0.01)
    open_ = close + np.where(rng.random(n) < 0.02, 0.5, 0.0)
    volume = np.where(rng.random(n) < 0.1, 0.0, 7.0)
    columns = [c[there] for c in (open_, close + spread, close - spread, close, volume)]
    bars = Bars.from_columns(MARKET, (T0 + STEP * np.arange(n))[there], *columns)

    stamps = [pd.Timestamp(T0 + STEP * i, unit="ms") for i in range(n)]
    recorded = [i for i in range(n) if there[i]]
    lengths = dict(zip(recorded, run_lengths([float(close[i]) for i in recorded]), strict=True))
    moves = [abs(np.log(close[b]) - np.log(close[a])) for a, b in pairwise(recorded)]
    spikes = {
        recorded[k + 1] for k in range(288, len(moves)) if moves[k] > 25 * max(np.mean(moves[k - 288 : k]), 1e-12)
    }
    rows = [
        {
            "day": stamps[i].floor("D"),
            "absent": not there[i],
            "zero_volume": bool(there[i] and volume[i] == 0),
            "flat": bool(there[i] and spread[i] == 0),
            "impossible": bool(there[i] and open_[i] > close[i] + spread[i]),
            "stale": bool(there[i] and lengths[i] >= 12),
            "outlier": i in spikes,
        }
        for i in range(n)
    ]
    expected = pd.DataFrame(rows).groupby("day").sum()
    found = daily_quality(bars)
    assert pd.Timestamp(found.first_day, unit="D") == expected.index[0]
    assert list(found.counts) == list(FINDINGS)
    for name, counts in found.counts.items():
        assert counts.tolist() == expected[name].tolist(), name
        assert expected[name].sum() > 0, name
    assert found.expected.tolist() == [288] * 14
    masked = pd.DataFrame(rows)[["absent", "zero_volume", "flat", "impossible"]].any(axis=1)
    assert found.valid.tolist() == (~masked).groupby([row["day"] for row in rows]).sum().tolist()


def test_what_masks_a_bar_is_what_the_findings_say() -> None:
    bars = bars_of(
        [1.0, 2.0, 3.0, 4.0], positions=[0, 2, 3, 4], volume=[1.0, 0.0, 1.0, 1.0], spread=[0.5, 0.5, 0.0, 0.5]
    )
    found = findings_of(bars)
    masking = np.any([found[name] for name, one in FINDINGS.items() if one.masks], axis=0)
    assert np.array_equal(bars.valid, ~masking)
    assert masking.tolist() == [False, True, True, True, False]
