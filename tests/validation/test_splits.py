from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import InputError, InsufficientDataError
from assay.validation import BarSplits, SplitPlan, Window, make_splits
from validation.toys import market

FIVE = 288.0  # 5-minute bars a day


def bounds(splits: BarSplits) -> list[tuple[int, int, int, int]]:
    return [(w.train_start, w.train_stop, w.test_start, w.test_stop) for w in splits.windows]


def test_a_year_of_five_minute_bars() -> None:
    # 105,120 bars, 21,024 of them sealed, 100 purged: signals end at 83,996 (291.65 days)
    s = make_splits(SplitPlan(), 0, 105_120, FIVE, 100)
    assert (s.holdout_start, s.search_stop, s.gap_bars, s.stop) == (84_096, 83_996, 100, 105_120)
    assert bounds(s) == [(0, 17_280 + 8_640 * i, 17_380 + 8_640 * i, 26_020 + 8_640 * i) for i in range(7)]
    assert (s.train_days, s.test_days, s.mode, s.notes) == (60.0, 30.0, "anchored", ())


def test_rolling_windows_keep_their_length() -> None:
    s = make_splits(SplitPlan(mode="rolling"), 500, 105_620, FIVE, 100)
    assert bounds(s) == [
        (500 + 8_640 * i, 17_780 + 8_640 * i, 17_880 + 8_640 * i, 26_520 + 8_640 * i) for i in range(7)
    ]


def test_one_split() -> None:
    # 70 % of 83,996 = 58,797.2
    s = make_splits(SplitPlan(mode="split"), 0, 105_120, FIVE, 100)
    assert bounds(s) == [(0, 58_797, 58_897, 83_996)]
    assert s.test_days == pytest.approx((83_996 - 58_897) / 288)


def test_ninety_days_are_scaled_to_three_windows() -> None:
    # 25,920 bars, 5,184 sealed, 100 purged: 20,636. G = 1 day = 288; test = (20,636 - 288)/5 = 4,069.6 bars
    s = make_splits(SplitPlan(), 0, 25_920, FIVE, 100)
    assert (s.holdout_start, s.search_stop, s.gap_bars) == (20_736, 20_636, 288)
    assert s.test_days == pytest.approx(4_069.6 / 288)
    assert s.train_days == pytest.approx(2 * s.test_days)
    assert bounds(s) == [
        (0, 8_139, 8_427, 12_496),
        (0, 12_208, 12_496, 16_565),
        (0, 16_277, 16_565, 20_634),
    ]
    assert "scaled" in s.notes[0]
    assert "too short for 3 windows" in s.notes[0]


def test_the_scaled_gap_is_the_longest_holding_time_when_that_is_more_than_a_day() -> None:
    s = make_splits(SplitPlan(), 0, 25_920, FIVE, 1_000)
    assert s.gap_bars == 1_000
    assert s.test_days == pytest.approx((20_736 - 1_000 - 1_000) / 5 / 288)
    assert len(s.windows) == 3


def test_below_five_test_days_is_refused() -> None:
    # 24 hourly bars a day, holding 24: days before the holdout less one must be at least 25
    hourly = SplitPlan(holdout=0.0)
    assert len(make_splits(hourly, 0, 26 * 24, 24.0, 24).windows) == 3
    with pytest.raises(InsufficientDataError, match="at least 5 test days") as caught:
        make_splits(hourly, 0, 26 * 24 - 1, 24.0, 24)
    assert caught.value.exit_code == 2
    with pytest.raises(InsufficientDataError):
        make_splits(SplitPlan(mode="split"), 0, 20 * 24, 24.0, 24)
    with pytest.raises(InsufficientDataError):
        make_splits(SplitPlan(), 0, 10, 24.0, 24)


def test_days_that_the_refusal_names_are_enough() -> None:
    with pytest.raises(InsufficientDataError) as caught:
        make_splits(SplitPlan(), 0, 15 * 288, FIVE, 100)
    needed = int(str(caught.value).split("need about ")[1].split(" days")[0])
    assert 25 < needed < 60
    assert len(make_splits(SplitPlan(), 0, needed * 288, FIVE, 100).windows) == 3


def test_a_small_gap_is_raised_and_said() -> None:
    raised = make_splits(SplitPlan(gap_days=0.1), 0, 105_120, FIVE, 100)
    assert raised.gap_bars == 100
    assert raised.notes == ("gap raised from 0.1 days to 0.35: the longest holding time",)
    asked = make_splits(SplitPlan(gap_days=2.0), 0, 105_120, FIVE, 100)
    assert (asked.gap_bars, asked.notes) == (576, ())


def test_without_a_holdout_nothing_is_purged() -> None:
    s = make_splits(SplitPlan(holdout=0.0), 0, 105_120, FIVE, 100)
    assert (s.search_stop, s.holdout_start, s.stop) == (105_120, 105_120, 105_120)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"mode": "sideways"}, "validation"),
        ({"train_days": 0.0}, "train_days"),
        ({"test_days": float("nan")}, "test_days"),
        ({"test_days": 4.9}, "test_days"),
        ({"gap_days": -1.0}, "gap_days"),
        ({"train_ratio": 0.95}, "train_ratio"),
        ({"holdout": 0.6}, "holdout"),
    ],
)
def test_plans_that_make_no_sense(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        SplitPlan(**options)
    assert caught.value.field == field


def overlap(a: range, b: range) -> bool:
    return max(a.start, b.start) < min(a.stop, b.stop)


@settings(max_examples=300)
@given(
    st.sampled_from(["anchored", "rolling", "split"]),
    st.integers(0, 5_000),
    st.integers(2, 40_000),
    st.sampled_from([24.0, 96.0, 288.0, 1.0]),
    st.integers(1, 2_000),
    st.floats(0.0, 5.0),
    st.floats(1.0, 90.0),
    st.floats(5.0, 60.0),
    st.floats(0.1, 0.9),
    st.sampled_from([0.0, 0.1, 0.2, 0.5]),
)
def test_train_and_test_never_meet(
    mode: Any, start: int, length: int, per_day: float, holding: int, gap_days: float, train: float, test: float,
    ratio: float, sealed: float,
) -> None:  # fmt: skip
    plan = SplitPlan(mode, train, test, gap_days, ratio, sealed)
    try:
        s = make_splits(plan, start, start + length, per_day, holding)
    except InsufficientDataError:
        return
    assert s.windows
    assert s.gap_bars >= holding
    assert s.gap_bars >= gap_days * per_day
    assert s.stop - s.holdout_start == int(length * sealed)
    # a trade signalled on the last bar before the purge has left before the holdout begins
    assert s.search_stop + holding <= s.holdout_start or sealed == 0.0
    for w in s.windows:
        assert start <= w.train_start < w.train_stop < w.test_start < w.test_stop <= s.search_stop
        assert w.test_start - w.train_stop == s.gap_bars
        assert w.train_start == start or mode == "rolling"
    tests = [range(w.test_start, w.test_stop) for w in s.windows]
    for a, b in pairwise(tests):
        assert a.stop == b.start
    for w, t in zip(s.windows, tests, strict=True):
        assert not overlap(range(w.train_start, w.train_stop + holding), t)
    if mode != "split":
        assert len({w.test_stop - w.test_start for w in s.windows}) == 1
        assert len(s.windows) >= 3
    if mode == "rolling":
        assert len({w.train_stop - w.train_start for w in s.windows}) == 1


def test_windows_are_values() -> None:
    assert Window(0, 1, 2, 3) == Window(0, 1, 2, 3)


@given(st.integers(0, 3000), st.integers(1, 3000), st.integers(0, 9))
def test_borders_come_back_from_their_moments(start: int, length: int, holding: int) -> None:
    """Moments divide the bars they were made on exactly where the numbers did, the end of the data included."""
    bars = market(1, 250)
    start, stop = start % (len(bars) - 2), min(start % (len(bars) - 2) + max(length, 2), len(bars))
    try:
        splits = make_splits(SplitPlan(train_days=20, test_days=10), start, stop, 24.0, holding)
    except InsufficientDataError:
        return
    assert splits.as_moments(bars).on(bars) == splits
    later = bars.tail(start)  # a history that starts later has the same moments under other numbers
    moved = splits.as_moments(bars).on(later)
    assert bounds(moved) == [tuple(border - start for border in window) for window in bounds(splits)]
