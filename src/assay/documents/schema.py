"""The shape of the V3 document, checked on every write and every read."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assay.errors import FileFormatError

VERSION = "3.0.0"

Stage = Literal["PAPER", "DISCOVERY", "VALIDATION", "MATURE", "DECAY"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Context(_Section):
    """Which market, side and span the configuration was trained on; null only where nothing is proven."""

    exchange: str | None
    pair: str | None
    timeframe: str | None
    side: Literal["both", "long", "short"]
    from_: str | None = Field(alias="from", description="First signal bar, ISO 8601 UTC.")
    to: str | None = Field(description="Last bar of the span, ISO 8601 UTC.")
    regime: Literal["bull", "bear", "sideways", "volatile"] | None = Field(
        description="Measured from the daily returns of the days that the search saw."
    )


class Metrics(BaseModel):
    """The stitched out-of-sample run. `*_pct` is percent points, every other rate a fraction, null unknown."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    net_profit_pct: float | None
    gross_win_rate: float | None = Field(ge=0, le=1)
    win_rate: float | None = Field(ge=0, le=1)
    profit_factor: float | None = Field(ge=0)
    sharpe_ratio: float | None
    max_drawdown_pct: float | None = Field(le=0)
    total_trades: int | None = Field(ge=0)
    avg_win_pct: float | None
    avg_loss_pct: float | None

    @model_validator(mode="after")
    def _rates_are_shares_of_trades(self) -> Metrics:
        for name in ("gross_win_rate", "win_rate"):
            rate = getattr(self, name)
            wins = None if rate is None or self.total_trades is None else rate * self.total_trades
            if wins is not None and abs(wins - round(wins)) > 1e-6:
                raise ValueError(f"{name} x total_trades must be a whole number of trades")
        return self


class Lifecycle(_Section):
    """How far the configuration may be believed."""

    current_stage: Stage
    requested_stage: Stage | None = Field(description="Asked for by the user; the evidence caps it.")
    max_allocation_pct: float
    size_factor: float
    confidence_score: float | None = Field(ge=0, le=1)
    why_not_promoted: str
    gates: list[dict[str, Any]]


class CircuitBreakers(_Section):
    """Limits at which this configuration is paused, by stage; `*_pct` is percent points."""

    max_daily_loss_pct: float
    max_position_size_pct: float
    max_drawdown_pct: float
    max_consecutive_losses: int
    daily_trade_limit: int
    cooldown_after_loss_minutes: int
    min_sharpe_ratio: float


class PortfolioBreakers(_Section):
    """Limits over all configurations that trade together; rates are fractions."""

    max_daily_loss: float
    max_correlation_spike: float
    unusual_market_threshold: float = Field(description="Standard deviations of the usual volatility.")
    latency_threshold_ms: float
    max_adverse_selection: float
    consecutive_losses_limit: int
    regime_break_threshold: float


class Configuration(_Section):
    """A trained configuration, version 3."""

    configId: str = Field(pattern=r"^[A-Z0-9_]+_V3_\d{8}_\d{6}_[0-9a-f]{6}$")  # noqa: N815  (contract)
    version: Literal["3.0.0"]
    strategy: str
    createdAt: str  # noqa: N815  (contract)
    context: Context
    parameters: dict[str, float | int | str | bool]
    execution: dict[str, Any]
    metrics: Metrics
    validation: dict[str, Any]
    evidence: dict[str, Any]
    lifecycle: Lifecycle
    circuit_breakers: CircuitBreakers
    portfolio_circuit_breakers: PortfolioBreakers
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _nothing_proven_is_paper(self) -> Configuration:
        if self.evidence.get("verified") is True:
            if None in (self.context.exchange, self.context.pair, self.context.timeframe):
                raise ValueError("a market must be named where there is evidence")
        elif self.lifecycle.current_stage != "PAPER":
            raise ValueError("a configuration without evidence is PAPER")
        return self


def content_digest(document: dict[str, Any]) -> str:
    """SHA-256 of a document but for configId, createdAt and the digest itself: equal experiments have equal ones."""
    content = {name: value for name, value in document.items() if name not in ("configId", "createdAt")}
    content["provenance"] = {n: v for n, v in document["provenance"].items() if n != "document_digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a new document with the digest of its content, validated."""
    provenance = document["provenance"] | {"document_digest": content_digest(document)}
    return validate(document | {"provenance": provenance})


def validate(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document if it keeps the schema and is as it was written.

    Raises
    ------
    FileFormatError
        Naming the first fault, or that the content was changed after the digest was made.
    """
    try:
        Configuration.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FileFormatError(f"configuration {where}", first["msg"], first.get("input")) from None
    told = document["provenance"].get("document_digest")
    if told != content_digest(document):
        raise FileFormatError(
            "configuration provenance.document_digest",
            "must be the digest of the document: it was changed after it was written",
            told,
            "Train again, or export it again from the database",
        )
    return document


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the V3 document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Configuration.model_json_schema()}
