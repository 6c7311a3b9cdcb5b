"""`Evidence`: what was found and how sure we are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine.risk import kelly_fraction
from assay.validation import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.evaluation import SignalFunnel
    from assay.market import Bars, QualityReport, Regime
    from assay.parameters import Value
    from assay.search import Neighbourhood, SearchResult
    from assay.training.experiment import Experiment
    from assay.training.leak_gate import LeakChecks
    from assay.validation import (
        BarSplits,
        Campaign,
        Comparability,
        Facts,
        Fragility,
        Interval,
        MarketAlpha,
        Matrix,
        OpenedHoldout,
        PermutationTest,
        SharpeStatistics,
        Splits,
        Verdict,
        WalkForward,
        WhatIf,
    )


class Metrics(dict[str, float]):
    """Measures that know what they were measured on: a dict in every other way.

    What is stored of them is the evidence: a changed value in the dict changes nothing, and a copy made by
    ``dict(metrics)`` is a plain dict that proves nothing.

    Parameters
    ----------
    values : mapping of str to float
    experiment : Experiment
    bars : Bars
    evidence : Evidence, optional
        What they rest on, where it is at hand; the experiment on these bars gives the same again.
    """

    def __init__(
        self, values: Mapping[str, float], experiment: Experiment, bars: Bars, evidence: Evidence | None = None
    ) -> None:
        super().__init__(values)
        self.experiment, self.bars, self.evidence = experiment, bars, evidence


def kelly_of(measures: Mapping[str, float], stage: str) -> float:
    """Return the Kelly fraction of what is MATURE; NaN below, where it would only say how much to lose."""
    if stage != Stage.MATURE:
        return math.nan
    return kelly_fraction(measures["win_rate"], measures["avg_win_pct"], measures["avg_loss_pct"])


@dataclass(frozen=True, eq=False)
class SearchEvidence:
    """What the search found on all days before the holdout.

    Attributes
    ----------
    result : SearchResult
    parameters : dict
        The winner, or the strategy's defaults where there is no candidate.
    in_sample : dict of str to float
        Measures of the winner on the days that chose it.
    neighbourhood : Neighbourhood or None
    regime : Regime
        Of the days that the search saw.
    funnel : SignalFunnel
        Of the winner on the days that chose it; of the defaults without one.
    """

    result: SearchResult
    parameters: dict[str, Value]
    in_sample: dict[str, float]
    neighbourhood: Neighbourhood | None
    regime: Regime
    funnel: SignalFunnel


@dataclass(frozen=True, eq=False)
class ValidationEvidence:
    """What the parameters did on days that did not choose them.

    Attributes
    ----------
    splits : Splits
        The borders, as moments.
    walk_forward : WalkForward
        The out-of-sample run; its measures are the configuration's metrics.
    summary : dict of str to float
        Measures over windows.
    matrix : Matrix or None
        The walk-forward under other window lengths, where the experiment asks for it.
    holdout : OpenedHoldout or None
        None while it is sealed.
    """

    splits: Splits
    walk_forward: WalkForward
    summary: dict[str, float]
    matrix: Matrix | None
    holdout: OpenedHoldout | None


@dataclass(frozen=True, eq=False)
class StatisticalTests:
    """What speaks for chance or against it.

    Attributes
    ----------
    permutation : PermutationTest
        The gate: on mirrored bars.
    scaled_permutation : PermutationTest
        On scaled bars, shown and never a gate; not run by quick evidence and where the gate has said no.
    statistics : SharpeStatistics or None
        What the statistics of the literature say, shown and never a gate; None in quick evidence and without a winner.
    intervals : dict of str to Interval
        Of the stitched measures, 95 %.
    probabilistic_sharpe : float
        Probability that the stitched Sharpe ratio is above 0.
    fragility : tuple of Fragility
    break_even : float
        Round-trip cost at which the stitched run neither earns nor loses, as a fraction of the price.
    round_trip_share : float
        Round-trip cost over the median stop distance of the stitched trades.
    gross_p : float
        One-sided p of the mean stitched trade before costs.
    alpha : MarketAlpha
        The stitched run beside its market.
    comparability : Comparability or None
        How often the winner's pattern occurs on permuted bars; looked at where p is small enough to matter.
    """

    permutation: PermutationTest
    scaled_permutation: PermutationTest
    statistics: SharpeStatistics | None
    intervals: dict[str, Interval]
    probabilistic_sharpe: float
    fragility: tuple[Fragility, ...]
    break_even: float
    round_trip_share: float
    gross_p: float
    alpha: MarketAlpha
    comparability: Comparability | None


@dataclass(frozen=True, eq=False)
class Judgement:
    """How far it may be believed, and what that means for trading.

    Attributes
    ----------
    verdict : Verdict
    facts : Facts
        What the verdict is made of.
    campaign : Campaign or None
        What else was tried on these days; None where no ledger was asked.
    limits : tuple of WhatIf
        The stitched run under the circuit breakers of its stage: without any, each alone, all.
    sizings : tuple of WhatIf
        The stitched run with positions of other sizes; by Kelly only where the stage is MATURE.
    warnings : tuple of str
    """

    verdict: Verdict
    facts: Facts
    campaign: Campaign | None
    limits: tuple[WhatIf, ...]
    sizings: tuple[WhatIf, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Provenance:
    """Where it comes from.

    Attributes
    ----------
    experiment_digest, data_digest : str
    quality : QualityReport
    trials : int
        Combinations tried by this run's search.
    leak_checks : LeakChecks or None
        What a user's strategy was asked around the search; None for one that ships.
    """

    experiment_digest: str
    data_digest: str
    quality: QualityReport
    trials: int
    leak_checks: LeakChecks | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """The result of a training; a verdict cannot be built without its trial count.

    Attributes
    ----------
    experiment : Experiment
    markets : tuple of Bars
        All bars of the run, the holdout included, one history per market.
    search : SearchEvidence
    validation : ValidationEvidence
    tests : StatisticalTests
    judgement : Judgement
    provenance : Provenance
    """

    experiment: Experiment
    markets: tuple[Bars, ...]
    search: SearchEvidence
    validation: ValidationEvidence
    tests: StatisticalTests
    judgement: Judgement
    provenance: Provenance

    @property
    def bars(self) -> Bars:
        """The bars of the only market."""
        (bars,) = self.markets
        return bars

    @property
    def splits(self) -> BarSplits:
        """The borders as numbers of these bars."""
        return self.validation.splits.on(self.bars)

    @property
    def parameters(self) -> dict[str, Value]:
        """The winner, or the strategy's defaults where there is no candidate."""
        return self.search.parameters

    @property
    def walk_forward(self) -> WalkForward:
        """The out-of-sample run."""
        return self.validation.walk_forward

    @property
    def metrics(self) -> Metrics:
        """The configuration's measures: stitched out of sample, with p and stability."""
        m = self.walk_forward.measures
        added = {
            "p_value": self.tests.permutation.p_value,
            "stability_score": self.validation.summary["stability_score"],
            "kelly_fraction": kelly_of(m, self.verdict.stage),
        }
        return Metrics(m | added, self.experiment, self.bars, self)

    @property
    def holdout_measures(self) -> dict[str, float]:
        """Measures of the winner on the sealed days; empty while they are sealed."""
        return self.validation.holdout.measures if self.validation.holdout is not None else {}

    @property
    def holdout_openings(self) -> int:
        """How often this run opened the holdout; the ledger of a database holds those of all runs."""
        return int(self.validation.holdout is not None)

    @property
    def verdict(self) -> Verdict:
        """The stage with its reasons."""
        return self.judgement.verdict

    @property
    def stage(self) -> str:
        """The verdict's stage."""
        return self.verdict.stage.value
