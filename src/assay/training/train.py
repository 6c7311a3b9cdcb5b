"""`train`: from an experiment and bars to evidence, and `settle`: the verdict beside all else that was tried."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.errors import require
from assay.market import Bars, measure_regime, require_bars
from assay.search.objective import MAX_RATIO, REFUSED
from assay.training.evidence import (
    Evidence,
    Judgement,
    Provenance,
    SearchEvidence,
    StatisticalTests,
    ValidationEvidence,
)
from assay.training.experiment import Experiment
from assay.training.training_run import TrainingRun
from assay.validation import (
    Facts,
    break_even,
    decide,
    deserves_holdout,
    market_alpha,
    mean_above_zero_p,
    probabilistic_sharpe_of,
)
from assay.validation.next_steps import CHEAPER_STOPS, MAX_ROUND_TRIP_SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from assay.evaluation import FreshProcess
    from assay.training.leak_gate import CleanPasses, LeakChecks
    from assay.validation import Campaign

STAGES_OF_WORK = ("search", "walk-forward", "matrix", "permutations", "scaled permutations")


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


def train(
    experiment: Experiment,
    bars: Bars | Sequence[Bars],
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int = 1,
    passes: CleanPasses | None = None,
    fresh_process: FreshProcess | None = None,
    campaign: Callable[[Evidence], Campaign | None] | None = None,
) -> Evidence:
    """Search, walk forward, test against chance, and decide.

    Parameters
    ----------
    experiment : Experiment
    bars : Bars or sequence of Bars
        One history per market; the last part is sealed before anything looks at it.
    on_progress : callable, optional
        Called with `Progress`; returning True during the permutations stops them for want of time, which
        blocks promotion.
    threads : int
        Has no influence on the result.
    passes : CleanPasses, optional
        Remembers which strategies the leak checks have found clean; without it a user's strategy is inspected
        every time.
    fresh_process : FreshProcess, optional
        Asks a user's strategy in a process of its own; without it such a strategy is never promoted.
    campaign : callable, optional
        From the evidence without a verdict to what else was tried on the same days, which the core cannot know;
        without it nothing is counted in.

    Raises
    ------
    LeakError
        When a user's strategy knows what it cannot know (see `assay.leaks`).
    QualityError
        Below 70 % valid bars, unless the experiment allows it.
    InsufficientDataError
        When the span cannot hold windows of at least 5 test days.
    """
    require("experiment", experiment, Experiment)
    if not isinstance(bars, list | tuple):
        require_bars(bars)

    def report(stage: str, done: int, total: int, note: str) -> bool:
        return on_progress is not None and bool(on_progress(Progress(stage, done, total, note)))

    markets = (bars,) if isinstance(bars, Bars) else tuple(bars)
    run = TrainingRun.begin(experiment, markets, threads, report, passes)
    found = _provisional(run, fresh_process)
    return judge(run, found, None if campaign is None else campaign(found))


def settle(evidence: Evidence, campaign: Campaign | None) -> Evidence:
    """Return the evidence with another campaign: its verdict, and what follows from it, are made again.

    A holdout that was opened stays open; one that was not is opened where the campaign allows it.
    """
    return judge(TrainingRun.of(evidence), evidence, campaign)


def judge(run: TrainingRun, evidence: Evidence, campaign: Campaign | None) -> Evidence:
    """Count in what else was tried, open the holdout where all else holds, and decide."""
    walk, holdout, best = evidence.walk_forward, evidence.validation.holdout, evidence.search.result.best
    facts = in_campaign(evidence.judgement.facts, campaign)
    if best is not None and run.splits.has_holdout and deserves_holdout(facts):
        holdout = holdout or run.open_holdout(best)
        facts = replace(facts, holdout_sharpe=holdout.measures["sharpe_ratio"])
    verdict = decide(facts)
    return replace(
        evidence,
        validation=replace(evidence.validation, holdout=holdout),
        judgement=replace(
            evidence.judgement,
            verdict=verdict,
            facts=facts,
            campaign=campaign,
            limits=run.limits(walk, verdict.stage),
            sizings=run.sizings(walk, verdict.stage),
        ),
    )


def in_campaign(facts: Facts, campaign: Campaign | None) -> Facts:
    """Return the facts with what else was tried on the same days."""
    if campaign is None or not campaign.counts:
        return replace(facts, campaign_known=False, p_adjusted=math.nan, experiments=0, unknown=0, needed=0)
    return replace(
        facts,
        campaign_known=True,
        p_adjusted=campaign.p_adjusted,
        experiments=campaign.experiments,
        unknown=campaign.unknown,
        needed=campaign.needed or 0,
    )


def _provisional(run: TrainingRun, fresh_process: FreshProcess | None) -> Evidence:
    """Return everything but what the other experiments on these days decide: the holdout stays sealed."""
    experiment = run.experiment
    result = run.search()
    asked = run.refuse_leaks(result)
    walk = run.walk_forward(result)
    leak_checks = run.refuse_leaks_of(walk, asked, fresh_process)
    matrix = run.matrix(result)
    permutation, scaled = run.permutation_tests(result)
    parameters = result.tried.at(0) if run.fixed else result.best
    search = SearchEvidence(
        result=result,
        parameters=parameters or experiment.strategy.parameters.defaults,
        in_sample=run.in_sample(parameters),
        neighbourhood=run.neighbourhood(result),
        regime=measure_regime(run.before, run.splits.start, run.splits.search_stop),
        funnel=run.funnel(parameters),
    )
    tests = StatisticalTests(
        permutation=permutation,
        scaled_permutation=scaled,
        statistics=run.statistics(result, permutation),
        intervals=run.intervals(walk),
        probabilistic_sharpe=probabilistic_sharpe_of(walk.run.daily_returns),
        fragility=run.fragility(result, walk),
        break_even=break_even(run.evaluator, run.before, walk, run.splits),
        round_trip_share=run.round_trip_share(walk),
        gross_p=mean_above_zero_p(walk.run.trades.gross_return),
        alpha=market_alpha(walk.run, run.before),
        comparability=run.comparability(parameters, permutation),
    )
    run.refuse_other_answers()
    summary = walk.summary(run.year)
    facts = _facts(run, search, tests, walk.measures | {"stability_score": summary["stability_score"]})
    facts = replace(facts, fresh_process=_fresh_process(leak_checks))
    return Evidence(
        experiment=experiment,
        markets=(run.bars,),
        search=search,
        validation=ValidationEvidence(run.splits.as_moments(run.bars), walk, summary, matrix, None),
        tests=tests,
        judgement=Judgement(decide(facts), facts, None, (), (), _warnings(run, search, tests.round_trip_share)),
        provenance=Provenance(
            experiment.digest(run.bars), run.bars.digest, run.quality, result.combinations, leak_checks
        ),
    )


def _facts(run: TrainingRun, search: SearchEvidence, tests: StatisticalTests, measures: Mapping[str, float]) -> Facts:
    """Return what the verdict is made of, before the holdout is opened."""
    result, permutation = search.result, tests.permutation
    judged = result.scores[result.scores != REFUSED]
    known = Facts(
        has_candidate=result.best is not None,
        p_value=permutation.p_value,
        stopped_by_budget=permutation.stopped_by_budget,
        data_override=run.overridden,
        fragile=tuple(f.name for f in tests.fragility if f.gate and not f.holds),
        fragility_known=bool(tests.fragility),
        round_trip_share=tests.round_trip_share,
        round_trip=run.evaluator.money.costs.round_trip,
        break_even=tests.break_even,
        gross_p=tests.gross_p,
        similarity=math.nan if tests.comparability is None else tests.comparability.similarity,
        counts="" if tests.comparability is None else tests.comparability.sentence,
        lean=tests.alpha.lean,
        alpha_t=tests.alpha.t,
        permutations_run=permutation.done,
        combinations=result.combinations,
        judged=len(judged),
        best_score=float(judged.max()) if len(judged) else math.nan,
        funnel=search.funnel.sentence,
    )
    return known.measured(measures)


def _fresh_process(checks: LeakChecks | None) -> str | None:
    """Return why a user's strategy was not asked in a fresh process, "" when it was; None for one that ships."""
    return None if checks is None else checks.not_in_fresh_process


def _lone_peak(median: float, score: float) -> str:
    if score > MAX_RATIO:
        return f"the median neighbour scores {median:.2f}, below half of the peak, which has no loss: a lone peak"
    return f"the median neighbour scores {median:.2f}, below half of the peak {score:.2f}: a lone peak"


def _warnings(run: TrainingRun, search: SearchEvidence, share: float) -> tuple[str, ...]:
    lines, around, score = list(run.splits.notes), search.neighbourhood, search.result.score
    if around is not None and around.median < 0.5 * score:
        lines.append(_lone_peak(around.median, score))
    if around is not None and around.edges:
        lines.append("the winner lies on the edge of the space in " + ", ".join(around.edges))
    if share > MAX_ROUND_TRIP_SHARE:
        lines.append(f"a round trip costs {100 * share:.0f} % of the median stop distance: {CHEAPER_STOPS}")
    if not run.bars.has_volume:
        lines.append("the bars have no volume column: every rule that needs volume is false")
    if run.overridden:
        lines.append("trained on bars below the quality gate by explicit override")
    return tuple(lines)
