"""Sections that every document has, proven or not."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assay.documents.sections.base import Number, RegimeName, Section, SideName, StageName


class Context(Section):
    """Which market, side and span the configuration is for; null where it was not said."""

    exchange: str | None
    pair: str | None
    timeframe: str | None
    side: SideName
    from_: str | None = Field(alias="from", description="First signal bar, ISO 8601 UTC.")
    to: str | None = Field(description="Last bar of the span, ISO 8601 UTC.")
    regime: RegimeName | None = Field(description="Measured from the daily returns of the days that the search saw.")


class TrainedContext(Context):
    """Which market, side and span the configuration was trained on."""

    exchange: str
    pair: str
    timeframe: str
    from_: str = Field(alias="from", description="First signal bar, ISO 8601 UTC.")
    to: str = Field(description="Last bar of the span, ISO 8601 UTC.")


class Metrics(BaseModel):
    """The stitched out-of-sample run. `*_pct` is percent points, every other rate a fraction, null unknown.

    Any measure of the glossary may stand beside those that are named here.
    """

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)

    net_profit_pct: float | None
    gross_win_rate: float | None = Field(ge=0, le=1)
    win_rate: float | None = Field(ge=0, le=1)
    profit_factor: float | None = Field(ge=0)
    sharpe_ratio: float | None
    max_drawdown_pct: float | None = Field(le=0)
    total_trades: int | None = Field(ge=0)
    avg_win_pct: float | None
    avg_loss_pct: float | None
    net_profit: float | None = Field(None, description="Quote currency, on a balance of 10,000.")
    p_value: float | None = None

    @model_validator(mode="after")
    def _rates_are_shares_of_trades(self) -> Metrics:
        for name in ("gross_win_rate", "win_rate"):
            rate = getattr(self, name)
            wins = None if rate is None or self.total_trades is None else rate * self.total_trades
            if wins is not None and abs(wins - round(wins)) > 1e-6:
                raise ValueError(f"{name} x total_trades must be a whole number of trades")
        return self


REQUIRED_MEASURES = tuple(name for name, field in Metrics.model_fields.items() if field.is_required())
"""Measures that every document names; null where unknown."""


class Gate(Section):
    """One condition of a stage; a value of null is unknown, which fails."""

    name: str
    value: float | None
    limit: float
    passed: bool
    stage: StageName = Field(description="The stage that this gate guards.")
    next_step: str
    at_most: bool = False

    @property
    def margin(self) -> float | None:
        """How far beyond the limit on the good side; None is unknown."""
        if self.value is None:
            return None
        return self.limit - self.value if self.at_most else self.value - self.limit

    @property
    def is_switch(self) -> bool:
        """Whether it is a question of yes or no, kept as a number."""
        return self.limit == 1.0 and self.value in (0.0, 1.0)


class Lifecycle(Section):
    """How far the configuration may be believed."""

    current_stage: StageName
    requested_stage: StageName | None = Field(description="Asked for by the user; the evidence caps it.")
    max_allocation_pct: float
    size_factor: float
    confidence_score: float | None = Field(ge=0, le=1)
    why_not_promoted: str
    gates: tuple[Gate, ...]


class CircuitBreakers(Section):
    """Limits at which this configuration is paused, by stage; `*_pct` is percent points."""

    max_daily_loss_pct: Number
    max_position_size_pct: Number
    max_drawdown_pct: Number
    max_consecutive_losses: int
    daily_trade_limit: int
    cooldown_after_loss_minutes: int
    min_sharpe_ratio: Number


class PortfolioBreakers(Section):
    """Limits over all configurations that trade together; rates are fractions."""

    max_daily_loss: Number
    max_correlation_spike: Number
    unusual_market_threshold: Number = Field(description="Standard deviations of the usual volatility.")
    latency_threshold_ms: Number
    max_adverse_selection: Number
    consecutive_losses_limit: int
    regime_break_threshold: Number
