from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Bracket, Costs, Execution, Money, Sizing, measure
from assay.validation import BarSplits, SplitPlan, WalkForward, Window, fixed_parameters, make_splits, walk_forward
from assay.validation.walkforward import WindowResult, overfitting_flags, schedule, stability, stitched
from validation.toys import (
    Spike,
    changed_from,
    every,
    grid_of,
    market,
    quiet,
    slow_score,
    trial_of,
    with_hole,
)

if TYPE_CHECKING:
    from assay.market import Bars

NAN = math.nan
COSTS = Money(Costs(fee=0.0005, slippage=0.0002))
DEFAULTS = Spike.parameters.defaults


def splits_of(bars: Bars, mode: Any = "anchored", holding: int = 6) -> BarSplits:
    return make_splits(SplitPlan(mode, train_days=30, test_days=15, holdout=0.0), 40, len(bars), 24.0, holding)


def walked(bars: Bars, splits: BarSplits, **options: Any) -> WalkForward:
    return walk_forward(trial_of(money=COSTS), bars, grid_of(Spike()), splits, **options)


@pytest.fixture(scope="module")
def bars() -> Bars:
    """A planted edge, with a signal on the last bar of a train window or on the first one behind it."""
    plain = market(11, 100, edge=0.012)
    volume = plain.volume.copy()
    for number, window in enumerate(splits_of(plain).windows):
        stop = window.train_stop
        volume[stop - 6 : stop + 1] = 1.0
        volume[stop - 1 + number % 2] = 9.0
    return replace(plain, volume=volume)


@pytest.fixture(scope="module")
def walk(bars: Bars) -> WalkForward:
    return walked(bars, splits_of(bars))


@pytest.mark.parametrize("mode", ["anchored", "rolling", "split"])
def test_every_winner_is_that_of_a_fresh_and_slow_search(bars: Bars, mode: str) -> None:
    splits = splits_of(bars, mode)
    evaluator = trial_of(money=COSTS)
    for result in walked(bars, splits).windows:
        w = result.window
        fresh = bars.head(w.test_start)
        winner, highest = None, 0.0
        for values in every(grid_of(Spike())):
            m = measure(evaluator.replay(fresh, values, evaluator.span(w.train_start, w.train_stop)), fresh)
            score = slow_score(m["sharpe_ratio"], m["total_trades"])
            if score > highest + 1e-12:
                winner, highest = values, score
        assert result.parameters == winner
        assert winner is not None
        assert result.train_score == pytest.approx(highest, rel=1e-9)
        alone = evaluator.replay(bars, winner, evaluator.span(w.test_start, w.test_stop))
        assert result.test == pytest.approx(measure(alone, bars), nan_ok=True)


def test_nothing_after_a_windows_gap_changes_its_winner(bars: Bars, walk: WalkForward) -> None:
    splits = splits_of(bars)
    for number, window in enumerate(splits.windows):
        other = walked(changed_from(bars, window.test_start), splits)
        for a, b in zip(walk.windows[: number + 1], other.windows, strict=False):
            assert (a.parameters, a.train_score) == (b.parameters, b.train_score)
            assert a.train == pytest.approx(b.train, nan_ok=True, abs=0, rel=0)
        assert number == len(splits.windows) - 1 or walk.windows[-1].train != other.windows[-1].train


def test_nor_does_it_where_the_gap_ends_in_a_hole(bars: Bars) -> None:
    splits = splits_of(bars)
    window = splits.windows[1]
    volume = bars.volume.copy()
    volume[window.train_stop - 1] = 50.0  # a signal on the last train bar: its time exit falls into the hole
    holed = with_hole(replace(bars, volume=volume), window.test_start - 3, window.test_start + 2)
    # an entry bar, the time stop inside the hole, the next tradable bar inside the test
    assert window.train_stop < window.test_start - 3
    before = walked(holed, splits).windows[1]
    after = walked(changed_from(holed, window.test_start), splits).windows[1]
    assert before.parameters == after.parameters
    assert before.train == pytest.approx(after.train, nan_ok=True, abs=0, rel=0)


def test_threads_do_not_matter(bars: Bars, walk: WalkForward) -> None:
    for threads in (2, 3):
        other = walked(bars, splits_of(bars), threads=threads)
        assert [w.parameters for w in other.windows] == [w.parameters for w in walk.windows]
        assert [w.train_score for w in other.windows] == [w.train_score for w in walk.windows]
        assert np.array_equal(other.run.equity, walk.run.equity)


def test_an_unbounded_strategy_sees_only_what_is_before_the_test(bars: Bars) -> None:
    class Unbounded(Spike):
        bracket = Bracket(stop="stop", target="target")

    splits = splits_of(bars, holding=24)
    evaluator = trial_of(strategy=Unbounded(), money=COSTS)

    def run(b: Bars) -> WalkForward:
        return walk_forward(evaluator, b, grid_of(Unbounded()), splits, bounded=False)

    first = run(bars)
    for number, window in enumerate(splits.windows):
        other = run(changed_from(bars, window.test_start))
        assert [w.train_score for w in first.windows[: number + 1]] == [
            w.train_score for w in other.windows[: number + 1]
        ]


def test_progress_counts_windows(bars: Bars) -> None:
    seen: list[tuple[int, int]] = []
    splits = splits_of(bars)
    walked(bars, splits, on_window=lambda done, total: seen.append((done, total)))
    n = len(splits.windows)
    assert seen == [(i + 1, n) for i in range(n)]
    assert n == 4


def by_hand(bars: Bars, chosen: list[dict[str, Any] | None]) -> WalkForward:
    """Three test windows of 50 bars from bar 100 on, under given parameters."""
    windows = tuple(Window(40, 90, 100 + 50 * i, 150 + 50 * i) for i in range(3))
    splits = BarSplits(40, 250, 250, 250, 10, "anchored", 2.0, 2.0, windows, ())
    evaluator = trial_of(money=COSTS)
    signals = schedule(evaluator, bars, windows, list(chosen))
    run = stitched(bars, signals, evaluator, splits)
    results = tuple(WindowResult(w, c, 0.0, {}, {}) for w, c in zip(windows, chosen, strict=True))
    return WalkForward(results, signals, run, measure(run, bars))


def test_a_trade_open_at_a_windows_end_blocks_the_next_window() -> None:
    # hold 8: the signal at 148 enters at 149 and leaves at the close of 156, the 8th held bar
    values = DEFAULTS | {"hold": 8, "stop": 0.2, "target": 9.0}
    bars = quiet(300, (99, 120, 148, 151, 155, 156, 199, 210, 249, 250))
    walk = by_hand(bars, [values, values, values])
    assert walk.run.trades.signal_bar.tolist() == [120, 148, 156, 199, 210, 249]
    assert walk.run.trades.exit_bar.tolist() == [128, 156, 164, 207, 218, 257]
    assert walk.window_of_trade == [0, 0, 1, 1, 2, 2]
    edge = by_hand(quiet(300, (100, 149, 150, 200)), [values | {"hold": 1}] * 3)
    assert edge.run.trades.signal_bar.tolist() == [100, 149, 150, 200]
    assert edge.window_of_trade == [0, 0, 1, 2]
    # 99 lies before the first test window, 250 behind the last
    alone = by_hand(quiet(300, (151, 155)), [values, values, values])
    assert alone.run.trades.signal_bar.tolist() == [151]


def test_every_window_trades_its_own_parameters_and_one_without_trades_nothing() -> None:
    values = DEFAULTS | {"hold": 8, "stop": 0.2, "target": 9.0}
    bars = quiet(300, (120, 148, 151, 170, 199, 210))
    walk = by_hand(bars, [values, None, values | {"hold": 2}])
    assert walk.run.trades.signal_bar.tolist() == [120, 148, 210]
    assert walk.run.trades.bars_held.tolist() == [8, 8, 2]
    # bar 0 is midnight: the three windows touch the days 4 (bar 100) to 10 (bar 249)
    assert len(walk.run.equity) == 249 // 24 - 100 // 24 + 1
    nothing = by_hand(bars, [None, None, None])
    assert len(nothing.run.trades) == 0
    assert nothing.measures["net_profit_pct"] == 0.0


def test_the_stitched_run_is_the_windows_one_after_the_other(bars: Bars, walk: WalkForward) -> None:
    factors = 1.0 + walk.run.trades.size * walk.run.trades.net_return
    assert walk.measures["net_profit_pct"] == pytest.approx(100 * (np.prod(factors) - 1), rel=1e-12)
    assert walk.run.equity[-1] == pytest.approx(np.prod(factors), rel=1e-12)
    evaluator = trial_of(money=COSTS)
    taken = []
    free = 0
    for w in walk.windows:
        assert w.parameters is not None
        rows = evaluator.signals(bars, w.parameters, evaluator.span(w.window.test_start, w.window.test_stop)).rows
        for t in rows.bar.tolist():
            if t >= free:
                alone = evaluator.replay(bars, w.parameters, evaluator.span(t, t + 1)).trades
                taken.append(t)
                free = int(alone.exit_bar[0])
    assert walk.run.trades.signal_bar.tolist() == taken


def window_result(train: float, test: float, profit: float, win: float, days: float = 15.0) -> WindowResult:
    return WindowResult(
        Window(0, 1, 2, 3),
        {},
        1.0,
        {"sharpe_ratio": train},
        {"sharpe_ratio": test, "net_profit_pct": profit, "win_rate": win, "days": days},
    )


def summary_of(*results: WindowResult) -> dict[str, float]:
    run: Any = None
    return WalkForward(results, run, run, {}).summary(365)


def test_summary_by_hand() -> None:
    s = summary_of(window_result(4, 1, 2.0, 0.5), window_result(6, 2, -1.0, 0.6), window_result(5, 3, 1.0, 0.7))
    assert s["mean_test_sharpe"] == 2.0
    assert s["mean_train_sharpe"] == 5.0
    assert s["efficiency"] == pytest.approx(0.4)
    assert s["profitable_windows"] == pytest.approx(2 / 3)
    assert s["std_test_sharpe"] == pytest.approx(1.0)
    assert s["std_test_win_rate"] == pytest.approx(0.1)
    assert s["sampling_std_sharpe"] == pytest.approx(math.sqrt(365 / 15))
    # .4/(1 + 1) + .3/(1 + 10 x .1) + .3 x 2/3
    assert s["stability_score"] == pytest.approx(0.2 + 0.15 + 0.2)


def test_summary_where_windows_are_unknown() -> None:
    dead = WindowResult(Window(0, 1, 2, 3), None, -5.0, {}, {})
    s = summary_of(window_result(4, 2, 2.0, 0.5), dead, window_result(NAN, NAN, 0.0, NAN))
    assert s["mean_test_sharpe"] == pytest.approx(2 / 3)  # a window that trades nothing earns nothing
    assert s["mean_train_sharpe"] == 4.0
    assert s["profitable_windows"] == pytest.approx(1 / 3)
    assert s["sampling_std_sharpe"] == pytest.approx(math.sqrt(365 / 15))
    assert math.isnan(s["std_test_win_rate"])
    assert math.isnan(s["stability_score"])
    none = summary_of(dead, dead)
    assert math.isnan(none["mean_train_sharpe"])
    assert math.isnan(none["efficiency"])
    assert math.isnan(none["sampling_std_sharpe"])
    one = summary_of(window_result(-4, 2, 2.0, 0.5))
    assert math.isnan(one["efficiency"])
    assert math.isnan(one["std_test_sharpe"])
    assert math.isnan(one["stability_score"])


@pytest.mark.parametrize(
    ("mean", "spread", "win_spread", "share", "expected"),
    [
        (2.0, 0.5, 0.1, 0.75, 0.4 / 1.5 + 0.15 + 0.225),
        (1e-9, 0.0, 0.0, 1.0, 1.0),
        (0.0, 0.0, 0.0, 1.0, 0.6),
        (-1.0, 0.5, 0.2, 0.0, 0.1),
        (1.0, NAN, 0.1, 1.0, NAN),
        (1.0, 0.1, NAN, 1.0, NAN),
    ],
)
def test_stability_by_hand(mean: float, spread: float, win_spread: float, share: float, expected: float) -> None:
    assert stability(mean, spread, win_spread, share) == pytest.approx(expected, nan_ok=True)


def pair(train: float, test: float, *, win: float = 0.5, test_win: float = 0.5, profit: float = 1.0) -> Any:
    return (
        {"sharpe_ratio": train, "win_rate": win, "net_profit_pct": 1.0},
        {"sharpe_ratio": test, "win_rate": test_win, "net_profit_pct": profit},
    )


TRAIN = "train Sharpe is not positive"
RATIO = "test Sharpe below 0.7 x train Sharpe"
WINS = "test win rate below 0.8 x train win rate"
BELOW = "test Sharpe below 0"
SPREAD = "standard deviation of test Sharpe above 1.5"
HALF = "fewer than half the windows profitable"


@pytest.mark.parametrize(
    ("pairs", "flags"),
    [
        ([pair(2, 1.4), pair(2, 1.4)], ()),
        ([pair(2, 1.39), pair(2, 1.4)], (RATIO,)),
        ([pair(2, 2, test_win=0.4), pair(2, 2, test_win=0.4)], ()),
        ([pair(2, 2, test_win=0.39), pair(2, 2, test_win=0.4)], (WINS,)),
        ([pair(2, -0.1), pair(2, -0.1)], (RATIO, BELOW)),
        ([pair(1, 0), pair(1, 3)], (SPREAD,)),  # std 2.12
        ([pair(1, 0.5), pair(1, 2.6)], ()),  # std 1.485
        ([pair(1, 1, profit=0.0), pair(1, 1)], ()),
        ([pair(1, 1, profit=0.0), pair(1, 1, profit=-1.0), pair(1, 1)], (HALF,)),
        # 0.7 x (-2) is below -1: without its own rule a losing train would let a losing test pass
        ([pair(-2, -1), pair(-2, -1)], (TRAIN, BELOW)),
        ([pair(-2, 3), pair(-2, 3)], (TRAIN,)),
        ([pair(0, 1), pair(0, 1)], (TRAIN,)),
        ([pair(NAN, 1), pair(NAN, 1)], (TRAIN, RATIO)),
        ([pair(1, NAN, test_win=NAN, profit=0.0)], (RATIO, WINS, BELOW, HALF)),
    ],
)
def test_flags_of_fixed_parameters(pairs: Any, flags: tuple[str, ...]) -> None:
    assert overfitting_flags(pairs) == flags


def test_fixed_parameters_measure_every_window(bars: Bars) -> None:
    evaluator = trial_of(money=COSTS)
    windows = splits_of(bars).windows
    values = DEFAULTS | {"volume": 1.5}
    fixed = fixed_parameters(evaluator, bars, values, windows)
    assert "not out of sample" in fixed.label
    assert len(fixed.windows) == len(windows)
    for (train, test), w in zip(fixed.windows, windows, strict=True):
        for found, start, stop in ((train, w.train_start, w.train_stop), (test, w.test_start, w.test_stop)):
            assert found == pytest.approx(
                measure(evaluator.replay(bars, values, evaluator.span(start, stop)), bars), nan_ok=True
            )
    assert fixed.is_overfit == bool(fixed.flags)
    losing = fixed_parameters(
        trial_of(execution=Execution(costs=Costs.of("5%"), sizing=Sizing("notional"))), bars, values, windows
    )
    assert {TRAIN, BELOW, HALF} <= set(losing.flags)
    assert losing.is_overfit
