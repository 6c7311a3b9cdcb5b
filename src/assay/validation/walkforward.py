"""Walk-forward: search again in every window, trade what was found in the days that follow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import Signals, measure, replay
from assay.search import run_search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from assay.engine import Combinations, Money, Run, Span
    from assay.evaluation.evaluator import Evaluator, Scores
    from assay.market import Bars
    from assay.parameters import Value
    from assay.search import SearchPlan, SearchResult
    from assay.validation.splits import BarSplits, Window


MAX_SCORES = 10_000_000
"""Scores of all windows that are kept in memory at once."""


@dataclass(frozen=True, eq=False)
class WindowResult:
    """One window: what the search chose, how it did in training and after.

    Attributes
    ----------
    parameters : dict or None
        None where no point was positive: the window trades nothing.
    train, test : dict of str to float
        Measures of the winner over the train and the test days, each run on its own.
    """

    window: Window
    parameters: dict[str, Value] | None
    train_score: float
    train: dict[str, float]
    test: dict[str, float]


@dataclass(frozen=True, eq=False)
class WalkForward:
    """All windows and their test days stitched into one run.

    Attributes
    ----------
    windows : tuple of WindowResult
    signals : Signals
        The schedule of parameters over all test windows.
    run : Run
        One replay of the schedule; a trade open at a window's end blocks the next window.
    measures : dict of str to float
        Of the stitched run.
    """

    windows: tuple[WindowResult, ...]
    signals: Signals
    run: Run
    measures: dict[str, float]

    @property
    def window_of_trade(self) -> list[int]:
        """Index of the window in which each stitched trade was signalled."""
        stops = [w.window.test_stop for w in self.windows]
        return [int(i) for i in np.searchsorted(stops, self.run.trades.signal_bar, side="right")]

    def summary(self, days_per_year: int) -> dict[str, float]:
        """Measures over windows, shown and never a gate."""
        test = np.array([w.test.get("sharpe_ratio", math.nan) for w in self.windows])
        train = np.array([w.train.get("sharpe_ratio", math.nan) for w in self.windows])
        profit = np.array([w.test.get("net_profit_pct", 0.0) for w in self.windows])
        win = np.array([w.test.get("win_rate", math.nan) for w in self.windows])
        known = np.where(np.isnan(test), 0.0, test)
        lengths = [w.test["days"] for w in self.windows if "days" in w.test]
        test_days = float(np.mean(lengths)) if lengths else math.nan
        rates = win[~np.isnan(win)]
        mean_train = float(np.nanmean(train)) if not np.isnan(train).all() else math.nan
        profitable = float(np.mean(profit > 0))
        spread = float(known.std(ddof=1)) if len(known) > 1 else math.nan
        win_spread = float(rates.std(ddof=1)) if len(rates) > 1 else math.nan
        return {
            "mean_test_sharpe": float(known.mean()),
            "mean_train_sharpe": mean_train,
            "efficiency": float(known.mean()) / mean_train if mean_train > 0 else math.nan,
            "profitable_windows": profitable,
            "std_test_sharpe": spread,
            "sampling_std_sharpe": math.sqrt(days_per_year / test_days) if test_days > 0 else math.nan,
            "std_test_win_rate": win_spread,
            "stability_score": stability(float(known.mean()), spread, win_spread, profitable),
        }


def stability(mean_sharpe: float, std_sharpe: float, std_win_rate: float, profitable: float) -> float:
    """Return .4/(1 + std of test Sharpe) [0 when their mean is <= 0] + .3/(1 + 10 std of win rate) + .3 share.

    NaN with fewer than two windows that traded: a spread of one is unknown.
    """
    if math.isnan(std_sharpe) or math.isnan(std_win_rate):
        return math.nan
    steady = 0.4 / (1.0 + std_sharpe) if mean_sharpe > 0 else 0.0
    return steady + 0.3 / (1.0 + 10.0 * std_win_rate) + 0.3 * profitable


def schedule(
    evaluator: Evaluator, bars: Bars, windows: tuple[Window, ...], chosen: list[Mapping[str, Value] | None]
) -> Signals:
    """Signals of every test window under its own parameters; a window without any trades nothing."""
    parts = []
    for window, values in zip(windows, chosen, strict=True):
        span = evaluator.span(window.test_start, window.test_stop if values is not None else window.test_start)
        parts.append(evaluator.signals(bars, values or evaluator.strategy.parameters.defaults, span))
    return Signals.schedule(parts)


def stitched(bars: Bars, signals: Signals, evaluator: Evaluator, splits: BarSplits, **options: Any) -> Run:
    """Replay a schedule over all test days; `money` and `entry_delay` may be given."""
    money: Money = options.pop("money", evaluator.money)
    span = evaluator.span(splits.windows[0].test_start, splits.windows[-1].test_stop)
    return replay(bars, signals, money, span, **options)


def _scored_together(
    evaluator: Evaluator, bars: Bars, search: SearchPlan, spans: list[Span], threads: int
) -> dict[Span, Scores]:
    """Score the points of a search in many windows at once, where they are known beforehand and not too many.

    Windows are ranges of rows of one table: setups and outcomes are made once for all of them.
    """
    points = search.ahead
    if points is None or not spans or len(points) * len(spans) > MAX_SCORES:
        return {}
    return dict(zip(spans, evaluator.scores(bars, spans, points, threads=threads), strict=True))


def searched(
    evaluator: Evaluator,
    bars: Bars,
    search: SearchPlan,
    windows: Sequence[Window],
    *,
    threads: int = 1,
    bounded: bool = True,
) -> Iterator[tuple[Window, Bars, SearchResult]]:
    """Search every train window; yield it with the bars that its search saw and what it found.

    Parameters
    ----------
    bounded : bool
        As `walk_forward` takes it.
    """
    step = max(1, MAX_SCORES // search.size)
    for batch in (windows[i : i + step] for i in range(0, len(windows), step)):
        # a time exit waits for the next tradable bar: where the gap ends in a hole that would be a test bar
        apart = [bounded and bool(bars.tradable[w.test_start - 1]) for w in batch]
        spans = [evaluator.span(w.train_start, w.train_stop) for w in batch]
        known = _scored_together(
            evaluator, bars, search, [s for s, whole in zip(spans, apart, strict=True) if whole], threads
        )
        for window, span, whole in zip(batch, spans, apart, strict=True):
            seen = bars if whole else bars.head(window.test_start)
            scores = known.get(span) if whole else None

            def evaluate(
                c: Combinations, seen: Bars = seen, span: Span = span, scores: Scores | None = scores
            ) -> Scores:
                return scores or evaluator.score(seen, span, c, threads=threads)

            yield window, seen, run_search(search, evaluate)


def walk_forward(
    evaluator: Evaluator,
    bars: Bars,
    search: SearchPlan,
    splits: BarSplits,
    *,
    threads: int = 1,
    bounded: bool = True,
    on_window: Callable[[int, int], object] | None = None,
) -> WalkForward:
    """Search every train window, replay every winner in its test window, stitch the test days.

    Parameters
    ----------
    bars : Bars
        Those before the holdout. Features are computed once, causally, over all of them; windows restrict
        signal bars.
    search : SearchPlan
        Of every window: a method that learns does so anew in each.
    bounded : bool
        Whether every trade has a time stop, so that the gap keeps train trades out of the test. If not,
        each search sees only the bars before its test.
    """
    results = []
    for window, seen, found in searched(evaluator, bars, search, splits.windows, threads=threads, bounded=bounded):
        train: dict[str, float] = {}
        test: dict[str, float] = {}
        if found.best is not None:
            train = measure(
                evaluator.replay(seen, found.best, evaluator.span(window.train_start, window.train_stop)), seen
            )
            test = measure(
                evaluator.replay(bars, found.best, evaluator.span(window.test_start, window.test_stop)), bars
            )
        results.append(WindowResult(window, found.best, found.score, train, test))
        if on_window is not None:
            on_window(len(results), len(splits.windows))
    signals = schedule(evaluator, bars, splits.windows, [r.parameters for r in results])
    run = stitched(bars, signals, evaluator, splits)
    return WalkForward(tuple(results), signals, run, measure(run, bars))


SEEN_BEFORE = "not out of sample: the parameters saw these days"


@dataclass(frozen=True, eq=False)
class FixedParameters:
    """The requirement documents' walk-forward: the same parameters in every window.

    It is not out of sample: the parameters saw these days.

    Attributes
    ----------
    windows : tuple of (train measures, test measures)
    flags : tuple of str
        Signs of overfitting.
    """

    windows: tuple[tuple[dict[str, float], dict[str, float]], ...]
    flags: tuple[str, ...]
    label: str = SEEN_BEFORE

    @property
    def is_overfit(self) -> bool:
        """Whether any flag is raised."""
        return bool(self.flags)


def fixed_parameters(
    evaluator: Evaluator, bars: Bars, values: Mapping[str, Value], windows: tuple[Window, ...]
) -> FixedParameters:
    """Replay one set of parameters in every train and test window, and flag what looks overfitted."""
    pairs = []
    for w in windows:
        train = measure(evaluator.replay(bars, values, evaluator.span(w.train_start, w.train_stop)), bars)
        test = measure(evaluator.replay(bars, values, evaluator.span(w.test_start, w.test_stop)), bars)
        pairs.append((train, test))
    return FixedParameters(tuple(pairs), overfitting_flags(pairs))


def fixed_walk_forward(
    evaluator: Evaluator, bars: Bars, values: Mapping[str, Value], splits: BarSplits
) -> tuple[WalkForward, FixedParameters]:
    """Replay one set of parameters in every window and over all test days in one run."""
    fixed = fixed_parameters(evaluator, bars, values, splits.windows)
    windows = tuple(
        WindowResult(w, dict(values), math.nan, train, test)
        for w, (train, test) in zip(splits.windows, fixed.windows, strict=True)
    )
    signals = schedule(evaluator, bars, splits.windows, [values] * len(windows))
    run = stitched(bars, signals, evaluator, splits)
    return WalkForward(windows, signals, run, measure(run, bars)), fixed


def broken_promises(measures: dict[str, float], *, promised: bool) -> tuple[str, ...]:
    """Name what a re-optimised walk-forward refutes: a search promised something and the test days did not keep it."""
    checks = {
        "stitched net profit is not above 0": measures["net_profit_pct"] > 0,
        "stitched Sharpe ratio is below 0.5": measures["sharpe_ratio"] >= 0.5,
    }
    return tuple(name for name, kept in checks.items() if promised and not kept)


def _mean_known(values: list[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan


def overfitting_flags(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> tuple[str, ...]:
    """Name the signs of overfitting over (train, test) measures; an unknown value never passes."""
    train = _mean_known([a["sharpe_ratio"] for a, _ in pairs])
    tests = [b["sharpe_ratio"] for _, b in pairs]
    test = _mean_known(tests)
    train_win = _mean_known([a["win_rate"] for a, _ in pairs])
    test_win = _mean_known([b["win_rate"] for _, b in pairs])
    known = [v for v in tests if not math.isnan(v)]
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    profitable = sum(b["net_profit_pct"] > 0 for _, b in pairs)
    checks = {
        "train Sharpe is not positive": train > 0,
        "test Sharpe below 0.7 x train Sharpe": test >= 0.7 * train,
        "test win rate below 0.8 x train win rate": test_win >= 0.8 * train_win,
        "test Sharpe below 0": test >= 0,
        "standard deviation of test Sharpe above 1.5": spread <= 1.5,
        "fewer than half the windows profitable": 2 * profitable >= len(pairs),
    }
    return tuple(name for name, fine in checks.items() if not fine)
