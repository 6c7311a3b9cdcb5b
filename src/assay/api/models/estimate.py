"""What a training would compute, take, find and cost."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from assay.api.request_words import Words


class Seconds(BaseModel):
    """How long something takes: where nothing is found, without an edge, and with everything run."""

    low: float
    likely: float
    high: float


class Held(BaseModel):
    """What is stored of a market, and what of it may signal."""

    bars: int = Field(description="Finished ones, those that warm indicators among them.")
    absent: int
    stored_days: float
    days: float | None = Field(description="That may signal; null where the training would be refused.")
    missing_days: float = Field(description="Of the days asked for, what was never fetched.")
    valid_pct: float | None
    is_assumed: bool = Field(description="Whether the days are not there yet, and are taken as complete.")
    sentence: str | None = Field(description="What is fetched first, where that is a day or more.")


class Stage(BaseModel):
    """A stage of a training."""

    name: str = Field(examples=["permutations"])
    searches: int
    combinations: int
    backtests: int
    seconds: float | None


class Edge(BaseModel):
    """How often an edge of this size was found in the study of power."""

    edge_r: float = Field(description="Of a trade, in units of its risk.")
    promoted_pct: float
    markets: int


class PowerBody(BaseModel):
    """What a training like this one can find."""

    is_known: bool
    sentence: str
    edges: list[Edge]


class CampaignBody(BaseModel):
    """What was tried on the same days, and what this try costs."""

    experiments: int
    combinations: int
    holdout_openings: int
    unknown: int = Field(description="Of these experiments, those that cannot be repeated and cost in full.")
    promoted: int
    beside: int
    is_new: bool
    tries: int
    permutations: int
    permutations_needed: int | None
    p_best: float | None = Field(description="Least p that this training can reach.")
    p_needed: float = Field(description="p alone that would convince if all tries were unrelated.")
    p_needed_after: float = Field(description="The same of the next try on these days.")
    sentence: str


class TaskEstimateBody(BaseModel):
    """A market and a strategy."""

    market: dict[str, Any]
    strategy: str
    data: Held
    combinations: int = Field(description="Of one search.", examples=[201_600])
    windows: int | None
    windows_sentence: str | None = Field(examples=["With 12 months of data, this creates 9 validation windows"])
    backtests: int | None = Field(description="Of all searches, at most.")
    stages: list[Stage]
    seconds: Seconds | None
    memory_bytes: int | None
    trades: int | None = Field(description="Of the default parameters on the test days.")
    power: PowerBody | None
    campaign: CampaignBody | None
    refused: Words | None = Field(description="Why the training would be refused.")
    notes: list[Words] = Field(description="What is done otherwise than was asked.")


class TotalBody(BaseModel):
    """All tasks together."""

    tasks: int
    refused: int
    combinations: int
    backtests: int
    windows: int
    seconds: Seconds | None = Field(description="Side by side on the workers.")
    memory_bytes: int


class CheaperBody(BaseModel):
    """A cheaper way."""

    change: dict[str, Any] = Field(
        description="What is to be another way in the TrainingConfig.", examples=[{"evidence": "quick"}]
    )
    seconds: Seconds | None
    sentence: Words


class EstimateBody(BaseModel):
    """What trainings would compute, take, find and cost."""

    tasks: list[TaskEstimateBody]
    total: TotalBody
    cheaper: list[CheaperBody]
    tip: Words | None = Field(description="The cheapest way, in words.")
    workers: int
    threads: int
