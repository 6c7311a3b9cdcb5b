"""What an estimate looks at in bars: how often the default parameters see their pattern, the days, the quality.

Of trades only the number is taken, never what they earned: an estimate is no try. Everything is kept with the bars.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Signals, replay
from assay.evaluation import Evaluator
from assay.evaluation.evaluator import common_warmup
from assay.market import measure_quality
from assay.search import parse_space
from assay.service.calibration import MAX_POINTS, key_of
from assay.store.ledger import MarketDays
from assay.validation import DayCloses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.engine import Execution
    from assay.market import Bars, QualityReport
    from assay.search import Space
    from assay.service.calibration import Rates
    from assay.strategies import Strategy

MAX_SHAPES = 20_000
"""Shapes whose warm-up is asked for one by one; of more only those at the ends of their axes."""

MAX_DENSITY = 10.0
"""A market whose pattern is so many times more frequent than on simulated bars is taken as that, and no more."""


@dataclass(frozen=True, eq=False)
class Probe:
    """The default parameters on some bars.

    Attributes
    ----------
    rows_per_bar : float
        Setups.
    signal_bars : int64, shape (trades,)
    """

    rows_per_bar: float
    signal_bars: NDArray[np.int64]

    def density(self, rates: Rates) -> float:
        """Return how frequent the pattern is, as a multiple of the simulated bars on which the strategy was timed."""
        usual = rates.usual_rows_per_bar
        return min(max(self.rows_per_bar / usual, 1.0 / MAX_DENSITY), MAX_DENSITY) if usual else 1.0

    def trades(self, start: int, stop: int) -> int:
        """Return how many trades are signalled in start <= t < stop."""
        return int(np.searchsorted(self.signal_bars, stop) - np.searchsorted(self.signal_bars, start))


def probe(strategy: Strategy, execution: Execution, bars: Bars, stop: int) -> Probe | None:
    """Replay the default parameters once on bars[:stop]; None where a user's strategy cannot be run on these.

    Parameters
    ----------
    stop : int
        Where the holdout begins: an estimate says nothing that depends on it.
    """
    key = ("probe of an estimate", key_of(strategy), str(execution.sides), execution.min_stop_costs, stop)
    return bars.derived(key, lambda: _probe(strategy, execution, bars.head(stop)))


def _probe(strategy: Strategy, execution: Execution, bars: Bars) -> Probe | None:
    with suppress(Exception):  # a user's strategy may raise anything: the training will say what
        default = {name: list(values) for name, values in strategy.default_grid.items()}
        space, defaults = parse_space(default, strategy.parameters).thinned(MAX_POINTS), strategy.parameters.defaults
        evaluator = Evaluator.over(strategy, space.values, execution=execution)
        setups = evaluator.question(defaults).of(strategy, bars)
        span = evaluator.span(min(evaluator.warmup, len(bars) - 1), len(bars))
        signals = Signals.select(bars, setups, strategy.rules, evaluator.bracket, defaults, span)
        return Probe(len(setups) / len(bars), replay(bars, signals, evaluator.money, span).trades.signal_bar)
    return None


def warmup_of(strategy: Strategy, space: Space) -> int:
    """Return the bars of history that every point of a space waits for."""
    values = space.values
    if math.prod(len(values[name]) for name in strategy.shape_names) > MAX_SHAPES:
        ends = {name: (min(axis), max(axis)) if _is_ordered(axis) else axis for name, axis in values.items()}
        values = {name: tuple(dict.fromkeys(axis)) for name, axis in ends.items()}
    return common_warmup(strategy, values)


def _is_ordered(axis: tuple[object, ...]) -> bool:
    return all(isinstance(value, (int, float)) for value in axis)


def quality_of(bars: Bars, start: int, stop: int) -> QualityReport:
    """Return the quality that a training would measure."""
    return bars.derived(("quality of an estimate", start, stop), lambda: measure_quality(bars.head(stop), start))


def days_of_bars(bars: Bars, start: int, stop: int) -> MarketDays:
    """Return the days of signal bars, as the ledger keeps them."""

    def make() -> MarketDays:
        market = bars.market
        closes = DayCloses.of(bars, start, stop)
        return MarketDays(market.exchange, market.symbol, int(bars.time[start]), bars.moment(stop), closes)

    return bars.derived(("days of an estimate", start, stop), make)
