"""Answers about the ledger."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from assay.api.models.common import Answer


class ExperimentRow(Answer):
    """An experiment, and what else was tried on its days."""

    experiment_digest: str
    data_digest: str
    exchange: str = Field(examples=["binance"])
    symbol: str = Field(examples=["BTC/USDT"])
    timeframe: str = Field(examples=["5m"])
    start_ms: int
    stop_ms: int
    strategy: str
    strategy_source: str | None
    method: str
    objective: str
    combinations: int
    best: float | None
    distribution: dict[str, Any]
    user_id: str
    at: int = Field(description="Milliseconds UTC.")
    experiments_on_these_days: int
    combinations_on_these_days: int
    holdout_openings_on_these_days: int
    expected_maximum: float = Field(description="What the best of so many shows without any edge, in standard errors.")


class OpeningRow(Answer):
    """An opening of a holdout."""

    experiment_digest: str
    exchange: str
    symbol: str
    timeframe: str
    start_ms: int
    stop_ms: int
    reason: str
    sharpe_ratio: float | None
    user_id: str
    at: int = Field(description="Milliseconds UTC.")


class Promoted(Answer):
    """A configuration that was promoted on the days of a campaign."""

    config_id: str
    stored_stage: str
    stage: str = Field(description="With everything that was tried since.")
    p_adjusted: float | None


class Campaign(Answer):
    """Experiments on the same days."""

    markets: list[str]
    start_ms: int
    stop_ms: int
    experiments: int
    combinations: int
    unknown: int = Field(description="Experiments that cannot be repeated, which cost in full.")
    declared: int
    promoted: list[Promoted]


class Campaigns(Answer):
    """All that was tried, by the days it was tried on, the newest first."""

    items: list[Campaign]
    without_result: int = Field(description="Experiments that were begun and have no result; they count as tries.")


class Fault(Answer):
    """Something in the ledger that is not as it was written."""

    position: int | None
    table: str
    key: str
    change: str


class LedgerCheckAnswer(Answer):
    """Whether every entry of the ledger is as it was written."""

    ledger: str
    chained_since: str
    entries_before: int
    length: int
    head: str = Field(description="Keep LENGTH:HEAD elsewhere, and give it as `head` later.")
    intact: bool
    faults: list[Fault]
    not_in_this_ledger: list[str]
