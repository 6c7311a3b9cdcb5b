"""Does the result survive small changes? Signs of the stitched net profit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Costs, compounded_pct, from_sums
from assay.search import parse_space, steps_around
from assay.validation.walkforward import schedule, stitched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Run
    from assay.evaluation.evaluator import Evaluator
    from assay.market import Bars
    from assay.parameters import Value
    from assay.search import Space
    from assay.validation.splits import BarSplits
    from assay.validation.walkforward import WalkForward


BEST_DAYS = 30
"""A profit that one month made may be chance, however improbable it is on bars without direction."""


@dataclass(frozen=True, slots=True)
class Fragility:
    """One change and what is left.

    Attributes
    ----------
    name : str
    net_profit_pct : float
        NaN where the change cannot be made.
    gate : bool
        Whether MATURE asks for a positive sign; the others are shown.
    """

    name: str
    net_profit_pct: float
    gate: bool

    @property
    def holds(self) -> bool:
        """Whether the profit keeps its sign; unknown does not hold."""
        return self.net_profit_pct > 0


def _net(run: Run, year: int) -> float:
    return float(from_sums(run.sums, "net_profit_pct", year))


def _compounded(run: Run, keep: NDArray[np.bool_]) -> float:
    t = run.trades
    return compounded_pct((t.size * t.net_return)[keep])


def _without_best(run: Run) -> float:
    """Compounded profit without the best 5 % of trades."""
    drop = math.ceil(0.05 * len(run.trades))
    keep = np.ones(len(run.trades), dtype=np.bool_)
    keep[np.argsort(-run.trades.size * run.trades.net_return, kind="stable")[:drop]] = False
    return _compounded(run, keep)


def _without_best_days(run: Run) -> float:
    """Net profit without its best `BEST_DAYS` days in a row; a quarter of the days where there are few."""
    logs = np.log1p(np.maximum(run.daily_returns, -1.0 + 1e-12))
    length = min(BEST_DAYS, len(logs) // 4)
    if length < 1:
        return math.nan
    best = float(np.lib.stride_tricks.sliding_window_view(logs, length).sum(axis=1).max())
    return 100.0 * math.expm1(float(logs.sum()) - best)


def _median_neighbour(evaluator: Evaluator, bars: Bars, wf: WalkForward, splits: BarSplits, space: Space) -> float:
    """Median net profit over the schedules in which every window's winner moves one step along one axis."""
    profits = []
    if not space.searched:  # one combination, chosen beforehand: its neighbours are those of the default grid
        grid = {name: list(values) for name, values in evaluator.strategy.default_grid.items()}
        space = parse_space(grid, evaluator.strategy.parameters)
    for name in space.searched:
        for direction in (-1, 1):
            chosen: list[dict[str, Value] | None] = []
            for w in wf.windows:
                around = [] if w.parameters is None else steps_around(w.parameters, space)
                moved = [
                    v for n, d, v in around if (n, d) == (name, direction) and not evaluator.strategy.constraint(v)
                ]
                chosen.append(moved[0] if moved else w.parameters)
            if chosen != [w.parameters for w in wf.windows]:
                signals = schedule(evaluator, bars, splits.windows, list(chosen))
                profits.append(_net(stitched(bars, signals, evaluator, splits), bars.market.days_per_year))
    return float(np.median(profits)) if profits else math.nan


MAX_ROUND_TRIP = 0.05
"""Costs beyond which a break-even is not looked for, as a fraction of the price."""


def break_even(evaluator: Evaluator, bars: Bars, walk: WalkForward, splits: BarSplits) -> float:
    """Return the round-trip cost at which the stitched schedule neither earns nor loses, as a fraction of the price.

    0 where it loses even without costs, `MAX_ROUND_TRIP` where it earns even then, NaN without trades. All of the
    cost is taken as a fee: the fills stay those of an ideal market.
    """
    if not len(walk.run.trades):
        return math.nan
    year, floor = bars.market.days_per_year, evaluator.money.costs.round_trip

    def net(round_trip: float) -> float:
        costs = Costs(fee=round_trip / 2.0, slippage=0.0, allow_high=True)
        money = replace(evaluator.money, costs=costs, stop_floor_costs=floor)
        return _net(stitched(bars, walk.signals, evaluator, splits, money=money), year)

    low, high = 0.0, MAX_ROUND_TRIP
    if not net(low) > 0:
        return low
    if net(high) > 0:
        return high
    while high - low > 1e-5:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if net(middle) > 0 else (low, middle)
    return low


def fragility(
    evaluator: Evaluator, bars: Bars, walk: WalkForward, splits: BarSplits, space: Space
) -> tuple[Fragility, ...]:
    """Replay the stitched schedule under changes; nothing is searched again."""
    year = bars.market.days_per_year

    def with_costs(factor: float) -> float:
        costs = evaluator.money.costs
        money = replace(evaluator.money, costs=costs.times(factor), stop_floor_costs=costs.round_trip)
        return _net(stitched(bars, walk.signals, evaluator, splits, money=money), year)

    late = _net(stitched(bars, walk.signals, evaluator, splits, entry_delay=1), year)
    return (
        Fragility("costs x 1.5", with_costs(1.5), gate=True),
        Fragility("entry one bar late", late, gate=True),
        Fragility("median neighbour", _median_neighbour(evaluator, bars, walk, splits, space), gate=True),
        Fragility("ambiguous trades dropped", _compounded(walk.run, ~walk.run.trades.ambiguous), gate=True),
        Fragility(f"best {BEST_DAYS} days removed", _without_best_days(walk.run), gate=True),
        Fragility("costs x 2", with_costs(2.0), gate=False),
        Fragility("best 5 % of trades removed", _without_best(walk.run), gate=False),
    )
