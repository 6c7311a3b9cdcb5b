"""More power at the same honesty: what finds more edges without promoting more chance?

    python -m studies.power [--seeds N] [--workers N] [--folder DIR] [--data DIR] [--markdown docs/power.md]

Every idea changes one thing of the way from search to verdict and is measured on the same simulated markets, without an
edge and with one of known size, and on the same recorded ones. A market is a row of a file in the folder, appended when
it is done: a study that was interrupted or killed goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.report import Row as Line
from benchmarks.report import Table, markdown, placed

from assay.engine import Execution, measure
from assay.market.calendar import DAY_MS
from assay.search import penalised, refused
from assay.search.objective import FULL_TRADES, MIN_TRADES, REFUSED
from assay.search.samplers import grid
from assay.sources import read_bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment
from assay.validation import SplitPlan, make_splits, mirror, scaled
from assay.validation.walkforward import schedule, stitched
from studies.edges import COSTS, NARROW, WIDE, planted
from studies.markets import MARKETS, SHARED
from studies.recorded import COSTS as MARKET_COSTS
from studies.rows import Row, RowFile, made_by, measured, work_off

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from assay.engine import Combinations, Span
    from assay.evaluation.evaluator import Evaluator, Scores
    from assay.market import Bars
    from assay.parameters import Value
    from assay.validation import BarSplits

    Scoring = Callable[[NDArray[np.float64], NDArray[np.float64], tuple[int, ...]], NDArray[np.float64]]
    """From measure and trades of a grid, shape (n,) each, and its shape, to scores, shape (n,)."""

ROOT = Path(__file__).resolve().parents[1]
FIRST_SEED = 30_000
PERMUTATIONS = 19
YEARS = 3
POOLED = 3
SLOW_EVERY = 4
"""Ideas that need bars of their own take as long as all others together: every fourth seed has them."""

# --- ideas about the score of a combination, and about what of all scores is compared


def blended(measured_: NDArray[np.float64], trades: NDArray[np.float64]) -> NDArray[np.float64]:
    """The score without a prior: a refusal is blended in below 30 trades, and nothing above."""
    weight = np.clip((trades - MIN_TRADES) / (FULL_TRADES - MIN_TRADES), 0.0, 1.0)
    known = np.where(np.isnan(measured_), REFUSED, measured_)
    score = np.where(trades < MIN_TRADES, REFUSED, weight * known + (1.0 - weight) * REFUSED)
    return np.asarray(score, dtype=np.float64)


def with_prior(prior: float) -> Scoring:
    """The same with a prior of so many trades."""

    def score(m: NDArray[np.float64], t: NDArray[np.float64], _: tuple[int, ...]) -> NDArray[np.float64]:
        plain = blended(m, t)
        return np.where(plain > 0, plain * t / np.maximum(t + prior, 1.0), plain)

    return score


def smoothed(m: NDArray[np.float64], t: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Half the score of a combination, half that of its surroundings: weights 1, 2, 1 along every axis, twice."""
    own = penalised(m, t)
    around = own.reshape(shape)
    for _ in range(2):
        for axis in range(around.ndim):
            rows = np.moveaxis(around, axis, 0)
            total, weight = 2.0 * rows, np.full((len(rows), *[1] * (rows.ndim - 1)), 2.0)
            total[1:] += rows[:-1]
            total[:-1] += rows[1:]
            weight[1:] += 1.0
            weight[:-1] += 1.0
            around = np.moveaxis(total / weight, 0, axis)
    return np.asarray(0.5 * own + 0.5 * around.ravel())


def default(m: NDArray[np.float64], t: NDArray[np.float64], _: tuple[int, ...]) -> NDArray[np.float64]:
    """The score as it is."""
    return penalised(m, t)


def best(scores: NDArray[np.float64]) -> float:
    """The peak."""
    return float(scores.max())


def best_hundredth(scores: NDArray[np.float64]) -> float:
    """Mean of the best hundredth of all scores."""
    count = max(len(scores) // 100, 1)
    return float(np.partition(scores, -count)[-count:].mean())


@dataclass(frozen=True)
class Idea:
    """One change.

    Attributes
    ----------
    scoring : callable
        How combinations are ranked, in every window and on permuted bars.
    statistic : callable
        What is compared under permutation.
    plan : SplitPlan
    values : mapping
        Only combinations with these values are searched.
    null : {"mirror", "scaled"}
    """

    name: str
    scoring: Scoring = default
    statistic: Callable[[NDArray[np.float64]], float] = best
    plan: SplitPlan = field(default_factory=SplitPlan)
    values: tuple[tuple[str, tuple[float, ...]], ...] = ()
    null: str = "mirror"
    days: int = 365
    markets: int = 1


SMALL = (
    ("pierce_depth", (0.002,)), ("volume_spike_threshold", (1.5, 3.0)), ("reversal_candles", (2,)),
    ("min_level_touches", (1, 2)), ("reversal_candle_size", (0.0,)), ("atr_multiplier_sl", (1.5, 3.0)),
    ("risk_reward_ratio", (2.0, 4.0)), ("max_holding_periods", (100,)),
)  # fmt: skip
ONE = (
    ("pierce_depth", (0.002,)), ("volume_spike_threshold", (2.0,)), ("reversal_candles", (2,)),
    ("min_level_touches", (2,)), ("reversal_candle_size", (0.0,)), ("key_level_lookback", (100,)),
    ("atr_multiplier_sl", (1.5,)), ("risk_reward_ratio", (2.0,)), ("max_holding_periods", (30,)),
)  # fmt: skip

IDEAS = (
    Idea("as it is"),
    Idea("no prior: a measure counts in full from 30 trades on", scoring=with_prior(0.0)),
    Idea("a prior of 30 trades instead of 100", scoring=with_prior(30.0)),
    Idea("half the score of a combination from its surroundings", scoring=smoothed),
    Idea("the best hundredth compared instead of the best", statistic=best_hundredth),
    Idea("scaled instead of mirrored permutations", null="scaled"),
    Idea("rolling windows of 60 days", plan=SplitPlan("rolling")),
    Idea("first train window of 120 days", plan=SplitPlan(train_days=120)),
    Idea("test windows of 15 days", plan=SplitPlan(test_days=15)),
    Idea("48 combinations chosen beforehand", values=SMALL),
    Idea("one combination chosen beforehand: the defaults", values=ONE),
    Idea(f"{YEARS} years of history", days=365 * YEARS),
    Idea(f"{POOLED} markets searched as one", markets=POOLED),
)


# --- one market


@dataclass(frozen=True, eq=False)
class Ground:
    """Markets with what stays the same for all ideas on them."""

    evaluator: Evaluator
    points: Combinations
    bars: tuple[Bars, ...]
    bounds: tuple[int, int]

    def splits(self, plan: SplitPlan) -> BarSplits:
        """Windows of a plan."""
        per_day = self.bars[0].market.bars_per_day
        longest = max(int(v) for v in self.points.values["max_holding_periods"])
        return make_splits(plan, *self.bounds, per_day, longest)

    def chosen(self, idea: Idea) -> NDArray[np.bool_]:
        """Which combinations an idea searches, shape (n,)."""
        keep = np.ones(self.shape, dtype=np.bool_)
        for name, allowed in idea.values:
            axis = list(self.points.values).index(name)
            out = [i for i, value in enumerate(self.points.values[name]) if value not in allowed]
            keep[(slice(None),) * axis + (out,)] = False
        return keep.ravel()

    @property
    def shape(self) -> tuple[int, ...]:
        """Values per axis."""
        return tuple(len(values) for values in self.points.values.values())

    def seen(self, bars: Sequence[Bars], spans: Sequence[Span]) -> list[Scores]:
        """Measure and trades per span: means over the markets that are searched as one."""
        found = [self.evaluator.scores(one, spans, self.points) for one in bars]
        if len(found) == 1:
            return found[0]
        return [
            (
                np.mean([np.nan_to_num(m, nan=REFUSED) for m, _ in of_span], axis=0),
                np.sum([t for _, t in of_span], axis=0),
            )
            for of_span in zip(*found, strict=True)
        ]


def walked(ground: Ground, ideas: Sequence[Idea]) -> dict[str, dict[str, float]]:
    """Stitched out-of-sample measures of every idea: the mean over the markets that are searched as one."""
    found: dict[str, dict[str, float]] = {}
    for plan in dict.fromkeys(idea.plan for idea in ideas):
        splits = ground.splits(plan)
        before = [bars.head(splits.holdout_start) for bars in ground.bars]
        spans = [ground.evaluator.span(w.train_start, w.train_stop) for w in splits.windows]
        seen = ground.seen(before, spans)
        for idea in (idea for idea in ideas if idea.plan == plan):
            winners = [_winner(ground, idea, *scores) for scores in seen]
            runs = []
            for bars in before:
                signals = schedule(ground.evaluator, bars, splits.windows, list(winners))
                runs.append(measure(stitched(bars, signals, ground.evaluator, splits), bars))
            found[idea.name] = {
                name: float(np.nan_to_num(np.mean([run[name] for run in runs])))
                for name in ("net_profit_pct", "sharpe_ratio", "total_trades")
            }
    return found


def _winner(ground: Ground, idea: Idea, m: NDArray[np.float64], t: NDArray[np.float64]) -> Mapping[str, Value] | None:
    allowed = ground.chosen(idea) & ~refused(m, t)
    scores = np.where(allowed, idea.scoring(m, t, ground.shape), -np.inf)
    top = int(np.argmax(scores))
    return ground.points.at(top) if scores[top] > 0 else None


def compared(ground: Ground, ideas: Sequence[Idea], permutations: int) -> dict[str, float]:
    """The p of every idea; ideas that search the same bars share the searches."""
    splits = ground.splits(SplitPlan())
    before = [bars.head(splits.holdout_start) for bars in ground.bars]
    span = ground.evaluator.span(splits.start, splits.search_stop)

    def statistics(bars: Sequence[Bars], wanted: Sequence[Idea]) -> NDArray[np.float64]:
        m, t = ground.seen(bars, [span])[0]
        return np.array([i.statistic(i.scoring(m, t, ground.shape)[ground.chosen(i)]) for i in wanted])

    p: dict[str, float] = {}
    for method, permute in (("mirror", mirror), ("scaled", scaled)):
        wanted = [idea for idea in ideas if idea.null == method]
        if not wanted:
            continue
        real = statistics(before, wanted)
        null = [statistics([permute(bars, i) for bars in before], wanted) for i in range(permutations)]
        worse = (np.array(null) >= real).sum(axis=0)
        p |= {idea.name: (1 + int(n)) / (1 + permutations) for idea, n in zip(wanted, worse, strict=True)}
    return p


def ground_of(bars: Sequence[Bars], experiment: Experiment) -> Ground:
    """Return what stays the same on these markets."""
    evaluator = experiment.evaluator(bars[0])
    return Ground(evaluator, grid(experiment.grid_space), tuple(bars), experiment.bounds(bars[0], evaluator.warmup))


# --- rows


@dataclass(frozen=True)
class Task:
    """One market of one cell.

    Attributes
    ----------
    truth : str
        "wide" or "narrow": which signals carry the drift; "none"; or "recorded".
    file : Path or None
        Of a recorded market.
    """

    truth: str
    costs: str
    edge_r: float
    seed: int
    file: Path | None = None

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"{self.truth} {self.costs} {self.edge_r:g} {self.file.stem if self.file else self.seed}"

    def bars(self, days: int, seed: int) -> Bars:
        """Make a market."""
        truth = NARROW if self.truth == "narrow" else WIDE
        drift = planted(self.truth, self.costs, self.edge_r)
        return simulate_market(
            SimulatedMarket(
                days=days, seed=seed, edge_r=drift, round_trip=COSTS[self.costs].round_trip, true_parameters=truth
            )
        )

    @property
    def experiment(self) -> Experiment:
        """A training by default settings."""
        costs = (MARKET_COSTS if self.file else COSTS)[self.costs]
        return Experiment(LiquiditySweep(), execution=Execution(costs=costs), permutations=0)


def tried(task: Task) -> Row:
    """Return the row of a market: out-of-sample measures and p of every idea."""
    return measured(lambda: _tried(task))


def _tried(task: Task) -> Row:
    row: Row = {"truth": task.truth, "costs": task.costs, "edge_r": task.edge_r, "seed": task.seed, "ideas": {}}
    for days, number in dict.fromkeys((idea.days, idea.markets) for idea in IDEAS):
        ideas = [idea for idea in IDEAS if (idea.days, idea.markets) == (days, number)]
        experiment = task.experiment
        slow = (days, number) != (365, 1)
        if slow and (task.file or task.seed % SLOW_EVERY):
            continue
        if task.file is None:
            bars = [task.bars(days, task.seed + 1_000 * k) for k in range(number)]
        else:
            bars = [read_bars(task.file)]
            experiment = replace(experiment, start_ms=int(bars[0].time[-1]) - days * DAY_MS)
        ground = ground_of(bars, experiment)
        p = compared(ground, ideas, PERMUTATIONS)
        walks = walked(ground, ideas)
        row["ideas"] |= {idea.name: walks[idea.name] | {"p": p[idea.name]} for idea in ideas}
    return row


CELLS = (
    ("none", "zero", 0.0), ("none", "exchange", 0.0), ("wide", "zero", 0.1), ("wide", "zero", 0.2),
    ("wide", "exchange", 0.1), ("narrow", "exchange", 0.2), ("narrow", "exchange", 0.4),
)  # fmt: skip


def tasks_of(seeds: int, data: Path) -> dict[str, Task]:
    """All markets, cell by cell for each seed, so that an unfinished study is balanced."""
    simulated = [Task(*cell, seed) for seed in range(FIRST_SEED, FIRST_SEED + seeds) for cell in CELLS]
    recorded = [
        Task("recorded", costs, 0.0, 0, data / f"BINANCE_{coin}USDT_5m.parquet")
        for coin in MARKETS
        for costs in MARKET_COSTS
    ]
    return {task.key: task for task in (*simulated, *recorded)}


def kept(found: Mapping[str, float]) -> bool:
    """Whether an idea would give money: the gates of PAPER that depend on it."""
    return found["net_profit_pct"] > 0 and found["sharpe_ratio"] >= 0.5 and found["p"] <= 0.05


def figures(rows: Sequence[Row]) -> str:
    """Tables of shares and Sharpe ratios per idea and cell."""
    cells = [*CELLS, *(("recorded", costs, 0.0) for costs in MARKET_COSTS)]
    by_cell = {cell: [row for row in rows if (row["truth"], row["costs"], row["edge_r"]) == cell] for cell in cells}
    return "\n\n".join(
        markdown(Table(title, [_line(idea, by_cell, value) for idea in IDEAS]))
        for title, value in (
            ("Share promoted (walk-forward and p at most .05), %", lambda f: 100.0 * kept(f)),
            ("Share with p at most .05, %", lambda f: 100.0 * (f["p"] <= 0.05)),
            ("Mean out-of-sample Sharpe ratio", lambda f: f["sharpe_ratio"]),
        )
    )


def _line(
    idea: Idea, by_cell: Mapping[tuple[str, str, float], Sequence[Row]], value: Callable[[dict[str, Any]], float]
) -> Line:
    line: Line = {"idea": idea.name}
    for (truth, costs, edge), rows in by_cell.items():
        found = [row["ideas"][idea.name] for row in rows if idea.name in row["ideas"]]
        name = f"{truth} {edge:g} R, {costs}" if edge else f"{truth}, {costs}"
        line[f"{name} ({len(rows)})"] = float(np.mean([value(f) for f in found])) if found else None
    return line


def main(given: list[str] | None = None) -> int:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="simulated markets per cell")
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="folder of BINANCE_*USDT_5m.parquet")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread each")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "power")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args(given)
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"permutations": PERMUTATIONS, "years": YEARS, "pooled": POOLED}
    file = RowFile(folder / "rows.jsonl", made_by(settings, "power", "edges"))
    tasks = tasks_of(options.seeds, options.data)
    rows = work_off(file, tasks, tried, options.workers, group=lambda key: key.split(" ", 1)[0])
    text = figures(rows)
    sys.stdout.write(text + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
