"""What the oracle reads and answers; the levels of an order, and what costs do to a price."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

NAN = math.nan
GRID_TOLERANCE = Fraction(1, 10**9)
GRID_ROUNDING = Fraction(1, 2**50)


@dataclass
class OracleBars:
    """Bars of one market, one list element per stamp of its calendar.

    ``time`` is the open in milliseconds, ``absent`` marks an inserted stamp, ``day`` is a consecutive day
    ordinal and ``age`` counts bars since the start of the data or since the end of the last hole longer than
    20 bars.
    """

    time: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    absent: list[bool]
    tradable: list[bool]
    valid: list[bool]
    day: list[int]
    age: list[int]

    def __len__(self) -> int:
        return len(self.time)


@dataclass
class OracleOrder:
    """One passing signal with its levels resolved: everything that a trade needs to know."""

    bar: int
    side: int
    close: float
    stop: float
    target: float = NAN
    unit: float = NAN
    partial: float = NAN
    max_bars: int = 0
    invalid_price: float = NAN
    flat_by: int = -1
    trail_kind: str = ""
    trail_activation: float = 0.0
    trail_activation_in: str = "unit"
    trail_distance: float = 0.0
    trail_bars: int = 0
    cooldown: int = 0
    group_a: int = -1
    cap_a: int = 0
    group_b: int = -1
    cap_b: int = 0


@dataclass
class OracleCosts:
    """Costs per side and sizing; ``commission`` is in price points per side."""

    fee: float = 0.001
    slippage: float = 0.0005
    tick: float = 0.0
    commission: float = 0.0
    sizing: str = "risk"
    risk_fraction: float = 0.01
    leverage_cap: float = 1.0


@dataclass
class OracleTrade:
    """One closed position; the exit fields are those of its last leg."""

    signal_bar: int
    side: int
    entry_bar: int
    exit_bar: int
    entry_raw: float
    entry_price: float
    exit_raw: float
    exit_price: float
    partial_raw: float
    size: float
    net_return: float
    gross_return: float
    r_multiple: float
    reason: str
    ambiguous: bool
    net_return_optimistic: float
    bars_held: int
    flag: str


@dataclass
class OracleResult:
    """Trades, orders sent, the value of every day from the start on, and the measures of the run.

    ``held_back`` names, by signal bar, why a gate kept an order from being sent.
    """

    trades: list[OracleTrade]
    orders_sent: int
    equity_by_day: list[float]
    measures: dict[str, float]
    sums: dict[str, float] = field(default_factory=dict)
    held_back: dict[int, str] = field(default_factory=dict)


def round_to_tick(price: float, tick: float, *, upwards: bool) -> float:
    """Move a price onto the tick grid in one direction; a price on the grid stays.

    It is on the grid when it misses a whole number of ticks by no more than 1e-9 ticks, or eight roundings of 2^-53 of
    that number. The tick is the decimal that its float is written as, and the result the float nearest to the exact
    price.
    """
    if tick <= 0.0 or not math.isfinite(price):
        return price
    step = Fraction(repr(float(tick)))
    ticks = Fraction(price) / step
    slack = max(GRID_TOLERANCE, GRID_ROUNDING * abs(ticks))
    whole = math.ceil(ticks - slack) if upwards else math.floor(ticks + slack)
    return float(whole * step)


@dataclass
class OracleStop:
    """Where the stop goes.

    ``base - side*max(floor, multiple*unit)`` (base: the close unless given), or further off at the anchor.
    """

    multiple: float
    floor: float = 0.0
    base: float = NAN
    anchor: float = NAN


@dataclass
class OracleTarget:
    """Where the target goes; nan multiple: no target.

    ``multiple`` times ``unit`` or, without one, the risk; at least ``floor`` off, not beyond ``limit``. A row whose
    target is worth less than ``min_r`` times the risk is no signal.
    """

    multiple: float
    unit: float = NAN
    floor: float = 0.0
    limit: float = NAN
    min_r: float = 0.0


NO_TARGET = OracleTarget(NAN)


def make_order(
    bar: int,
    side: int,
    close: float,
    unit: float,
    stop: OracleStop,
    target: OracleTarget = NO_TARGET,
    *,
    r1: float = NAN,
    tick: float = 0.0,
    **as_given: Any,
) -> OracleOrder | None:
    """Resolve the bracket of one row.

    Parameters
    ----------
    r1
        Partial exit in multiples of the risk; nan: none.
    **as_given
        Fields of `OracleOrder` that need no resolving: time stop, trail, caps.

    Returns
    -------
    The order, or None when the row is no signal.
    """
    if 0 <= as_given.get("flat_by", -1) <= bar:
        return None
    distance = max(stop.floor, stop.multiple * unit) if not math.isnan(stop.multiple * unit) else NAN
    stop_price = (close if math.isnan(stop.base) else stop.base) - side * distance
    if math.isnan(stop_price):
        return None
    if math.isfinite(stop.anchor):
        stop_price = min(stop_price, stop.anchor) if side > 0 else max(stop_price, stop.anchor)
    stop_price = round_to_tick(stop_price, tick, upwards=side < 0)
    risk = abs(close - stop_price)
    if not side * (close - stop_price) > 0.0:
        return None  # a stop beyond the close would fill at once, at a price better than the market's

    target_price = NAN
    if not math.isnan(target.multiple):
        reach = target.multiple * (risk if math.isnan(target.unit) else target.unit)
        target_price = close + side * max(target.floor, reach)
        if math.isfinite(target.limit):
            target_price = min(target_price, target.limit) if side > 0 else max(target_price, target.limit)
        target_price = round_to_tick(target_price, tick, upwards=side > 0)
        worth = side * (target_price - close)
        if not worth > 0.0 or worth < target.min_r * risk:
            return None
    partial = NAN
    if not math.isnan(r1):
        partial = round_to_tick(close + side * r1 * risk, tick, upwards=side > 0)

    return OracleOrder(bar, side, close, stop_price, target_price, unit, partial, **as_given)


def resolve_signals(orders: Iterable[OracleOrder]) -> list[OracleOrder]:
    """Keep the first order per bar and side, none where both sides signal; sorted by bar."""
    first: dict[int, dict[int, OracleOrder]] = {}
    for order in orders:
        first.setdefault(order.bar, {}).setdefault(order.side, order)
    return [next(iter(sides.values())) for _, sides in sorted(first.items()) if len(sides) == 1]


def entry_fill(price: float, side: int, costs: OracleCosts) -> float:
    """Return the entry price after slippage, at least one tick where the tick is known."""
    if costs.tick > price * costs.slippage:
        return price + side * costs.tick
    return price * (1.0 + side * costs.slippage)


def exit_fill(level: float, side: int, costs: OracleCosts) -> float:
    """Return the exit price after slippage, at least one tick where the tick is known."""
    if costs.tick > level * costs.slippage:
        return level - side * costs.tick
    return level * (1.0 - side * costs.slippage)


def leg_return(raw: float, entry: float, side: int, costs: OracleCosts) -> float:
    """Return the net return on notional of a leg that leaves at the raw price."""
    x = exit_fill(raw, side, costs)
    return side * (x / entry - 1.0) - costs.fee * (1.0 + x / entry) - (costs.commission + costs.commission) / entry


def position_size(order: OracleOrder, costs: OracleCosts) -> float:
    """Return the notional as a share of equity, fixed at the signal."""
    if costs.sizing == "notional":
        return 1.0
    if costs.sizing != "risk":
        raise ValueError(f"unknown sizing {costs.sizing!r}")
    return min(costs.leverage_cap, costs.risk_fraction * order.close / abs(order.close - order.stop))
