"""The walk-forward under other lengths of its windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import from_sums
from assay.errors import InsufficientDataError
from assay.validation.splits import MIN_WINDOWS, make_splits
from assay.validation.walkforward import schedule, searched, stitched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from assay.evaluation.evaluator import Evaluator
    from assay.market import Bars
    from assay.search import SearchPlan
    from assay.validation.splits import BarSplits, SplitPlan, Window

TRAIN_DAYS = (30.0, 60.0, 90.0, 120.0)
TEST_DAYS = (15.0, 30.0, 60.0)


@dataclass(frozen=True, eq=False)
class Matrix:
    """Stitched results of the re-optimised walk-forward for other lengths of its windows.

    It answers whether the verdict hangs on the choice of window lengths. It is shown and never a gate: each cell is
    one more look at the same days, so the best of them says nothing.

    Attributes
    ----------
    train_days, test_days : tuple of float
        Lengths of the (first) train window, n of them, and of the test windows, m of them.
    sharpe, net_profit_pct : float64, shape (n, m)
        Of the stitched run; NaN where the span is too short for 3 windows, the Sharpe ratio also where returns do
        not vary.
    windows : int64, shape (n, m)
        How many; 0 where they would be fewer than 3.
    """

    train_days: tuple[float, ...]
    test_days: tuple[float, ...]
    sharpe: NDArray[np.float64]
    net_profit_pct: NDArray[np.float64]
    windows: NDArray[np.int64]

    def as_dict(self) -> dict[str, object]:
        """Return the fields under their names."""
        return {
            "train_days": self.train_days,
            "test_days": self.test_days,
            "sharpe": self.sharpe,
            "net_profit_pct": self.net_profit_pct,
            "windows": self.windows,
        }


@dataclass(frozen=True)
class MatrixLayout:
    """Where the windows of a matrix lie.

    Attributes
    ----------
    train_days, test_days : tuple of float
        As in `Matrix`.
    cells : dict of (int, int) to BarSplits
        By the indices of train and test days; those that the span is too short for are left out.
    """

    train_days: tuple[float, ...]
    test_days: tuple[float, ...]
    cells: dict[tuple[int, int], BarSplits]

    @property
    def windows(self) -> tuple[Window, ...]:
        """One window per distinct train window, in order: each is searched once."""
        # the gap is that of all cells: train days decide where the test begins
        distinct = {(w.train_start, w.train_stop): w for splits in self.cells.values() for w in splits.windows}
        return tuple(distinct[key] for key in sorted(distinct))


def matrix_layout(
    plan: SplitPlan,
    span: tuple[int, int],
    bars_per_day: float,
    holding_bars: int,
    train_days: Sequence[float] = TRAIN_DAYS,
    test_days: Sequence[float] = TEST_DAYS,
) -> MatrixLayout:
    """Return the windows of every pair of lengths, those of the plan among them.

    Parameters
    ----------
    plan, span, holding_bars
        As `walk_forward_matrix` takes them.
    """
    train, test = (
        tuple(sorted({*map(float, days), own}))
        for days, own in ((train_days, plan.train_days), (test_days, plan.test_days))
    )
    cells: dict[tuple[int, int], BarSplits] = {}
    for i, a in enumerate(train):
        for j, b in enumerate(test):
            splits = _as_asked(replace(plan, train_days=a, test_days=b), span, bars_per_day, holding_bars)
            if splits is not None:
                cells[i, j] = splits
    return MatrixLayout(train, test, cells)


def walk_forward_matrix(
    evaluator: Evaluator,
    bars: Bars,
    search: SearchPlan,
    plan: SplitPlan,
    span: tuple[int, int],
    *,
    holding_bars: int,
    train_days: Sequence[float] = TRAIN_DAYS,
    test_days: Sequence[float] = TEST_DAYS,
    threads: int = 1,
    bounded: bool = True,
    on_window: Callable[[int, int], object] | None = None,
) -> Matrix:
    """Walk forward under every pair of lengths, those of the plan among them.

    A train window that several cells have in common is searched once.

    Parameters
    ----------
    bars : Bars
        Those before the holdout.
    plan : SplitPlan
        Anchored or rolling; its gap and its holdout are those of every cell.
    span : (int, int)
        First and stop of the signal bars, the holdout included: as `make_splits` takes them.
    holding_bars : int
        As `make_splits` takes it.
    bounded : bool
        As `walk_forward` takes it.
    """
    layout = matrix_layout(plan, span, bars.market.bars_per_day, holding_bars, train_days, test_days)
    train, test, cells, windows = layout.train_days, layout.test_days, layout.cells, layout.windows
    winners = {}
    for window, _, found in searched(evaluator, bars, search, windows, threads=threads, bounded=bounded):
        winners[window.train_start, window.train_stop] = found.best
        if on_window is not None:
            on_window(len(winners), len(windows))
    shape = len(train), len(test)
    sharpe, profit, counts = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for cell, splits in cells.items():
        chosen = [winners[w.train_start, w.train_stop] for w in splits.windows]
        run = stitched(bars, schedule(evaluator, bars, splits.windows, list(chosen)), evaluator, splits)
        sharpe[cell] = from_sums(run.sums, "sharpe_ratio", bars.market.days_per_year)
        profit[cell] = from_sums(run.sums, "net_profit_pct", bars.market.days_per_year)
        counts[cell] = len(splits.windows)
    return Matrix(train, test, sharpe, profit, counts)


def _as_asked(plan: SplitPlan, span: tuple[int, int], per_day: float, holding_bars: int) -> BarSplits | None:
    """Return the windows of a plan; None where they would be scaled for want of days."""
    try:
        splits = make_splits(plan, *span, per_day, holding_bars)
    except InsufficientDataError:
        return None
    scaled = (splits.train_days, splits.test_days) != (plan.train_days, plan.test_days)
    return None if scaled or len(splits.windows) < MIN_WINDOWS else splits
