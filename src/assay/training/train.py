"""`train`: from an experiment and bars to evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.market import measure_regime
from assay.training.evidence import Evidence
from assay.training.steps import TrainingRun
from assay.validation import Facts, break_even, decide, deserves_holdout, probabilistic_sharpe_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars
    from assay.search import Neighbourhood, SearchResult
    from assay.training.experiment import Experiment
    from assay.training.leak_gate import CleanPasses

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


def train(
    experiment: Experiment,
    bars: Bars,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int = 1,
    passes: CleanPasses | None = None,
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
    passes : CleanPasses, optional
        Remembers which strategies the leak laboratory has found clean; without it a user's strategy is looked
        through every time.

    Raises
    ------
    LeakError
        When a user's strategy knows what it cannot know (see `assay.leaks`).
    QualityError
        Below 70 % valid bars, unless the experiment allows it.
    InsufficientDataError
        When the span cannot hold windows of at least 5 test days.
    """

    def tell(stage: str, done: int, total: int, note: str) -> bool:
        return on_progress is not None and bool(on_progress(Progress(stage, done, total, note)))

    steps = TrainingRun.begin(experiment, bars, threads, tell, passes)
    before, splits, evaluator = steps.before, steps.splits, steps.evaluator
    found = steps.search()
    walk = steps.walk(found)
    matrix = steps.matrix(found)
    permutation, second = steps.luck(found)
    table = steps.fragility(found, walk)
    around = steps.neighbourhood(found)
    parameters = found.tried.at(0) if steps.fixed else found.best
    summary, m = walk.summary(steps.year), walk.measures
    share, even = steps.round_trip_share(walk), break_even(evaluator, before, walk, splits)
    funnel = steps.funnel(parameters)
    facts = Facts(
        has_candidate=found.best is not None,
        net_profit_pct=m["net_profit_pct"],
        sharpe=m["sharpe_ratio"],
        trades=m["total_trades"],
        fill_rate=m["fill_rate"],
        p_value=permutation.p_value,
        stopped_by_budget=permutation.stopped_by_budget,
        data_override=steps.overridden,
        fragile=tuple(f.name for f in table if f.gate and not f.holds),
        fragility_known=bool(table),
        adverse_selection=m["adverse_selection_score"],
        win_rate=m["win_rate"],
        stability=summary["stability_score"],
        round_trip_share=share,
        round_trip=evaluator.money.costs.round_trip,
        break_even=even,
        days=m["days"],
        permutations_run=permutation.done,
        combinations=found.combinations,
        best_score=found.score,
        funnel=funnel.sentence,
    )
    opinions = steps.opinions(found, permutation)
    sealed: dict[str, float] = {}
    if found.best is not None and splits.holdout_start < splits.stop and deserves_holdout(facts):
        sealed = steps.sealed(found.best)
    verdict = decide(facts, sealed.get("sharpe_ratio", math.nan))
    return Evidence(
        experiment=experiment,
        experiment_digest=experiment.digest(bars),
        data_digest=bars.digest,
        bars=bars,
        quality=steps.quality,
        splits=splits,
        search=found,
        parameters=parameters or experiment.strategy.parameters.defaults,
        in_sample=steps.in_sample(parameters),
        neighbourhood=around,
        walk=walk,
        summary=summary,
        matrix=matrix,
        permutation=permutation,
        second_opinion=second,
        opinions=opinions,
        intervals=steps.intervals(walk),
        break_even=even,
        probabilistic_sharpe=probabilistic_sharpe_of(walk.run.daily_returns),
        fragility=table,
        holdout=sealed,
        holdout_openings=len(steps.holdout.openings),
        trials=found.combinations,
        round_trip_share=share,
        verdict=verdict,
        funnel=funnel,
        limits=steps.limits(walk, verdict.stage),
        sizings=steps.sizings(walk, verdict.stage),
        regime=measure_regime(before, splits.start, splits.search_stop),
        warnings=_warnings(steps, found, around, share),
    )


def _warnings(steps: TrainingRun, found: SearchResult, around: Neighbourhood | None, share: float) -> tuple[str, ...]:
    lines = list(steps.splits.notes)
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
    if not steps.bars.has_volume:
        lines.append("the bars have no volume column: every rule that needs volume is false")
    if steps.overridden:
        lines.append("trained on bars below the quality gate by explicit override")
    return tuple(lines)
