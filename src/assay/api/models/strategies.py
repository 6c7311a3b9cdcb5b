"""Answers about strategies and where their moments are lost."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from assay.api.models.common import Answer, MarketNames


class StrategyRow(Answer):
    """A line of the list of strategies."""

    name: str = Field(examples=["LIQUIDITY_SWEEP"])
    parameters: int | None = Field(description="How many; null for one of the operator's folder, which is not run.")
    summary: str


class StrategyList(Answer):
    """Every strategy that a request may name."""

    items: list[StrategyRow]


class ParameterFacts(Answer):
    """A parameter: its default, the range of a search, and the hard bounds, which no space may leave."""

    name: str
    default: Any
    low: float | None
    high: float | None
    step: float | None
    hard_low: float | None
    hard_high: float | None
    choices: list[Any]
    grid: list[Any] = Field(description="Values of the default grid.")
    unit: str
    role: str = Field(description="shape, threshold or exit.")
    doc: str


class StrategyFacts(Answer):
    """A strategy: its parameters, its rules and its ways out in words."""

    name: str
    summary: str
    parameters: list[ParameterFacts]
    aliases: dict[str, str]
    refused: dict[str, str] = Field(description="Names that look like parameters, and why they are none.")
    rules: list[str]
    exits: list[str]
    schema_: dict[str, Any] = Field(alias="schema", description="JSON schema of one set of parameters.")


class FunnelStage(Answer):
    """Moments that are left after a stage."""

    name: str
    long: int
    short: int
    alone: int | None = Field(description="Moments of the pattern that meet this condition, whatever the others say.")
    without: int | None = Field(description="Moments that would be won if it were dropped.")
    parts: list[tuple[str, int]]
    passed: int


class Relaxed(Answer):
    """What a step of a threshold would add."""

    parameter: str
    value: float
    looser: float
    signals: int
    trades: int


class FunnelCounts(Answer):
    """Where the moments of a pattern are lost."""

    stages: list[FunnelStage]
    exits: dict[str, int]
    relaxed: list[Relaxed]
    binding: str | None
    sentence: str


class PointSpan(Answer):
    """The bars that may signal."""

    from_: str = Field(alias="from")
    to: str
    bars: int
    days: float


class FunnelAnswer(Answer):
    """What was run, and where its moments are lost."""

    strategy: str
    parameters: dict[str, Any]
    market: MarketNames
    span: PointSpan
    side: str
    costs: dict[str, Any]
    funnel: FunnelCounts
