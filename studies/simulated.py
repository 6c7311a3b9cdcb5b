"""One simulated market under two rules: the task of the honesty study, and its row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.engine import Execution, measure
from assay.search import parse_space, run_search
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Evidence, Experiment, train
from assay.training.experiment import PERMUTATIONS
from assay.validation import PermutationTest, permutation_test
from assay.validation.lifecycle import MAX_P
from studies.documents import documents_rule
from studies.edges import COSTS, WIDE, planted
from studies.rows import Row, measured, plain

if TYPE_CHECKING:
    from assay.market import Bars

PERMUTATION_GATE = f"permutation p of at most {MAX_P}"


@dataclass(frozen=True)
class Terms:
    """What all markets of a study share; the defaults are those of a training.

    Attributes
    ----------
    space : tuple of (name, values)
        Searched instead of the default grid.
    """

    days: int = 365
    permutations: int = PERMUTATIONS["standard"]
    space: tuple[tuple[str, tuple[float, ...]], ...] = ()


@dataclass(frozen=True)
class Task:
    """One market of one cell.

    Attributes
    ----------
    costs : str
        One of `COSTS`: those of the training, and those that a planted drift makes good.
    edge_r : float
        What the true parameters earn per trade on average, net of costs, in risks; 0 for no edge.
    """

    terms: Terms
    costs: str
    edge_r: float
    seed: int

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"{self.costs} {self.edge_r:g} {self.seed}"

    @property
    def market(self) -> SimulatedMarket:
        """The market; its edge follows every sweep that some combination of the default grid would trade."""
        return SimulatedMarket(
            days=self.terms.days,
            seed=self.seed,
            edge_r=planted("wide", self.costs, self.edge_r),
            round_trip=COSTS[self.costs].round_trip,
            true_parameters=WIDE,
        )

    def bars(self) -> Bars:
        """Make the market's bars."""
        return simulate_market(self.market)

    def experiment(self) -> Experiment:
        """Return a training by default settings, but for the terms and for what is no gate."""
        choices = {name: list(values) for name, values in self.terms.space}
        space = parse_space(choices, LiquiditySweep.parameters) if choices else None
        return GatesOnly(
            LiquiditySweep(), space, execution=Execution(costs=COSTS[self.costs]), permutations=self.terms.permutations
        )


@dataclass(frozen=True)
class GatesOnly(Experiment):
    """A training without what is shown and never a gate, which would cost as much as the gates."""

    @property
    def in_depth(self) -> bool:
        """No more than the gates."""
        return False


def only_the_permutations_are_open(evidence: Evidence) -> bool:
    """Whether a training without permutations failed no other gate of PAPER: only then can they change the stage."""
    return [gate.name for gate in evidence.verdict.failed] == [PERMUTATION_GATE]


def trained(experiment: Experiment, bars: Bars) -> Evidence:
    """Train, with permutations only where the stage depends on them: it is that of a whole training."""
    first = train(replace(experiment, permutations=0), bars)
    return train(experiment, bars) if only_the_permutations_are_open(first) else first


def permutation_of(evidence: Evidence) -> PermutationTest:
    """Return the permutation test, made here where the training had no candidate and skipped it.

    Its p can be uniform only over all markets, those included in which nothing was found.
    """
    e = evidence.experiment
    if evidence.tests.permutation.done or not e.permutations:
        return evidence.tests.permutation
    before = evidence.bars.head(evidence.splits.holdout_start)
    evaluator = e.evaluator(before)
    span = evaluator.span(evidence.splits.start, evidence.splits.search_stop)

    def search(bars: Bars) -> tuple[float, float]:
        found = run_search(e.compared, lambda c: evaluator.score(bars, span, c))
        return found.score, found.measure

    return permutation_test(
        before,
        search,
        evidence.search.result.score,
        permutations=e.permutations,
    )


def outcome(evidence: Evidence, test: PermutationTest) -> Row:
    """Return what every row has of a training and its permutation test."""
    m = evidence.metrics
    return {
        "stage": evidence.stage,
        "net_profit_pct": m["net_profit_pct"],
        "sharpe": m["sharpe_ratio"],
        "trades": int(m["total_trades"]),
        "p": m["p_value"],
        "permutations": test.done,
        "exceedances": test.exceedances,
        "ties": int((test.maxima == test.statistic).sum()),
        "combinations": evidence.provenance.trials,
        "best_score": evidence.search.result.score,
    }


def judged(task: Task) -> Row:
    """Return the row of a market: what this project says of it, and what the documents' rule says."""
    return measured(lambda: _judged(task))


def _judged(task: Task) -> Row:
    bars, experiment = task.bars(), task.experiment()
    evidence = trained(experiment, bars) if task.edge_r else train(experiment, bars)
    test = evidence.tests.permutation if task.edge_r else permutation_of(evidence)
    evaluator = experiment.evaluator(bars)
    true = measure(
        evaluator.replay(bars, task.market.truth, evaluator.span(*experiment.bounds(bars, evaluator.warmup))), bars
    )
    row = {
        "costs": task.costs,
        "edge_r": task.edge_r,
        "seed": task.seed,
        **outcome(evidence, test),
        "in_sample_sharpe": evidence.search.in_sample.get("sharpe_ratio"),
        "true_expectancy_r": true["expectancy_r"],
        "true_sharpe": true["sharpe_ratio"],
        "holdout_opened": evidence.holdout_openings > 0,
        "holdout_sharpe": evidence.holdout_measures.get("sharpe_ratio"),
        "failed": [g.name for g in evidence.verdict.failed if g.name != PERMUTATION_GATE or test.done],
    }
    return plain(row) | {"documents": plain(documents_rule(experiment, bars))}
