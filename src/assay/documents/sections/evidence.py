"""The section `evidence`: what was searched, and what speaks for or against the result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from assay.documents.sections.base import RegimeName, Section, StageName

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ends = tuple[float | None, float | None]


class RegimeFacts(Section):
    """The regime of the days that the search saw, and what it was decided by."""

    name: RegimeName | None
    t: float | None = Field(description="Mean over standard error of the daily log returns.")
    volatility: float | None = Field(description="Of the daily log returns, a fraction a day.")
    days: int


class Quantiles(Section):
    """Quantiles of the scores."""

    min: float | None
    q25: float | None
    median: float | None
    q75: float | None
    q95: float | None
    max: float | None


class Distribution(Section):
    """Histogram and quantiles of the scores of all combinations."""

    counts: tuple[int, ...]
    edges: tuple[float | None, ...]
    quantiles: Quantiles


class Search(Section):
    """The search on all days before the holdout."""

    method: str
    objective: str
    combinations: int
    best_score: float | None
    candidate_found: bool = Field(description="Whether any combination earned; else the defaults stand.")
    distribution: Distribution


class Neighbourhood(Section):
    """Scores one step around the winner."""

    median: float | None
    refused: int = Field(description="Neighbours with too few trades.")
    scores: tuple[float | None, ...]
    edges: tuple[str, ...] = Field(description="Parameters in which the winner lies on the edge of the space.")


class Compared(Section):
    """The search whose best score is compared under permutation."""

    method: str
    combinations: int


class Permutation(Section):
    """The search repeated on bars that cannot hold an edge."""

    method: str | None = Field(description="null where it was not run.")
    compared: Compared | None = None
    p_value: float | None
    requested: int = Field(alias="asked")
    done: int
    exceedances: int = Field(alias="as_good_or_better")
    stopped_early: bool
    stopped_by_budget: bool
    statistic: float | None = Field(description="The best score of the real search.")
    maxima: tuple[float | None, ...] = Field(description="The best score of each repetition.")
    meaning: str

    @property
    def null_statistics(self) -> NDArray[np.float64]:
        """The best score of each repetition, shape (done,); NaN where it is unknown."""
        return np.array([math.nan if value is None else value for value in self.maxima], dtype=np.float64)


class SharpeStatistic(Section):
    """One number of the literature about the search: shown, never a gate."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    meaning: str
    source: str


class FragilityChange(Section):
    """What is left of the net profit after one change."""

    change: str
    net_profit_pct: float | None
    holds: bool
    gate: bool


class FunnelStage(Section):
    """Moments (a bar on one side) that are left after one question."""

    name: str
    long: int
    short: int
    alone: int | None = Field(description="Moments of the pattern that pass this condition, whatever the others say.")
    without: int | None = Field(description="How many more would pass, were this condition not asked.")
    parts: tuple[tuple[str, int], ...]
    passed: int


class RelaxedThreshold(Section):
    """What one threshold a step looser would add."""

    parameter: str
    value: float
    looser: float
    signals: int
    trades: int


class Funnel(Section):
    """Where the moments of the pattern are lost on their way to trades."""

    of: str
    on: str
    stages: tuple[FunnelStage, ...]
    exits: Mapping[str, int]
    relaxed: tuple[RelaxedThreshold, ...]
    binding: str | None
    sentence: str


class WhatIfRun(Section):
    """The stitched run under one change."""

    name: str
    net_profit_pct: float | None
    sharpe_ratio: float | None
    max_drawdown_pct: float | None
    trades: int
    held_back: int
    capped: float | None = Field(description="Share of trades whose size was the leverage cap.")


class BreakerRuns(Section):
    """The stitched run without limits, under each circuit breaker of its stage alone, and under all."""

    stage: StageName
    not_simulated: str
    runs: tuple[WhatIfRun, ...]


class AmbiguityInterval(Section):
    """Net profit if all ambiguous trades left at their stops, or at their targets."""

    trades: int
    pessimistic_net_profit_pct: float | None
    optimistic_net_profit_pct: float | None
    resolved: int | None
    resolved_net_profit_pct: float | None
    finer_timeframe: str | None


class MarketComparison(Section):
    """The stitched run beside its market: Newey-West regression of the daily returns, 5 lags."""

    days: int
    market_pct: float | None = Field(description="Of the market over the same days.")
    exposure: float | None = Field(description="Mean position over all bars, +1 long and -1 short.")
    same_exposure_pct: float | None = Field(description="Of that share of the capital in the market, without costs.")
    lean: float | None = Field(description="|long - short| over bars in a trade.")
    alpha_pct: float | None = Field(description="Annual return that the market does not explain.")
    beta: float | None
    t: float | None = Field(description="Alpha over its standard error; null below 60 days.")


class ComparabilityCounts(Section):
    """How often the winner's pattern occurs on real and on permuted bars (medians)."""

    rows: int
    permuted_rows: float
    trades: int
    permuted_trades: float
    similarity: float = Field(description="The smaller over the larger count, the lower of rows and trades.")
    comparable: bool


class CampaignFacts(Section):
    """What else was tried on the same days when the verdict was made."""

    ledger: str | None = Field(description="Identity of the ledger that was asked.")
    experiments: int = Field(description="Other experiments on these days.")
    unknown: int = Field(description="Those without null statistics, which cost in full.")
    permutations: int
    p_adjusted: float | None = Field(description="null where p alone is too large, or unknown.")
    needed_permutations: int | None = Field(description="Without which p_adjusted cannot reach its limit.")
    digest: str = Field(description="Over the experiments and their null statistics.")
    members: tuple[str, ...] = Field(description="First digits of the digests of the other experiments.")
    declared: str | None = Field(description="Note of a declaration that was made before anything was run.")
    declared_at: str | None


class Evidence(Section):
    """What the verdict rests on; parts that were added later are null in documents of before."""

    verified: Literal[True]
    regime: RegimeFacts
    search: Search
    neighbourhood: Neighbourhood | None
    permutation: Permutation
    scaled_permutation: Permutation | None = Field(
        None, alias="second_opinion", description="On bars whose moves changed places; shown, never a gate."
    )
    sharpe_statistics: tuple[SharpeStatistic, ...] | None = Field(None, alias="opinions")
    intervals: Mapping[str, Ends] = Field({}, description="95 % intervals of the stitched measures, by name.")
    market: MarketComparison | None = None
    comparability: ComparabilityCounts | None = Field(None, description="Looked at where p is small enough to matter.")
    campaign: CampaignFacts | None = Field(None, description="null where no ledger was asked.")
    probabilistic_sharpe: float | None
    sharpe_convention: str
    fragility: tuple[FragilityChange, ...]
    funnel: Funnel | None = None
    circuit_breakers: BreakerRuns | None = None
    sizing: tuple[WhatIfRun, ...] | None = None
    ambiguity: AmbiguityInterval | None = None
    round_trip_share_of_stop: float | None
    break_even_round_trip_pct: float | None = None
    warnings: tuple[str, ...]
    trials: int
    trials_counted: str


class NoEvidence(Section):
    """Nothing was proven."""

    verified: Literal[False] = False
