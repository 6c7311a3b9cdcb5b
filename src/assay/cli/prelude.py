"""What the commands on one file begin with: strategy, bars, span and terms, each checked before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.cli import options
from assay.engine import Span
from assay.evaluation import first_signal_bar
from assay.service.describe import describe_market, describe_money, describe_span
from assay.service.kernels import compile_kernels
from assay.service.spans import check_warmup, read_finished
from assay.sources import ReadingOptions
from assay.sources.user_strategy import load_strategy

if TYPE_CHECKING:
    from assay.engine import Execution
    from assay.market import Bars
    from assay.parameters import Value
    from assay.service.reporter import Reporter
    from assay.strategies import Strategy


@dataclass(frozen=True, eq=False)
class Prepared:
    """A strategy on the bars of a file, ready to run.

    Attributes
    ----------
    strategy : Strategy
    bars : Bars
    start, stop : int
        The signal bars that the options ask for, start <= t < stop.
    execution : Execution
        With the market's tick.
    """

    strategy: Strategy
    bars: Bars
    start: int
    stop: int
    execution: Execution

    def span(self, warmup: int) -> Span:
        """Return the signal bars that a warm-up leaves; refuse a span in which no bar has enough history."""
        check_warmup(self.bars, self.start, self.stop, warmup, self.strategy.name)
        return Span(first_signal_bar(self.bars, self.start, warmup), self.stop, warmup)


@dataclass(frozen=True, eq=False)
class PreparedPoint(Prepared):
    """The same with one set of parameters.

    Attributes
    ----------
    values : dict
        Of all parameters.
    signal_bars : Span
        Those that the warm-up of these values leaves.
    """

    values: dict[str, Value]
    signal_bars: Span

    def document(self) -> dict[str, Any]:
        """Return what was run, as plain values."""
        return {
            "strategy": self.strategy.name,
            "parameters": self.values,
            "market": describe_market(self.bars.market),
            "span": describe_span(self.bars, self.signal_bars.start, self.signal_bars.stop),
            "side": self.execution.sides.value,
            "costs": describe_money(self.execution.money) | self.execution.stop_terms(),
        }


def prepare(given: options.FileOptions, strategy: Strategy) -> Prepared:
    """Read the bars, and settle span and terms, as the options say."""
    terms = given.execution()
    bars = read_finished(given.file, ReadingOptions.parse(timeframe=given.timeframe))
    return Prepared(strategy, bars, *given.span.on(bars), terms.on(bars.market))


def prepare_point(reporter: Reporter, given: options.PointOptions) -> PreparedPoint:
    """Return what the options name with one set of parameters, kernels compiled."""
    strategy = load_strategy(given.strategy)
    values = strategy.parameters.complete(options.parse_sets(given.sets, strategy.parameters))
    prepared = prepare(given, strategy)
    span = prepared.span(strategy.warmup(values))
    compile_kernels(reporter, strategy, prepared.bars)
    return PreparedPoint(**vars(prepared), values=values, signal_bars=span)
