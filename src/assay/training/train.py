"""`train`: from an experiment and bars to evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import measure
from assay.errors import QualityError
from assay.market import measure_quality, measure_regime, refuse_futures
from assay.market.quality import REQUIRED_VALID_PCT
from assay.search import neighbourhood, run_search
from assay.training.evidence import Evidence
from assay.training.opinions import opinions_of
from assay.validation import (
    Facts,
    Holdout,
    PermutationTest,
    break_even,
    decide,
    deserves_holdout,
    fixed_walk,
    fragility,
    intervals_of_days,
    intervals_of_trades,
    make_splits,
    permutation_test,
    probabilistic_sharpe_of,
    walk_forward,
    walk_forward_matrix,
)
from assay.validation.lifecycle import MOST_P

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars, QualityReport
    from assay.search import Neighbourhood, SearchPlan, SearchResult
    from assay.strategies.evaluation import Trial
    from assay.training.experiment import Experiment
    from assay.validation import Fragility, Interval, Matrix, Splits, WalkForward

STAGES_OF_WORK = ("search", "walk-forward", "matrix", "permutations", "second opinion")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    stage : str
        One of `STAGES_OF_WORK`.
    done, total : int
        Combinations, windows or permutations.
    note : str
        What is known so far.
    """

    stage: str
    done: int
    total: int
    note: str = ""


def _quality(experiment: Experiment, bars: Bars, start: int, stop: int) -> QualityReport:
    report = measure_quality(bars.head(stop), start)
    if not report.passes and not experiment.allow_bad_data:
        raise QualityError(report.valid_pct, REQUIRED_VALID_PCT, str(bars.market))
    return report


@dataclass(frozen=True, eq=False)
class _Searcher:
    """The search of one experiment, repeatable on any bars and span."""

    trial: Trial
    plan: SearchPlan
    threads: int

    def on(self, bars: Bars, splits: Splits, notify: Callable[[int], None] | None = None) -> SearchResult:
        span = self.trial.span(splits.start, splits.search_stop)
        return run_search(
            self.plan,
            lambda c: self.trial.score(bars, span, c, threads=self.threads, on_done=notify),
        )


def train(
    experiment: Experiment,
    bars: Bars,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int = 1,
) -> Evidence:
    """Search, walk forward, test for luck, and decide.

    Parameters
    ----------
    experiment : Experiment
    bars : Bars
        The last part is sealed before anything looks at it.
    on_progress : callable, optional
        Called with `Progress`; returning True during the permutations stops them for want of time, which
        blocks promotion.
    threads : int
        Has no influence on the result.

    Raises
    ------
    QualityError
        Below 70 % valid bars, unless the experiment allows it.
    InsufficientDataError
        When the span cannot hold windows of at least 5 test days.
    """

    def tell(stage: str, done: int, total: int, note: str = "") -> bool:
        return on_progress is not None and bool(on_progress(Progress(stage, done, total, note)))

    refuse_futures(bars.market)
    trial = experiment.trial(bars)
    start, stop = experiment.bounds(bars, trial.warmup)
    quality = _quality(experiment, bars, start, stop)
    holding = experiment.holding_bars
    per_day = bars.market.timeframe.bars_per_day
    splits = make_splits(experiment.plan, start, stop, per_day, holding or math.ceil(per_day))
    holdout = Holdout(bars.head(stop), splits.holdout_start)
    before = holdout.before
    plan = experiment.search
    searcher = _Searcher(trial, plan, threads)

    counted = [0]

    def count(n: int) -> None:
        counted[0] += n
        tell("search", counted[0], plan.size)

    found = searcher.on(before, splits, count)
    fixed = experiment.procedure == "fixed"
    if fixed:
        walk, _ = fixed_walk(trial, before, found.tried.at(0), splits)
    else:
        walk = walk_forward(
            trial, before, plan, splits, threads=threads, bounded=holding is not None,
            on_window=lambda done, total: tell("walk-forward", done, total),
        )  # fmt: skip
    matrix = None
    if found.best is not None and experiment.asks_for_matrix:
        matrix = walk_forward_matrix(
            trial, before, plan, experiment.plan, (start, stop), holding_bars=holding or math.ceil(per_day),
            threads=threads, bounded=holding is not None, on_window=lambda done, total: tell("matrix", done, total),
        )  # fmt: skip
    luck = _no_luck_tests()
    if found.best is not None and experiment.permutations and not fixed:
        luck = _test_luck(experiment, searcher, before, splits, found, tell)
    table: tuple[Fragility, ...] = ()
    if found.best is not None and not fixed:
        table = fragility(trial, before, walk, splits, experiment.grid_space)
    return _conclude(experiment, bars, quality, splits, searcher, found, walk, matrix, luck, table, holdout)


def _no_luck_tests() -> tuple[PermutationTest, PermutationTest]:
    return PermutationTest.not_run("mirror"), PermutationTest.not_run("scaled")


def _test_luck(
    experiment: Experiment,
    searcher: _Searcher,
    before: Bars,
    splits: Splits,
    found: SearchResult,
    tell: Callable[[str, int, int, str], bool],
) -> tuple[PermutationTest, PermutationTest]:
    """Repeat the search on bars without an edge; where that finds less, ask for a second opinion."""
    compared = experiment.compared
    single = _Searcher(searcher.trial, compared, 1)
    observed = found.score if compared == searcher.plan else single.on(before, splits).score
    total = experiment.permutations

    def search(permuted: Bars) -> tuple[float, float]:
        result = single.on(permuted, splits)
        return result.score, result.measure

    def test(method: str, stage: str) -> PermutationTest:
        return permutation_test(
            before,
            search,
            observed,
            permutations=total,
            seed=experiment.seed,
            method=method,
            threads=searcher.threads,
            on_done=lambda done, worse: tell(stage, done, total, f"{worse} as good"),
        )

    gate, second = test("mirror", "permutations"), PermutationTest.not_run("scaled")
    if experiment.in_depth and gate.p_value <= MOST_P and not gate.stopped_by_budget:
        second = test("scaled", "second opinion")
    return gate, second


def _round_trip_share(trial: Trial, walk: WalkForward, bars: Bars) -> float:
    """Round-trip cost over the median stop distance, both as fractions of the price."""
    t = walk.run.trades
    if not len(t):
        return math.nan
    close = bars.close[t.signal_bar]
    return trial.money.costs.round_trip / float(np.median(np.abs(close - t.stop) / close))


def _intervals(walk: WalkForward, year: int, seed: int) -> dict[str, Interval]:
    """95 % intervals of the stitched measures."""
    run = walk.run
    return intervals_of_days(run.daily_returns, year, seed=seed) | intervals_of_trades(
        run.trades.net_return, run.trades.size, seed=seed
    )


def _warnings(
    splits: Splits,
    found: SearchResult,
    around: Neighbourhood | None,
    share: float,
    *,
    overridden: bool,
    has_volume: bool,
) -> tuple[str, ...]:
    lines = list(splits.notes)
    if around is not None and around.median < 0.5 * found.score:
        lines.append(
            f"the median neighbour scores {around.median:.2f}, below half of the peak {found.score:.2f}: a lone peak"
        )
    if around is not None and around.edges:
        lines.append("the winner lies on the edge of the space in " + ", ".join(around.edges))
    if share > 0.25:
        lines.append(
            f"a round trip costs {100 * share:.0f} % of the median stop distance: a higher timeframe, a cheaper "
            "venue or min_stop_costs would leave more to the strategy"
        )
    if not has_volume:
        lines.append("the bars have no volume column: every rule that needs volume is false")
    if overridden:
        lines.append("trained on bars below the quality gate by explicit override")
    return tuple(lines)


def _conclude(
    experiment: Experiment,
    bars: Bars,
    quality: QualityReport,
    splits: Splits,
    searcher: _Searcher,
    found: SearchResult,
    walk: WalkForward,
    matrix: Matrix | None,
    luck: tuple[PermutationTest, PermutationTest],
    table: tuple[Fragility, ...],
    holdout: Holdout,
) -> Evidence:
    trial, before, (permutation, second) = searcher.trial, holdout.before, luck
    span = trial.span(splits.start, splits.search_stop)
    around = None
    in_sample: dict[str, float] = {}
    fixed = found.tried.at(0) if experiment.procedure == "fixed" else None
    parameters = fixed or found.best
    if found.best is not None and not fixed:
        around = neighbourhood(found.best, experiment.grid_space, lambda c: trial.score(before, span, c))
    if parameters is not None:
        in_sample = measure(trial.replay(before, parameters, span), before)
    m = walk.measures
    summary = walk.summary(bars.market.days_per_year)
    share = _round_trip_share(trial, walk, before)
    even = break_even(trial, before, walk, splits)
    overridden = experiment.allow_bad_data and not quality.passes
    facts = Facts(
        has_candidate=found.best is not None,
        net_profit_pct=m["net_profit_pct"],
        sharpe=m["sharpe_ratio"],
        trades=m["total_trades"],
        fill_rate=m["fill_rate"],
        p_value=permutation.p_value,
        stopped_by_budget=permutation.stopped_by_budget,
        data_override=overridden,
        fragile=tuple(f.name for f in table if f.gate and not f.holds),
        fragility_known=bool(table),
        adverse_selection=m["adverse_selection_score"],
        win_rate=m["win_rate"],
        stability=summary["stability_score"],
        round_trip_share=share,
        round_trip=trial.money.costs.round_trip,
        break_even=even,
        days=m["days"],
        permutations_run=permutation.done,
        combinations=found.combinations,
        best_score=found.score,
    )
    opinions = None
    if experiment.in_depth and not fixed:
        opinions = opinions_of(experiment, trial, before, span, found, permutation)
    sealed: dict[str, float] = {}
    if found.best is not None and splits.holdout_start < splits.stop and deserves_holdout(facts):
        opened = holdout.open("all other gates of MATURE hold")
        sealed = measure(trial.replay(opened, found.best, trial.span(splits.holdout_start, splits.stop)), opened)
    return Evidence(
        experiment=experiment,
        experiment_digest=experiment.digest(bars),
        data_digest=bars.digest,
        bars=bars,
        quality=quality,
        splits=splits,
        search=found,
        parameters=parameters or experiment.strategy.parameters.defaults,
        in_sample=in_sample,
        neighbourhood=around,
        walk=walk,
        summary=summary,
        matrix=matrix,
        permutation=permutation,
        second_opinion=second,
        opinions=opinions,
        intervals=_intervals(walk, bars.market.days_per_year, experiment.seed),
        break_even=even,
        probabilistic_sharpe=probabilistic_sharpe_of(walk.run.daily_returns),
        fragility=table,
        holdout=sealed,
        holdout_openings=len(holdout.openings),
        trials=found.combinations,
        round_trip_share=share,
        verdict=decide(facts, sealed.get("sharpe_ratio", math.nan)),
        regime=measure_regime(before, splits.start, splits.search_stop),
        warnings=_warnings(splits, found, around, share, overridden=overridden, has_volume=bars.has_volume),
    )
