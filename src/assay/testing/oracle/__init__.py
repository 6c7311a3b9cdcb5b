"""A bar-by-bar trade simulator written from the rules alone: what every replay is compared with.

It shares no code with the engine, uses the standard library only and prefers clarity to speed. Every float expression
has one fixed form and order, so that the engine can be required to agree to the last bit. `reading` alone knows the
engine's tables, in order to hand them over.
"""

from assay.testing.oracle.orders import (
    NAN,
    OracleBars,
    OracleCosts,
    OracleOrder,
    OracleResult,
    OracleStop,
    OracleTarget,
    OracleTrade,
    make_order,
    resolve_signals,
    round_to_tick,
)
from assay.testing.oracle.reading import oracle_bars, oracle_costs, oracle_orders
from assay.testing.oracle.simulate import EquityPath, OracleGate, simulate

__all__ = [
    "NAN",
    "EquityPath",
    "OracleBars",
    "OracleCosts",
    "OracleGate",
    "OracleOrder",
    "OracleResult",
    "OracleStop",
    "OracleTarget",
    "OracleTrade",
    "make_order",
    "oracle_bars",
    "oracle_costs",
    "oracle_orders",
    "resolve_signals",
    "round_to_tick",
    "simulate",
]
