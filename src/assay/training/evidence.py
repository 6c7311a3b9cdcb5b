"""`Evidence`: what was found and how sure we are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine.risk import kelly_fraction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.evaluation.funnel import SignalFunnel
    from assay.market import Bars, QualityReport, Regime
    from assay.parameters import Value
    from assay.search import Neighbourhood, SearchResult
    from assay.training.experiment import Experiment
    from assay.validation import (
        Fragility,
        Interval,
        Matrix,
        PermutationTest,
        SharpeStatistics,
        Splits,
        Verdict,
        WalkForward,
        WhatIf,
    )


class Measured(dict[str, float]):
    """Measures that know what they were measured on: a dict in every other way.

    What is stored of them is the evidence, which is made again where it is not at hand: a changed value in the dict
    changes nothing, and a copy made by ``dict(metrics)`` is a plain dict that proves nothing.

    Parameters
    ----------
    values : mapping of str to float
    experiment : Experiment
    bars : Bars
    evidence : Evidence, optional
    """

    def __init__(
        self, values: Mapping[str, float], experiment: Experiment, bars: Bars, evidence: Evidence | None = None
    ) -> None:
        super().__init__(values)
        self.experiment, self.bars = experiment, bars
        self._evidence = evidence

    def evidence(self, threads: int = 1) -> Evidence:
        """Return what the measures rest on; the same experiment on the same bars gives the same."""
        if self._evidence is None:
            from assay.training.train import train  # noqa: PLC0415  (which imports this module)

            self._evidence = train(self.experiment, self.bars, threads=threads)
        return self._evidence


def kelly_of(measures: Mapping[str, float], stage: str) -> float:
    """Return the Kelly fraction of what is MATURE; NaN below, where it would only say how much to lose."""
    if stage != "MATURE":
        return math.nan
    return kelly_fraction(measures["win_rate"], measures["avg_win_pct"], measures["avg_loss_pct"])


@dataclass(frozen=True, eq=False)
class Evidence:
    """The result of a training; a verdict cannot be built without its trial count.

    Attributes
    ----------
    experiment : Experiment
    experiment_digest, data_digest : str
    bars : Bars
        All bars of the run, the holdout included.
    quality : QualityReport
    splits : Splits
    search : SearchResult
        On all days before the holdout.
    parameters : dict
        The winner, or the strategy's defaults where there is no candidate.
    in_sample : dict of str to float
        Measures of the winner on the days that chose it.
    neighbourhood : Neighbourhood or None
    walk : WalkForward
        The out-of-sample run; its measures are the configuration's metrics.
    summary : dict of str to float
        Measures over windows.
    matrix : Matrix or None
        The walk-forward under other window lengths, where the experiment asks for it.
    permutation : PermutationTest
        The gate: on mirrored bars.
    second_opinion : PermutationTest
        On scaled bars, shown and never a gate; not run by quick evidence and where the gate has said no.
    opinions : Opinions or None
        What the statistics of the literature say, shown and never a gate; None in quick evidence and without a winner.
    intervals : dict of str to Interval
        Of the stitched measures, 95 %.
    break_even : float
        Round-trip cost at which the stitched run neither earns nor loses, as a fraction of the price.
    probabilistic_sharpe : float
        Probability that the stitched Sharpe ratio is above 0.
    fragility : tuple of Fragility
    holdout : dict of str to float
        Measures behind the door; empty while it is sealed.
    holdout_openings : int
        Of this run; the ledger of the database holds those of all runs.
    trials : int
        Combinations tried by this run's search.
    round_trip_share : float
        Round-trip cost over the median stop distance of the stitched trades.
    verdict : Verdict
    funnel : SignalFunnel
        Of the winner on the days that chose it; of the defaults without one.
    limits : tuple of WhatIf
        The stitched run under the circuit breakers of its stage: without any, each alone, all.
    sizings : tuple of WhatIf
        The stitched run with positions of other sizes; by Kelly only where the stage is MATURE.
    regime : Regime
        Of the days that the search saw.
    warnings : tuple of str
    """

    experiment: Experiment
    experiment_digest: str
    data_digest: str
    bars: Bars
    quality: QualityReport
    splits: Splits
    search: SearchResult
    parameters: dict[str, Value]
    in_sample: dict[str, float]
    neighbourhood: Neighbourhood | None
    walk: WalkForward
    summary: dict[str, float]
    matrix: Matrix | None
    permutation: PermutationTest
    second_opinion: PermutationTest
    opinions: SharpeStatistics | None
    intervals: dict[str, Interval]
    break_even: float
    probabilistic_sharpe: float
    fragility: tuple[Fragility, ...]
    holdout: dict[str, float]
    holdout_openings: int
    trials: int
    round_trip_share: float
    verdict: Verdict
    funnel: SignalFunnel
    limits: tuple[WhatIf, ...]
    sizings: tuple[WhatIf, ...]
    regime: Regime
    warnings: tuple[str, ...]

    @property
    def metrics(self) -> Measured:
        """The configuration's measures: stitched out of sample, with p and stability."""
        m = self.walk.measures
        added = {
            "p_value": self.permutation.p_value,
            "stability_score": self.summary["stability_score"],
            "kelly_fraction": kelly_of(m, self.verdict.stage),
        }
        return Measured(m | added, self.experiment, self.bars, self)

    @property
    def stage(self) -> str:
        """The verdict's stage."""
        return self.verdict.stage
