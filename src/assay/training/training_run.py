"""`TrainingRun`: the steps of a training, each of which needs what stays the same through all of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import measure
from assay.errors import InputError, QualityError
from assay.evaluation import Answers, SetupsQuestion
from assay.evaluation.funnel import signal_funnel
from assay.market import measure_quality, refuse_futures
from assay.market.quality import REQUIRED_VALID_PCT
from assay.search import neighbourhood, run_search
from assay.training.circuit_breakers import limits_of
from assay.training.evidence import kelly_of
from assay.training.leak_gate import (
    refuse_leaks_of_holdout,
    refuse_leaks_of_windows,
    refuse_leaks_of_winner,
    refuse_other_answers,
    refuse_unless_clean,
)
from assay.training.search_statistics import statistics_of_search
from assay.validation import (
    Comparability,
    Holdout,
    OpenedHoldout,
    PermutationTest,
    compare_counts,
    fixed_walk_forward,
    fragility,
    intervals_of_days,
    intervals_of_trades,
    make_splits,
    permutation_test,
    under_limits,
    under_sizings,
    walk_forward,
    walk_forward_matrix,
)
from assay.validation.lifecycle import MAX_P

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from assay.engine import Span
    from assay.evaluation import FreshProcess
    from assay.evaluation.evaluator import Evaluator
    from assay.evaluation.funnel import SignalFunnel
    from assay.market import Bars, Market, QualityReport
    from assay.parameters import Value
    from assay.search import Neighbourhood, SearchPlan, SearchResult
    from assay.training.evidence import Evidence
    from assay.training.experiment import Experiment
    from assay.training.leak_gate import AskedAgain, CleanPasses, LeakChecks
    from assay.validation import BarSplits, Fragility, Interval, Matrix, SharpeStatistics, WalkForward, WhatIf

    Report = Callable[[str, int, int, str], bool]
    """From (stage, done, total, note) to whether time has run out."""


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """What stays the same through one training, and its steps.

    Attributes
    ----------
    experiment : Experiment
    bars : Bars
        All of them, of the only market; every step but the last works on those before the holdout.
    evaluator : Evaluator
    quality : QualityReport
    splits : BarSplits
    holdout : Holdout
    threads : int
    report : callable
        Called with (stage, done, total, note); returns whether time has run out.
    """

    experiment: Experiment
    bars: Bars
    evaluator: Evaluator
    quality: QualityReport
    splits: BarSplits
    holdout: Holdout
    threads: int
    report: Report

    @classmethod
    def begin(
        cls,
        experiment: Experiment,
        markets: tuple[Bars, ...],
        threads: int,
        report: Report,
        passes: CleanPasses | None = None,
        *,
        inspect: bool = True,
    ) -> Self:
        """Judge the bars and divide them; a user's strategy is inspected for leaks where that is not switched off."""
        if len(markets) != 1:
            raise InputError(
                "markets", "must be one: several markets in one experiment are not built yet", len(markets)
            )
        (bars,) = markets
        refuse_futures(bars.market)
        evaluator = experiment.evaluator(bars)
        start, stop = experiment.bounds(bars, evaluator.warmup)
        quality = measure_quality(bars.head(stop), start)
        if not quality.passes and not experiment.allow_bad_data:
            raise QualityError(quality.valid_pct, REQUIRED_VALID_PCT, str(bars.market))
        per_day = bars.market.bars_per_day
        splits = make_splits(experiment.plan, start, stop, per_day, longest_holding(experiment, bars.market))
        holdout = Holdout(bars.head(stop), splits.holdout_start)
        if inspect:
            refuse_unless_clean(experiment, holdout.before, passes)
        if experiment.strategy.identity() is not None:
            evaluator = replace(evaluator, answers=Answers(holdout.before))
        return cls(experiment, bars, evaluator, quality, splits, holdout, threads, report)

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the run that gave evidence, to go on with it."""
        e, bars, splits = evidence.experiment, evidence.bars, evidence.splits
        holdout = Holdout(bars.head(splits.stop), splits.holdout_start)
        return cls(e, bars, e.evaluator(bars), evidence.provenance.quality, splits, holdout, 1, lambda *_: False)

    @property
    def before(self) -> Bars:
        """The bars before the holdout."""
        return self.holdout.before

    @property
    def span(self) -> Span:
        """Signal bars of the search."""
        return self.evaluator.span(self.splits.start, self.splits.search_stop)

    @property
    def year(self) -> int:
        """Days per year of the market."""
        return self.bars.market.days_per_year

    @property
    def fixed(self) -> bool:
        """Whether one point is replayed in every window and nothing is searched."""
        return self.experiment.procedure == "fixed"

    @property
    def overridden(self) -> bool:
        """Whether bars below the quality gate are used by explicit override."""
        return self.experiment.allow_bad_data and not self.quality.passes

    def search(self) -> SearchResult:
        """Search all days before the holdout."""
        plan, counted = self.experiment.search, [0]

        def count(n: int) -> None:
            counted[0] += n
            self.report("search", counted[0], plan.size, "")

        return self._searched(plan, self.before, self.threads, count)

    def _searched(
        self, plan: SearchPlan, bars: Bars, threads: int = 1, notify: Callable[[int], None] | None = None
    ) -> SearchResult:
        return run_search(plan, lambda c: self.evaluator.score(bars, self.span, c, threads=threads, on_done=notify))

    def refuse_leaks(self, found: SearchResult) -> AskedAgain | None:
        """Ask a user's strategy again what the search has asked, on shortened histories too."""
        winner = found.tried.at(0) if self.fixed else found.best
        return refuse_leaks_of_winner(self.experiment, self.evaluator, self.before, winner)

    def refuse_leaks_of(
        self, walk: WalkForward, asked: AskedAgain | None, fresh_process: FreshProcess | None
    ) -> LeakChecks | None:
        """Ask for the shapes of the windows too, and in a fresh process."""
        winners = [window.parameters for window in walk.windows]
        return refuse_leaks_of_windows(self.experiment, self.evaluator, self.before, winners, asked, fresh_process)

    def refuse_other_answers(self) -> None:
        """Refuse a user's strategy that has answered one question in two ways in all that was computed."""
        refuse_other_answers(self.experiment, self.evaluator, self.before)

    def walk_forward(self, found: SearchResult) -> WalkForward:
        """Search again in every window and stitch the test days."""
        if self.fixed:
            return fixed_walk_forward(self.evaluator, self.before, found.tried.at(0), self.splits)[0]
        return walk_forward(
            self.evaluator,
            self.before,
            self.experiment.search,
            self.splits,
            threads=self.threads,
            bounded=self.experiment.holding_bars is not None,
            on_window=lambda done, total: self.report("walk-forward", done, total, ""),
        )

    def matrix(self, found: SearchResult) -> Matrix | None:
        """Walk forward under other window lengths, where the experiment asks for it."""
        if found.best is None or not self.experiment.asks_for_matrix:
            return None
        span = self.splits.start, self.splits.stop
        return walk_forward_matrix(
            self.evaluator,
            self.before,
            self.experiment.search,
            self.experiment.plan,
            span,
            holding_bars=longest_holding(self.experiment, self.bars.market),
            threads=self.threads,
            bounded=self.experiment.holding_bars is not None,
            on_window=lambda done, total: self.report("matrix", done, total, ""),
        )

    def permutation_tests(self, found: SearchResult) -> tuple[PermutationTest, PermutationTest]:
        """Repeat the search on mirrored bars; where that finds less, on scaled bars too."""
        total = self.experiment.permutations
        none = PermutationTest.not_run("mirror"), PermutationTest.not_run("scaled")
        if found.best is None or not total or self.fixed:
            return none
        observed = found.score if self.experiment.compared == self.experiment.search else self.statistic()

        def test(method: str, stage: str) -> PermutationTest:
            return permutation_test(
                self.before,
                self.repeated,
                observed,
                permutations=total,
                method=method,
                threads=self.threads,
                on_done=lambda done, worse: self.report(stage, done, total, f"{worse} as good"),
            )

        gate, scaled = test("mirror", "permutations"), none[1]
        if self.experiment.in_depth and gate.p_value <= MAX_P and not gate.stopped_by_budget:
            scaled = test("scaled", "scaled permutations")
        return gate, scaled

    def repeated(self, permuted: Bars) -> tuple[float, float]:
        """Return the best score of the search that is compared under permutation, and its plain objective."""
        result = self._searched(self.experiment.compared, permuted)
        return result.score, result.measure

    def statistic(self) -> float:
        """Return the best score on the real bars of the search that is compared under permutation."""
        return self.repeated(self.before)[0]

    def comparability(
        self, parameters: Mapping[str, Value] | None, permutation: PermutationTest
    ) -> Comparability | None:
        """Count the winner's pattern on permuted bars, where p is small enough for it to matter."""
        if parameters is None or not permutation.p_value <= MAX_P:
            return None

        def count(bars: Bars) -> tuple[int, int]:
            question = SetupsQuestion(parameters, {}, self.evaluator.execution.sides)
            rows = question.of(self.evaluator.strategy, bars)
            inside = (rows.bar >= self.span.start) & (rows.bar < self.span.stop)
            return int(inside.sum()), len(self.evaluator.replay(bars, parameters, self.span).trades)

        return compare_counts(self.before, count)

    def fragility(self, found: SearchResult, walk: WalkForward) -> tuple[Fragility, ...]:
        """Replay the stitched schedule under changes."""
        if found.best is None or self.fixed:
            return ()
        return fragility(self.evaluator, self.before, walk, self.splits, self.experiment.grid_space)

    def neighbourhood(self, found: SearchResult) -> Neighbourhood | None:
        """Look around the winner."""
        if found.best is None or self.fixed:
            return None
        space = self.experiment.grid_space
        return neighbourhood(found.best, space, lambda c: self.evaluator.score(self.before, self.span, c))

    def statistics(self, found: SearchResult, permutation: PermutationTest) -> SharpeStatistics | None:
        """Ask the statistics of the literature, from standard evidence on."""
        if self.fixed or not self.experiment.in_depth:
            return None
        return statistics_of_search(self.experiment, self.evaluator, self.before, self.span, found, permutation)

    def in_sample(self, parameters: dict[str, Value] | None) -> dict[str, float]:
        """Measures on the days that chose the parameters."""
        if parameters is None:
            return {}
        return measure(self.evaluator.replay(self.before, parameters, self.span), self.before)

    def funnel(self, parameters: Mapping[str, Value] | None) -> SignalFunnel:
        """Follow the moments of the pattern on the days that chose the parameters; the defaults without a winner."""
        e = self.experiment
        return signal_funnel(
            e.strategy,
            self.before,
            parameters or e.strategy.parameters.defaults,
            execution=e.execution,
            span=self.span,
            space=e.grid_space.values,
        )

    def limits(self, walk: WalkForward, stage: str) -> tuple[WhatIf, ...]:
        """Replay the stitched run under the circuit breakers of its stage."""
        return under_limits(self.evaluator, self.before, walk, self.splits, limits_of(stage))

    def sizings(self, walk: WalkForward, stage: str) -> tuple[WhatIf, ...]:
        """Replay the stitched run with positions of other sizes; by Kelly only what is MATURE."""
        return under_sizings(self.evaluator, self.before, walk, self.splits, kelly_of(walk.measures, stage))

    def open_holdout(self, parameters: dict[str, Value]) -> OpenedHoldout:
        """Open the holdout, and measure the winner on its days."""
        reason = "all other gates of MATURE hold"
        opened = self.holdout.open(reason)
        span = self.evaluator.span(self.splits.holdout_start, self.splits.stop)
        run = self.evaluator.replay(opened, parameters, span)
        refuse_leaks_of_holdout(self.experiment, self.evaluator, opened, parameters)
        return OpenedHoldout(run, measure(run, opened), reason)

    def intervals(self, walk: WalkForward) -> dict[str, Interval]:
        """95 % intervals of the stitched measures."""
        run, seed = walk.run, self.experiment.seed
        days = intervals_of_days(run.daily_returns, self.year, seed=seed)
        return days | intervals_of_trades(run.trades.net_return, run.trades.size, seed=seed)

    def round_trip_share(self, walk: WalkForward) -> float:
        """Round-trip cost over the median stop distance, both as fractions of the price."""
        t = walk.run.trades
        if not len(t):
            return math.nan
        close = self.before.close[t.signal_bar]
        return self.evaluator.money.costs.round_trip / float(np.median(np.abs(close - t.stop) / close))


def longest_holding(experiment: Experiment, market: Market) -> int:
    """Longest time stop in bars; a day where trades have none."""
    return experiment.holding_bars or math.ceil(market.bars_per_day)
