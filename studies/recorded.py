"""One training on a recorded market: the task of the study of markets, and its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine import Costs, Execution
from assay.errors import QualityError
from assay.market import Timeframe, resample
from assay.market.calendar import DAY_MS
from assay.sources import read_bars
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Evidence, Experiment, train
from studies.rows import Row, measured

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars

TIMEFRAMES = ("5m", "15m", "1h")
COSTS = {"exchange": Costs(), "maker": Costs(fee=0.0002, slippage=0.0001)}


@dataclass(frozen=True)
class Task:
    """One training: the last `days` of a file."""

    file: Path
    coin: str
    timeframe: str
    costs: str
    days: int
    permutations: int

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"{self.coin} {self.timeframe} {self.costs}"

    def bars(self) -> Bars:
        """Read the file, in coarser bars where asked."""
        recorded, timeframe = read_bars(self.file), Timeframe.parse(self.timeframe)
        return recorded if recorded.market.timeframe == timeframe else resample(recorded, timeframe)


def trained(task: Task) -> Row:
    """Return the row of a training."""
    return measured(lambda: _trained(task))


def _trained(task: Task) -> Row:
    bars = task.bars()
    end_ms = int(bars.time[-1]) + bars.market.timeframe.ms
    experiment = Experiment(
        LiquiditySweep(),
        execution=Execution(costs=COSTS[task.costs]),
        permutations=task.permutations,
        start_ms=end_ms - task.days * DAY_MS,
    )
    row: Row = {"market": bars.market.symbol, "timeframe": task.timeframe, "costs": task.costs}
    try:
        return row | _found(train(experiment, bars))
    except QualityError as error:
        return row | {"stage": "refused", "why": str(error)}


def _found(evidence: Evidence) -> Row:
    m = evidence.metrics
    return {
        "stage": evidence.stage,
        "in_sample_sharpe": evidence.search.in_sample.get("sharpe_ratio"),
        "sharpe": m["sharpe_ratio"],
        "net_profit_pct": m["net_profit_pct"],
        "trades": int(m["total_trades"]),
        "p": m["p_value"],
        "best_score": evidence.search.result.score,
        "windows": len(evidence.walk_forward.windows),
        "holdout_sharpe": evidence.holdout_measures.get("sharpe_ratio"),
        "parameters": evidence.parameters,
        "failed": [gate.name for gate in evidence.verdict.failed],
        "why": evidence.verdict.why_not_promoted,
        "next_step": next((gate.next_step for gate in evidence.verdict.failed), ""),
    }
