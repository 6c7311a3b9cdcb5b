"""Is a p-value uniform where there is no edge? Three ways to permute bars, at zero and at real costs.

    python -m studies.nulls [--markets N] [--workers N] [--folder DIR] [--markdown docs/permutations.md]

Simulated markets without an edge, each searched, permuted and searched again. `shuffle` is the way that must not be
used: whole bars change places with nothing scaled. A market is a row of a file in the folder, appended when it is done.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.report import Row as Line
from benchmarks.report import Table, markdown, placed
from scipy.stats import kstest

from assay.engine import Execution
from assay.search import parse_space, run_search
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment
from assay.validation import mirror, scaled
from studies.edges import COSTS
from studies.rows import Row, RowFile, made_by, measured, work_off
from studies.shares import shown_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.market import Bars

ROOT = Path(__file__).resolve().parents[1]
FIRST_SEED = 50_000
DAYS = 180
PERMUTATIONS = 39
SPACE = {
    "pierce_depth": [0.001, 0.002, 0.003], "volume_spike_threshold": [1.5, 2.0, 3.0], "reversal_candles": [1, 2, 3],
    "min_level_touches": [1, 2], "key_level_lookback": [50, 100], "atr_multiplier_sl": [1.0, 1.5, 3.0],
    "risk_reward_ratio": [1.5, 2.0, 4.0], "max_holding_periods": [30, 100],
}  # fmt: skip


def shuffle(bars: Bars, index: int) -> Bars:
    """Let whole bars change places, moves and volume as they are."""
    order = np.random.default_rng(np.random.SeedSequence([0x5EED, index])).permutation(len(bars))
    before = np.concatenate((bars.open[:1], bars.close[:-1]))
    gap, high, low, close = np.log(
        np.stack([bars.open / before, bars.high / bars.open, bars.low / bars.open, bars.close / bars.open])
    )[:, order]
    start = np.log(bars.open[0]) + np.cumsum(gap) + np.concatenate(([0.0], np.cumsum(close)[:-1]))
    open_, high, low, close = (np.exp(start + move) for move in (0.0, high, low, close))
    high, low = np.maximum(high, np.maximum(open_, close)), np.minimum(low, np.minimum(open_, close))
    return bars.with_prices(open_, high, low, close, bars.volume[order])


NULLS = {"mirror": mirror, "scaled": scaled, "shuffle": shuffle}


@dataclass(frozen=True)
class Task:
    """One market at one level of costs."""

    costs: str
    seed: int

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"{self.costs} {self.seed}"


def permuted(task: Task) -> Row:
    """Return the row of a market: exceedances and ties per way to permute."""
    return measured(lambda: _permuted(task))


def _permuted(task: Task) -> Row:
    bars = simulate_market(SimulatedMarket(days=DAYS, seed=task.seed))
    space = parse_space(SPACE, LiquiditySweep.parameters)
    experiment = Experiment(LiquiditySweep(), space, execution=Execution(costs=COSTS[task.costs]))
    evaluator = experiment.evaluator(bars)
    span = evaluator.span(*experiment.bounds(bars, evaluator.warmup))

    def best(on: Bars) -> float:
        return run_search(experiment.search, lambda c: evaluator.score(on, span, c)).score

    real = best(bars)
    row: Row = {"costs": task.costs, "seed": task.seed}
    for name, permute in NULLS.items():
        found = np.array([best(permute(bars, i)) for i in range(PERMUTATIONS)])
        row[name] = {"above": int((found > real).sum()), "ties": int((found == real).sum())}
    return row


def figures(rows: Sequence[Row]) -> str:
    """The table: how often p is at most .05, and whether p is uniform."""
    lines: list[Line] = []
    for costs in COSTS:
        of_cell = [row for row in rows if row["costs"] == costs]
        for name in NULLS:
            above = np.array([row[name]["above"] for row in of_cell])
            ties = np.array([row[name]["ties"] for row in of_cell])
            small = int(((1 + above + ties) / (1 + PERMUTATIONS) <= 0.05).sum())
            spread = np.random.default_rng(0).random(len(of_cell))
            # ties are broken at random, so that p is uniform and not only not too small
            uniform = (above + spread * (ties + 1)) / (PERMUTATIONS + 1)
            lines.append(
                {
                    "permutation": name,
                    "costs": costs,
                    "markets": len(of_cell),
                    "p at most .05": shown_share(small, len(of_cell)),
                    "mean p": float(uniform.mean()),
                    "KS p": float(kstest(uniform, "uniform").pvalue),
                }
            )
    return markdown(Table("p where there is no edge", lines))


def main(given: list[str] | None = None) -> int:
    """Run what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=200, help="per level of costs")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread each")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "nulls")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args(given)
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"days": DAYS, "permutations": PERMUTATIONS, "space": SPACE}
    file = RowFile(folder / "rows.jsonl", made_by(settings, "nulls", "edges"))
    seeds = range(FIRST_SEED, FIRST_SEED + options.markets)
    tasks = {task.key: task for task in (Task(costs, seed) for seed in seeds for costs in COSTS)}
    text = figures(work_off(file, tasks, permuted, options.workers))
    sys.stdout.write(text + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
