"""The section `provenance`: where a document comes from, down to the whole experiment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from assay.documents.sections.base import Number, Section, Setting, SideName
from assay.documents.sections.execution import Terms
from assay.plurals import plural


class DataSpan(Section):
    """First and last bar of the data, milliseconds UTC, and how many."""

    from_ms: int
    to_ms: int
    bars: int


class Quality(Section):
    """What was wrong with the bars, counted."""

    expected: int
    recorded: int
    absent: int
    duplicate: int
    zero_volume: int
    flat: int
    impossible: int
    stale: int
    outlier: int
    longest_hole: int
    valid: int
    valid_pct: float
    traded_pct: float | None
    days: float
    passes: bool
    required_valid_pct: float


class SearchRange(Section):
    """A range of a space; without a step it is continuous."""

    low: float
    high: float
    step: float | None


class Plan(Section):
    """What was asked of the windows."""

    mode: Literal["anchored", "rolling", "split"]
    train_days: float
    test_days: float
    gap_days: float
    train_ratio: float
    holdout: float


class CanonicalExperiment(Terms):
    """Everything the result depends on; `Experiment.from_canonical` makes the experiment of its keys again."""

    code_version: str
    data_digest: str
    market: tuple[str | Number | None, ...] = Field(
        min_length=5, description="Exchange, symbol, timeframe, kind, tick, and what was added later."
    )
    strategy: str
    strategy_source: str | None = Field(description="Digest of the code of a user's own strategy.")
    space: tuple[tuple[str, SearchRange | tuple[Setting, ...]], ...]
    method: str
    budget: int | None
    objective: str
    sides: SideName
    plan: Plan
    permutations: int
    seed: int
    start_ms: int | None
    stop_ms: int | None
    allow_bad_data: bool
    procedure: Literal["train", "fixed"]
    procedure_version: int = Field(1, description="Which procedure trained it; absent is the first.")


class LeakChecks(Section):
    """What a user's own strategy was asked around its search, and passed."""

    checks: tuple[str, ...] = Field(
        description="Before the search, which an earlier training may have asked; after it search and process."
    )
    version: int = Field(description="Of the checks.")
    points: int = Field(description="Sets of parameters asked after the search, on all bars that it saw.")
    histories: int = Field(description="Shortened histories on which they were asked.")
    asked_in_fresh_process: bool
    not_in_fresh_process: str = Field(description="Why not; empty where it was.")

    @property
    def sentence(self) -> str:
        """What was asked and passed, in one sentence."""
        process = "yes" if self.asked_in_fresh_process else f"no, {self.not_in_fresh_process}"
        return (
            f"No look-ahead was found by the checks {', '.join(self.checks)} (after the search "
            f"{plural(self.points, 'set')} of parameters on {plural(self.histories, 'shortened history')}; in a fresh "
            f"process: {process})."
        )


class Provenance(Section):
    """Digests of data, experiment and code, and the experiment itself."""

    data_digest: str
    data: DataSpan
    quality: Quality
    data_override: bool = Field(description="Whether bars below the quality gate were used all the same.")
    experiment_digest: str
    experiment: CanonicalExperiment
    trials: int
    code_version: str
    engine_hash: str = Field(description="Digest of the code that computed it.")
    seed: int
    leak_checks: LeakChecks | None = Field(None, description="Absent for a strategy that ships.")
    document_digest: str | None = Field(None, description="Of the document but for configId, createdAt and itself.")


class UnverifiedProvenance(Section):
    """By what code plain measures were stored."""

    experiment: None
    code_version: str
    engine_hash: str
    document_digest: str | None = Field(None, description="Of the document but for configId, createdAt and itself.")
