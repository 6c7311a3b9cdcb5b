"""Strategies, one file each, and the registry that names them."""

from assay.errors import StrategyError, likeliest
from assay.strategies.base import Strategy, instance_of
from assay.strategies.capitulation_reversal import CapitulationReversal
from assay.strategies.failed_breakdown import FailedBreakdown
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.strategies.supply_shock import SupplyShock

STRATEGIES: dict[str, type[Strategy]] = {
    "LIQUIDITY_SWEEP": LiquiditySweep,
    "CAPITULATION_REVERSAL": CapitulationReversal,
    "FAILED_BREAKDOWN": FailedBreakdown,
    "SUPPLY_SHOCK": SupplyShock,
}
"""Every strategy that ships: one line each."""

ALIASES = {f"{name}_V3": name for name in STRATEGIES}


def find_strategy(name: str) -> type[Strategy]:
    """Return the registered strategy of a name (case and the suffix _V3 do not matter)."""
    if not isinstance(name, str):
        raise StrategyError("strategy", "must be a name", name, "A Strategy class or its instance is one already")
    key = name.strip().upper()
    key = ALIASES.get(key, key)
    if key not in STRATEGIES:
        close = likeliest(key, STRATEGIES)
        rule = f"is not registered: it must be one of {', '.join(STRATEGIES)}, or path.py:Class for one of your own"
        raise StrategyError("strategy", rule, name, "" if close is None else f"Did you mean {close!r}?")
    return STRATEGIES[key]


__all__ = ["ALIASES", "STRATEGIES", "Strategy", "find_strategy", "instance_of"]
