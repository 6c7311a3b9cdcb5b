"""Where windows lie: train, gap, test, and the sealed holdout behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assay.errors import InputError, InsufficientDataError, wrong_choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars

Mode = Literal["anchored", "rolling", "split"]
MODES = ("anchored", "rolling", "split")

HOLDOUT_SHARE = 0.2
MIN_WINDOWS = 3
MIN_TEST_DAYS = 5.0
MAX_PLANNED_DAYS = 36_500.0
"""A hundred years: a longer window is a slip, and a gap that long is beyond what numbers of bars can say."""


@dataclass(frozen=True, slots=True)
class Window:
    """One train and test pair.

    Bars start <= t < stop are the signal bars: of `Splits` in moments (milliseconds UTC), of `BarSplits` as numbers of
    bars.
    """

    train_start: int
    train_stop: int
    test_start: int
    test_stop: int

    def mapped(self, place: Callable[[int], int]) -> Window:
        """Return the window with each border put elsewhere."""
        return Window(*(place(getattr(self, border)) for border in self.__slots__))


@dataclass(frozen=True, slots=True)
class BarSplits:
    """How a span of one market's bars is divided, in numbers of bars.

    Attributes
    ----------
    start : int
        First signal bar of the span.
    search_stop : int
        Signals of search and windows end here: a purge before the holdout.
    holdout_start : int
        First bar of the sealed holdout.
    stop : int
        End of the span.
    gap_bars : int
        Bars between train and test, at least the longest holding time.
    windows : tuple of Window
    notes : tuple of str
        What was scaled or raised, in words.
    """

    start: int
    search_stop: int
    holdout_start: int
    stop: int
    gap_bars: int
    mode: Mode
    train_days: float
    test_days: float
    windows: tuple[Window, ...]
    notes: tuple[str, ...]

    @property
    def has_holdout(self) -> bool:
        """Whether any bar is sealed."""
        return self.holdout_start < self.stop

    def as_moments(self, bars: Bars) -> Splits:
        """Return the same borders as moments, which other markets can be divided at."""
        return Splits(
            start_ms=bars.moment(self.start),
            search_stop_ms=bars.moment(self.search_stop),
            holdout_start_ms=bars.moment(self.holdout_start),
            stop_ms=bars.moment(self.stop),
            gap_ms=self.gap_bars * bars.market.timeframe.ms,
            mode=self.mode,
            train_days=self.train_days,
            test_days=self.test_days,
            windows=tuple(window.mapped(bars.moment) for window in self.windows),
            notes=self.notes,
        )


@dataclass(frozen=True, slots=True)
class Splits:
    """How the history of one or more markets is divided: every border is a moment, milliseconds UTC.

    Attributes
    ----------
    start_ms, search_stop_ms, holdout_start_ms, stop_ms : int
        As in `BarSplits`.
    gap_ms : int
    windows : tuple of Window
    notes : tuple of str
    """

    start_ms: int
    search_stop_ms: int
    holdout_start_ms: int
    stop_ms: int
    gap_ms: int
    mode: Mode
    train_days: float
    test_days: float
    windows: tuple[Window, ...]
    notes: tuple[str, ...]

    def on(self, bars: Bars) -> BarSplits:
        """Return the borders as numbers of one market's bars."""
        return BarSplits(
            start=bars.index_at(self.start_ms),
            search_stop=bars.index_at(self.search_stop_ms),
            holdout_start=bars.index_at(self.holdout_start_ms),
            stop=bars.index_at(self.stop_ms),
            gap_bars=self.gap_ms // bars.market.timeframe.ms,
            mode=self.mode,
            train_days=self.train_days,
            test_days=self.test_days,
            windows=tuple(window.mapped(bars.index_at) for window in self.windows),
            notes=self.notes,
        )


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """What the user asks of the windows.

    Attributes
    ----------
    mode : {"anchored", "rolling", "split"}
        Train from the start of the span, over a window that moves along, or once.
    train_days, test_days : float
        Length of the (first) train window and of each test window; tests follow each other.
    gap_days : float
        Least gap; it is raised to the longest holding time.
    train_ratio : float
        Share of the days that "split" trains on.
    holdout : float
        Share of the bars in the sealed holdout.
    """

    mode: Mode = "anchored"
    train_days: float = 60.0
    test_days: float = 30.0
    gap_days: float = 0.0
    train_ratio: float = 0.7
    holdout: float = HOLDOUT_SHARE

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise wrong_choice("validation", self.mode, MODES)
        for name in ("train_days", "test_days"):
            if not getattr(self, name) > 0:
                raise InputError(name, "must be positive", getattr(self, name))
        for name in ("train_days", "test_days", "gap_days"):
            if not getattr(self, name) <= MAX_PLANNED_DAYS:
                raise InputError(name, f"must be at most {MAX_PLANNED_DAYS:,.0f}", getattr(self, name))
        if not self.test_days >= MIN_TEST_DAYS:
            raise InputError("test_days", f"must be at least {MIN_TEST_DAYS:g}", self.test_days)
        if not self.gap_days >= 0:
            raise InputError("gap_days", "must not be negative", self.gap_days)
        if not 0.1 <= self.train_ratio <= 0.9:
            raise InputError("train_ratio", "must lie in [0.1, 0.9]", self.train_ratio)
        if not 0 <= self.holdout <= 0.5:
            raise InputError("holdout", "must lie in [0, 0.5]", self.holdout)


def make_splits(plan: SplitPlan, start: int, stop: int, bars_per_day: float, holding_bars: int) -> BarSplits:
    """Divide the bars start <= t < stop.

    Parameters
    ----------
    holding_bars : int
        Longest holding time of the search; no train trade may reach into a test.

    Raises
    ------
    InsufficientDataError
        When a test window would be shorter than 5 days.
    """
    holdout_start = stop - int((stop - start) * plan.holdout)
    search_stop = holdout_start - (holding_bars if holdout_start < stop else 0)
    asked_gap = math.ceil(plan.gap_days * bars_per_day)
    gap = max(asked_gap, holding_bars)
    notes = []
    if plan.gap_days and gap > asked_gap:
        notes.append(f"gap raised from {plan.gap_days:g} days to {gap / bars_per_day:.2f}: the longest holding time")
    days = (search_stop - start) / bars_per_day
    train_days, test_days = plan.train_days, plan.test_days
    if plan.mode == "split":
        windows = _split(plan.train_ratio, start, search_stop, gap)
        train_days, test_days = (
            days * plan.train_ratio,
            (windows[0].test_stop - windows[0].test_start) / bars_per_day,
        )
    else:
        windows = _windows(plan.mode, start, search_stop, bars_per_day, gap, train_days, test_days)
        if len(windows) < MIN_WINDOWS:
            gap = max(gap, math.ceil(bars_per_day))
            test_days = (days - gap / bars_per_day) / 5.0
            train_days = 2.0 * test_days
            notes.append(
                f"{days:.0f} days are too short for {MIN_WINDOWS} windows of "
                f"{plan.train_days:g} + {plan.test_days:g} days: windows scaled to train {max(train_days, 0):.1f}, "
                f"test {max(test_days, 0):.1f} days"
            )
            if test_days >= MIN_TEST_DAYS:
                windows = _windows(plan.mode, start, search_stop, bars_per_day, gap, train_days, test_days)
    if test_days < MIN_TEST_DAYS or not windows:
        raise InsufficientDataError(
            "history",
            f"windows of at least {MIN_TEST_DAYS:g} test days need about "
            f"{(MIN_TEST_DAYS * 5 + gap / bars_per_day) / (1 - plan.holdout) + 1:.0f} days",
            f"{round((stop - start) / bars_per_day, 1):g} days",
            "Use a longer history",
        )
    return BarSplits(
        start, search_stop, holdout_start, stop, gap, plan.mode, train_days, test_days, windows, tuple(notes)
    )


def _split(ratio: float, start: int, stop: int, gap: int) -> tuple[Window, ...]:
    edge = start + int((stop - start) * ratio)
    return (Window(start, edge, min(edge + gap, stop), stop),)


def _windows(
    mode: Mode, start: int, stop: int, bars_per_day: float, gap: int, train_days: float, test_days: float
) -> tuple[Window, ...]:
    # rounded down: scaled windows fill the span exactly, and half a bar more would cost the last of them
    train, test = (max(math.floor(days * bars_per_day + 1e-6), 1) for days in (train_days, test_days))
    windows = []
    test_start = start + train + gap
    while test_start + test <= stop:
        train_start = start if mode == "anchored" else test_start - gap - train
        windows.append(Window(train_start, test_start - gap, test_start, test_start + test))
        test_start += test
    return tuple(windows)
