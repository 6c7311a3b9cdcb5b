"""A small strategy and small markets whose answers a slow loop, or a pencil, can find."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from assay import training
from assay.engine import Bracket, Execution, Money, Setups, Side, at_least
from assay.evaluation import Evaluator
from assay.market import Bars, Market, Timeframe
from assay.parameters import Parameter, Parameters
from assay.search import SearchPlan, parse_space
from assay.strategies import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.engine.rules import AnyRule
    from assay.evaluation import SetupsQuestion
    from assay.parameters import Value

HOUR_MS = 3_600_000
HOURLY = Market("test", "BTC/USDT", Timeframe(HOUR_MS))
DRIFT_BARS = 6
PER_DAY = 24


class Spike(Strategy):
    """Buys (or sells) after a bar whose volume is a multiple of the median of the bars before."""

    name = "SPIKE"
    parameters = Parameters(
        Parameter(name="memory", default=20, low=5, high=60, step=1, grid=(20, 40), doc="Bars of the median."),
        Parameter(name="volume", default=3.0, low=1.0, high=9.0, grid=(1.5, 3.0, 6.0), doc="Multiple."),
        Parameter(name="stop", default=0.03, low=0.001, high=0.5, grid=(0.03,), doc="Share of the close."),
        Parameter(name="target", default=3.0, low=0.1, high=99.0, grid=(1.0, 3.0), doc="Risks."),
        Parameter(name="hold", default=6, low=1, high=48, step=1, grid=(3, 6), doc="Bars."),
    )
    rules: ClassVar[tuple[AnyRule, ...]] = (at_least("ratio", "volume"),)
    bracket = Bracket(stop="stop", target="target", max_bars="hold")

    def warmup(self, shape: Mapping[str, Value]) -> int:
        return int(shape["memory"])

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        memory = int(shape["memory"])
        ratio = np.full(len(bars), np.nan)
        if len(bars) > memory:
            # the medians, to the last bit: sorting all windows at once takes a fifth of the time of `np.median`
            before = np.sort(np.lib.stride_tricks.sliding_window_view(bars.volume, memory)[:-1], axis=1)
            median = (before[:, (memory - 1) // 2] + before[:, memory // 2]) / 2.0
            ratio[memory:] = bars.volume[memory:] / median
        t = np.flatnonzero(ratio >= 1.0)
        return Setups.build(bar=t, side=np.full(len(t), side), features={"ratio": ratio[t]}, stop_unit=bars.close[t])


class SameProcess:
    """Answers for a fresh process: what one is like is tested with the service that starts it."""

    def refusal(self, strategy: Strategy) -> str:
        del strategy
        return ""

    def answers(
        self, strategy: Strategy, bars: Bars, questions: Sequence[tuple[SetupsQuestion, int]]
    ) -> Iterator[Setups]:
        return (question.of(strategy, bars.head(n)) for question, n in questions)


train = partial(training.train, fresh_process=SameProcess())
"""`assay.training.train` for strategies of tests, which it would not promote otherwise."""


def market(seed: int, days: int, *, edge: float = 0.0, market: Market = HOURLY) -> Bars:
    """A driftless walk in simple returns; `edge` is laid over the 6 bars after a genuine burst of volume."""
    rng = np.random.default_rng(seed)
    n = days * PER_DAY
    volume = np.exp(rng.normal(0.0, 0.1, n))
    burst = rng.random(n) < 0.05
    volume[burst] *= rng.uniform(2.0, 8.0, int(burst.sum()))
    move = rng.normal(0.0, 0.004, n)
    for t in np.flatnonzero(burst):
        move[t + 1 : t + 1 + DRIFT_BARS] += edge / DRIFT_BARS
    up, down = rng.exponential(0.001, (2, n))
    close = 100.0 * np.cumprod(1.0 + move)
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) + open_ * up
    low = np.minimum(open_, close) - open_ * down
    return Bars.from_columns(market, first_stamps(n), open_, high, low, close, volume)


def first_stamps(n: int) -> Any:
    return 400 * 24 * HOUR_MS + np.arange(n, dtype=np.int64) * HOUR_MS


def quiet(n: int, bursts: tuple[int, ...]) -> Bars:
    """Bars at 100 that hardly move, with a burst of volume at the given ones."""
    volume = np.ones(n)
    volume[list(bursts)] = 9.0
    flat = np.full(n, 100.0)
    return Bars.from_columns(HOURLY, first_stamps(n), flat, flat + 0.1, flat - 0.1, flat, volume)


def changed_from(bars: Bars, start: int, seed: int = 0) -> Bars:
    """The same bars before `start`, other prices and volumes from there on."""
    rng = np.random.default_rng(seed)
    factor = np.where(np.arange(len(bars)) < start, 1.0, np.exp(rng.normal(0.0, 0.02, len(bars)).cumsum()))
    factor = np.where(np.arange(len(bars)) < start, 1.0, factor)
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    volume = np.where(np.arange(len(bars)) < start, bars.volume, np.roll(bars.volume, 7) * 1.5)
    return replace(bars, **prices, volume=volume)


def with_hole(bars: Bars, begin: int, end: int) -> Bars:
    """The same bars without those from `begin` to `end`."""
    keep = np.r_[0:begin, end : len(bars)]
    columns = (getattr(bars, name)[keep] for name in ("time", "open", "high", "low", "close", "volume"))
    return Bars.from_columns(bars.market, *columns)


def grid_of(strategy: Strategy, **changed: list[Any]) -> SearchPlan:
    grid = {name: list(values) for name, values in strategy.default_grid.items()} | changed
    return SearchPlan(parse_space(grid, strategy.parameters))


def trial_of(**options: Any) -> Evaluator:
    strategy = options.pop("strategy", None) or Spike()
    money, sides = options.pop("money", Money()), Side(options.pop("sides", "long"))
    execution = options.pop("execution", Execution(costs=money.costs, sizing=money.sizing))
    return Evaluator(strategy, replace(execution, sides=sides), warmup=40, **options)


def every(plan: SearchPlan) -> Iterator[dict[str, Value]]:
    """All points in the order of nested loops, the first parameter slowest."""
    values = plan.space.values
    names = list(values)
    for point in product(*values.values()):
        yield dict(zip(names, point, strict=True))


def slow_score(measure: float, trades: float) -> float:
    """The objective as its formula is written."""
    if trades < 10 or math.isnan(measure):
        return -5.0
    w = min(1.0, (trades - 10) / 20)
    blended = w * measure + (1 - w) * -5.0
    return blended * (trades / (trades + 100)) if blended > 0 else blended
