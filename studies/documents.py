"""The requirement documents' own rule, as they state it: the yardstick of the honesty study.

The parameters with the best objective over all days are replayed in windows of the same days, and the averages over
the test windows decide the stage. Where the documents differ, the stricter reading is taken. See docs/honesty.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from assay.validation import SplitPlan, fixed_walk_forward, make_splits

if TYPE_CHECKING:
    from assay.market import Bars
    from assay.training import Experiment
    from studies.rows import Row

PLAN = SplitPlan("rolling", train_days=60.0, test_days=30.0, gap_days=7.0, holdout=0.0)
OVERFIT = ("test Sharpe below 0.7 x train Sharpe", "test win rate below 0.8 x train win rate")
"""The flags that the documents name; those that this project added to its fixed-parameter mode are left out."""


def documents_stage(net_profit_pct: float, sharpe: float, trades: int, fill_rate: float, adverse: float) -> str:
    """Return the stage that the documents assign to measures of the test windows."""
    if net_profit_pct < 0 or sharpe < 0.5 or fill_rate < 0.7:
        return "PAPER"
    if trades < 30:
        return "DISCOVERY"
    if trades >= 100 and sharpe > 1.5 and adverse < 0.3:
        return "MATURE"
    return "VALIDATION"


def _known(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value


def documents_rule(experiment: Experiment, bars: Bars) -> Row:
    """Search all bars, replay the winner in the windows of the same bars, and assign a stage."""
    evaluator = experiment.evaluator(bars)
    start, stop = experiment.bounds(bars, evaluator.warmup)
    splits = make_splits(PLAN, start, stop, bars.market.bars_per_day, experiment.holding_bars or 0)
    points = experiment.search.ahead
    assert points is not None  # noqa: S101  (a grid is known beforehand)
    objective, _ = evaluator.score(bars, evaluator.span(start, stop), points)
    best = int(np.argmax(np.where(np.isnan(objective), -np.inf, objective)))
    walk, fixed = fixed_walk_forward(evaluator, bars, points.at(best), splits)
    tests = [w.test for w in walk.windows]
    net_profit_pct = sum(t["net_profit_pct"] for t in tests) / len(tests)
    summary = walk.summary(bars.market.days_per_year)
    sharpe = summary["mean_test_sharpe"]
    trades = int(sum(t["total_trades"] for t in tests))
    fill_rate = _known(walk.measures["fill_rate"], 1.0)
    adverse = _known(walk.measures["adverse_selection_score"], 0.0)
    flags = [flag for flag in fixed.flags if flag in OVERFIT]
    return {
        "stage": "PAPER" if flags else documents_stage(net_profit_pct, sharpe, trades, fill_rate, adverse),
        "flags": flags,
        "all_flags": list(fixed.flags),
        "net_profit_pct": net_profit_pct,
        "sharpe": sharpe,
        "train_sharpe": _known(summary["mean_train_sharpe"], 0.0),
        "trades": trades,
        "in_sample_sharpe": _known(float(objective[best]), 0.0),
        "windows": len(tests),
    }
