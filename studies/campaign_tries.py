"""One try of a user who tries twenty things on the same days: its task, its row, and its null statistics."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from assay.engine import Execution
from assay.market import Timeframe, resample
from assay.market.calendar import DAY_MS
from assay.search import parse_space
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies import STRATEGIES
from assay.training import PERMUTATIONS, null_statistics, train
from assay.validation import Facts
from studies.edges import COSTS, WIDE, planted
from studies.rows import Row, measured, plain
from studies.simulated import GatesOnly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.market import Bars
    from assay.parameters import Value
    from assay.search import Space
    from assay.strategies import Strategy
    from assay.training import Evidence, Experiment

FIRST_SEED = 400_000
SPAN_DAYS = 200
"""The shorter span: more than half of it lies on the days of all other tries."""

VARIANTS = ("default", "other space", "15m", "1h", f"last {SPAN_DAYS} days")
STRATEGY_NAMES = ("LIQUIDITY_SWEEP", *(name for name in STRATEGIES if name != "LIQUIDITY_SWEEP"))
TRIES = tuple((strategy, variant) for variant in VARIANTS for strategy in STRATEGY_NAMES)
"""What a user tries, in this order; the first is the one that a planted edge belongs to."""


@dataclass(frozen=True)
class Group:
    """Users of one kind.

    Attributes
    ----------
    costs : str
    edge_r : float
        What is planted in their markets, net of the costs; 0 for no edge.
    permutations : int
        Of every try.
    """

    name: str
    costs: str
    edge_r: float
    permutations: int


GROUPS = (
    Group("no edge, zero costs", "zero", 0.0, PERMUTATIONS["quick"]),
    Group("no edge, exchange costs", "exchange", 0.0, PERMUTATIONS["quick"]),
    Group("edge of 0.2 R", "exchange", 0.2, PERMUTATIONS["thorough"]),
)


@lru_cache(maxsize=2)
def user_bars(market: SimulatedMarket) -> Bars:
    """Make a user's 5-minute bars; the tries of a user follow one another."""
    return simulate_market(market)


def other_space(strategy: Strategy) -> Space:
    """Return the default grid with values between its own, where a parameter is a number without given choices."""
    grid: dict[str, Any] = {}
    for name, values in strategy.default_grid.items():
        parameter = strategy.parameters[name]
        free = parameter.is_number and not parameter.choices and not isinstance(values[0], (bool, int))
        keep = not free or len(values) < 2 or name == "risk_reward_ratio"  # which some target modes fix at its default
        grid[name] = list(values) if keep else _between([float(value) for value in values])
    return parse_space(grid, strategy.parameters)


def _between(values: list[float]) -> list[Value]:
    return [float(f"{0.5 * (a + b):.6g}") for a, b in pairwise(values)]


@dataclass(frozen=True)
class Try:
    """One experiment of one user.

    Attributes
    ----------
    number : int
        Of `TRIES`.
    days : int
        Of the user's market.
    """

    group: Group
    user: int
    number: int
    days: int = 365

    @property
    def key(self) -> str:
        """The key of its row."""
        strategy, variant = TRIES[self.number]
        return f"{self.group.name}, user {self.user}, {variant}, {strategy}"

    @property
    def market(self) -> SimulatedMarket:
        """The user's market, the same for all tries; another one in every group."""
        group = self.group
        return SimulatedMarket(
            days=self.days,
            seed=FIRST_SEED + 1_000 * [known.name for known in GROUPS].index(group.name) + self.user,
            edge_r=planted("wide", group.costs, group.edge_r),
            round_trip=COSTS[group.costs].round_trip,
            true_parameters=WIDE,
        )

    def bars(self) -> Bars:
        """Make the bars that it is tried on."""
        bars = user_bars(self.market)
        variant = TRIES[self.number][1]
        return resample(bars, Timeframe.parse(variant)) if variant in {"15m", "1h"} else bars

    def experiment(self) -> Experiment:
        """Return a training by default settings, but for what the variant changes and for what is no gate."""
        name, variant = TRIES[self.number]
        strategy = STRATEGIES[name]()
        return GatesOnly(
            strategy,
            other_space(strategy) if variant == "other space" else None,
            execution=Execution(costs=COSTS[self.group.costs]),
            permutations=self.group.permutations,
            start_ms=self.bars().span_ms[1] - SPAN_DAYS * DAY_MS if variant == VARIANTS[-1] else None,
        )


@dataclass(frozen=True)
class Nulls:
    """The null statistics that a try lacks: its own test has stopped early, or was skipped.

    Attributes
    ----------
    first : int
        Index of the first permutation that is missing.
    """

    tried: Try
    first: int

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"nulls of {self.tried.key}, from {self.first}"


def scores(values: Iterable[float]) -> list[float | None]:
    """Return best scores as plain values; where a search has none, null."""
    return [float(value) if math.isfinite(value) else None for value in values]


def facts_row(facts: Facts) -> Row:
    """Return facts as plain values, NaN as null."""
    return plain(asdict(facts))


def facts_of(row: Mapping[str, Any]) -> Facts:
    """Return the facts of a row."""
    floats = {f.name for f in fields(Facts) if f.type == "float"}
    known: dict[str, Any] = {
        name: math.nan if value is None and name in floats else value for name, value in row.items()
    }
    known["fragile"] = tuple(known["fragile"])
    return Facts(**known)


def row_of(tried: Try, evidence: Evidence) -> Row:
    """Return all that a verdict needs when more has been tried on the same days."""
    test = evidence.tests.permutation
    return {
        "group": tried.group.name,
        "user": tried.user,
        "number": tried.number,
        "digest": evidence.provenance.experiment_digest,
        "stage": evidence.stage,
        "p": test.p_value,
        "statistic": test.statistic if test.done else evidence.search.result.score,
        "maxima": scores(test.maxima),
        "failed": [gate.name for gate in evidence.verdict.failed],
        "combinations": evidence.provenance.trials,
        "facts": facts_row(evidence.judgement.facts),
    }


def judged(task: Try | Nulls) -> Row:
    """Return the row of a try, or of its missing null statistics."""
    return measured(lambda: _nulls(task) if isinstance(task, Nulls) else _judged(task))


def _judged(tried: Try) -> Row:
    return plain(row_of(tried, train(tried.experiment(), tried.bars())))


def _nulls(task: Nulls) -> Row:
    tried = task.tried
    found = null_statistics(tried.experiment(), tried.bars(), task.first, tried.group.permutations)
    return {"of": tried.key, "first": task.first, "maxima": scores(found.maxima)}
