"""`Evidence`: what was found and how sure we are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.market import Bars, QualityReport
    from assay.parameters import Value
    from assay.search import Neighbourhood, SearchResult
    from assay.training.experiment import Experiment
    from assay.validation import Fragility, PermutationTest, Splits, Verdict, WalkForward


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
    permutation : PermutationTest
    probabilistic_sharpe : float
        Probability that the stitched Sharpe ratio is above 0.
    fragility : tuple of Fragility
    holdout : dict of str to float
        Measures behind the door; empty while it is sealed.
    holdout_openings : int
        Of this run; a ledger over all runs needs a database.
    trials : int
        Combinations tried by this run's search.
    round_trip_share : float
        Round-trip cost over the median stop distance of the stitched trades.
    verdict : Verdict
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
    permutation: PermutationTest
    probabilistic_sharpe: float
    fragility: tuple[Fragility, ...]
    holdout: dict[str, float]
    holdout_openings: int
    trials: int
    round_trip_share: float
    verdict: Verdict
    warnings: tuple[str, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """The configuration's measures: stitched out of sample, with p and stability."""
        return self.walk.measures | {
            "p_value": self.permutation.p_value,
            "stability_score": self.summary["stability_score"],
        }

    @property
    def stage(self) -> str:
        """The verdict's stage."""
        return self.verdict.stage
