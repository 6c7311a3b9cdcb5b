"""The oracles of the strategies against cases worked out by hand.

Each strategy has a base case that signals, and for every condition a case in which it alone fails: either the
same bars under a threshold just beyond what they reach, beside the threshold that they just reach, or bars changed
in one place, beside the nearest change that still passes. Prices are multiples of 1/64, so that the mirrored case
of the shorts (a price x becomes 200 - x, high and low change places) is exact.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.market import Bars, Market, Timeframe

from . import capitulation_reversal, failed_breakdown, supply_shock
from .indicators import Signal, mean_volume, plain_bars, volume_ratio, wilder_atr, wilder_rsi

if TYPE_CHECKING:
    from collections.abc import Callable

Row = tuple[float, float, float, float, float]
Rows = list[Row | None]  # open, high, low, close, volume; None is an absent stamp
Changes = dict[int, Row | None]

MARKET = Market("test", "BTC/USDT", Timeframe.parse("5m"))
QUIET: Row = (100, 100.5, 99.5, 100, 10)  # true range 1, no change of the close
SIDES = (1, -1)


def changed(rows: Rows, changes: Changes) -> Rows:
    return [changes.get(j, row) for j, row in enumerate(rows)]


def with_hole(rows: Rows, at: int, length: int) -> Rows:
    """Insert absent stamps before row `at`."""
    return [*rows[:at], *[None] * length, *rows[at:]]


def bars_of(rows: Rows, side: int, *, has_volume: bool = True) -> Bars:
    """Build bars, mirrored for shorts."""
    present = [(j, row) for j, row in enumerate(rows) if row is not None]
    table = np.array([row for _, row in present])
    open_, high, low, close, volume = table.T
    if side < 0:
        open_, high, low, close = 200 - open_, 200 - low, 200 - high, 200 - close
    time = [300_000 * j for j, _ in present]
    return Bars.from_columns(MARKET, time, open_, high, low, close, volume if has_volume else None)


def of_side(signal: Signal, side: int) -> Signal:
    """The mirrored signal."""
    if side > 0:
        return signal
    return replace(
        signal,
        side=-1,
        stop=200 - signal.stop,
        target=None if signal.target is None else 200 - signal.target,
        invalidation=None if signal.invalidation is None else 200 - signal.invalidation,
    )


# Indicators


def test_true_range_and_its_average() -> None:
    # TR[0] has no previous close. TR[1..14] = 1 but TR[10] = 8 (a gap up: high 108, previous close 100) and TR[11] =
    # 107.5 - 99.5 = 8 back down: mean (12 + 16)/14 = 2. Then (13 x 2 + 1)/14 = 27/14.
    rows: Rows = [QUIET] * 16
    rows[10] = (107.5, 108, 107, 107.5, 10)
    atr = wilder_atr(plain_bars(bars_of(rows, 1)))
    assert np.isnan(atr[:14]).all()
    assert atr[14:] == [2.0, 27 / 14]


@pytest.mark.parametrize("side", SIDES)
def test_relative_strength(side: int) -> None:
    # Changes 1..14: +2 at bar 5, -1 at bar 6, else 0. g = 2/14, s = 1/14: 100 x 2/3. The change +1 at bar 15: g =
    # (26/14 + 1)/14 = 40/196, s = 13/196: 100 x 40/53. Bar 16 is untradable: the last value. The mirror: 100 - RSI.
    rows: Rows = [QUIET] * 17
    rows[5] = (100, 103, 100, 102, 10)
    rows[6:] = [(101, 102.5, 99.5, 101, 10)] * 11
    rows[15] = (101, 102.5, 99.5, 102, 10)
    rows[16] = (102, 105, 102, 104, 0)
    rsi = wilder_rsi(plain_bars(bars_of(rows, side)))
    assert np.isnan(rsi[:14]).all()
    expected = np.array([100 * 2 / 3, 100 * 40 / 53, 100 * 40 / 53])
    assert rsi[14:] == pytest.approx(expected if side > 0 else 100 - expected, rel=1e-12)
    assert wilder_rsi(plain_bars(bars_of([QUIET] * 15, side)))[14] == 50


def test_averages_restart_after_a_hole_of_21_bars() -> None:
    for length, restarts in ((20, False), (21, True)):
        bars = plain_bars(bars_of(with_hole([QUIET] * 36, 20, length), 1))
        for values in (wilder_atr(bars), wilder_rsi(bars)):
            after = np.isnan(values[20 + length :])
            assert after.tolist() == [restarts] * 14 + [False] * 2


def test_volume_is_measured_by_tradable_bars() -> None:
    # Volumes 1..20 (mean 10.5), an untradable bar, 21: ratio 21/10.5 = 2. The next: 22 / mean of 2..21 = 22/11.5.
    rows: Rows = [(100, 100.5, 99.5, 100, v) for v in (*range(1, 21), 0, 21, 22)]
    bars = plain_bars(bars_of(rows, 1))
    ratio = volume_ratio(bars)
    assert np.isnan(ratio[:21]).all()
    assert ratio[21:] == [2.0, 22 / 11.5]
    assert mean_volume(bars, 18, 22) == 20  # 19, 20, 21
    assert np.isnan(mean_volume(bars, 20, 21))
    without = plain_bars(bars_of(rows, 1, has_volume=False))
    assert np.isnan(volume_ratio(without)).all()
    assert np.isnan(mean_volume(without, 0, 20))


# CAPITULATION_REVERSAL

# The closes rise by .5 at bar 14, once. The window of 3 bars is a = 24, 25, m = 26, after close[23] = 100, A0 = 1 (all
# true ranges are 1); t = 27.
# - volume: 40 / 10 = 4 at m
# - velocity: (100 - 92) / 1 = 8
# - ATR: TR = 2, 2, 4: 15/14, 223/196, 3683/2744 = 1.3422
# - wick: 95 - 92 = 3 against the body 1
# - RSI at m: g = .5/14 (13/14)^12, s = (2 (13/14)^2 + 2 (13/14) + 1)/14: 100 x .20549 / (.20549 + 4.58163) = 4.292, the
#   lowest of the window
# Bar 27 closes at 96 > its open 95 and > (96 + 92)/2 = 94. TR = 2.5, ATR = 54739/38416 = 1.4249.
# Stop: min(92, 96 - 1.5 x 1.4249 = 93.86) = 92; risk 4; target 96 + 2.5 x 4 = 106.
CLIMAX: Rows = [
    *[(99.5, 100.5, 99.5, 99.5, 10)] * 14,
    *[QUIET] * 10,
    (100, 100, 98, 98, 10),
    (98, 98, 96, 96, 10),
    (96, 96, 92, 95, 40),
    (95, 97, 94.5, 96, 10),
    (96, 96.5, 95.5, 96, 10),
]
ALL_FIVE = {"panic_window": 3, "panic_score_minimum": 1.0}
CLIMAX_SIGNAL = Signal(27, 1, 92.0, 106.0, 26)
CLIMAX_ATR = 54739 / 38416


def climax(side: int, changes: Changes | None = None, /, **parameters: Any) -> list[Signal]:
    bars = bars_of(changed(CLIMAX, changes or {}), side)
    return capitulation_reversal.signals(bars, {**ALL_FIVE, **parameters}, side)


def bars_that_signal(found: list[Signal]) -> list[tuple[int, int]]:
    return [(signal.pattern, signal.bar) for signal in found]


@pytest.mark.parametrize("side", SIDES)
def test_a_climax_signals(side: int) -> None:
    assert climax(side) == [of_side(CLIMAX_SIGNAL, side)]
    assert capitulation_reversal.signals(bars_of(CLIMAX, side), ALL_FIVE, -side) == []


@pytest.mark.parametrize("side", SIDES)
def test_a_climax_far_stop_takes_the_place_of_its_low(side: int) -> None:
    # 96 - 3 x 1.4249 = 91.73 is below the low 92.
    (found,) = climax(side, atr_multiplier_sl=3.0, risk_reward_ratio=2.0)
    assert found.stop == pytest.approx(100 + side * (96 - 3 * CLIMAX_ATR - 100), rel=1e-12)
    assert found.target == pytest.approx(100 + side * (96 + 2 * 3 * CLIMAX_ATR - 100), rel=1e-12)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("name", "reached", "beyond", "weight"),
    [
        ("volume_explosion_threshold", 4.0, 4.001, 0.30),
        ("price_velocity_atr", 8.0, 8.001, 0.25),
        ("atr_explosion_threshold", 1.342, 1.343, 0.20),
        ("exhaustion_wick_ratio", 3.0, 3.001, 0.15),
        ("rsi_extreme_threshold", 4.3, 4.29, 0.10),
    ],
)
def test_each_vote_of_a_climax_counts_its_weight(
    side: int, name: str, reached: float, beyond: float, weight: float
) -> None:
    assert len(climax(side, **{name: reached})) == 1
    assert climax(side, **{name: beyond}) == []
    assert len(climax(side, **{name: beyond}, panic_score_minimum=1 - weight)) == 1
    assert climax(side, **{name: beyond}, panic_score_minimum=1 - weight + 0.01) == []


# Bars of which each fails one condition; all but the wick's and the last two fail outside the vote.
CLIMAX_CASES: dict[str, tuple[Changes, bool]] = {
    # close = low: the wick is 0; with the ratio 0 it must still be more
    "no wick, no body": ({26: (92, 96, 92, 92, 40), 27: (92, 97, 92, 96, 10)}, False),
    "a wick, no body": ({26: (95, 96, 92, 95, 40)}, True),
    "an equal low before": ({25: (98, 98, 92, 96, 10)}, True),
    "a lower low before": ({25: (98, 98, 91.5, 96, 10)}, False),
    "an equal low at the confirmation": ({27: (95, 97, 92, 96, 10)}, True),
    "a lower low at the confirmation": ({27: (95, 97, 91.5, 96, 10)}, False),
    "confirmed without a rise": ({27: (96, 97, 94.5, 96, 10)}, False),
    "closed above the middle": ({27: (93.5, 95, 93, 94.5, 10)}, True),
    "closed at the middle": ({27: (93.5, 95, 93, 94, 10)}, False),
    "confirmed without volume": ({27: (95, 97, 94.5, 96, 0)}, False),
    "confirmation absent": ({27: None}, False),
    "absent inside the window": ({25: None}, True),
    "low bar absent": ({26: None}, False),
    "no comparison with an absent bar": ({23: None}, False),  # velocity
    "no volume at the low": ({26: (96, 96, 92, 95, 0)}, False),  # volume ratio, and ATR keeps its last value
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", CLIMAX_CASES)
def test_conditions_of_a_climax(side: int, case: str) -> None:
    changes, signals = CLIMAX_CASES[case]
    parameters = {"exhaustion_wick_ratio": 0.0, "atr_explosion_threshold": 1.2}
    assert bars_that_signal(climax(side, changes, **parameters)) == ([(26, 27)] if signals else [])


@pytest.mark.parametrize("side", SIDES)
def test_an_absent_bar_before_the_window_costs_the_velocity_alone(side: int) -> None:
    # A0 is the ATR of bar 22, which bar 23 keeps.
    assert len(climax(side, {23: None}, panic_score_minimum=0.75)) == 1
    assert climax(side, {23: None}, panic_score_minimum=0.80) == []


@pytest.mark.parametrize("side", SIDES)
def test_a_climax_may_be_confirmed_later(side: int) -> None:
    # One bar later bar 28 has to rise, and bars 27 and 28 have to hold the low.
    rise: Row = (96, 97.5, 95.5, 97, 10)
    rows = changed([*CLIMAX, QUIET], {28: rise})
    for low, expected in ((92, [(26, 28)]), (91.5, [])):
        bars = bars_of(changed(rows, {27: (95, 97, low, 96, 10)}), side)
        found = capitulation_reversal.signals(bars, {**ALL_FIVE, "reversal_confirmation_candles": 2}, side)
        assert bars_that_signal(found) == expected


@pytest.mark.parametrize("side", SIDES)
def test_a_climax_needs_a_warm_up_after_a_long_hole(side: int) -> None:
    for length, expected in ((20, [(46, 47)]), (21, [])):
        bars = bars_of(with_hole(CLIMAX, 20, length), side)
        parameters = {**ALL_FIVE, "panic_score_minimum": 0.1}
        found = [s for s in capitulation_reversal.signals(bars, parameters, side) if s.bar >= 20 + length]
        assert bars_that_signal(found) == expected


@pytest.mark.parametrize("side", SIDES)
def test_a_climax_without_volume_in_the_market_votes_with_the_rest(side: int) -> None:
    bars = bars_of(CLIMAX, side, has_volume=False)
    for minimum, expected in ((0.70, [(26, 27)]), (0.75, [])):
        found = capitulation_reversal.signals(bars, {**ALL_FIVE, "panic_score_minimum": minimum}, side)
        assert bars_that_signal(found) == expected


@pytest.mark.parametrize("side", SIDES)
def test_a_climax_in_a_market_that_never_moved_has_no_velocity(side: int) -> None:
    # A0 = 0: neither the velocity nor the rise of ATR can be measured; 30 + 15 + 10 are left.
    still: Changes = dict.fromkeys(range(24), (100, 100, 100, 100, 10))
    assert len(climax(side, still, panic_score_minimum=0.55)) == 1
    assert climax(side, still, panic_score_minimum=0.60) == []


@pytest.mark.parametrize("side", SIDES)
def test_the_extreme_of_a_climax_is_sought_in_bars_that_exist(side: int) -> None:
    # Window of 2 bars. RSI: 10.65 at bar 24, the same at 25 (no change), 27.97 at 26, which rises by .5; bar 25 absent
    # leaves 27.97. All other votes are met: 4; (98 - 92)/(15/14) = 5.6; TR 6.5 makes 1.46 (1.49 with bar 25) of 15/14;
    # wick 4, body 2.5.
    low_bar: Changes = {26: (96, 98.5, 92, 98.5, 40)}
    present: Changes = {**low_bar, 25: (98, 98.5, 97, 98, 10)}
    assert len(climax(side, present, panic_window=2)) == 1
    assert climax(side, {**low_bar, 25: None}, panic_window=2) == []
    assert len(climax(side, {**low_bar, 25: None}, panic_window=2, panic_score_minimum=0.9)) == 1


@pytest.mark.parametrize("side", SIDES)
def test_a_climax_has_its_window_on_one_side_of_a_long_hole(side: int) -> None:
    # The wick alone is asked. The bar before the window is the first after the hole, or lies in the hole.
    for window, expected in ((16, [(47, 48)]), (17, [])):
        bars = bars_of(with_hole(CLIMAX, 10, 21), side)
        parameters = {"panic_window": window, "panic_score_minimum": 0.15}
        assert bars_that_signal(capitulation_reversal.signals(bars, parameters, side)) == expected


# FAILED_BREAKDOWN

# N = 20: the range of b = 24 is 4..23. Its bars have a true range of 1, so A = 1. Lows of 99 at 6 and 14, highs of 101
# at 10 and 18: S = 99, R = 101, H = 2, edges at 99.3 and 100.7: 2 visits each. H / (A sqrt(20)) = .4472.
LOW_TOUCH: Row = (100, 100, 99, 100, 10)
HIGH_TOUCH: Row = (100, 101, 100, 100, 10)
RANGE: Rows = changed([QUIET] * 24, {6: LOW_TOUCH, 10: HIGH_TOUCH, 14: LOW_TOUCH, 18: HIGH_TOUCH})
RANGE_PARAMETERS = {"range_lookback_periods": 20}

# Recovered by the break bar: depth .5, close 99.5 > 99 and <= 99 + .5 x 2 = 100; both volume ratios 1. Score .28 x .5 +
# .33 / 3 + .22 + .17 x .4 = .14 + .11 + .22 + .068 = .538. Stop 98.5 - .5 = 98; risk 1.5; target 99.5 + 3 = 102.5.
SPRING: Rows = [*RANGE, (100, 100, 98.5, 99.5, 10), (99.5, 100, 99.5, 99.5, 10)]
SPRING_SIGNAL = Signal(24, 1, 98.0, 102.5, 24)

# Recovered two bars later: bar 25 closes at 98.5 and is no break of its own (its low is not below that of bar 24).
# Breakdown ratio 1, recovery ratio 20/10 = 2. Score .14 + .22 + .22 x .75 + .068 = .593.
LATE: Rows = [
    *RANGE,
    (100, 100, 98.5, 98.75, 10),
    (98.75, 99, 98.5, 98.5, 10),
    (98.5, 99.75, 98.5, 99.5, 20),
    (99.5, 100, 99.5, 99.5, 10),
]


def spring(side: int, rows: Rows, changes: Changes | None = None, /, **parameters: Any) -> list[Signal]:
    bars = bars_of(changed(rows, changes or {}), side)
    return failed_breakdown.signals(bars, {**RANGE_PARAMETERS, **parameters}, side)


@pytest.mark.parametrize("side", SIDES)
def test_a_spring_signals(side: int) -> None:
    assert spring(side, SPRING) == [of_side(SPRING_SIGNAL, side)]
    assert spring(side, LATE) == [of_side(replace(SPRING_SIGNAL, bar=26), side)]
    assert failed_breakdown.signals(bars_of(SPRING, side), RANGE_PARAMETERS, -side) == []


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("name", "reached", "beyond"),
    [
        ("range_tightness", 0.448, 0.447),
        ("min_touches", 2, 3),
        ("breakdown_depth_atr", 0.5, 0.501),
        ("recovery_volume_threshold", 1.0, 1.001),
        ("accumulation_score_minimum", 0.537, 0.539),
    ],
)
def test_thresholds_of_a_spring(side: int, name: str, reached: float, beyond: float) -> None:
    assert len(spring(side, SPRING, **{name: reached})) == 1
    assert spring(side, SPRING, **{name: beyond}) == []


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("name", "reached", "beyond"),
    [
        ("recovery_speed", 2, 1),
        ("breakdown_volume_threshold", 1.0, 0.999),
        ("recovery_volume_threshold", 2.0, 2.001),
        ("accumulation_score_minimum", 0.592, 0.594),
    ],
)
def test_thresholds_of_a_late_spring(side: int, name: str, reached: float, beyond: float) -> None:
    assert len(spring(side, LATE, **{name: reached})) == 1
    assert spring(side, LATE, **{name: beyond}) == []


SPRING_CASES: dict[str, tuple[Changes, bool]] = {
    "visits to the low in one run": ({14: QUIET, 7: LOW_TOUCH}, False),
    "two visits to the low side by side": ({14: QUIET, 8: LOW_TOUCH}, True),
    "a run broken by an absent bar": ({14: QUIET, 7: None, 8: LOW_TOUCH}, True),
    "visits to the high in one run": ({18: QUIET, 11: HIGH_TOUCH}, False),
    "two visits to the high side by side": ({18: QUIET, 12: HIGH_TOUCH}, True),
    # the edges are .3 wide; true ranges change little
    "a visit just inside the edge": ({14: (100, 100.25, 99.296875, 100, 10)}, True),
    "a visit just outside the edge": ({14: (100, 100.25, 99.3125, 100, 10)}, False),
    # S - low = 2 = 2 A, and 2 + 1/64
    "as deep as allowed": ({24: (100, 100, 97, 99.5, 10)}, True),
    "deeper than allowed": ({24: (100, 100, 96.984375, 99.5, 10)}, False),
    "closed in the middle of the range": ({24: (100, 100, 98.5, 100, 10)}, True),
    "closed above the middle": ({24: (100, 100.5, 98.5, 100.015625, 10)}, False),
    # t = b: volume 20 makes the breakdown ratio 2, which is not asked; score 0 + .22 + .22 + .068 = .508
    "volume of a break that recovers at once": ({24: (100, 100, 98.5, 99.5, 20)}, True),
    "volume of a weak recovery": ({24: (100, 100, 98.5, 99.5, 7.5)}, False),
    "no volume": ({24: (100, 100, 98.5, 99.5, 0)}, False),
    "break bar absent": ({24: None}, False),
    "absent before the break": ({23: None}, True),
    "no break of the low": ({24: (100, 100, 99, 99.5, 10)}, False),
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", SPRING_CASES)
def test_conditions_of_a_spring(side: int, case: str) -> None:
    changes, signals = SPRING_CASES[case]
    assert bars_that_signal(spring(side, SPRING, changes)) == ([(24, 24)] if signals else [])


LATE_CASES: dict[str, tuple[Changes, bool]] = {
    "closed at the low of the range": ({25: (98.75, 99, 98.5, 99, 10)}, True),
    # the spring low is that of b..t: 2 and 2 + 1/64 below S; bar 26's own break is as deep
    "deepest bar as deep as allowed": ({26: (98.5, 99.75, 97, 99.5, 20)}, True),
    "deepest bar too deep": ({26: (98.5, 99.75, 96.984375, 99.5, 20)}, False),
    # mean of 15 and 15 against 10 is 1.5; score .28 x .25 + .22 + .165 + .068 = .523
    "volume of the break as high as allowed": (
        {24: (100, 100, 98.5, 98.75, 10), 25: (98.75, 99, 98.5, 98.5, 20)},
        True,
    ),
    "volume of the break too high": ({24: (100, 100, 98.5, 98.75, 10), 25: (98.75, 99, 98.5, 98.5, 20.5)}, False),
    "recovered by a flat bar": ({26: (99.5, 99.5, 99.5, 99.5, 20)}, False),
    "recovered without volume": ({26: (98.5, 99.75, 98.5, 99.5, 0)}, False),  # bar 27 is not the first close
    "absent before the recovery": ({25: None}, True),
    "no volume before the recovery": ({25: (98.75, 99, 98.5, 98.5, 0)}, True),  # mean of bar 24 alone
    "no volume at all before the recovery": (
        {24: (100, 100, 98.5, 98.75, 0), 25: (98.75, 99, 98.5, 98.5, 0)},
        False,
    ),
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", LATE_CASES)
def test_conditions_of_a_late_spring(side: int, case: str) -> None:
    changes, signals = LATE_CASES[case]
    found = [s for s in bars_that_signal(spring(side, LATE, changes)) if s[0] == 24]
    assert found == ([(24, 26)] if signals else [])


@pytest.mark.parametrize("side", SIDES)
def test_of_two_breaks_with_one_recovery_the_earlier_signals(side: int) -> None:
    # Bar 25 breaks the low of bar 24 (S = 98.5, the only visit to that edge) by .5; bar 26 closes above either and
    # below the middles 100 and 98.5 + .5 x 2.5 = 99.75. Stop of the earlier: 98 - .5.
    deeper: Changes = {25: (98.75, 99, 98, 98.25, 10)}
    (found,) = spring(side, LATE, deeper, min_touches=1)
    assert (found.pattern, found.bar) == (24, 26)
    assert found.stop == 100 + side * (97.5 - 100)
    # The earlier one is too slow: A = (13 + 1.5)/14 = 29/28, stop 98 - .5 x 29/28.
    (found,) = spring(side, LATE, deeper, min_touches=1, recovery_speed=1)
    assert (found.pattern, found.bar) == (25, 26)
    assert found.stop == pytest.approx(100 + side * (98 - 0.5 * 29 / 28 - 100), rel=1e-12)


@pytest.mark.parametrize("side", SIDES)
def test_a_spring_aims_at_the_range_when_that_is_worth_its_risk(side: int) -> None:
    # 101 - 99.5 = 1.5 is the risk; one 64th higher it is worth less than the risk.
    (found,) = spring(side, SPRING, target_mode="range_high", risk_reward_ratio=4.0)
    assert found.target == (101 if side > 0 else 99)
    higher: Changes = {24: (100, 100, 98.5, 99.515625, 10)}
    assert spring(side, SPRING, higher, target_mode="range_high") == []
    assert len(spring(side, SPRING, higher)) == 1


@pytest.mark.parametrize("side", SIDES)
def test_a_range_does_not_span_a_long_hole(side: int) -> None:
    # Bar 24 of RANGE is bar 44 after a hole of 20: its range of 41 bars holds all visits (2/sqrt(41) = .31).
    for length, expected in ((20, [(44, 44)]), (21, [])):
        bars = bars_of(with_hole(SPRING, 20, length), side)
        found = failed_breakdown.signals(bars, {"range_lookback_periods": 21 + length - 1}, side)
        assert bars_that_signal(found) == expected


@pytest.mark.parametrize("side", SIDES)
def test_nothing_springs_without_volume_or_without_a_range(side: int) -> None:
    assert failed_breakdown.signals(bars_of(SPRING, side, has_volume=False), RANGE_PARAMETERS, side) == []
    flat: Rows = [(100, 100, 100, 100, 10)] * 24
    assert spring(side, [*flat, (100, 100, 99, 100.5, 10)]) == []
    # A range that only bars without volume span: they are in S and R, but not in the ATR, which is 0.
    spanned = changed(flat, {6: (100, 101, 99, 100, 0), 10: (100, 101, 99, 100, 0)})
    assert spring(side, [*spanned, (100, 100, 98.5, 99.5, 10)]) == []


@pytest.mark.parametrize("side", SIDES)
def test_the_parts_of_the_score_of_a_spring_are_capped(side: int) -> None:
    # Volume 40 at t = b: 0 + .33 + .22 + .068 = .618
    loud: Changes = {24: (100, 100, 98.5, 99.5, 40)}
    assert len(spring(side, SPRING, loud, accumulation_score_minimum=0.617)) == 1
    assert spring(side, SPRING, loud, accumulation_score_minimum=0.619) == []
    # 6 visits to each edge: .14 + .11 + .22 + .17 = .64
    busy: Changes = {18: QUIET}
    busy.update(dict.fromkeys(range(4, 16, 2), LOW_TOUCH))
    busy.update(dict.fromkeys(range(5, 17, 2), HIGH_TOUCH))
    assert len(spring(side, SPRING, busy, accumulation_score_minimum=0.639)) == 1
    assert spring(side, SPRING, busy, accumulation_score_minimum=0.641) == []


# SUPPLY_SHOCK

# s = 24: move (103 - 100)/1 = 3 (all true ranges before are 1); volume 60/10 = 6; closes at 3.5/4 of its range, above
# the high 100.5 of bars 4..23. Catalyst .5 x 3/6 + .5 x 6/12 = .5. t = 25: its low may be 103 - .5 x 3 = 101.5.
# ATR: TR = 4 and 2: 17/14, (221 + 28)/196 = 249/196. Stop 103 - 2 ATR.
SHOCK: Rows = [*[QUIET] * 24, (100, 103.5, 99.5, 103, 60), (103, 103.5, 101.5, 103, 10), (103, 103.5, 102.5, 103, 10)]
SHOCK_ATR = 249 / 196


def shock(side: int, changes: Changes | None = None, /, **parameters: Any) -> list[Signal]:
    bars = bars_of(changed(SHOCK, changes or {}), side)
    return supply_shock.signals(bars, {"allow_short": True, **parameters}, side)


@pytest.mark.parametrize("side", SIDES)
def test_a_shock_signals(side: int) -> None:
    (found,) = shock(side)
    assert (found.bar, found.side, found.pattern, found.target) == (25, side, 24, None)
    assert found.stop == pytest.approx(100 + side * (3 - 2 * SHOCK_ATR), rel=1e-12)
    assert found.invalidation == 100
    assert found.trail_activation == pytest.approx(1.5 * SHOCK_ATR, rel=1e-12)
    assert found.trail_distance == pytest.approx(1.5 * SHOCK_ATR, rel=1e-12)
    (other,) = shock(side, trail_stop_activation=3.0, trail_distance=2.0, atr_multiplier_sl=1.0)
    assert other.trail_activation == pytest.approx(3 * SHOCK_ATR, rel=1e-12)
    assert other.trail_distance == pytest.approx(2 * SHOCK_ATR, rel=1e-12)
    assert other.stop == pytest.approx(100 + side * (3 - SHOCK_ATR), rel=1e-12)


def test_shorts_of_shocks_must_be_allowed() -> None:
    assert len(shock(1, allow_short=False)) == 1
    assert shock(-1, allow_short=False) == []
    assert supply_shock.signals(bars_of(SHOCK, -1), {}, -1) == []
    assert supply_shock.signals(bars_of(SHOCK, 1), {"allow_short": True}, -1) == []


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("name", "reached", "beyond"),
    [
        ("gap_threshold_atr", 3.0, 3.001),
        ("volume_surge_multiplier", 6.0, 6.001),
        ("catalyst_strength_minimum", 0.5, 0.501),
        ("max_retracement", 0.5, 0.499),
    ],
)
def test_thresholds_of_a_shock(side: int, name: str, reached: float, beyond: float) -> None:
    assert len(shock(side, **{name: reached})) == 1
    assert shock(side, **{name: beyond}) == []


SPIKE: Row = (100, 103, 99.5, 100, 10)
SHOCK_CASES: dict[str, tuple[Changes, bool]] = {
    "closed at .7 of its range": ({24: (100, 104.5, 99.5, 103, 60)}, True),
    "closed below .7 of its range": ({24: (100, 104.515625, 99.5, 103, 60)}, False),
    # the spike raises ATR[14] to 16.5/14, ATR[23] to 1.09: the move is 2.75, the catalyst .48
    "no higher than 20 bars before": ({4: SPIKE}, False),
    "higher than 21 bars before": ({3: SPIKE}, True),
    "just higher than 20 bars before": ({4: (100, 102.984375, 99.5, 100, 10)}, True),
    "flat at the shock": ({24: (103, 103, 103, 103, 60)}, False),  # has no place within its range
    "retraced too far": ({25: (103, 103.5, 101.484375, 103, 10)}, False),
    "no volume at the signal": ({25: (103, 103.5, 101.5, 103, 0)}, False),
    "flat at the signal": ({25: (103, 103, 103, 103, 10)}, False),
    "signal bar absent": ({25: None}, False),
    "shock bar absent": ({24: None}, False),
    "no volume at the shock": ({24: (100, 103.5, 99.5, 103, 0)}, False),
    "no comparison with an absent bar": ({23: None}, False),
    "absent earlier": ({22: None}, True),
    # 24 bars before the shock: 20 tradable ones are enough, 19 are not
    "20 tradable bars before": (dict.fromkeys((2, 3, 21, 22), (100, 100.5, 99.5, 100, 0)), True),
    "19 tradable bars before": (dict.fromkeys((2, 3, 20, 21, 22), (100, 100.5, 99.5, 100, 0)), False),
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", SHOCK_CASES)
def test_conditions_of_a_shock(side: int, case: str) -> None:
    changes, signals = SHOCK_CASES[case]
    assert bars_that_signal(shock(side, changes)) == ([(24, 25)] if signals else [])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("close", "volume", "catalyst"), [(106.5, 60, 0.75), (103.0, 150, 0.75), (106.5, 150, 1.0)])
def test_the_parts_of_a_catalyst_are_capped(side: int, close: float, volume: float, catalyst: float) -> None:
    # A move of 6.5 counts as 6, a volume ratio of 15 as 12.
    changes: Changes = {24: (100, close + 0.5, 99.5, close, volume), 25: (close, close + 0.5, close - 1, close, 10)}
    assert len(shock(side, changes, catalyst_strength_minimum=catalyst)) == 1
    assert shock(side, changes, catalyst_strength_minimum=catalyst + 0.001) == []


@pytest.mark.parametrize("side", SIDES)
def test_a_shock_must_hold_until_its_signal(side: int) -> None:
    cases: list[tuple[Changes, bool]] = [
        ({}, True),
        ({25: (103, 103.5, 101.25, 103, 10)}, False),
        ({26: (103, 103.5, 101.25, 103, 10)}, False),
        ({25: (103, 103.5, 101.5, 103, 0)}, True),  # only t must be valid
        ({25: (103, 103.5, 101.25, 103, 0)}, False),  # but what was traded there counts
        ({25: None}, True),
    ]
    for changes, signals in cases:
        assert bars_that_signal(shock(side, changes, momentum_persistence=2)) == ([(24, 26)] if signals else [])


@pytest.mark.parametrize("side", SIDES)
def test_an_absent_bar_does_not_retrace_a_shock(side: int) -> None:
    bars = bars_of(changed(SHOCK, {25: None}), side)
    wide = bars.with_prices(bars.open, bars.high + 5 * bars.absent, bars.low - 5 * bars.absent, bars.close)
    parameters = {"allow_short": True, "momentum_persistence": 2}
    assert bars_that_signal(supply_shock.signals(wide, parameters, side)) == [(24, 26)]


@pytest.mark.parametrize("side", SIDES)
def test_a_shock_needs_20_bars_behind_it(side: int) -> None:
    cases: list[tuple[Rows, list[tuple[int, int]]]] = [
        (SHOCK[4:], [(20, 21)]),
        (SHOCK[5:], []),
        (with_hole(SHOCK, 20, 20), [(44, 45)]),
        (with_hole(SHOCK, 20, 21), []),
    ]
    for rows, expected in cases:
        found = supply_shock.signals(bars_of(rows, side), {"allow_short": True}, side)
        assert bars_that_signal(found) == expected
    assert supply_shock.signals(bars_of(SHOCK, side, has_volume=False), {"allow_short": True}, side) == []


# All


ORACLES: list[tuple[Callable[..., list[Signal]], dict[str, Any]]] = [
    (capitulation_reversal.signals, {"panic_score_minimum": 0.5, "price_velocity_atr": 2.0}),
    (failed_breakdown.signals, {"range_lookback_periods": 30, "accumulation_score_minimum": 0.3}),
    (failed_breakdown.signals, {"target_mode": "range_high", "atr_multiplier_sl": 0.1}),
    (supply_shock.signals, {"allow_short": True, "gap_threshold_atr": 1.0, "volume_surge_multiplier": 1.5}),
]


def walk(seed: int, n: int) -> Rows:
    """A walk around 100 on a grid of 1/64 with fat tails, absent bars and bars without volume."""
    rng = np.random.default_rng(seed)
    close = np.round(64 * (100 + 20 * np.tanh(np.cumsum(rng.standard_t(3, n)) / 200))) / 64
    open_ = np.concatenate(([100.0], close[:-1]))
    reach = np.round(64 * rng.exponential(0.1, (2, n))) / 64
    high, low = np.maximum(open_, close) + reach[0], np.minimum(open_, close) - reach[1]
    moved = np.abs(close - open_)
    volume = np.round(rng.lognormal(3.0, 0.6, n) * (1 + 10 * moved)) * (rng.random(n) > 0.02)
    rows: Rows = [tuple(row) for row in np.stack([open_, high, low, close, volume], axis=1).tolist()]
    for j in np.flatnonzero(rng.random(n) < 0.02):
        rows[j] = None
    rows[0] = rows[-1] = QUIET
    return with_hole(rows, n // 2, 25)


@pytest.mark.parametrize("seed", [1, 2])
def test_shorts_mirror_longs_and_signals_use_the_past_alone(seed: int) -> None:
    rows = walk(seed, 3000)
    bars, mirrored = bars_of(rows, 1), bars_of(rows, -1)
    for signals, parameters in ORACLES:
        longs = signals(bars, parameters, 1)
        shorts = signals(mirrored, parameters, -1)
        assert len(longs) >= 3
        assert [(s.bar, s.pattern) for s in longs] == [(s.bar, s.pattern) for s in shorts]
        for long, short in zip(longs, shorts, strict=True):
            assert short.stop == pytest.approx(200 - long.stop, rel=1e-12)
            assert (long.target is None) == (short.target is None)
            if long.target is not None:
                assert short.target == pytest.approx(200 - long.target, rel=1e-12)
        assert [s.bar for s in longs] == sorted(s.bar for s in longs)
        last = longs[-1].bar
        assert signals(bars.head(last + 1), parameters, 1) == longs
        assert signals(bars.head(last), parameters, 1) == [s for s in longs if s.bar < last]


@pytest.mark.parametrize("seed", [3, 4])
def test_prices_of_absent_bars_are_not_read(seed: int) -> None:
    bars = bars_of(walk(seed, 2000), 1)
    rng = np.random.default_rng(seed)
    absent = bars.absent
    for _ in range(4):
        open_, close = (
            np.where(absent, bars.close + rng.normal(0, 0.3, len(bars)), x) for x in (bars.open, bars.close)
        )
        high = np.where(absent, np.maximum(open_, close) + 0.2, bars.high)
        low = np.where(absent, np.minimum(open_, close) - 0.2, bars.low)
        other = bars.with_prices(open_, high, low, close, np.where(absent, 50.0, bars.volume))
        for signals, parameters in ORACLES:
            for side in SIDES:
                assert signals(other, parameters, side) == signals(bars, parameters, side)


@pytest.mark.parametrize("side", SIDES)
def test_a_known_tick_rounds_stops_and_targets_away(side: int) -> None:
    bars = bars_of(SPRING, side)
    (found,) = failed_breakdown.signals(bars, RANGE_PARAMETERS, side, tick=0.75)
    # Longs: 98 down to 97.5 (130 ticks), risk 2, target 99.5 + 4 = 103.5 (138 ticks). Shorts: 102 is 136 ticks, risk
    # 1.5, target 100.5 - 3 = 97.5.
    assert (found.stop, found.target) == ((97.5, 103.5) if side > 0 else (102.0, 97.5))


def test_unknown_names_are_refused() -> None:
    bars = bars_of(SHOCK, 1)
    for signals, _ in ORACLES:
        with pytest.raises(KeyError):
            signals(bars, {"no_such_parameter": 1}, 1)
    with pytest.raises(ValueError, match="target_mode"):
        failed_breakdown.signals(bars, {"target_mode": "range"}, 1)
