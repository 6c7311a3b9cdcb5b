"""One market without an edge of the study of null markets: its task, and its row."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.engine import Execution, Side
from assay.search import parse_space
from assay.service.fresh_process import FreshProcess
from assay.sources.null_markets import NullMarket, simulate_null
from assay.sources.user_strategy import load_strategy
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Evidence, Experiment, train
from assay.training.experiment import PERMUTATIONS
from studies.edges import COSTS
from studies.rows import Row, measured, plain
from studies.simulated import GatesOnly, Terms, outcome, permutation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars

MARKETS: dict[str, dict[str, Any]] = {
    "on a tick": {"kind": "on_a_tick"},
    "drift up": {"kind": "drift", "growth": 1.9},
    "drift down": {"kind": "drift", "growth": 0.4},
    "leverage": {"kind": "leverage"},
    "bounce": {"kind": "bounce"},
    "clusters": {"kind": "clusters"},
    "calm and storm": {"kind": "calm_and_storm"},
    "common factor": {"kind": "common_factor"},
    "stale": {"kind": "stale"},
}
"""What each market of the table is; a tick is to be seen in the bars."""

SIDES = ("both", "long", "short")
PATTERNS = {"equal lows": "EqualLows", "near lows": "NearLows"}
"""Classes of `studies/equal_lows.py`, by their name in the table."""

FIRST_SEED = 200_000
PATTERN_SEED = 300_000
QUICK = Terms(permutations=PERMUTATIONS["quick"])
PATTERN_TERMS = Terms(days=120, permutations=19)
PATTERN_TIMEFRAME = "15m"


@dataclass(frozen=True)
class Cell:
    """What the markets of one line of the table share."""

    market: str
    costs: str
    sides: str

    @property
    def name(self) -> str:
        """How a row names it."""
        return f"{self.market}, {self.costs}, {self.sides}"

    def seed(self, number: int) -> int:
        """Return the seed of its market `number`: another one in every cell, so that all rows are independent."""
        return FIRST_SEED + 1_000 * CELLS.index(self) + number


CELLS = tuple(Cell(market, costs, sides) for market in MARKETS for costs in COSTS for sides in SIDES)


@dataclass(frozen=True)
class Task:
    """One market of one cell."""

    terms: Terms
    cell: Cell
    number: int

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"{self.cell.name}, {self.number}"

    def bars(self) -> Bars:
        """Make the market's bars."""
        return simulate_null(
            NullMarket(**MARKETS[self.cell.market], days=self.terms.days, seed=self.cell.seed(self.number))
        )

    def experiment(self) -> Experiment:
        """Return a training by default settings, but for the terms and for what is no gate."""
        choices = {name: list(values) for name, values in self.terms.space}
        space = parse_space(choices, LiquiditySweep.parameters) if choices else None
        execution = Execution(sides=Side.parse(self.cell.sides), costs=COSTS[self.cell.costs])
        return GatesOnly(LiquiditySweep(), space, execution=execution, permutations=self.terms.permutations)


@dataclass(frozen=True)
class PatternTask:
    """One market on a tick for a pattern of prices, at zero cost."""

    pattern: str
    number: int

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"{self.pattern}, {self.number}"

    def bars(self) -> Bars:
        """Make the market's bars; both patterns see the same."""
        seed, days = PATTERN_SEED + self.number, PATTERN_TERMS.days
        return simulate_null(NullMarket("on_a_tick", days=days, timeframe=PATTERN_TIMEFRAME, seed=seed))

    def experiment(self) -> Experiment:
        """Return a training by default settings, but for the terms and for what is no gate."""
        strategy = load_strategy(f"{Path(__file__).with_name('equal_lows.py')}:{PATTERNS[self.pattern]}")
        return GatesOnly(strategy, execution=Execution(costs=COSTS["zero"]), permutations=PATTERN_TERMS.permutations)


@dataclass
class Remembered:
    """Clean passes of the leak inspection within one process: the same file need not be inspected on every market."""

    keys: set[str] = field(default_factory=set)

    def holds(self, key: str) -> bool:
        """Whether it was found clean."""
        return key in self.keys

    def keep(self, key: str, _: Mapping[str, Any]) -> None:
        """Remember it."""
        self.keys.add(key)


_PASSES = Remembered()


def row_of(evidence: Evidence) -> Row:
    """Return what a training says of its market; p of every market, also where nothing was found."""
    test, beside, facts = permutation_of(evidence), evidence.tests.alpha, evidence.judgement.facts
    return {
        **outcome(evidence, test),
        "failed": [gate.name for gate in evidence.verdict.failed],
        "similarity": facts.similarity,
        "p_adjusted": facts.p_adjusted,
        "alpha_pct": beside.alpha_pct,
        "alpha_t": beside.t,
        "beta": beside.beta,
        "lean": beside.lean,
    }


def judged(task: Task | PatternTask) -> Row:
    """Return the row of a market."""
    return measured(lambda: _judged(task))


def _judged(task: Task | PatternTask) -> Row:
    row = row_of(train(task.experiment(), task.bars(), passes=_PASSES, fresh_process=FreshProcess()))
    if isinstance(task, PatternTask):
        return plain(row | {"pattern": task.pattern, "seed": PATTERN_SEED + task.number})
    return plain(row | {"cell": task.cell.name, "number": task.number, "seed": task.cell.seed(task.number)})
