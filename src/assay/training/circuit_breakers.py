"""Limits at which a trader pauses a configuration, or everything."""

from __future__ import annotations

from assay.engine import Limits

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

OF_THE_CAPITAL = "max_position_size_pct"
"""The one limit of a configuration that is no pause: a share of a capital that only its owner knows."""


def limits_of(stage: str) -> Limits:
    """Return the pauses of a stage as a replay takes them."""
    return Limits(**{name: value for name, value in CIRCUIT_BREAKERS[stage].items() if name != OF_THE_CAPITAL})


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

MEANINGS: dict[str, tuple[str, str]] = {
    "max_daily_loss_pct": ("%", "loss of a day at which it pauses until the next"),
    "max_position_size_pct": ("%", "largest position, of the capital"),
    "max_drawdown_pct": ("%", "drawdown at which it is deactivated"),
    "max_consecutive_losses": ("trades", "losses in a row at which it pauses"),
    "daily_trade_limit": ("trades", "most entries a day"),
    "cooldown_after_loss_minutes": ("minutes", "pause after a loss"),
    "min_sharpe_ratio": (
        "annual",
        "Sharpe ratio of the last 90 days (its signals traded without limits) below which it pauses until it is back",
    ),
    "max_daily_loss": ("fraction", "loss of the whole portfolio in a day at which all pause"),
    "max_correlation_spike": ("correlation", "correlation of configurations above which they pause"),
    "unusual_market_threshold": ("sigma", "move beyond the usual volatility at which trading pauses"),
    "latency_threshold_ms": ("ms", "slowest answer of an exchange before trading pauses"),
    "max_adverse_selection": ("fraction", "adverse selection of live fills at which a configuration pauses"),
    "consecutive_losses_limit": ("trades", "losses in a row over the portfolio at which it pauses"),
    "regime_break_threshold": ("probability", "probability of the regime of the training below which it pauses"),
}
"""Unit and meaning of every limit."""
