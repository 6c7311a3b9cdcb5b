"""What the commands on one market begin with: strategy, bars, span and terms, each checked before any work.

What a run needs comes from the options, or from a configuration (``--id``), of which the options that are named on the
command line overrule a part (`assay.cli.rerun`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.cli import options
from assay.cli.bars import check_one, load_bars
from assay.cli.commands.quality import verdict
from assay.cli.rerun import PointOptions, Rerun, RunOptions, rerun
from assay.engine import Span
from assay.evaluation import first_signal_bar
from assay.market import measure_quality
from assay.service.kernels import compile_kernels
from assay.service.points import point_document
from assay.service.spans import check_warmup
from assay.sources.user_strategy import load_strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.cli.output import Output
    from assay.engine import Execution
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy

__all__ = ["PointOptions", "Prepared", "PreparedPoint", "RunOptions", "note_gate", "prepare", "prepare_point"]

ONE_OF = "--file, --exchange with --symbol, or --id"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A strategy on bars, ready to run.

    Attributes
    ----------
    strategy : Strategy
    bars : Bars
    start, stop : int
        The signal bars that the options ask for, start <= t < stop.
    execution : Execution
        With the market's tick.
    again : Rerun or None
        The configuration that is run again.
    """

    strategy: Strategy
    bars: Bars
    start: int
    stop: int
    execution: Execution
    again: Rerun | None

    def span(self, warmup: int) -> Span:
        """Return the signal bars that a warm-up leaves; refuse a span in which no bar has enough history."""
        check_warmup(self.bars, self.start, self.stop, warmup, self.strategy.name)
        return Span(first_signal_bar(self.bars, self.start, warmup), self.stop, warmup)

    def source(self) -> dict[str, Any]:
        """Return which configuration is run again, as plain values; nothing where options say it all."""
        return {} if self.again is None else {"configuration": self.again.as_dict()}


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
        document = point_document(self.strategy, self.bars, self.signal_bars, self.values, self.execution)
        return document | self.source()


def prepare(output: Output, given: RunOptions, check: Callable[[Strategy], object]) -> Prepared:
    """Load the strategy, read the bars, and settle span and terms, as the options or the configuration say.

    What is taken of a configuration and what is overruled is printed before anything else.

    Parameters
    ----------
    check : callable
        Refuses options that do not fit the strategy, before any bars are read.
    """
    if given.id_ is not None:
        again = rerun(output, given, given.id_)
        if not output.json:
            for sentence in again.sentences():
                output.text(sentence)
        return Prepared(again.strategy, again.bars, again.start, again.stop, again.execution, again)
    check_one(given, names=ONE_OF)
    strategy, terms = load_strategy(given.strategy), given.execution()
    check(strategy)
    bars = load_bars(output, given)
    return Prepared(strategy, bars, *given.span.on(bars), terms.on(bars.market), None)


def prepare_point(output: Output, given: PointOptions) -> PreparedPoint:
    """Return what the options name with one set of parameters, kernels compiled."""

    def fixed(strategy: Strategy) -> dict[str, Value]:
        return options.parse_sets(given.sets, strategy.parameters)

    prepared = prepare(output, given, fixed)
    strategy, again = prepared.strategy, prepared.again
    recorded = {} if again is None else again.recorded.parameters
    values = strategy.parameters.complete({**recorded, **fixed(strategy)})
    span = prepared.span(strategy.warmup(values))
    compile_kernels(output, strategy, prepared.bars)
    return PreparedPoint(**vars(prepared), values=values, signal_bars=span)


def say_what_ran(output: Output, document: dict[str, Any]) -> None:
    """Say which strategy ran on which market and days, as a document of a result holds them."""
    market, span = document["market"], document["span"]
    output.text(f"{document['strategy']} on {market['symbol']} {market['timeframe']}, {span['from']} to {span['to']}")


def note_gate(output: Output, bars: Bars) -> None:
    """Say so beside a result when training would refuse the bars."""
    report = measure_quality(bars).as_dict()
    if not report["passes"]:
        output.note(verdict(report))
