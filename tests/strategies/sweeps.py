"""Combinations of a strategy's default grid as a sweep sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import Combinations, Execution, Money, Span, layout
from assay.evaluation import ConstraintMask, Evaluator
from engine.bridge import SUMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from assay.market import Bars
    from assay.strategies import Strategy
    from assay.testing.oracle import OracleResult


def sampled(
    strategy: Strategy, bars: Bars, money: Money, count: int
) -> Iterator[tuple[dict[str, Any], Span, NDArray[np.float64]]]:
    """Sweep the default grid and yield (parameters, span, sums) of some combinations that trade."""
    grid = Combinations(strategy.default_grid)
    evaluator = Evaluator.over(strategy, grid.values, execution=Execution(costs=money.costs, sizing=money.sizing))
    span = evaluator.span(evaluator.warmup, len(bars))
    sums = np.full((len(grid), layout.SUM_FIELDS), np.nan)
    for block in evaluator.blocks(bars, [span], grid, lambda block: block, threads=2):
        sums[block.position] = block.sums
    refused = ConstraintMask.of(strategy, grid).at(np.arange(len(grid)))
    trading = np.flatnonzero(~refused & (sums[:, layout.SUM_TRADES] > 0))
    for position in np.random.default_rng(0).choice(trading, count, replace=False).tolist():
        yield grid.at(position), span, sums[position]


def same_sums(sums: NDArray[np.float64], answer: OracleResult) -> bool:
    """Whether every sum that the oracle keeps is the sweep's, to the last bit."""
    return all(float(sums[field]) == answer.sums[name] for name, field in SUMS.items()) and (
        int(sums[layout.SUM_TRADES]) == len(answer.trades)
    )
