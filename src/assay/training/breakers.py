"""Limits at which a trader pauses a configuration, or everything."""

from __future__ import annotations

_KEYS = (
    "max_daily_loss_pct",
    "max_position_size_pct",
    "max_drawdown_pct",
    "max_consecutive_losses",
    "daily_trade_limit",
    "cooldown_after_loss_minutes",
    "min_sharpe_ratio",
)
_CAUTIOUS = (1.0, 2.0, 5.0, 3, 5, 60, 1.0)
CIRCUIT_BREAKERS: dict[str, dict[str, float | int]] = {
    stage: dict(zip(_KEYS, row, strict=True))
    for stage, row in {
        "PAPER": _CAUTIOUS,
        "DISCOVERY": _CAUTIOUS,
        "VALIDATION": (2.0, 5.0, 10.0, 5, 10, 30, 1.0),
        "MATURE": (3.0, 10.0, 15.0, 7, 20, 15, 0.5),
        "DECAY": _CAUTIOUS,
    }.items()
}
"""Limits of one configuration, by stage."""

PORTFOLIO_BREAKERS: dict[str, float | int] = {
    "max_daily_loss": 0.02,
    "max_correlation_spike": 0.8,
    "unusual_market_threshold": 3.0,
    "latency_threshold_ms": 500,
    "max_adverse_selection": 0.6,
    "consecutive_losses_limit": 5,
    "regime_break_threshold": 0.3,
}
"""Limits over all configurations that trade together."""
