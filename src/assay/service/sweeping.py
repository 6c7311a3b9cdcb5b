"""Every combination of a grid, with the measures of each in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import TABLE, Combinations, from_sums
from assay.evaluation import ConstraintMask
from assay.search import penalised
from assay.search.search import distribution
from assay.service.ledger import entry_of
from assay.training import Experiment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.engine import Span
    from assay.engine.sweep import Block
    from assay.evaluation import Evaluator
    from assay.market import Bars
    from assay.search import Space
    from assay.service.reporter import Reporter
    from assay.store.ledger import TrialEntry

MIN_TRADES = 30
"""Combinations with fewer trades cannot be the best."""


@dataclass(frozen=True, eq=False)
class Swept:
    """Results of a grid.

    Attributes
    ----------
    measures : dict of str to float64, shape (n,)
        The columns of `assay.engine.TABLE`, in the order of the combinations.
    seconds : float
    refused : int
        Combinations that the strategy calls senseless; 0 trades, other measures NaN.
    """

    combinations: Combinations
    measures: dict[str, NDArray[np.float64]]
    seconds: float
    refused: int


@dataclass(frozen=True, eq=False)
class Sweep:
    """Every combination of a space on one span of bars.

    Attributes
    ----------
    evaluator : Evaluator
    bars : Bars
    span : Span
    space : Space
    """

    evaluator: Evaluator
    bars: Bars
    span: Span
    space: Space

    @property
    def combinations(self) -> Combinations:
        """The combinations, the first parameter varying slowest."""
        return Combinations(self.space.values)

    def thinned(self, most: int) -> Sweep:
        """Return the sweep of an evenly thinned space of at most `most` points."""
        return replace(self, space=self.space.thinned(most))

    @property
    def experiment(self) -> Experiment:
        """The sweep as an experiment: its identity, in the ledger and of a stream's file."""
        bars, span = self.bars, self.span
        return Experiment(
            self.evaluator.strategy,
            self.space,
            method="grid",
            execution=self.evaluator.execution,
            permutations=0,
            start_ms=int(bars.time[span.start]),
            stop_ms=int(bars.time[span.stop]) if span.stop < len(bars) else None,
        )

    def entry(self, tried: int, best: float, counts: Mapping[str, Any]) -> TrialEntry:
        """Return what the ledger keeps: who looks at the best of a grid has tried all of it.

        Parameters
        ----------
        tried : int
            Combinations.
        best : float
            Their highest score.
        counts : mapping
            How the scores are distributed.
        """
        return entry_of(self.experiment, self.bars, (self.span.start, self.span.stop), tried, best, counts)


def run_sweep(reporter: Reporter, sweep: Sweep, threads: int) -> Swept:
    """Run every combination and keep the measures of each."""
    evaluator, bars, combinations = sweep.evaluator, sweep.bars, sweep.combinations
    measures = {name: np.full(len(combinations), np.nan) for name in TABLE}
    year = bars.market.days_per_year
    refused_by_constraint = ConstraintMask.of(evaluator.strategy, combinations)
    refused = 0

    def measured(block: Block) -> tuple[NDArray[np.int64], NDArray[np.bool_], dict[str, NDArray[np.float64]]]:
        out = refused_by_constraint.at(block.position)
        blank = {name: 0.0 if name == "total_trades" else np.nan for name in TABLE}
        return block.position, out, {n: np.where(out, blank[n], from_sums(block.sums, n, year)) for n in TABLE}

    begun = time.perf_counter()
    with reporter.progress("sweep", len(combinations)) as advance:
        for position, out, found in evaluator.blocks(bars, [sweep.span], combinations, measured, threads=threads):
            for name, column in measures.items():
                column[position] = found[name]
            refused += int(out.sum())
            advance(len(position))
    return Swept(combinations, measures, time.perf_counter() - begun, refused)


def table_columns(swept: Swept) -> dict[str, NDArray[Any]]:
    """Return parameters and measures of every combination, shape (n,) each."""
    values, n = swept.combinations.values, len(swept.combinations)
    columns: dict[str, NDArray[Any]] = {}
    repeat = n
    for name, levels in values.items():
        repeat //= len(levels)  # the first parameter varies slowest
        columns[name] = np.tile(np.repeat(np.array(levels), repeat), n // (repeat * len(levels)))
    trades = swept.measures["total_trades"].astype(np.int64)
    return columns | swept.measures | {"total_trades": trades}


def summarise(swept: Swept) -> dict[str, Any]:
    """Return speed, the best combination and how many made money."""
    measures, n = swept.measures, len(swept.combinations)
    sharpe = measures["sharpe_ratio"]
    candidates = (measures["total_trades"] >= MIN_TRADES) & ~np.isnan(sharpe)
    best = int(np.argmax(np.where(candidates, sharpe, -np.inf))) if candidates.any() else None
    return {
        "combinations": n,
        "refused": swept.refused,
        "seconds": swept.seconds,
        "backtests_per_second": n / swept.seconds,
        "simulated_trades": int(measures["total_trades"].sum()),
        "with_enough_trades": int(candidates.sum()),
        "least_trades": MIN_TRADES,
        "profitable_share": float(np.mean(measures["net_profit_pct"] > 0)),
        "best": None if best is None else _row(swept, best),
    }


def _row(swept: Swept, position: int) -> dict[str, Any]:
    measures = {name: float(column[position]) for name, column in swept.measures.items()}
    measures |= {"total_trades": int(measures["total_trades"])}
    return {"position": position, "parameters": swept.combinations.at(position), "metrics": measures}


def score_sweep(swept: Swept) -> tuple[float, dict[str, Any]]:
    """Return the highest score of a sweep and how all of them are distributed."""
    scores = penalised(swept.measures["sharpe_ratio"], swept.measures["total_trades"])
    return float(scores.max()), distribution(scores)
